"""The study: what Cúmulo costs and gains, measured against the bare machine. `python -m benchmarks NAME`."""

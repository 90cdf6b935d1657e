"""Free memory is kept for the next image where the C library can do that."""

import subprocess
import sys

import pytest

FAULTS = """
import io, resource, sys
from PIL import Image
import filters
from filters import memory

if sys.argv[1] == "keep":
    print(memory.keep(256), end=" ")
buffer = io.BytesIO()
Image.effect_noise((1600, 1250), 60).convert("RGB").save(buffer, "jpeg", quality=90)
pipeline = filters.parse_pipeline(["blur:radius=1"])
for _ in range(3):
    filters.apply(buffer.getvalue(), pipeline)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    filters.apply(buffer.getvalue(), pipeline)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be told to keep memory")
def test_a_process_that_keeps_its_memory_takes_far_fewer_page_faults() -> None:
    def run(mode: str) -> list[str]:
        return subprocess.run(
            [sys.executable, "-c", FAULTS, mode], capture_output=True, text=True, check=True
        ).stdout.split()

    kept, faults = run("keep")
    if kept == "False":
        pytest.skip("this C library cannot")
    [plain] = run("plain")
    assert int(faults) < int(plain) / 4

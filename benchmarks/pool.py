"""The bare machine: the same filter code in `multiprocessing.Pool`, as a command of its own.

python -m benchmarks.pool FOLDER OUT FILTER PROCESSES
"""

from __future__ import annotations

import multiprocessing
import sys
from functools import partial
from pathlib import Path

import filters


def work(path: Path, out: Path, pipeline: filters.Pipeline) -> None:
    (out / path.name).write_bytes(filters.apply(path.read_bytes(), pipeline).data)


def main(folder: Path, out: Path, step: str, processes: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    task = partial(work, out=out, pipeline=filters.parse_pipeline([step]))
    with multiprocessing.Pool(processes) as pool:
        for _ in pool.imap_unordered(task, sorted(folder.iterdir())):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))

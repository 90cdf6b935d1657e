"""Sepia as people write it: Pillow's matrix in `multiprocessing.Pool`, as a command of its own, without our filters.

python -m benchmarks.plain_pool FOLDER OUT PROCESSES
"""

from __future__ import annotations

import multiprocessing
import sys
from functools import partial
from pathlib import Path

from PIL import Image

QUALITY = 90
SEPIA = ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131))


def sepia(image: Image.Image) -> Image.Image:
    return image.convert("RGB", tuple(value for row in SEPIA for value in (*row, 0.0)))


def work(path: Path, out: Path) -> None:
    with Image.open(path) as image:
        sepia(image).save(out / path.name, quality=QUALITY)


def main(folder: Path, out: Path, processes: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    with multiprocessing.Pool(processes) as pool:
        for _ in pool.imap_unordered(partial(work, out=out), sorted(folder.iterdir())):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))

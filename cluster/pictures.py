"""Pictures that Cúmulo makes to try a cluster with: photo-like JPEG files, no two alike, each with a pipeline."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from PIL import Image

import filters

WIDTH, HEIGHT = 3000, 2200  # of the scene that every picture is a part of
SIZES = ((640, 480), (1024, 768), (1600, 1200), (2048, 1536), (2560, 1920))
PIPELINES: tuple[tuple[str, ...], ...] = (
    ("sepia",),
    ("median", "edges"),
    ("negative", "unsharp"),
    ("gray", "pixelate:block=12"),
    ("median", "sepia", "negative"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A part of the scene; its file is made anew each time it is asked for, so that thousands need no memory."""

    name: str
    box: tuple[int, int, int, int]  # left, top, right, bottom
    pipeline: tuple[str, ...]

    @property
    def data(self) -> bytes:
        buffer = io.BytesIO()
        _scene().crop(self.box).save(buffer, "jpeg", quality=90)
        return buffer.getvalue()

    def expected(self) -> bytes:
        """What any node must make of it: the encoders are deterministic, so equal pixels are equal bytes."""
        return filters.apply(self.data, self.pipeline).data


@lru_cache(maxsize=1)
def _scene() -> Image.Image:
    """Smooth colours, a few hard edges, and noise as a camera's sensor has it."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j].astype(np.float32)
    layers = [118 + 60 * np.sin(9 * (i + 1) * x + i) * np.cos((7 + 3 * i) * y) for i in range(3)]
    pixels = np.stack(layers, axis=2)
    for _ in range(12):
        cx, cy, radius = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.03, 0.12)
        pixels[np.hypot(x - cx, y - cy) < radius] += rng.uniform(-60, 60, 3)
    pixels += rng.normal(0.0, 8.0, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def pictures(count: int, seed: int) -> list[Picture]:
    """`count` different pictures of 0.3 to 5 MP; equal seeds give equal ones."""
    return list(islice(_endless(seed), count))


def _endless(seed: int) -> Iterator[Picture]:
    rng = np.random.default_rng(seed)
    seen: set[tuple[int, int, int, int]] = set()
    number = 0
    while True:
        width, height = SIZES[int(rng.integers(len(SIZES)))]
        left, top = int(rng.integers(WIDTH - width + 1)), int(rng.integers(HEIGHT - height + 1))
        box = (left, top, left + width, top + height)
        if box not in seen:
            seen.add(box)
            yield Picture(f"drill-{number:04}.jpg", box, PIPELINES[number % len(PIPELINES)])
            number += 1

"""Photo-like JPEG files: smooth colour, edges and sensor noise, so that they compress like photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def make(folder: Path, count: int, width: int, height: int, seed: int = 1) -> list[Path]:
    """`count` different JPEG files of quality 90 (about 2.7 bits a pixel); files that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photo-{width}x{height}-{number:04d}.jpg" for number in range(count)]
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j].astype(np.float32)
    base = np.stack([_waves(x, y, rng) for _ in range(3)], axis=2)
    base += 40.0 * (np.hypot(x - 0.4, y - 0.6) < 0.2)[..., None]
    noise = rng.normal(0.0, 8.0, (height, width, 1)).astype(np.float32)
    for number, path in enumerate(paths):
        if not path.exists():
            shifted = np.roll(base, (7 * number, 13 * number), axis=(0, 1)) + np.roll(noise, 31 * number, axis=1)
            Image.fromarray(np.clip(shifted, 0, 255).astype(np.uint8)).save(path, quality=90)
    return paths


def _waves(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    layer = np.full_like(x, 118.0)
    for _ in range(4):
        fx, fy, phase = rng.uniform(1, 9), rng.uniform(1, 9), rng.uniform(0, 6)
        layer += 26.0 * np.sin(6 * fx * x + phase) * np.cos(6 * fy * y)
    return layer

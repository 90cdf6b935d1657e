"""What benchmarks work on: photographs for figures, and made-up photos for load and where there is no network.

`make bench-peers` fetches the photographs, which are free but not ours to hand on: nine of Debian's package
`lomiri-wallpapers-16.04`, of six megapixels or more, taken with cameras and telephones by five people. Left out of that
size are one more photograph (Wine, 0.6 bits a pixel), a texture and two drawings. At quality 90 they have 0.6 to 2.6
bits a pixel as they are, and 0.6 to 3.3 reduced to 2 MP.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

PACKAGE = "lomiri-wallpapers-16.04"
PHOTOGRAPHS = (
    "aitzgorri_by_Aitzol_Berasategi",
    "Bridge_by_Sander_Klootwijk",
    "Dragonfly_by_Bolly",
    "free_by_Peter_Nerlich",
    "friends_by_Aitzol_Berasategi",
    "life_by_Aitzol_Berasategi",
    "picosdeeuropa_by_Aitzol_Berasategi",
    "seeding_by_Clements_Engelhardt",
    "sunset_by_Aitzol_Berasategi",
)
FETCHED = Path(sys.prefix) / "share/cumulo-photographs"
WIDER = 64
"""Pixels by which a photograph is larger than the windows into it that are different photos."""


def fetch() -> None:
    """The photographs, from the Debian package; needs apt, and no root."""
    if all(_original(name).exists() for name in PHOTOGRAPHS):
        return
    FETCHED.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder:
        # It warns that it cannot become another user, which without root it never can.
        subprocess.run(["apt-get", "--quiet=2", "download", PACKAGE], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        (package,) = Path(folder).glob("*.deb")
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
        for name in PHOTOGRAPHS:
            (found,) = Path(folder).rglob(f"{name}.jpg")
            found.replace(_original(name))


def real(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """`count` different JPEG files of quality 90 made of the photographs in turn. SystemExit: they are not there.

    A larger photograph is reduced; a smaller one is continued by its mirror images, so that every pixel is still as
    the camera made it.
    """
    if missing := [name for name in PHOTOGRAPHS if not _original(name).exists()]:
        raise SystemExit(
            f"{len(missing)} photographs are missing in {FETCHED}: `make bench-peers` fetches them (Debian)"
        )
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"photograph-{width}x{height}-{number:04d}.jpg" for number in range(count)]
    for start, name in enumerate(PHOTOGRAPHS[:count]):
        with Image.open(_original(name)) as original:
            large = _fitted(original.convert("RGB"), (width + WIDER, height + WIDER))
        for number, path in enumerate(paths[start :: len(PHOTOGRAPHS)]):
            x, y = 5 * number % WIDER, 3 * number % WIDER
            large.crop((x, y, x + width, y + height)).save(path, quality=90)
    return paths


def _original(name: str) -> Path:
    return FETCHED / f"{name}.jpg"


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.width >= size[0] and image.height >= size[1]:
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    whole = Image.new("RGB", size)
    for y, row in _mirrored(image, ImageOps.flip, image.height, size[1]):
        for x, tile in _mirrored(row, ImageOps.mirror, image.width, size[0]):
            whole.paste(tile, (x, y))
    return whole


def _mirrored(
    image: Image.Image, mirror: Callable[[Image.Image], Image.Image], side: int, wanted: int
) -> Iterator[tuple[int, Image.Image]]:
    for place in range(0, wanted, side):
        yield place, image
        image = mirror(image)


def make(folder: Path, count: int, width: int, height: int, seed: int = 1) -> list[Path]:
    """`count` different photo-like files of quality 90: smooth colour, edges, much noise (2.7 bits a pixel).

    Files that are there are kept.
    """
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


if __name__ == "__main__":
    fetch()

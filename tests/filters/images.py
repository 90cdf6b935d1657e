"""Images for the tests, made and not stored, and their files."""

import io
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]


def photo(width: int = 160, height: int = 120) -> Image.Image:
    """Smooth colours with some sensor noise, as photos have, and a few saturated patches."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 17 + y / 11), np.cos(x / 9 - y / 23), np.sin(x * y / 900)]
    noise = np.random.default_rng(1).normal(0, 5, (height, width, 3))
    pixels = 128 + 100 * np.stack(waves, -1) + noise
    pixels[: height // 6, : width // 3] = (255, 0, 0)
    pixels[: height // 6, -(width // 3) :] = (255, 255, 255)
    return Image.fromarray(_without_ties(np.clip(pixels, 0, 255).astype(np.uint8)))


def noise(width: int, height: int, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Random pixels: the hardest case."""
    bands = len(mode)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, bands), dtype=np.uint8)
    if bands >= 3:
        _without_ties(pixels)
    return Image.fromarray(pixels if bands > 1 else pixels[..., 0], mode)


def _without_ties(pixels: Bytes) -> Bytes:
    """Colours whose luma lies half-way between two levels changed a little, in place.

    Nobody promises which way such a luma is rounded, and a threshold or a gradient shows it.
    """
    while True:
        fraction = pixels[..., :3] @ np.array([0.299, 0.587, 0.114]) % 1
        ties = np.abs(fraction - 0.5) < 0.01
        if not ties.any():
            return pixels
        pixels[ties, 2] ^= 1


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The image as a file."""
    if format == "heic":
        format = "heif"
        pillow_heif.register_heif_opener()  # and its saver
        if isinstance(options.get("exif"), Image.Exif):
            options["exif"] = options["exif"].tobytes()  # else it would not turn the picture as its orientation says
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    """The file as an image, loaded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def rgb(image: Image.Image | bytes) -> NDArray[np.float64]:
    """Pixels of an image or a file as floats, (height, width, 3); alpha is dropped."""
    image = opened(image) if isinstance(image, bytes) else image
    if image.mode in ("RGBA", "LA"):
        image = Image.merge(image.mode[:-1], image.split()[:-1])
    return np.asarray(image.convert("RGB")).astype(np.float64)


def png(
    width: int,
    height: int,
    rows: bytes = b"",
    *,
    depth: int = 8,
    colour: int = 2,
    chunks: Iterable[tuple[bytes, bytes]] = (),
) -> bytes:
    """A PNG written by hand, so that its header may lie and its chunks be rare ones."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    written = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)

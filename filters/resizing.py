"""Pictures in another number of pixels."""

from __future__ import annotations

from typing import Literal

from PIL import Image

from filters.operations import Size
from filters.picture import Picture
from filters.placing import premultiplied, straight

Resample = Literal["lanczos", "bicubic", "bilinear", "box", "nearest"]

METHODS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}

Box = tuple[float, float, float, float]

GAP = 3.0
"""Means of blocks come first where what they leave is still so many times the size: Pillow's `reducing_gap`. With 2 it
is a little faster, and on fine patterns not always 42 dB or more."""

HARD = ("box", "nearest")
"""Their pixels are not weighted by distance, so that a shift by a part of one shows: always done exactly."""


def resized(
    picture: Picture, size: Size, resample: Resample = "lanczos", *, box: Box | None = None, exact: bool = False
) -> Picture:
    """The picture, or `box` of it (left, top, right, bottom, in pixels of its `size`), in that size.

    What cannot be seen is not mixed into what can. Unless `exact`, large images are first made smaller by means
    of blocks.
    """
    box = box or (0, 0, *picture.size)
    if size == picture.pixels.size and box == (0, 0, *size):
        return picture
    left, top, right, bottom = (value / _shrunk(picture) for value in box)
    box = (left, top, min(right, picture.pixels.width), min(bottom, picture.pixels.height))
    gap = None if exact or resample in HARD else GAP

    def resize(image: Image.Image) -> Image.Image:
        return image.resize(size, METHODS[resample], box, gap)

    if picture.alpha is None or resample == "nearest" or picture.alpha.getextrema() == (255, 255):
        return picture.moved(resize)
    return straight(resize(premultiplied(picture)))


def _shrunk(picture: Picture) -> int:
    """At what part of its size the picture was decoded: each of its pixels stands for so many a side.

    Not the quotient of the sizes: of 17 pixels at an eighth there are 3, the last of which is only partly there.
    """
    if picture.full is None:
        return 1
    width, height = picture.full
    sizes = {(-(-width // part), -(-height // part)): part for part in (8, 4, 2)}
    return sizes[picture.pixels.size]

"""Where something goes on an image, how it is drawn there, and what is around it."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from PIL import Image, ImageChops
from pydantic import Field

from filters.operations import Size
from filters.params import rgba
from filters.picture import Picture

Gravity = Literal["center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"]
"""The middle, an edge or a corner, as imgproxy and ImageMagick call them."""

Opacity = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="0 is invisible, 1 hides what is below.",
        json_schema_extra={"label": {"en": "Opacity", "es": "Opacidad"}, "step": 0.05},
    ),
]
Margin = Annotated[
    float,
    Field(
        ge=0,
        le=10_000,
        description="Distance from the edges, and between tiles, in pixels or below 1 as a part of the shorter side.",
        json_schema_extra={"label": {"en": "Margin", "es": "Margen"}, "step": 0.01, "relative": True},
    ),
]
Tiled = Annotated[
    bool,
    Field(
        description="Again and again over all of the image.",
        json_schema_extra={"label": {"en": "Tiled", "es": "En mosaico"}},
    ),
]
"""Parameters of whatever is placed on an image."""

TILED_ROWS = 256
"""Rows that are tiled before they are drawn: enough to draw few times, little memory."""


def anchor(gravity: Gravity) -> tuple[float, float]:
    """How far to the right and how far down: 0, 0.5 or 1."""
    return _side(gravity, "west", "east"), _side(gravity, "north", "south")


def _side(gravity: Gravity, near: str, far: str) -> float:
    return 0.0 if near in gravity else 1.0 if far in gravity else 0.5


def offset(outer: Size, inner: Size, gravity: Gravity, x: int = 0, y: int = 0) -> tuple[int, int]:
    """Left and top of `inner` within `outer`, `x` and `y` pixels away from the edges of that gravity.

    In the middle, where no edge counts, they go right and down; of an odd rest the smaller half is left or above.
    """
    across, down = anchor(gravity)
    left = math.floor((outer[0] - inner[0]) * across) + (-x if across == 1 else x)
    top = math.floor((outer[1] - inner[1]) * down) + (-y if down == 1 else y)
    return left, top


def place(
    picture: Picture,
    stamp: Image.Image,
    *,
    gravity: Gravity = "southeast",
    margin: int = 0,
    opacity: float = 1.0,
    tiled: bool = False,
) -> Picture:
    """The picture with an RGBA stamp over it, by Porter and Duff's *over*; what lies outside of it is cut off.

    The stamp is `margin` pixels away from the edges of `gravity`, and 0 (invisible) to 1 `opacity`. `tiled`: there and
    again and again in all directions, `margin` pixels between any two. A gray picture stays gray if the stamp is gray.
    """
    stamp = faded(stamp, opacity)
    gray = picture.pixels.mode == "L" and _is_gray(stamp)
    pixels = picture.pixels.copy() if gray or picture.pixels.mode == "RGB" else picture.pixels.convert("RGB")
    alpha = picture.alpha.copy() if picture.alpha else None
    # A margin is a distance from an edge: there is none in the middle.
    margins = (0 if side == 0.5 else margin for side in anchor(gravity))
    left, top = offset(picture.size, stamp.size, gravity, *margins)
    if not tiled:
        _draw(pixels, alpha, stamp, left, top)
        return Picture(pixels, alpha)
    period = (stamp.width + margin, stamp.height + margin)
    left, top = left % period[0] - period[0], top % period[1] - period[1]
    rows = _repeated(stamp, period, (pixels.width - left, min(TILED_ROWS, pixels.height - top)))
    for y in range(top, pixels.height, rows.height):
        _draw(pixels, alpha, rows, left, y)
    return Picture(pixels, alpha)


def faded(stamp: Image.Image, opacity: float) -> Image.Image:
    """An RGBA image with its alpha times `opacity`."""
    if opacity >= 1:
        return stamp
    stamp = stamp.copy()
    stamp.putalpha(stamp.getchannel("A").point([int(level * opacity + 0.5) for level in range(256)]))
    return stamp


def on_canvas(picture: Picture, size: Size, place: tuple[int, int], colour: str) -> Picture:
    """The picture at that place (left, top) of an image of that size and colour, `#rrggbb` or `#rrggbbaa`."""
    *paint, opacity = rgba(colour)
    pixels = Image.new(mode_with(picture, colour), size, "#{:02x}{:02x}{:02x}".format(*paint))
    pixels.paste(picture.pixels, place)
    if picture.alpha is None and opacity == 255:
        return Picture(pixels)
    alpha = Image.new("L", size, opacity)
    alpha.paste(picture.alpha or 255, (*place, place[0] + picture.pixels.width, place[1] + picture.pixels.height))
    return Picture(pixels, alpha)


def surrounded(picture: Picture, mask: Image.Image, colour: str) -> Picture:
    """The picture where `mask` (`L`, same size) is 255, the colour where it is 0, and between them a mixture."""
    if rgba(colour)[3] == 0:
        return Picture(picture.pixels, ImageChops.multiply(picture.alpha, mask) if picture.alpha else mask)
    mode = mode_with(picture, colour)
    pixels = picture.pixels if picture.pixels.mode == mode else picture.pixels.convert(mode)
    ground = on_canvas(Picture(Image.new(mode, pixels.size)), pixels.size, pixels.size, colour)
    if picture.alpha is None and ground.alpha is None:
        return Picture(Image.composite(pixels, ground.pixels, mask))
    mixed = Image.composite(premultiplied(Picture(pixels, picture.alpha)), premultiplied(ground), mask)
    return straight(mixed)


def seen_as_colour(colour: str) -> bool:
    """Whether it is neither a gray nor transparent."""
    red, green, blue, opacity = rgba(colour)
    return opacity > 0 and not red == green == blue


def mode_with(picture: Picture, colour: str) -> str:
    """The mode in which the picture can hold that colour: gray stays gray while no other colour is to be seen."""
    return "RGB" if seen_as_colour(colour) else picture.pixels.mode


def premultiplied(picture: Picture) -> Image.Image:
    """`La` or `RGBa`: colours times alpha, so that of what cannot be seen nothing is mixed in."""
    alpha = picture.alpha or Image.new("L", picture.pixels.size, 255)
    joined = Picture(picture.pixels, alpha).joined()
    return joined.convert(joined.mode[:-1] + "a")


def straight(image: Image.Image) -> Picture:
    """The picture of a premultiplied image."""
    *bands, alpha = image.convert(image.mode[:-1] + "A").split()
    return Picture(bands[0] if len(bands) == 1 else Image.merge("RGB", bands), alpha)


def _is_gray(stamp: Image.Image) -> bool:
    """Whether all of an RGBA image that can be seen is gray."""
    red, green, blue, _ = stamp.convert("RGBa").split()
    return ImageChops.difference(red, green).getbbox() is None and ImageChops.difference(red, blue).getbbox() is None


def _repeated(stamp: Image.Image, period: Size, least: Size) -> Image.Image:
    """The stamp again and again, from the top left on: whole periods, at least of that size."""
    columns, rows = (-(-length // step) for length, step in zip(least, period, strict=True))
    tiles = Image.new("RGBA", (columns * period[0], rows * period[1]))
    tiles.paste(stamp)
    # Doubled again and again, because a small stamp is on a large image a million times.
    done = period[0]
    while done < tiles.width:
        tiles.paste(tiles.crop((0, 0, min(done, tiles.width - done), stamp.height)), (done, 0))
        done *= 2
    done = period[1]
    while done < tiles.height:
        tiles.paste(tiles.crop((0, 0, tiles.width, min(done, tiles.height - done))), (0, done))
        done *= 2
    return tiles


def _draw(pixels: Image.Image, alpha: Image.Image | None, stamp: Image.Image, left: int, top: int) -> None:
    """The stamp over `pixels` and `alpha`, which are changed."""
    if alpha is None:
        pixels.paste(stamp, (left, top), stamp)
        return
    box = (max(left, 0), max(top, 0), min(left + stamp.width, pixels.width), min(top + stamp.height, pixels.height))
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    below = pixels.crop(box).convert("RGBA")
    below.putalpha(alpha.crop(box))
    drawn = Image.alpha_composite(below, stamp.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top)))
    pixels.paste(drawn.convert("RGB"), box[:2])
    alpha.paste(drawn.getchannel("A"), box[:2])

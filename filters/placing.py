"""Where something goes on an image, and how it is drawn there."""

from __future__ import annotations

from typing import Literal

from PIL import Image, ImageChops

from filters.operations import Size
from filters.picture import Picture

Gravity = Literal["center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"]
"""The middle, an edge or a corner, as imgproxy and ImageMagick call them."""

TILED_ROWS = 256
"""Rows that are tiled before they are drawn: enough to draw few times, little memory."""


def offset(outer: Size, inner: Size, gravity: Gravity, x: int = 0, y: int = 0) -> tuple[int, int]:
    """Left and top of `inner` within `outer`, `x` and `y` away from the edges of that gravity.

    In the middle, where neither edge counts, they go right and down; of an odd rest the smaller half is left or above.
    """
    left = _along(outer[0] - inner[0], x, near="west" in gravity, far="east" in gravity)
    top = _along(outer[1] - inner[1], y, near="north" in gravity, far="south" in gravity)
    return left, top


def _along(rest: int, away: int, *, near: bool, far: bool) -> int:
    if near:
        return away
    return rest - away if far else rest // 2 + away


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
    left, top = offset(picture.size, stamp.size, gravity, *_margins(gravity, margin))
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


def _margins(gravity: Gravity, margin: int) -> tuple[int, int]:
    """A margin is a distance from an edge: there is none in the middle."""
    across = margin if "west" in gravity or "east" in gravity else 0
    down = margin if "north" in gravity or "south" in gravity else 0
    return across, down


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

"""Rotate: by any angle."""

import math

from PIL import Image
from pydantic import Field

from filters import registry
from filters.operations import Size
from filters.params import Colour
from filters.picture import Picture
from filters.placing import offset, on_canvas, premultiplied, seen_as_colour, straight, surrounded

QUARTERS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
"""Pillow's own names are counter-clockwise."""


class Rotate(registry.Params):
    angle: float = Field(
        90.0,
        ge=-360,
        le=360,
        description="Clockwise; below 0 counter-clockwise. Multiples of 90 move pixels without changing them.",
        json_schema_extra={"label": {"en": "Angle", "es": "Ángulo"}, "unit": "°", "step": 1},
    )
    expand: bool = Field(
        True,
        description="Whether the result is large enough for all of the image; otherwise it has the image's size.",
        json_schema_extra={"label": {"en": "Show all of it", "es": "Mostrarla entera"}},
    )
    background: Colour = Field(
        "#00000000",
        description="Colour of the new corners, such as white, #ff8800 or transparent.",
        json_schema_extra={"label": {"en": "Background", "es": "Fondo"}},
    )


def _rearranges(params: Rotate) -> bool:
    angle = _clockwise(params)
    return angle % 180 == 0 or (params.expand and angle % 90 == 0)


def _cost(params: Rotate) -> float:
    angle = _clockwise(params)
    if angle == 0:
        return 0.0
    return 2.0 if angle % 90 == 0 else 110.0 if params.expand else 70.0


def _colours(params: Rotate) -> registry.Colours:
    return "colour" if seen_as_colour(params.background) and not _rearranges(params) else "same"


def _size(params: Rotate, size: Size) -> Size:
    """The smallest that holds the whole image."""
    width, height = size
    angle = _clockwise(params)
    if not params.expand or angle % 180 == 0:
        return size
    if angle % 90 == 0:
        return height, width
    cos, sin = _turn(params)
    # Less a little, because sines are not exact.
    across, down = width * abs(cos) + height * abs(sin), width * abs(sin) + height * abs(cos)
    return math.ceil(across - 1e-6), math.ceil(down - 1e-6)


def _clockwise(params: Rotate) -> float:
    """0 to below 360; a millionth of a degree is nothing."""
    return round(params.angle, 6) % 360


def _turn(params: Rotate) -> tuple[float, float]:
    angle = math.radians(params.angle)
    return math.cos(angle), math.sin(angle)


@registry.geometry(
    "rotate",
    aliases=("rotar", "girar"),
    label={"en": "Rotate", "es": "Rotar"},
    description={
        "en": "Turns the image clockwise by any angle.",
        "es": "Gira la imagen en el sentido de las agujas del reloj, cualquier ángulo.",
    },
    cost_ms_per_mp=_cost,
    colours=_colours,
    size=_size,
    rearranges=_rearranges,
)
def rotate(picture: Picture, params: Rotate) -> Picture:
    """Around the middle, bicubic; the edges are smooth, as the part of a pixel that the image covers."""
    angle = _clockwise(params)
    size = _size(params, picture.size)
    if angle % 90 == 0:
        turned = picture.moved(lambda image: image.transpose(QUARTERS[int(angle)]))
        if turned.size == size:
            return turned
        return on_canvas(turned, size, offset(size, turned.size, "center"), params.background)
    cos, sin = _turn(params)
    width, height = picture.size
    # From a pixel of the result to the image's, which has one pixel more on each side here.
    x = 1 + width / 2 - (cos * size[0] + sin * size[1]) / 2
    y = 1 + height / 2 - (cos * size[1] - sin * size[0]) / 2
    matrix = (cos, sin, x, -sin, cos, y)

    def turn(image: Image.Image, resample: Image.Resampling) -> Image.Image:
        return image.transform(size, Image.Transform.AFFINE, matrix, resample)

    if picture.alpha is None:
        turned = Picture(turn(_extended(picture.pixels), Image.Resampling.BICUBIC))
    else:
        turned = straight(turn(_extended(premultiplied(picture)), Image.Resampling.BICUBIC))
    covered = Image.new("L", (width + 2, height + 2))
    covered.paste(255, (1, 1, width + 1, height + 1))
    return surrounded(turned, turn(covered, Image.Resampling.BILINEAR), params.background)


def _extended(image: Image.Image) -> Image.Image:
    """The image with its border repeated once, so that pixels at its edges have something to be mixed from."""
    width, height = image.size
    wide = Image.new(image.mode, (width + 2, height + 2))
    wide.paste(image, (1, 1))
    wide.paste(image.crop((0, 0, 1, height)), (0, 1))
    wide.paste(image.crop((width - 1, 0, width, height)), (width + 1, 1))
    wide.paste(wide.crop((0, 1, width + 2, 2)), (0, 0))
    wide.paste(wide.crop((0, height, width + 2, height + 1)), (0, height + 1))
    return wide

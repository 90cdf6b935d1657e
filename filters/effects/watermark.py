"""Watermark: a text over the image."""

import math
from typing import Annotated

from PIL import Image, ImageDraw, ImageFont
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from filters import registry
from filters.fonts import font_for
from filters.lengths import pixels
from filters.operations import Size
from filters.params import Colour, rgba
from filters.picture import Picture
from filters.placing import Gravity, Margin, Opacity, Tiled, place, seen_as_colour

MAX_LETTERS = 200

MAX_SIZE = 2000

SMALLEST = 6.0
"""Pixels. Fonts cannot draw much smaller letters; where they must be, the text is drawn and then made smaller."""

SPACING = 0.2
"""Room between lines, of the size of the letters."""


def _readable(text: str) -> str:
    if not all(letter.isprintable() or letter == "\n" for letter in text):
        raise PydanticCustomError("text", "only letters that can be printed, and line ends")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_LETTERS),
    AfterValidator(_readable),
]


class Watermark(registry.Params):
    text: Text = Field(
        "Cumulo",
        description="What is written; it may have several lines.",
        json_schema_extra={"label": {"en": "Text", "es": "Texto"}},
    )
    size: float = Field(
        0.08,
        ge=0.001,
        le=MAX_SIZE,
        description="Size of the letters in pixels, or below 1 as a part of the image's shorter side. A text that "
        "would not fit is made smaller.",
        json_schema_extra={"label": {"en": "Size", "es": "Tamaño"}, "step": 0.01, "relative": True},
    )
    colour: Colour = Field(
        "#ffffff",
        description="Such as white or #ff8800.",
        json_schema_extra={"label": {"en": "Colour", "es": "Color"}},
    )
    opacity: Opacity = 0.6
    gravity: Gravity = Field(
        "southeast",
        description="The edge or corner at which it stands.",
        json_schema_extra={"label": {"en": "Gravity", "es": "Posición"}},
    )
    margin: Margin = 0.03
    tiled: Tiled = False
    angle: float = Field(
        0.0,
        ge=-360,
        le=360,
        description="How far the text is turned clockwise.",
        json_schema_extra={"label": {"en": "Angle", "es": "Ángulo"}, "unit": "°", "step": 1},
    )
    font: str = Field(
        "",
        max_length=100,
        description="Name of an installed font, such as DejaVuSans-Bold; empty for one that has the letters.",
        json_schema_extra={"label": {"en": "Font", "es": "Fuente"}},
    )


def _cost(params: Watermark) -> float:
    if params.opacity == 0 or rgba(params.colour)[3] == 0:
        return 0.0
    return 5.0 if params.tiled else 1.0


def _size(params: Watermark, size: Size) -> Size:
    font_for(params.text, params.font, 1)  # an error here costs no decoding
    return size


@registry.geometry(
    "watermark",
    aliases=("marca-de-agua",),
    label={"en": "Watermark", "es": "Marca de agua"},
    description={
        "en": "Writes a text over the image, once or all over.",
        "es": "Escribe un texto sobre la imagen, una vez o por toda ella.",
    },
    category="finish",
    cost_ms_per_mp=_cost,
    colours=lambda params: "colour" if seen_as_colour(params.colour) else "same",
    size=_size,
)
def watermark(picture: Picture, params: Watermark) -> Picture:
    """Gray on gray stays gray; where nothing was to be seen the text is."""
    shorter = min(picture.size)
    margin = pixels(params.margin, shorter)
    *paint, opacity = rgba(params.colour)
    mask = _written(params, picture.size, params.size if params.size >= 1 else params.size * shorter, margin)
    stamp = Image.new("RGBA", mask.size, (paint[0], paint[1], paint[2], 255))
    stamp.putalpha(mask)
    return place(
        picture,
        stamp,
        gravity=params.gravity,
        margin=margin,
        opacity=params.opacity * opacity / 255,
        tiled=params.tiled,
    )


def _written(params: Watermark, size: Size, letters: float, margin: int) -> Image.Image:
    """The text as a mask that fits within the image's margins."""
    chosen = font_for(params.text, params.font, max(letters, 1.0))
    left, top, right, bottom = _bounds(params.text, chosen)
    angle = math.radians(params.angle)
    cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
    across, down = cos * (right - left) + sin * (bottom - top), sin * (right - left) + cos * (bottom - top)
    room = [max(1, length - 2 * margin) for length in size]
    share = min(room[0] / (across + 2), room[1] / (down + 2))  # turning adds a pixel or two
    if share < 1 and letters > SMALLEST:
        chosen = chosen.font_variant(size=max(chosen.size * share, SMALLEST))
        left, top, right, bottom = _bounds(params.text, chosen)
    mask = Image.new("L", (max(1, math.ceil(right - left)), max(1, math.ceil(bottom - top))))
    spacing = chosen.size * SPACING
    ImageDraw.Draw(mask).multiline_text((-left, -top), params.text, 255, chosen, spacing=spacing)
    mask = mask.rotate(-params.angle, Image.Resampling.BICUBIC, expand=True)
    share = min(room[0] / mask.width, room[1] / mask.height)
    if share < 1:
        mask = mask.resize((max(1, int(mask.width * share)), max(1, int(mask.height * share))))
    return mask


def _bounds(text: str, chosen: ImageFont.FreeTypeFont) -> tuple[float, float, float, float]:
    draw = ImageDraw.Draw(Image.new("L", (1, 1)))
    return draw.multiline_textbbox((0, 0), text, chosen, spacing=chosen.size * SPACING)

"""Pad: room around the image."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from filters import registry
from filters.lengths import MAX_LENGTH, Ratio, aspect, pixels, rounded
from filters.operations import Size
from filters.params import Colour
from filters.picture import Picture
from filters.placing import Gravity, offset, on_canvas, seen_as_colour

_NUMBER = re.compile(r"\d{1,5}(\.\d{1,4})?")


def _margins(text: str) -> str:
    words = text.removesuffix("px").split()
    if not 1 <= len(words) <= 4 or not all(_NUMBER.fullmatch(word) and float(word) <= MAX_LENGTH for word in words):
        detail = f"write one to four numbers from 0 to {MAX_LENGTH} as CSS does, such as 20 or 10 20 30 40"
        raise PydanticCustomError("margin", "{detail}", {"detail": detail})
    return " ".join(words)


Margin = Annotated[str, AfterValidator(_margins), WithJsonSchema({"type": "string", "maxLength": 60})]


class Pad(registry.Params):
    margin: Margin = Field(
        "0.05",
        description="Above, right, below and left in pixels, or below 1 as a part of the shorter side. One number is "
        "for all; of two the second is for right and left.",
        json_schema_extra={"label": {"en": "Margin", "es": "Margen"}},
    )
    width: int = Field(
        0,
        ge=0,
        le=MAX_LENGTH,
        description="Least width of the result, margin included.",
        json_schema_extra={"label": {"en": "Width", "es": "Ancho"}, "unit": "px"},
    )
    height: int = Field(
        0,
        ge=0,
        le=MAX_LENGTH,
        description="Least height of the result, margin included.",
        json_schema_extra={"label": {"en": "Height", "es": "Alto"}, "unit": "px"},
    )
    ratio: Ratio = Field(
        "",
        description="Width to height of the result, such as 1:1; empty for any.",
        json_schema_extra={"label": {"en": "Ratio", "es": "Proporción"}},
    )
    gravity: Gravity = Field(
        "center",
        description="Where the image is within the room that width, height and ratio add.",
        json_schema_extra={"label": {"en": "Gravity", "es": "Posición"}},
    )
    colour: Colour = Field(
        "#ffffff",
        description="Such as white, #ff8800 or transparent.",
        json_schema_extra={"label": {"en": "Colour", "es": "Color"}},
    )

    @model_validator(mode="before")
    @classmethod
    def _no_margin_unless_asked(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.keys() & {"width", "height", "ratio"} and "margin" not in data:
            return {**data, "margin": "0"}
        return data


def _does_nothing(params: Pad) -> bool:
    return not (params.width or params.height or params.ratio or any(map(float, params.margin.split())))


def _sides(params: Pad, size: Size) -> tuple[int, int, int, int]:
    """Above, right, below, left."""
    lengths = [pixels(float(word), min(size)) for word in params.margin.split()]
    above = lengths[0]
    right = lengths[1] if len(lengths) > 1 else above
    below = lengths[2] if len(lengths) > 2 else above
    return above, right, below, lengths[3] if len(lengths) > 3 else right


def _sizes(params: Pad, size: Size) -> tuple[Size, Size]:
    """With the margin, and with all."""
    above, right, below, left = _sides(params, size)
    inner = (size[0] + left + right, size[1] + above + below)
    width, height = max(inner[0], params.width), max(inner[1], params.height)
    ratio = aspect(params.ratio)
    if ratio:
        width, height = max(width, rounded(height * ratio)), max(height, rounded(width / ratio))
    return inner, (width, height)


@registry.geometry(
    "pad",
    aliases=("relleno", "margen"),
    label={"en": "Pad", "es": "Margen"},
    description={
        "en": "Adds room around the image: margins, or as much as makes it of a size or a ratio.",
        "es": "Añade espacio alrededor: márgenes, o lo que falte para un tamaño o una proporción.",
    },
    cost_ms_per_mp=lambda params: 0.0 if _does_nothing(params) else 0.8,
    colours=lambda params: "colour" if seen_as_colour(params.colour) else "same",
    size=lambda params, size: _sizes(params, size)[1],
)
def pad(picture: Picture, params: Pad) -> Picture:
    """Margins first, then what is missing to the size and the ratio; nothing is cut off."""
    above, _, _, left = _sides(params, picture.size)
    inner, size = _sizes(params, picture.size)
    x, y = offset(size, inner, params.gravity)
    return on_canvas(picture, size, (x + left, y + above), params.colour)

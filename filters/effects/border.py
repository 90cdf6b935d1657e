"""Border: a frame around the image."""

from pydantic import Field

from filters import registry
from filters.lengths import MAX_LENGTH, pixels
from filters.operations import Size
from filters.params import Colour
from filters.picture import Picture
from filters.placing import on_canvas, seen_as_colour


class Border(registry.Params):
    width: float = Field(
        0.03,
        ge=0,
        le=MAX_LENGTH,
        description="Width in pixels, or below 1 as a part of the image's shorter side; 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Width", "es": "Ancho"}, "step": 0.01, "relative": True},
    )
    colour: Colour = Field(
        "#000000",
        description="Such as black, #ff8800 or transparent.",
        json_schema_extra={"label": {"en": "Colour", "es": "Color"}},
    )


def _size(params: Border, size: Size) -> Size:
    width = pixels(params.width, min(size))
    return size[0] + 2 * width, size[1] + 2 * width


@registry.geometry(
    "border",
    aliases=("borde", "marco"),
    label={"en": "Border", "es": "Marco"},
    description={
        "en": "Puts a frame of one colour around the image.",
        "es": "Pone un marco de un color alrededor de la imagen.",
    },
    category="finish",
    cost_ms_per_mp=lambda params: 0.8 if params.width else 0.0,
    colours=lambda params: "colour" if params.width and seen_as_colour(params.colour) else "same",
    size=_size,
)
def border(picture: Picture, params: Border) -> Picture:
    """Outside of the image, which it makes larger."""
    width = pixels(params.width, min(picture.size))
    return on_canvas(picture, _size(params, picture.size), (width, width), params.colour)

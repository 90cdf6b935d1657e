"""Flip: the mirror image."""

from typing import Literal

from PIL import Image
from pydantic import Field

from filters import registry
from filters.picture import Picture

METHODS = {
    "horizontal": Image.Transpose.FLIP_LEFT_RIGHT,
    "vertical": Image.Transpose.FLIP_TOP_BOTTOM,
    "both": Image.Transpose.ROTATE_180,
}


class Flip(registry.Params):
    direction: Literal["horizontal", "vertical", "both"] = Field(
        "horizontal",
        description="Horizontal swaps left and right, vertical top and bottom.",
        json_schema_extra={"label": {"en": "Direction", "es": "Dirección"}},
    )


@registry.geometry(
    "flip",
    aliases=("voltear",),
    label={"en": "Flip", "es": "Voltear"},
    description={"en": "Mirrors the image.", "es": "Refleja la imagen como en un espejo."},
    cost_ms_per_mp=0.8,
    rearranges=lambda params: True,
)
def flip(picture: Picture, params: Flip) -> Picture:
    """Each pixel is moved and none is changed."""
    return picture.moved(lambda image: image.transpose(METHODS[params.direction]))

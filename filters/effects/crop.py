"""Crop: a rectangle of the image."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from filters import registry
from filters.errors import InvalidParameter
from filters.lengths import MAX_LENGTH, Ratio, aspect, pixels, rounded
from filters.operations import Size
from filters.picture import Picture
from filters.placing import Gravity, anchor, offset

Box = tuple[int, int, int, int]


class Crop(registry.Params):
    width: float = Field(
        0.0,
        ge=0,
        le=MAX_LENGTH,
        description="Width in pixels, or below 1 as a part of the image's; 0 is what the ratio says, or all of it.",
        json_schema_extra={"label": {"en": "Width", "es": "Ancho"}, "step": 0.01, "relative": True},
    )
    height: float = Field(
        0.0,
        ge=0,
        le=MAX_LENGTH,
        description="Height in pixels, or below 1 as a part of the image's; 0 is what the ratio says, or all of it.",
        json_schema_extra={"label": {"en": "Height", "es": "Alto"}, "step": 0.01, "relative": True},
    )
    ratio: Ratio = Field(
        "1:1",
        description="Width to height, such as 16:9, where width or height is 0; empty for any.",
        json_schema_extra={"label": {"en": "Ratio", "es": "Proporción"}},
    )
    gravity: Gravity = Field(
        "center",
        description="What part is kept; with x or y and no gravity, northwest: they count from the top left corner.",
        json_schema_extra={"label": {"en": "Gravity", "es": "Posición"}},
    )
    x: float = Field(
        0.0,
        ge=-MAX_LENGTH,
        le=MAX_LENGTH,
        description="Distance from the left or right edge that gravity names, in pixels or below 1 as a part of the "
        "width; to the right of the middle where it names none.",
        json_schema_extra={
            "label": {"en": "Horizontal distance", "es": "Distancia horizontal"},
            "step": 0.01,
            "relative": True,
        },
    )
    y: float = Field(
        0.0,
        ge=-MAX_LENGTH,
        le=MAX_LENGTH,
        description="Distance from the top or bottom edge that gravity names, in pixels or below 1 as a part of the "
        "height; below the middle where it names none.",
        json_schema_extra={
            "label": {"en": "Vertical distance", "es": "Distancia vertical"},
            "step": 0.01,
            "relative": True,
        },
    )

    @model_validator(mode="before")
    @classmethod
    def _from_the_corner(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and data.keys() & {"x", "y"} and "gravity" not in data:
            return {**data, "gravity": "northwest"}
        return data


def _box(params: Crop, size: Size) -> Box:
    x, y = pixels(params.x, size[0]), pixels(params.y, size[1])
    across, down = anchor(params.gravity)
    room = (size[0] - abs(x) * (2 if across == 0.5 else 1), size[1] - abs(y) * (2 if down == 0.5 else 1))
    width, height = _extent(params, size, room)
    left, top = offset(size, (width, height), params.gravity, x, y)
    if min(width, height) < 1 or min(left, top) < 0 or left + width > size[0] or top + height > size[1]:
        raise InvalidParameter(
            f"crop would take {max(width, 0)} x {max(height, 0)} pixels from {left}, {top} on; it must take at least "
            f"one pixel, and all of them from the image, which has {size[0]} x {size[1]}"
        )
    return left, top, left + width, top + height


def _extent(params: Crop, size: Size, room: Size) -> Size:
    width = pixels(params.width, size[0]) if params.width else room[0]
    height = pixels(params.height, size[1]) if params.height else room[1]
    ratio = aspect(params.ratio)
    if ratio is None or (params.width and params.height):
        return width, height
    of_height, of_width = max(1, rounded(height * ratio)), max(1, rounded(width / ratio))
    if params.width:
        return width, of_width
    if params.height:
        return of_height, height
    return min(width, of_height), min(height, of_width)


def _cost(params: Crop) -> float:
    return 0.5 if params.width or params.height or params.ratio or params.x or params.y else 0.0


def _size(params: Crop, size: Size) -> Size:
    left, top, right, bottom = _box(params, size)
    return right - left, bottom - top


@registry.geometry(
    "crop",
    aliases=("recortar",),
    label={"en": "Crop", "es": "Recortar"},
    description={
        "en": "Cuts a rectangle out of the image.",
        "es": "Recorta un rectángulo de la imagen.",
    },
    cost_ms_per_mp=_cost,
    size=_size,
    rearranges=lambda params: True,
)
def crop(picture: Picture, params: Crop) -> Picture:
    """With neither width nor height the largest rectangle of the ratio that is in the image."""
    box = _box(params, picture.size)
    return picture.moved(lambda image: image.crop(box))

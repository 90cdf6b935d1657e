"""Resize: to a number of pixels."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from filters import registry
from filters.lengths import MAX_LENGTH, rounded
from filters.operations import Size
from filters.picture import Picture
from filters.placing import Gravity, anchor
from filters.resizing import HARD, Box, Resample, resized

COSTS = {"lanczos": 8.0, "bicubic": 6.0, "bilinear": 4.0, "box": 3.0, "nearest": 0.5}


class Resize(registry.Params):
    width: int = Field(
        800,
        ge=0,
        le=MAX_LENGTH,
        description="Width of the box; 0 is what the height and the image's aspect say.",
        json_schema_extra={"label": {"en": "Width", "es": "Ancho"}, "unit": "px"},
    )
    height: int = Field(
        0,
        ge=0,
        le=MAX_LENGTH,
        description="Height of the box; 0 is what the width and the image's aspect say.",
        json_schema_extra={"label": {"en": "Height", "es": "Alto"}, "unit": "px"},
    )
    mode: Literal["fit", "fill", "cover"] = Field(
        "fit",
        description="fit: all of the image within the box. cover: the whole box, and what does not fit is cut off. "
        "fill: the whole box, and the aspect is not kept.",
        json_schema_extra={"label": {"en": "Mode", "es": "Modo"}},
    )
    gravity: Gravity = Field(
        "center",
        description="What part is kept where cover cuts something off.",
        json_schema_extra={"label": {"en": "Gravity", "es": "Posición"}},
    )
    enlarge: bool = Field(
        False,
        description="Whether a small image is made larger; otherwise no side becomes longer than it is.",
        json_schema_extra={"label": {"en": "Enlarge", "es": "Ampliar"}},
    )
    resample: Resample = Field(
        "lanczos",
        description="How pixels are mixed: lanczos is the sharpest, nearest mixes none.",
        json_schema_extra={"label": {"en": "Resampling", "es": "Remuestreo"}},
    )

    @model_validator(mode="before")
    @classmethod
    def _height_alone(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "height" in data and "width" not in data:
            return {**data, "width": 0}
        return data

    @model_validator(mode="after")
    def _one_at_least(self) -> "Resize":
        if not (self.width or self.height):
            raise PydanticCustomError("size", "give a width or a height of 1 pixel or more; the other may be 0")
        return self


def _measures(params: Resize, size: Size) -> tuple[Size, Fraction]:
    """Size of the result, and by what the image is scaled (but for `fill`)."""
    wanted = [Fraction(side, length) for side, length in zip((params.width, params.height), size, strict=True) if side]
    scale = max(wanted) if params.mode == "cover" else min(wanted)
    scale = scale if params.enlarge else min(scale, Fraction(1))
    whole = _scaled(size, scale)
    box = (params.width or whole[0], params.height or whole[1])
    if params.mode == "fill":
        return (box if params.enlarge else (min(box[0], size[0]), min(box[1], size[1]))), scale
    return (min(box[0], whole[0]), min(box[1], whole[1])), scale


def _scaled(size: Size, scale: Fraction) -> Size:
    return max(1, rounded(size[0] * scale)), max(1, rounded(size[1] * scale))


def _size(params: Resize, size: Size) -> Size:
    return _measures(params, size)[0]


def _scales_to(params: Resize, size: Size) -> Size:
    if params.resample in HARD:
        return size
    target, scale = _measures(params, size)
    return target if params.mode == "fill" else _scaled(size, scale)


def _part(params: Resize, size: Size) -> Box:
    """What of the image is kept."""
    target, scale = _measures(params, size)
    if params.mode != "cover":
        return (0, 0, *size)
    across, down = anchor(params.gravity)
    width, height = min(float(size[0]), float(target[0] / scale)), min(float(size[1]), float(target[1] / scale))
    left, top = (size[0] - width) * across, (size[1] - height) * down
    return left, top, left + width, top + height


@registry.geometry(
    "resize",
    aliases=("redimensionar",),
    label={"en": "Resize", "es": "Redimensionar"},
    description={
        "en": "Makes the image smaller or larger: within a box, over all of it, or distorted to its shape.",
        "es": "Cambia el tamaño: dentro de una caja, llenándola con recorte o deformando hasta su forma.",
    },
    cost_ms_per_mp=lambda params: COSTS[params.resample],
    size=_size,
    rearranges=lambda params: params.resample == "nearest" and not params.enlarge,
    scales_to=_scales_to,
)
def resize(picture: Picture, params: Resize) -> Picture:
    """As object-fit of CSS has it, but that `fit` is its `contain`, without bars."""
    target = _size(params, picture.size)
    return resized(picture, target, params.resample, box=_part(params, picture.size), exact=params.exact)

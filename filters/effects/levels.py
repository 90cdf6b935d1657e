"""Levels: which values become black and white, and what lies between."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from filters import registry
from filters.operations import Table


class Levels(registry.Params):
    black: int = Field(
        16,
        ge=0,
        le=254,
        description="Values up to this one become `output_black`.",
        json_schema_extra={"label": {"en": "Black point", "es": "Punto negro"}},
    )
    white: int = Field(
        235,
        ge=1,
        le=255,
        description="Values from this one on become `output_white`; above `black`.",
        json_schema_extra={"label": {"en": "White point", "es": "Punto blanco"}},
    )
    gamma: float = Field(
        1.0,
        ge=0.1,
        le=10,
        description="Above 1 lightens the middle tones, below 1 darkens them.",
        json_schema_extra={"label": {"en": "Gamma", "es": "Gamma"}, "step": 0.05},
    )
    output_black: int = Field(
        0,
        ge=0,
        le=255,
        description="What the darkest values become; above `output_white` the image is inverted.",
        json_schema_extra={"label": {"en": "Output black", "es": "Negro de salida"}},
    )
    output_white: int = Field(
        255,
        ge=0,
        le=255,
        description="What the brightest values become.",
        json_schema_extra={"label": {"en": "Output white", "es": "Blanco de salida"}},
    )

    @model_validator(mode="after")
    def _black_below_white(self) -> Self:
        if self.black >= self.white:
            raise PydanticCustomError(
                "levels",
                "black must be below white, got black {black} and white {white}",
                {"black": self.black, "white": self.white},
            )
        return self


def _cost(params: Levels) -> float:
    settings = (params.black, params.white, params.gamma, params.output_black, params.output_white)
    return 0.0 if settings == (0, 255, 1, 0, 255) else 1.1


@registry.point(
    "levels",
    aliases=("niveles",),
    label={"en": "Levels", "es": "Niveles"},
    description={
        "en": "Stretches the values between a black and a white point over the whole range.",
        "es": "Extiende los valores entre un punto negro y uno blanco a todo el rango.",
    },
    cost_ms_per_mp=_cost,
)
def levels(params: Levels) -> Table:
    """output_black + (output_white - output_black) * t ^ (1 / gamma), with t = (x - black) / (white - black) clipped
    to 0..1: the Levels of GIMP and Photoshop, ImageMagick's `-level` and `+level`."""
    places = [min(1.0, max(0.0, (level - params.black) / (params.white - params.black))) for level in range(256)]
    span = params.output_white - params.output_black
    return Table.of([params.output_black + span * place ** (1 / params.gamma) for place in places])

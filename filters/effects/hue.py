"""Hue: all colours turned around the colour wheel."""

import math

from pydantic import Field

from filters import registry
from filters.operations import LUMA, Matrix


class Hue(registry.Params):
    angle: float = Field(
        90.0,
        ge=-360,
        le=360,
        description="How far colours turn: 0 leaves them as they are, 180 makes each its complement.",
        json_schema_extra={"label": {"en": "Angle", "es": "Ángulo"}, "unit": "°", "step": 5},
    )


@registry.matrix(
    "hue",
    aliases=("tono",),
    label={"en": "Hue", "es": "Tono"},
    description={
        "en": "Turns every colour by the same angle around the colour wheel; grays stay as they are.",
        "es": "Gira todos los colores el mismo ángulo en el círculo cromático; los grises no cambian.",
    },
    cost_ms_per_mp=lambda params: 2.8 if params.angle % 360 else 0.0,
)
def hue(params: Hue) -> Matrix:
    """`hue-rotate()` of CSS (W3C Filter Effects 1; SVG's feColorMatrix): the colour differences (B - Y, R - Y) turn
    by the angle, the luma Y stays; clipped.

    Y is the Rec. 601 luma, as in `gray` and `saturation`, not the Rec. 709 of CSS.
    """
    angle = math.radians(params.angle)
    return Matrix(rotation(math.cos(angle), math.sin(angle), LUMA))


def rotation(cosine: float, sine: float, weights: tuple[float, float, float]) -> tuple[float, ...]:
    """The matrix for a luma of those weights."""
    red = [cosine * (channel == 0) + (1 - cosine) * weights[channel] for channel in range(3)]
    blue = [cosine * (channel == 2) + (1 - cosine) * weights[channel] for channel in range(3)]
    for channel in range(3):
        red[channel] += sine * ((channel == 2) - weights[channel])
        blue[channel] -= sine * ((channel == 0) - weights[channel])
    # Green is what leaves the luma as it was.
    green = [
        (weight - weights[0] * r - weights[2] * b) / weights[1] for weight, r, b in zip(weights, red, blue, strict=True)
    ]
    return (*red, 0.0, *green, 0.0, *blue, 0.0)

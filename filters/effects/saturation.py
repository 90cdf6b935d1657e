"""Saturation: distances from gray, stretched or shrunk."""

from pydantic import Field

from filters import registry
from filters.operations import LUMA, Matrix


class Saturation(registry.Params):
    factor: float = Field(
        1.5,
        ge=0,
        le=10,
        description="1 leaves the image as it is, 0 leaves grays only, 2 makes colours twice as strong.",
        json_schema_extra={"label": {"en": "Factor", "es": "Factor"}, "step": 0.05},
    )


def _cost(params: Saturation) -> float:
    if params.factor == 1:
        return 0.0
    return 0.7 if params.factor == 0 else 2.8


@registry.matrix(
    "saturation",
    aliases=("saturacion",),
    label={"en": "Saturation", "es": "Saturación"},
    description={
        "en": "Makes colours stronger or paler; grays stay as they are.",
        "es": "Hace los colores más vivos o más apagados; los grises no cambian.",
    },
    cost_ms_per_mp=_cost,
    colours=lambda params: "gray" if params.factor == 0 else "same",
)
def saturation(params: Saturation) -> Matrix:
    """Y + factor * (x - Y) in each channel, clipped: `saturate()` of CSS (W3C Filter Effects 1).

    Y is the Rec. 601 luma, not the Rec. 709 of CSS, so that 0 is just what `gray` gives; Pillow's ImageEnhance.Color
    does the same.
    """
    values: list[float] = []
    for channel in range(3):
        row = [(1 - params.factor) * weight for weight in LUMA]
        row[channel] += params.factor
        values += [*row, 0.0]
    return Matrix(tuple(values))

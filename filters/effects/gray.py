"""Grayscale, in full or in part."""

from pydantic import Field

from filters import registry
from filters.operations import LUMA, Matrix


class Gray(registry.Params):
    amount: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much of the colour goes: 0 leaves the image as it is, 1 leaves grays only.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "step": 0.05},
    )


@registry.matrix(
    "gray",
    aliases=("grises",),
    label={"en": "Grayscale", "es": "Escala de grises"},
    description={
        "en": "Takes the colour out, wholly or in part.",
        "es": "Quita el color, del todo o en parte.",
    },
    cost_ms_per_mp=lambda params: 0.7 if params.amount == 1 else 2.8 if params.amount > 0 else 0.0,
    colours=lambda params: "gray" if params.amount == 1 else "same",
)
def gray(params: Gray) -> Matrix:
    """Blend of the image and its Rec. 601 luma; no channel can leave 0..255, so one matrix does it."""
    values: list[float] = []
    for channel in range(3):
        row = [params.amount * weight for weight in LUMA]
        row[channel] += 1 - params.amount
        values += [*row, 0.0]
    return Matrix(tuple(values))

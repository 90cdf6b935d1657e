"""Tint: a coloured filter in front of the lens."""

from pydantic import Field

from filters import registry
from filters.operations import LUMA, Matrix
from filters.params import SolidColour, rgba


class Tint(registry.Params):
    colour: SolidColour = Field(
        "#ec8a00",
        description="Colour of the glass, an opaque one; white leaves the image as it is.",
        json_schema_extra={"label": {"en": "Colour", "es": "Color"}},
    )
    amount: float = Field(
        0.3,
        ge=0,
        le=1,
        description="How dense the glass is: 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "step": 0.05},
    )


def _passes(params: Tint) -> list[float]:
    """How much of red, green and blue goes through."""
    return [1 - params.amount * (1 - value / 255) for value in rgba(params.colour)[:3]]


@registry.matrix(
    "tint",
    aliases=("tinte",),
    label={"en": "Tint", "es": "Tinte"},
    description={
        "en": "Warms, cools or colours the whole image, as bright as it was.",
        "es": "Vuelve la imagen más cálida, más fría o de otro color, con la misma luminosidad.",
    },
    cost_ms_per_mp=lambda params: 0.0 if min(_passes(params)) == 1 else 2.8,
    colours=lambda params: "same" if len(set(_passes(params))) == 1 else "colour",
)
def tint(params: Tint) -> Matrix:
    """x' + Y(x) - Y(x'), clipped, with x' = x * (1 - amount + amount * colour / 255) and Y the Rec. 601 luma: the light
    that goes through coloured glass, brought back to the luma that it had. Photoshop's Photo Filter with "preserve
    luminosity"; the default is its warming filter 85."""
    passes = _passes(params)
    values: list[float] = []
    for channel in range(3):
        row = [weight * (1 - share) for weight, share in zip(LUMA, passes, strict=True)]
        row[channel] += passes[channel]
        values += [*row, 0.0]
    return Matrix(tuple(values))

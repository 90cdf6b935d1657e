"""Grayscale, in full or in part."""

from PIL import Image
from pydantic import Field

from filters import registry

LUMA = (0.299, 0.587, 0.114)


class Gray(registry.Params):
    amount: float = Field(
        1.0,
        ge=0,
        le=1,
        description="How much of the colour goes: 0 leaves the image as it is, 1 leaves grays only.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "step": 0.05},
    )


@registry.filter(
    "gray",
    aliases=("grises",),
    label={"en": "Grayscale", "es": "Escala de grises"},
    description={
        "en": "Takes the colour out, wholly or in part.",
        "es": "Quita el color, del todo o en parte.",
    },
    cost_ms_per_mp=lambda params: 0.7 if params.amount == 1 else 2.8 if params.amount > 0 else 0.0,
    reads_luma_only=lambda params: bool(params.amount == 1),
    colours=lambda params: "gray" if params.amount == 1 else "same",
)
def gray(image: Image.Image, params: Gray) -> Image.Image:
    """Blend of the image and its Rec. 601 luma; no channel can leave 0..255, so one matrix does it."""
    if params.amount == 1:
        return image.convert("L")
    if params.amount == 0 or image.mode == "L":
        return image
    matrix: list[float] = []
    for channel in range(3):
        row = [params.amount * weight for weight in LUMA]
        row[channel] += 1 - params.amount
        matrix += [*row, 0]
    return image.convert("RGB", tuple(matrix))

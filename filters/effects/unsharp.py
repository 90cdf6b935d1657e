"""Unsharp mask: sharper by what a blur takes away."""

from __future__ import annotations

from PIL import Image
from pydantic import Field

from filters import registry
from filters.effects import blur
from filters.neighbours import BAND_VALUES, levels

MILD = 150
"""Per cent up to which the shortcuts of the blur cannot be seen in the result: 43 dB, at 200 it would be 41."""

COST = 8.0  # ms/MP, besides the blur


class Unsharp(registry.Params):
    radius: float = Field(
        2.0,
        ge=0,
        le=blur.MOST_EXACT,
        description="Standard deviation of the blur that the image is compared with; 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Radius", "es": "Radio"}, "unit": "px", "step": 0.5},
    )
    percent: float = Field(
        150.0,
        ge=0,
        le=500,
        description="How much of the difference from the blurred image is added; 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "unit": "%", "step": 10},
    )
    threshold: int = Field(
        3,
        ge=0,
        le=255,
        description="Differences up to this many levels are left alone, so that noise is not sharpened.",
        json_schema_extra={"label": {"en": "Threshold", "es": "Umbral"}},
    )

    @property
    def changes_nothing(self) -> bool:
        return self.radius == 0 or self.percent == 0 or self.threshold == 255


def _cost(params: Unsharp) -> float:
    if params.changes_nothing:
        return 0.0
    return COST + registry.find("blur").cost(_blur(params))


def _blur(params: Unsharp) -> blur.Blur:
    return blur.Blur(radius=params.radius, exact=params.exact or params.percent > MILD)


@registry.filter(
    "unsharp",
    aliases=("mascara-enfoque",),
    label={"en": "Unsharp mask", "es": "Máscara de enfoque"},
    description={
        "en": "Sharpens edges of a chosen width and leaves even areas alone.",
        "es": "Enfoca los bordes de la anchura elegida y respeta las zonas uniformes.",
    },
    cost_ms_per_mp=_cost,
    steep=True,
)
def unsharp(image: Image.Image, params: Unsharp) -> Image.Image:
    """x + percent / 100 * (x - b), b the image blurred, where |x - b| is above the threshold; as Pillow's UnsharpMask.

    The blur is the filter `blur`, rounded to levels.
    """
    import numpy as np

    pixels = np.asarray(image)
    blurred = np.asarray(blur.blur(image, _blur(params)))
    result = np.empty_like(pixels)
    gain = np.float32(params.percent / 100)
    rows = max(1, BAND_VALUES * len(pixels) // pixels.size)
    for top in range(0, len(pixels), rows):
        band = pixels[top : top + rows]
        difference = np.subtract(band, blurred[top : top + rows], dtype=np.int16)
        if params.threshold > 0:
            difference *= np.abs(difference) > params.threshold
        result[top : top + rows] = levels(difference * gain + band)
    return Image.fromarray(result)

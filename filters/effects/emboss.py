"""Emboss: the image as a relief under light from one side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image
from pydantic import Field

from filters import registry
from filters.neighbours import Band, by_bands, levels, summed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVEL = 128.0
"""What an even area becomes."""


class Emboss(registry.Params):
    angle: float = Field(
        135.0,
        ge=-180,
        le=180,
        description="Where the light comes from, counter-clockwise: 0 the right, 90 above, 135 the top left corner.",
        json_schema_extra={"label": {"en": "Light from", "es": "Luz desde"}, "unit": "°", "step": 15},
    )
    depth: float = Field(
        4.0,
        ge=0.1,
        le=20,
        description="How deep the relief looks: levels of gray for each level that the image changes by in a pixel.",
        json_schema_extra={"label": {"en": "Depth", "es": "Profundidad"}, "step": 0.1},
    )


@registry.filter(
    "emboss",
    aliases=("relieve",),
    label={"en": "Emboss", "es": "Relieve"},
    description={
        "en": "A gray relief, as if the image were stamped into metal and lit from one side.",
        "es": "Un relieve gris, como si la imagen estuviera estampada en metal e iluminada desde un lado.",
    },
    cost_ms_per_mp=3.5,
    reads_luma_only=lambda params: True,
    steep=True,
    colours=lambda params: "gray",
)
def emboss(image: Image.Image, params: Emboss) -> Image.Image:
    """128 + depth * (slope of the luma away from the light), the border repeated.

    The slope is the gradient by Sobel's 3 x 3 kernels over 8, in levels per pixel; a bright thing stands out, its side
    towards the light is brighter than 128.
    """
    import numpy as np

    angle = math.radians(params.angle)
    # The light comes from (cos, -sin) in an image, whose y grows downwards.
    gain_x = np.float32(-math.cos(angle) * params.depth / 8)
    gain_y = np.float32(math.sin(angle) * params.depth / 8)

    def work(band: Band) -> NDArray[np.uint8]:
        luma, right, down = band.values.astype(np.int16), band.right, band.down
        x = luma[2 * right :] - luma[: -2 * right]
        y = luma[2 * down :] - luma[: -2 * down]
        # Weights of 1, 2 and 1 are two sums of two.
        slope = summed(summed(x, 2, down), 2, down)[: band.count] * gain_x
        slope += summed(summed(y, 2, right), 2, right)[: band.count] * gain_y
        slope += np.float32(LEVEL)
        return levels(slope)

    return by_bands(image.convert("L"), (1, 1), work)

"""Box blur: the mean of a square."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageFilter
from pydantic import Field

from filters import registry
from filters.neighbours import Band, by_bands, levels, summed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SUMS_UP_TO = 4
"""Up to this radius sums in NumPy are quicker than Pillow's BoxBlur; up to 7 they would fit in 16 bits."""


class BoxBlur(registry.Params):
    radius: int = Field(
        4,
        ge=0,
        le=500,
        description="Pixels to each side of the middle of the square; 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Radius", "es": "Radio"}, "unit": "px"},
    )


@registry.filter(
    "box-blur",
    aliases=("desenfoque-caja",),
    label={"en": "Box blur", "es": "Desenfoque de caja"},
    description={
        "en": "Replaces each pixel by the mean of the square around it.",
        "es": "Sustituye cada píxel por la media del cuadrado que lo rodea.",
    },
    cost_ms_per_mp=lambda params: 0.0 if params.radius == 0 else 8.0 if params.radius <= SUMS_UP_TO else 11.0,
    linear=True,
)
def box_blur(image: Image.Image, params: BoxBlur) -> Image.Image:
    """The mean of the (2 radius + 1)^2 pixels around each, the border repeated.

    Small squares as sums in 16 bits, large ones by Pillow's BoxBlur, whose time does not depend on the radius, and
    which rounds twice, once for each direction.
    """
    if params.radius > SUMS_UP_TO:
        return image.filter(ImageFilter.BoxBlur(params.radius))
    import numpy as np

    side = 2 * params.radius + 1
    share = np.float32(1 / side**2)

    def work(band: Band) -> NDArray[np.uint8]:
        sums = summed(summed(band.values.astype(np.uint16), side, band.right), side, band.down)
        return levels(sums * share)

    return by_bands(image, (params.radius, params.radius), work)

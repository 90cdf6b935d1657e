"""Vignette: darker towards the corners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image
from pydantic import Field

from filters import bands, registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HARD = 1e-6
"""A softness below this cannot be seen, and could not be divided by."""


class Vignette(registry.Params):
    strength: float = Field(
        0.6,
        ge=0,
        le=1,
        description="How dark the corners get: 0 leaves the image as it is, 1 makes them black.",
        json_schema_extra={"label": {"en": "Strength", "es": "Intensidad"}, "step": 0.05},
    )
    radius: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Where it begins: 0 is the middle of the image, 1 its corners.",
        json_schema_extra={"label": {"en": "Radius", "es": "Radio"}, "step": 0.05},
    )
    softness: float = Field(
        0.7,
        ge=0,
        le=1,
        description="How far it takes from there to full strength, on the same scale; 0 is a hard edge.",
        json_schema_extra={"label": {"en": "Softness", "es": "Suavidad"}, "step": 0.05},
    )


@registry.filter(
    "vignette",
    aliases=("vineta",),
    label={"en": "Vignette", "es": "Viñeta"},
    description={
        "en": "Darkens the image towards its corners and leads the eye to the middle.",
        "es": "Oscurece la imagen hacia las esquinas y lleva la mirada al centro.",
    },
    category="finish",
    cost_ms_per_mp=lambda params: 5.8 if params.strength > 0 else 0.0,
)
def vignette(image: Image.Image, params: Vignette) -> Image.Image:
    """x * (1 - strength * s(t)), with s(t) = 3 t^2 - 2 t^3 (smoothstep), t = (d - radius) / softness clipped to 0..1,
    and d the distance from the middle on the scale of an ellipse as wide and high as the image, 1 at its corners.
    """
    import numpy as np

    width, height = image.size
    # The left half mirrors the right one; with an odd width the column in the middle is not mirrored.
    right = _squares(width)[width // 2 :]
    down = _squares(height)[:, None]

    def darken(rows: slice, planes: Sequence[NDArray[np.uint8]]) -> None:
        half = _factor(np.sqrt(right + down[rows]), params)
        factor = np.concatenate((half[:, width % 2 :][:, ::-1], half), axis=1)
        for plane in planes:
            exact = plane * factor
            exact += np.float32(0.5)
            plane[:] = exact

    return bands.changed(image, darken)


def _squares(length: int) -> NDArray[np.float32]:
    """Half the squares of how far each pixel is from the middle, on a scale of -1 to 1."""
    import numpy as np

    return (((np.arange(length) + 0.5) * 2 / length - 1) ** 2 / 2).astype(np.float32)


def _factor(distance: NDArray[np.float32], params: Vignette) -> NDArray[np.float32]:
    import numpy as np

    width = np.float32(max(params.softness, HARD))
    place = np.clip((distance - np.float32(params.radius)) / width, 0, 1)
    factor: NDArray[np.float32] = 1 - np.float32(params.strength) * place * place * (3 - 2 * place)
    return factor

"""Round corners: quarters of circles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PIL import Image, ImageChops
from pydantic import Field

from filters import registry
from filters.lengths import MAX_LENGTH
from filters.params import Colour
from filters.picture import Picture
from filters.placing import seen_as_colour, surrounded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BAND_PIXELS = 65_536
"""Pixels worked on at a time, so that memory stays small."""


class RoundCorners(registry.Params):
    radius: float = Field(
        0.1,
        ge=0,
        le=MAX_LENGTH,
        description="Radius in pixels, or below 1 as a part of the image's shorter side, of which half is the most; "
        "0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Radius", "es": "Radio"}, "step": 0.01, "relative": True},
    )
    background: Colour = Field(
        "#00000000",
        description="Colour outside of the corners, such as white, #ff8800 or transparent.",
        json_schema_extra={"label": {"en": "Background", "es": "Fondo"}},
    )


@registry.geometry(
    "round-corners",
    aliases=("esquinas",),
    label={"en": "Round corners", "es": "Esquinas redondas"},
    description={
        "en": "Rounds the corners, smoothly.",
        "es": "Redondea las esquinas, con bordes suaves.",
    },
    category="finish",
    cost_ms_per_mp=lambda params: 2.0 if params.radius else 0.0,
    colours=lambda params: "colour" if params.radius and seen_as_colour(params.background) else "same",
)
def round_corners(picture: Picture, params: RoundCorners) -> Picture:
    """Quarters of circles; a pixel that one crosses is covered by as much as lies within."""
    shorter = min(picture.size)
    radius = min(params.radius if params.radius >= 1 else params.radius * shorter, shorter / 2)
    corner = _outside(radius)
    right, bottom = picture.size[0] - corner.width, picture.size[1] - corner.height
    outside = Image.new("L", picture.size)
    for left, top, method in (
        (0, 0, None),
        (right, 0, Image.Transpose.FLIP_LEFT_RIGHT),
        (0, bottom, Image.Transpose.FLIP_TOP_BOTTOM),
        (right, bottom, Image.Transpose.ROTATE_180),
    ):
        # Added, because two corners may share the pixels in the middle.
        box = (left, top, left + corner.width, top + corner.height)
        turned = corner if method is None else corner.transpose(method)
        outside.paste(ImageChops.add(outside.crop(box), turned), box)
    return surrounded(picture, ImageChops.invert(outside), params.background)


def _outside(radius: float) -> Image.Image:
    """How much of each pixel of the top left corner lies outside of the circle, 0..255.

    With y(x) the circle above, the area between it and y = b, from the left to x, has a closed form. What it grows by
    from one x and one b to the next is the area in that pixel.
    """
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    def under(x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Area between the circle and its middle, from the left to x; right of the middle the edge is straight."""
        u = np.maximum(radius - x, 0)
        quarter = math.pi / 4 * radius**2
        return (
            quarter
            - (u * np.sqrt(radius**2 - u**2) + radius**2 * np.arcsin(u / radius)) / 2
            + radius * (np.maximum(x - radius, 0))
        )

    side = math.ceil(radius)
    x = np.arange(side + 1.0)
    corner = np.empty((side, side), np.uint8)
    rows = max(1, BAND_PIXELS // side)
    for top in range(0, side, rows):
        b = np.arange(top, min(top + rows, side) + 1.0)[:, None]
        start = radius - np.sqrt(radius**2 - np.maximum(radius - b, 0) ** 2)
        area = (b - radius) * np.maximum(x - start, 0) + np.maximum(under(x) - under(start), 0)
        corner[top : top + rows] = (1 - np.diff(np.diff(area, axis=0), axis=1)) * 255 + 0.5
    return Image.fromarray(corner)

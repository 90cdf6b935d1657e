"""Motion blur: the mean along a line."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PIL import Image
from pydantic import Field

from filters import registry
from filters.neighbours import Band, by_bands, levels, summed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 256

PARTS = 4
"""Into so many parts is a pixel divided across the line."""

COST, COST_STRAIGHT, COST_PER_PIXEL = 6.0, 4.0, 0.6  # ms/MP


class MotionBlur(registry.Params):
    length: int = Field(
        20,
        ge=1,
        le=LONGEST,
        description="Length of the line along which the image is smeared; 1 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Length", "es": "Longitud"}, "unit": "px"},
    )
    angle: float = Field(
        0.0,
        ge=-180,
        le=180,
        description="Direction of the line, counter-clockwise: 0 is horizontal, 90 vertical.",
        json_schema_extra={"label": {"en": "Angle", "es": "Ángulo"}, "unit": "°", "step": 5},
    )


def kernel(length: int, angle: float) -> dict[tuple[int, int], int]:
    """Whole weights by place (x, y); (0, 0) is the pixel itself, and y grows downwards.

    A line through the middle, one step along its longer side at a time, between the two nearest pixels of the other
    side by how near they are, to a quarter of a pixel; an even number of steps has half a step at either end.
    """
    x, y = math.cos(math.radians(angle)), -math.sin(math.radians(angle))
    flat = abs(x) >= abs(y)
    slope = y / x if flat else x / y
    steps = max(1, round(length * max(abs(x), abs(y))))
    reach = steps // 2
    weights: dict[tuple[int, int], int] = defaultdict(int)
    for along in range(-reach, reach + 1):
        share = 1 if steps % 2 == 0 and abs(along) == reach else 2
        nearest, part = divmod(round(along * slope * PARTS), PARTS)
        for across, weight in ((nearest, PARTS - part), (nearest + 1, part)):
            if weight > 0:
                weights[(along, across) if flat else (across, along)] += share * weight
    return dict(weights)


def _cost(params: MotionBlur) -> float:
    taps = len(kernel(params.length, params.angle))
    if taps == 1:
        return 0.0
    straight = params.angle % 45 == 0
    return COST + (COST_STRAIGHT if straight else COST_PER_PIXEL * taps)


@registry.filter(
    "motion-blur",
    aliases=("desenfoque-movimiento",),
    label={"en": "Motion blur", "es": "Desenfoque de movimiento"},
    description={
        "en": "Smears the image along a line, as if the camera had moved.",
        "es": "Arrastra la imagen a lo largo de una línea, como si la cámara se hubiera movido.",
    },
    cost_ms_per_mp=_cost,
    linear=True,
)
def motion_blur(image: Image.Image, params: MotionBlur) -> Image.Image:
    """The mean along a line of `length` pixels through each, the border repeated; `kernel` says how it is drawn.

    Its values are added in 16 bits, those of equal weight first; where they lie at equal distances, as at every 45
    degrees, sums of two, four, eight ... are made of each other.
    """
    import numpy as np

    weights = kernel(params.length, params.angle)
    places: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, weight in weights.items():
        places[weight].append(place)
    margin_x, margin_y = (max(place[axis] for place in weights) for axis in (0, 1))
    total = sum(weights.values())
    # The sum of as many values as a line has fits in 16 bits, their weighted sum may not.
    kind: Any = np.uint16 if total * 255 < 2**16 else np.uint32
    share = np.float32(1 / total)

    def work(band: Band) -> NDArray[np.uint8]:
        total = np.zeros(band.count, kind)
        for weight, group in places.items():
            starts = sorted((x + margin_x) * band.right + (y + margin_y) * band.down for x, y in group)
            steps = {after - before for before, after in pairwise(starts)}
            if len(steps) == 1:
                part = summed(band.values[starts[0] : starts[-1] + band.count].astype(np.uint16), len(group), *steps)
            else:
                part = np.zeros(band.count, np.uint16)
                for start in starts:
                    part += band.values[start : start + band.count]
            total += part * kind(weight)
        return levels(total * share)

    return by_bands(image, (margin_x, margin_y), work)

"""Convolution with a kernel of one's own."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from PIL import Image
from pydantic import Field, field_validator

from filters import registry
from filters.errors import shown
from filters.neighbours import Band, by_bands, levels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Rows = tuple[tuple[float, ...], ...]

SIZES = (3, 5, 7)
LARGEST = 10_000.0

LEAST_DIVISOR = 1e-6
"""What is nearer to 0 counts as 0: 0.1 + 0.2 - 0.3 is not 0 in binary fractions."""

COST, COST_PER_WEIGHT, COST_PER_NEIGHBOUR = 5.5, 1.7, 0.35  # ms/MP


def rows(kernel: str) -> Rows:
    """The rows of numbers that such a text says, or a ValueError that says what is wrong and what is allowed."""
    lines = [line.split() for line in kernel.strip().strip(";").split(";")]
    size = len(lines)
    for number, line in enumerate(lines, start=1):
        if len(line) != size:
            found = f"it has {size} rows, and row {number} has {len(line)} numbers"
            example = "rows end with a semicolon, as in '0 -1 0; -1 5 -1; 0 -1 0'"
            raise ValueError(f"must have as many numbers in each row as rows: {found} ({example})")
    if size not in SIZES:
        raise ValueError(f"must be 3 x 3, 5 x 5 or 7 x 7, not {size} x {size}")
    return tuple(tuple(_number(word) for word in line) for line in lines)


def _number(word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:  # NaN neither
        raise ValueError(f"must hold numbers between -{LARGEST:.0f} and {LARGEST:.0f}, and '{shown(word)}' is none")
    return value


class Convolution(registry.Params):
    kernel: str = Field(
        "0 -1 0; -1 5 -1; 0 -1 0",
        max_length=1000,
        description="3 x 3, 5 x 5 or 7 x 7 weights, row by row: spaces between numbers, semicolons between rows. "
        "What is written to the left weighs the pixel to the left.",
        json_schema_extra={"label": {"en": "Kernel", "es": "Núcleo"}},
    )
    scale: float = Field(
        0.0,
        ge=-1e6,
        le=1e6,
        description="What the weighted sum is divided by; 0 for the sum of the weights, or 1 if that is 0.",
        json_schema_extra={"label": {"en": "Divide by", "es": "Dividir por"}, "step": 1},
    )
    offset: float = Field(
        0.0,
        ge=-255,
        le=255,
        description="Added at the end: 128 shows the negative values of a kernel whose sum is 0.",
        json_schema_extra={"label": {"en": "Offset", "es": "Desplazamiento"}, "step": 1},
    )

    @field_validator("kernel")
    @classmethod
    def _valid(cls, kernel: str) -> str:
        rows(kernel)
        return kernel

    @property
    def divisor(self) -> float:
        total = math.fsum(weight for row in rows(self.kernel) for weight in row)
        return next((divisor for divisor in (self.scale, total) if abs(divisor) >= LEAST_DIVISOR), 1.0)

    @property
    def changes_nothing(self) -> bool:
        """Whether each pixel becomes itself."""
        weights = [weight / self.divisor for row in rows(self.kernel) for weight in row]
        middle = weights.pop(len(weights) // 2)
        return middle == 1 and not any(weights) and self.offset == 0


def _cost(params: Convolution) -> float:
    if params.changes_nothing:
        return 0.0
    neighbours = [abs(weight) for row in rows(params.kernel) for weight in row if weight]
    return COST + COST_PER_WEIGHT * len(set(neighbours)) + COST_PER_NEIGHBOUR * len(neighbours)


@registry.filter(
    "convolution",
    aliases=("convolucion",),
    label={"en": "Convolution", "es": "Convolución"},
    description={
        "en": "Weighs each pixel and its neighbours with a kernel of your own.",
        "es": "Pondera cada píxel y sus vecinos con un núcleo propio.",
    },
    cost_ms_per_mp=_cost,
    steep=True,
)
def convolution(image: Image.Image, params: Convolution) -> Image.Image:
    """Sum of kernel * neighbours / scale + offset, clipped, the border repeated.

    The kernel is used as it is written and not turned around: a correlation, as OpenCV's filter2D (Pillow's Kernel has
    its rows upside down). Neighbours of the same weight are added first, in 16 bits, so that it costs as much as the
    kernel has different weights.
    """
    import numpy as np

    kernel = rows(params.kernel)
    size = len(kernel)
    places: dict[float, list[tuple[int, int, bool]]] = defaultdict(list)
    for y, row in enumerate(kernel):
        for x, weight in enumerate(row):
            if weight:
                places[abs(weight)].append((x, y, weight < 0))
    divisor = params.divisor

    def work(band: Band) -> NDArray[np.uint8]:
        total: NDArray[Any] = np.full(band.count, params.offset, np.float32)
        for weight, group in places.items():
            part = np.zeros(band.count, np.int16)
            for x, y, negative in group:
                add = np.subtract if negative else np.add
                add(part, band.at(x, y), out=part)
            total += part * np.float32(weight / divisor)
        return levels(total)

    return by_bands(image, (size // 2, size // 2), work)

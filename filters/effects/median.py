"""Median: the middle one of the neighbours."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from PIL import Image
from pydantic import Field, field_validator

from filters import registry
from filters.neighbours import Band, by_bands

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Lists = list[NDArray[np.uint8]]

LARGEST = 9

BAND_VALUES = 32_768
"""Half of the usual: some fifty arrays are in use at once."""

COST = {1: 0.0, 3: 9.0, 5: 32.0, 7: 80.0, 9: 150.0}
"""ms/MP; Pillow's MedianFilter, which sorts for each pixel anew, takes 260, 1040, 1930 and 2950."""


class Median(registry.Params):
    size: int = Field(
        3,
        ge=1,
        le=LARGEST,
        description="Side of the square whose middle value is taken, an odd number; 1 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Size", "es": "Tamaño"}, "unit": "px", "step": 2},
    )

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("must be an odd number between 1 and 9")
        return size


@registry.filter(
    "median",
    aliases=("mediana",),
    label={"en": "Median", "es": "Mediana"},
    description={
        "en": "Removes specks and noise and keeps edges sharp.",
        "es": "Quita motas y ruido y conserva los bordes nítidos.",
    },
    cost_ms_per_mp=lambda params: COST[params.size],
)
def median(image: Image.Image, params: Median) -> Image.Image:
    """The median of the size x size values around each, channel by channel, the border repeated.

    By sorting networks, on whole bands at a time. Columns are sorted once for all the squares that they are part of,
    and so are pairs and fours of columns; of the last merge only the middle is worked out.
    Adams, "Fast median filters using separable sorting networks", ACM Transactions on Graphics 40 (2021).
    """
    size = params.size

    def work(band: Band) -> NDArray[np.uint8]:
        # Longer than `count` by what lies right of it in other columns of the square.
        length = band.count + (size - 1) * band.right
        column = _sorted([band.values[y * band.down :][:length] for y in range(size)])

        def moved(values: Lists, columns: int) -> Lists:
            return [value[columns * band.right :] for value in values]

        pair = _merged(column, moved(column, 1))
        match size:
            case 3:
                halves = column, moved(pair, 1)
            case 5:
                halves = pair, _merged(moved(pair, 2), moved(column, 4))
            case 7:
                four = _merged(pair, moved(pair, 2))
                halves = four, _merged(moved(pair, 4), moved(column, 6))
            case _:
                four = _merged(pair, moved(pair, 2))
                halves = four, _merged(moved(four, 4), moved(column, 8))
        left, right = ([values[: band.count] for values in half] for half in halves)
        return _ranked(left, right, size * size // 2)

    return by_bands(image, (size // 2, size // 2), work, BAND_VALUES)


def _exchanged(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    import numpy as np

    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    return np.minimum(first, second), np.maximum(first, second)


def _sorted(values: Lists) -> Lists:
    """In ascending order, place by place: merge sort."""
    if len(values) == 1:
        return values
    half = len(values) // 2
    return _merged(_sorted(values[:half]), _sorted(values[half:]))


def _merged(first: Lists, second: Lists) -> Lists:
    """Two ascending lists as one: Batcher's odd-even merge, for lists of any lengths."""
    if not first or not second:
        return first or second
    if len(first) == len(second) == 1:
        return list(_exchanged(first[0], second[0]))
    # The first, third ... of both, and the second, fourth ... of both, differ by one place at most.
    odd = _merged(first[::2], second[::2])
    even = _merged(first[1::2], second[1::2])
    merged = [odd[0]]
    for place in range(1, max(len(odd), len(even) + 1)):
        if place < len(odd) and place <= len(even):
            merged += _exchanged(even[place - 1], odd[place])
        else:
            merged.append(odd[place] if place < len(odd) else even[place - 1])
    return merged


def _ranked(first: Lists, second: Lists, rank: int) -> NDArray[np.uint8]:
    """The value with that rank, from 0, of two ascending lists: the least of the greater ones of each way to take
    rank + 1 values from the two."""
    import numpy as np

    taken = rank + 1
    greater = []
    for left in range(max(0, taken - len(second)), min(taken, len(first)) + 1):
        last = [values[count - 1] for values, count in ((first, left), (second, taken - left)) if count]
        greater.append(reduce(np.maximum, last))
    return reduce(np.minimum, greater)

"""Work on a pixel's neighbours in NumPy, a band of rows at a time.

What lies between the input and the result then stays in the processor's cache: an operation on bytes takes 0.1 ms per
megapixel there, and several times that on a whole image. A band is one long row of values, in which all that lie to
the right of their own by so many pixels, or below, are a slice: NumPy is at its fastest there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from filters import buffers

if TYPE_CHECKING:
    # When it runs, NumPy is imported inside functions: 0.1 s and 14 MB that the commands can do without.
    import numpy as np
    from numpy.typing import NDArray

BAND_VALUES = 65_536
"""Values in a band: some ten arrays of them fit in the second level of cache."""


@dataclass(frozen=True, slots=True)
class Band:
    """Rows of an image with a margin on each side, the image's border repeated, one value after another.

    `right` and `down` are how many values further the next pixel and the next row are. Of what is worked out for
    each place in it the first `count` values are wanted.
    """

    values: NDArray[np.uint8]
    right: int
    down: int
    count: int

    def at(self, x: int, y: int) -> NDArray[np.uint8]:
        """What lies x pixels right of and y rows below each of the `count` values."""
        start = x * self.right + y * self.down
        return self.values[start : start + self.count]


def by_bands(
    image: Image.Image,
    margin: tuple[int, int],
    work: Callable[[Band], NDArray[np.uint8]],
    band_values: int = BAND_VALUES,
) -> Image.Image:
    """An image of the same size and mode made by `work`, band by band.

    `margin` (x, y) is how many pixels further than itself the value of a pixel depends on: `work` returns, for each
    place, what becomes of the pixel x to the right and y below, `count` values or more.
    """
    import numpy as np

    across, along = margin
    pixels = buffers.array(image)
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    height, width = pixels.shape[:2]
    wide = width + 2 * across
    result = np.empty_like(pixels)
    # A low band would be mostly margin.
    rows = max(1, band_values // (wide * channels), 2 * along)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        # One row more, so that there is something to the right of the last pixel.
        values = np.zeros((bottom - top + 2 * along + 1, wide, *pixels.shape[2:]), np.uint8)
        first, last = max(0, top - along), min(height, bottom + along)
        above, below = first - (top - along), last - (top - along)
        values[above:below, across : across + width] = pixels[first:last]
        values[above:below, :across] = pixels[first:last, :1]
        values[above:below, across + width :] = pixels[first:last, -1:]
        values[:above] = values[above]
        values[below:-1] = values[below - 1]
        band = Band(values.reshape(-1), channels, wide * channels, (bottom - top) * wide * channels)
        done = work(band)[: band.count].reshape(bottom - top, wide, *pixels.shape[2:])
        result[top:bottom] = done[:, :width]
    return Image.fromarray(result)


def summed(values: NDArray[Any], count: int, step: int) -> NDArray[Any]:
    """Sums of so many values, each `step` after the one before, in their own type: (count - 1) * step sums fewer.

    Each sum is made of two of half as many: about 2 log2(count) additions.
    """
    if count == 1:
        return values
    half = summed(values, count // 2, step)
    second = count // 2 * step
    both: NDArray[Any] = half[:-second] + half[second:]
    if count % 2 == 0:
        return both
    last = values[(count - 1) * step :]
    both[: len(last)] += last
    return both[: len(last)]


def levels(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Floats as the nearest of the 256 levels, halves up; the values are overwritten."""
    import numpy as np

    values += np.float32(0.5)
    np.clip(values, 0, 255, out=values)
    return values.astype(np.uint8)

"""Gaussian blur."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from filters import registry
from filters.borders import extended
from filters.neighbours import Band, by_bands
from filters.operations import Size
from filters.planes import OnPlanes, Planes

if TYPE_CHECKING:
    # When it runs, NumPy is imported inside functions: 0.1 s and 14 MB that the commands can do without.
    import numpy as np
    from numpy.typing import NDArray

FROM_HALF = (3.0, 16.0)
"""Radii for which a JPEG is decoded at half its size. Below, the decoder's own smoothing shows; above, that the
border which is repeated is the mean of two pixels and no longer the outermost one."""

LEAST_ON_PLANES = 2.0
"""Radius below which it shows that colours stored at half the size are enlarged to be blurred, or not."""

LEAST_REDUCED = 1.5
"""Radius, in pixels of the smaller image, that is left when a blur works on one: less would show in fine patterns."""

MOST_REDUCED = 64

ONE = 256
"""What weights come to: so much of a level fits in 16 bits."""

COST_BY_REDUCTION = {1: 14.0, 2: 10.0, 4: 5.0}
"""Milliseconds per megapixel on RGB, from `LEAST_REDUCED` up; of more than 4 as of 4."""

EXACT_COST = (20.0, 33.0)
"""Milliseconds per megapixel of a true Gaussian: at radius 0, and for each pixel of the radius."""

MOST_EXACT = 50
"""Radius up to which a true Gaussian is made: 1.7 s for each megapixel. Far above it, nobody sees the difference."""

LEAST_SEEN = 0.1
"""Radius below which a true Gaussian changes nothing: the nearest pixels weigh exp(-50)."""

EXACT_REACH = 5
"""Standard deviations at which the true Gaussian ends: what is beyond is less than a ten-thousandth of a level."""

BAND_PIXELS = 65_536
"""Pixels that a true Gaussian works on at a time."""


def reduction(radius: float) -> int:
    """How many times smaller the image is that a blur of that radius works on: a power of two up to 64."""
    reduced = 1
    while reduced < MOST_REDUCED and radius >= 2 * LEAST_REDUCED * reduced:
        reduced *= 2
    return reduced


class Blur(registry.Params):
    radius: float = Field(
        2.0,
        ge=0,
        le=200,
        description="Standard deviation of the Gaussian; 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Radius", "es": "Radio"}, "unit": "px", "step": 0.5},
    )

    @model_validator(mode="after")
    def _exact_is_dear(self) -> Blur:
        if self.exact and self.radius > MOST_EXACT:
            raise PydanticCustomError(
                "radius", f"with exact the radius may be at most {MOST_EXACT}, got {self.radius:g}"
            )
        return self


def _cost(params: Blur) -> float:
    if params.radius == 0:
        return 0.0
    if params.exact:
        return EXACT_COST[0] + EXACT_COST[1] * params.radius
    return COST_BY_REDUCTION[min(4, reduction(params.radius))]


def _from_half(image: Image.Image, params: Blur, size: Size) -> Image.Image:
    return _approximate(image, params.radius, size, 2, reduction(params.radius))


def _on_planes(params: Blur) -> OnPlanes | None:
    if params.radius < LEAST_ON_PLANES:
        return None

    def blurred(planes: Planes) -> Planes:
        reduced = reduction(params.radius)
        luma = _approximate(planes.luma, params.radius, planes.luma_size, planes.shrink, reduced)
        # Of half the size already.
        reduced = max(reduced // 2, planes.shrink)
        blue, red = (
            _approximate(plane, params.radius / 2, planes.colour_size, planes.shrink, reduced)
            for plane in (planes.blue, planes.red)
        )
        return planes.with_planes(luma, blue, red)

    return blurred


@registry.filter(
    "blur",
    aliases=("desenfoque",),
    label={"en": "Blur", "es": "Desenfoque"},
    description={
        "en": "Softens the image with a Gaussian blur.",
        "es": "Suaviza la imagen con un desenfoque gaussiano.",
    },
    cost_ms_per_mp=_cost,
    linear=True,
    shrink=lambda params: 2 if FROM_HALF[0] <= params.radius <= FROM_HALF[1] else 1,
    from_shrunk=_from_half,
    on_planes=_on_planes,
)
def blur(image: Image.Image, params: Blur) -> Image.Image:
    """Gaussian whose standard deviation is `radius` pixels, the border repeated.

    An approximation: weights in 256ths, and from radius 3 on an image of a half to a 64th of the size, enlarged in
    straight lines. 52 dB or more against the true Gaussian below radius 3, then 45, about 53 on photos; of a JPEG
    that is decoded at half its size 42.5 or more, about 50 on photos. `exact` is the true Gaussian, and takes many
    times as long.
    """
    if params.exact and params.radius > 0:
        return _gaussian(image, params.radius)
    return _approximate(image, params.radius, image.size, 1, reduction(params.radius))


def _approximate(image: Image.Image, radius: float, size: Size, decoded: int, reduced: int) -> Image.Image:
    """The blur of an image that is one `decoded`-th of `size`, taken at one `reduced`-th of it."""
    if reduced == 1:
        return _convolved(image, _weights(radius**2))
    # Shrinking and enlarging blur too. Variances add up, so what they contribute is taken off: a box of k pixels has
    # (k^2 - 1) / 12 (a scaled JPEG decode is much the same), the triangle of the bilinear enlargement k^2 / 6.
    weights = _weights((radius**2 - (reduced**2 - 1) / 12 - reduced**2 / 6) / reduced**2)
    margin = len(weights)
    blurred = _convolved(_with_margin(image, reduced // decoded, margin), weights)
    return _enlarged(blurred, reduced, margin, size)


@lru_cache(maxsize=64)
def _weights(variance: float) -> tuple[int, ...]:
    """Of a pixel, the next, the one after that ... in 256ths, which come to one with those on the other side."""
    distances = range(1, math.ceil(5 * math.sqrt(variance)) + 1)
    heights = [math.exp(-(distance**2) / (2 * variance)) for distance in distances]
    beside = [round(ONE * height / (1 + 2 * sum(heights))) for height in heights]
    while beside and beside[-1] == 0:
        beside.pop()
    return (ONE - 2 * sum(beside), *beside)


def _convolved(image: Image.Image, weights: Sequence[int]) -> Image.Image:
    """With those weights, first down, then across, in whole numbers, the border repeated."""
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    reach = len(weights) - 1

    def along(values: NDArray[np.uint16], step: int) -> NDArray[np.uint16]:
        count = len(values) - 2 * reach * step
        total = values[reach * step :][:count] * np.uint16(weights[0])
        total += np.uint16(ONE // 2)
        pair = np.empty_like(total)
        for distance, weight in enumerate(weights[1:], start=1):
            before, after = (reach - distance) * step, (reach + distance) * step
            np.add(values[before:][:count], values[after:][:count], out=pair)
            pair *= np.uint16(weight)
            total += pair
        total >>= np.uint16(8)
        return total

    def work(band: Band) -> NDArray[np.uint8]:
        down = along(band.values.astype(np.uint16), band.down)
        return along(down, band.right).astype(np.uint8)

    return by_bands(image, (reach, reach), work) if reach else image


def _enlarged(image: Image.Image, factor: int, margin: int, size: Size) -> Image.Image:
    """Bilinear, to `factor` times the columns and rows, of which there are `size`; of the margins one pixel is used."""
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    pixels = np.asarray(image)
    columns, rows = (-(-side // factor) for side in size)
    pixels = pixels[margin - 1 : margin + rows + 1, margin - 1 : margin + columns + 1]
    wide = np.empty((rows + 2, columns, factor, *pixels.shape[2:]), np.uint8)
    for phase, between in enumerate(_between(pixels.swapaxes(0, 1), factor)):
        wide[:, :, phase] = between.swapaxes(0, 1)
    samples = wide.reshape(rows + 2, -1)
    result = np.empty((rows, factor, samples.shape[1]), np.uint8)
    band = max(1, BAND_PIXELS // samples.shape[1])
    for top in range(0, rows, band):
        here = slice(top, min(top + band, rows))
        for phase, between in enumerate(_between(samples[top : here.stop + 2], factor)):
            result[here, phase] = between
    return Image.fromarray(result.reshape(rows * factor, -1, *pixels.shape[2:])[: size[1], : size[0]])


def _between(values: NDArray[np.uint8], factor: int) -> Iterator[NDArray[np.uint16]]:
    """Of all but the first and the last, the values at the middles of the `factor` parts of each, in a straight line
    to the next ones."""
    import numpy as np

    wide = values.astype(np.uint16)
    before, own, after = wide[:-2], wide[1:-1], wide[2:]
    whole = 2 * factor
    for phase in range(factor):
        # Its distance from the middle of its own, in 2 x `factor`-ths.
        away = 2 * phase + 1 - factor
        total = own * np.uint16(whole - abs(away))
        total += (before if away < 0 else after) * np.uint16(abs(away))
        total += np.uint16(factor)
        total >>= np.uint16(whole.bit_length() - 1)
        yield total


def _with_margin(image: Image.Image, factor: int, margin: int) -> Image.Image:
    """The image reduced, with margins that repeat its outermost pixels: those of the image as it came, because the
    mean of `factor` rows in their place is seen far into the picture."""
    image = extended(image, 0, -image.width % factor, -image.height % factor)
    width, height = image.width // factor, image.height // factor
    wide = Image.new(image.mode, (width + 2 * margin, height + 2 * margin))
    wide.paste(image.reduce(factor) if factor > 1 else image, (margin, margin))
    for source_x, x in ((0, 0), (image.width - 1, margin + width)):
        column = image.crop((source_x, 0, source_x + 1, image.height)).reduce((1, factor))
        wide.paste(column.resize((margin, height), Image.Resampling.NEAREST), (x, margin))
    for source_y, y in ((0, 0), (image.height - 1, margin + height)):
        row = image.crop((0, source_y, image.width, source_y + 1)).reduce((factor, 1))
        wide.paste(row.resize((width, margin), Image.Resampling.NEAREST), (margin, y))
        for source_x, x in ((0, 0), (image.width - 1, margin + width)):
            corner = image.crop((source_x, source_y, source_x + 1, source_y + 1))
            wide.paste(corner.resize((margin, margin), Image.Resampling.NEAREST), (x, y))
    return wide


def _gaussian(image: Image.Image, radius: float) -> Image.Image:
    """The true Gaussian: first down, then across, in floating point, a band of rows at a time."""
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    if radius < LEAST_SEEN:
        return image
    reach = math.ceil(EXACT_REACH * radius)
    weights = np.exp(-(np.arange(reach + 1) ** 2) / (2 * radius**2))
    weights = (weights / (2 * weights.sum() - 1)).astype(np.float32)
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    samples = pixels.reshape(height, -1)
    channels = samples.shape[1] // width
    columns = np.clip(np.arange(-reach, width + reach), 0, width - 1)
    result = np.empty_like(samples)
    rows = max(1, BAND_PIXELS // (width + 2 * reach))
    for top in range(0, height, rows):
        count = min(rows, height - top)
        band = samples[np.clip(np.arange(top - reach, top + count + reach), 0, height - 1)]
        down = weights[0] * band[reach : reach + count]
        for offset, weight in enumerate(weights[1:], start=1):
            down += weight * np.add(band[reach - offset :][:count], band[reach + offset :][:count], dtype=np.uint16)
        wide = down.reshape(count, width, channels)[:, columns].reshape(count, -1)
        middle, length = reach * channels, width * channels
        across = weights[0] * wide[:, middle : middle + length]
        for offset, weight in enumerate(weights[1:], start=1):
            before, after = middle - offset * channels, middle + offset * channels
            across += weight * (wide[:, before : before + length] + wide[:, after : after + length])
        result[top : top + count] = np.minimum(across + np.float32(0.5), 255)
    return Image.fromarray(result.reshape(pixels.shape))

"""What steps are made of: tables and matrices, which the planner can join, and functions, which it can only move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops

from filters.errors import ImageTooLarge
from filters.output import Output
from filters.picture import Picture

if TYPE_CHECKING:
    from filters.planes import Planes

LUMA = (0.299, 0.587, 0.114)
"""Rec. 601, as Pillow's convert("L") and JPEG have it."""

Size = tuple[int, int]

LEVELS = 256
IDENTITY = bytes(range(256))
INVERTED = bytes(range(255, -1, -1))
"""ImageChops.invert does this in 0.2 ms/MP, a table takes 1.2."""

AFFINE_WITHIN = 0.51  # levels by which a table may leave a straight line: its own rounding

STEEP = 4
"""Above this gain the half level that an approximation rounds away may show: it becomes more than two levels."""


@dataclass(frozen=True, slots=True)
class Table:
    """A new value for each of the 256: one table for all channels, or three, for red, green and blue."""

    values: bytes

    @classmethod
    def of(cls, values: Sequence[float]) -> Table:
        """256 or 768 levels, rounded half up and clipped to 0..255; ValueError for another number of them."""
        if len(values) not in (LEVELS, 3 * LEVELS):
            raise ValueError(f"a table has 256 or 768 values, not {len(values)}")
        return cls(bytes(min(255, max(0, int(value + 0.5))) for value in values))

    @property
    def channels(self) -> tuple[bytes, bytes, bytes]:
        if len(self.values) == LEVELS:
            return (self.values, self.values, self.values)
        return (self.values[:LEVELS], self.values[LEVELS : 2 * LEVELS], self.values[2 * LEVELS :])

    def then(self, after: Table) -> Table:
        """One table that does what the two do in turn, exactly."""
        pairs = [first.translate(second) for first, second in zip(self.channels, after.channels, strict=True)]
        return Table(pairs[0] if len(set(pairs)) == 1 else b"".join(pairs))

    @property
    def is_affine(self) -> bool:
        """Whether each channel is a straight line that leaves 0..255 nowhere, but for rounding."""
        for values in set(self.channels):
            slope = (values[255] - values[0]) / 255
            if any(abs(values[0] + slope * level - values[level]) > AFFINE_WITHIN for level in range(LEVELS)):
                return False
        return True

    @property
    def gain(self) -> float:
        """The most levels that one level more or less in makes out."""
        return max(abs(a - b) for values in set(self.channels) for a, b in pairwise(values))

    def on(self, plane: Image.Image) -> Image.Image:
        """The first channel's table on an `L` image."""
        values = self.channels[0]
        if values == IDENTITY:
            return plane
        return ImageChops.invert(plane) if values == INVERTED else plane.point(list(values))

    def __call__(self, picture: Picture) -> Picture:
        pixels = picture.pixels
        if self.values == INVERTED:
            return picture.with_pixels(ImageChops.invert(pixels))
        if pixels.mode == "L":
            if len(set(self.channels)) > 1:
                bands = [pixels.point(list(channel)) for channel in self.channels]
                return picture.with_pixels(Image.merge("RGB", bands))
            return picture.with_pixels(self.on(pixels))
        return picture.with_pixels(pixels.point([level for channel in self.channels for level in channel]))


@dataclass(frozen=True, slots=True)
class Matrix:
    """Three rows of four: what red, green, blue and a constant (in levels) give to each new channel, then clipped."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.values) != 12:
            raise ValueError(f"a colour matrix has 12 values, not {len(self.values)}")

    @property
    def rows(self) -> tuple[tuple[float, ...], ...]:
        return (self.values[:4], self.values[4:8], self.values[8:])

    @property
    def leaves_gray(self) -> bool:
        """Whether its result has one channel only."""
        return self.rows[0] == self.rows[1] == self.rows[2]

    @property
    def reads_luma_only(self) -> bool:
        return self.leaves_gray and self.values[:4] == (*LUMA, 0.0)

    @property
    def never_clips(self) -> bool:
        """Whether every result lies within 0..255 before it is clipped."""
        for *weights, constant in self.rows:
            low = constant + 255 * sum(weight for weight in weights if weight < 0)
            high = constant + 255 * sum(weight for weight in weights if weight > 0)
            if low < -0.5 or high > 255.5:
                return False
        return True

    @property
    def gain(self) -> float:
        """The most levels that one level more or less in each channel makes in one of the result."""
        return max(sum(map(abs, row[:3])) for row in self.rows)

    def then(self, after: Matrix) -> Matrix:
        """One matrix for the two; it neither clips nor rounds between them."""
        joined: list[float] = []
        for *gains, constant in after.rows:
            joined += [sum(gain * row[i] for gain, row in zip(gains, self.rows, strict=True)) for i in range(4)]
            joined[-1] += constant
        return Matrix(tuple(joined))

    def __call__(self, picture: Picture) -> Picture:
        pixels = picture.pixels
        if self.reads_luma_only and pixels.mode == "L":
            return picture
        if pixels.mode == "L":
            return self._on_gray()(picture)
        if self.reads_luma_only:
            return picture.with_pixels(pixels.convert("L"))
        if self.leaves_gray:
            return picture.with_pixels(pixels.convert("L", self.values[:4]))
        return picture.with_pixels(pixels.convert("RGB", self.values))

    def _on_gray(self) -> Table:
        """What it does to gray values."""
        sums = [(sum(row[:3]), row[3]) for row in self.rows]
        gray = all(max(abs(a - sums[0][0]), abs(b - sums[0][1])) < 1e-6 for a, b in sums)
        return Table.of([gain * v + constant for gain, constant in (sums[:1] if gray else sums) for v in range(LEVELS)])


@dataclass(frozen=True, slots=True)
class Effect:
    """A function of the pixels that keeps their size; alpha never reaches it. What the rest says: `registry.filter`."""

    function: Callable[[Image.Image, Any], Image.Image]
    params: Any
    reads_luma_only: bool = False
    per_pixel: bool = False
    linear: bool = False
    steep: bool = False
    shrink: int = 1
    from_shrunk: Callable[[Image.Image, Any, Size], Image.Image] | None = None
    on_planes: Callable[[Any], Callable[[Planes], Planes] | None] | None = None

    def __call__(self, picture: Picture) -> Picture:
        if picture.full and self.from_shrunk:
            return Picture(self.from_shrunk(picture.pixels, self.params, picture.full), picture.alpha)
        return picture.with_pixels(self.function(picture.pixels, self.params))


@dataclass(frozen=True, slots=True)
class Geometry:
    """A function of pixels and alpha that may change their size. What the rest says: `registry.geometry`.

    `asset` is the other picture that the step needs, once it is there.
    """

    function: Callable[..., Picture]
    params: Any
    size: Callable[[Any, Size], Size]
    rearranges: bool = False
    scales_to: Callable[[Any, Size], Size] | None = None
    max_pixels: int | None = None
    asset: Picture | None = None

    def __call__(self, picture: Picture) -> Picture:
        if self.max_pixels is not None:
            # What a trim leaves has another aspect than was planned for, and may be enlarged more.
            check_pixels("the step", self.size(self.params, picture.size), self.max_pixels)
        if self.asset is not None:
            return self.function(picture, self.params, self.asset)
        return self.function(picture, self.params)


def check_pixels(text: str, size: Size, most: int) -> None:
    """ImageTooLarge where that step makes an image of more pixels."""
    width, height = size
    if width * height > most:
        makes, may = (f"{pixels / 1e6:.4g}" for pixels in (width * height, most))
        raise ImageTooLarge(f"{text} makes an image of {width} x {height} = {makes} megapixels; the limit is {may}")


@dataclass(frozen=True, slots=True)
class Writing:
    """A step that changes nothing but how the result is written."""

    function: Callable[[Output, Any], Output]
    params: Any

    def __call__(self, picture: Picture) -> Picture:
        return picture


Operation = Table | Matrix | Effect | Geometry | Writing

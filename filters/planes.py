"""JPEG to JPEG on the planes that the file holds: luma, and at half the size two of colour.

A plain decode enlarges the colours and converts them to RGB, a plain encode does the opposite: up to a third of a job.
What negative, sepia, blur and pixelate do to a photo they do to the planes as well; as the colours are not enlarged and
reduced again, the file is mostly nearer to the exact result than one written the plain way. Without TurboJPEG
(`filters.turbojpeg`), and for what has no such form, there is the plain way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import cast

from PIL import Image

from filters import turbojpeg
from filters.operations import LEVELS, LUMA, Effect, Geometry, Matrix, Operation, Size, Table


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as luma and colour differences (BT.601, full range, 128 for none), the latter of half its size.

    `size` is that of the picture. The planes hold one `shrink`-th of it, and one column or row more where it is odd.
    """

    luma: Image.Image
    blue: Image.Image
    red: Image.Image
    size: Size
    shrink: int = 1

    @property
    def luma_size(self) -> Size:
        """Width and height, each even, that the luma has in full."""
        return 2 * self.colour_size[0], 2 * self.colour_size[1]

    @property
    def colour_size(self) -> Size:
        return (self.size[0] + 1) // 2, (self.size[1] + 1) // 2

    def with_planes(self, luma: Image.Image, blue: Image.Image, red: Image.Image) -> Planes:
        """The same picture with others, in full size."""
        return replace(self, luma=luma, blue=blue, red=red, shrink=1)


OnPlanes = Callable[[Planes], Planes]


def forms(operations: Iterable[Operation]) -> list[OnPlanes] | None:
    """What does the same on planes as each of the operations does on RGB; None if one of them has no such form."""
    operations = list(operations)
    if any(isinstance(operation, Geometry) for operation in operations):  # nor can one with a picture be looked up
        return None
    found = [_form(operation) for operation in operations]
    return None if None in found else cast(list[OnPlanes], found)


@lru_cache(maxsize=128)
def _form(operation: Operation) -> OnPlanes | None:
    match operation:
        case Table(is_affine=True) if len(operation.values) == LEVELS:
            slope = (operation.values[255] - operation.values[0]) / 255
            return partial(_mapped, luma=operation, colour=_scaled(slope))
        case Matrix(never_clips=True, leaves_gray=False):
            (own, *_, constant), (other, *_), *_ = operation.rows
            colour, gray = own - other, other / LUMA[0]
            alike = [
                (colour if row == column else 0) + gray * LUMA[column] if column < 3 else constant
                for row in range(3)
                for column in range(4)
            ]
            if max(abs(a - b) for a, b in zip(alike, operation.values, strict=True)) < 1e-6:
                luma = Table.of([(colour + gray) * level + constant for level in range(LEVELS)])
                return partial(_mapped, luma=luma, colour=_scaled(colour))
        case Effect(on_planes=on_planes, params=params) if on_planes:
            return on_planes(params)
    return None


def _scaled(factor: float) -> Table:
    return Table.of([128 + factor * (level - 128) for level in range(LEVELS)])


def _mapped(planes: Planes, *, luma: Table, colour: Table) -> Planes:
    return planes.with_planes(luma.on(planes.luma), colour.on(planes.blue), colour.on(planes.red))


def decode(data: bytes, size: Size, shrink: int) -> Planes | None:
    """Of a JPEG of that size, at one `shrink`-th (1, 2, 4 or 8) of it; None: see `turbojpeg.decode`."""
    found = turbojpeg.decode(data, size, shrink)
    return Planes(*found, size, shrink) if found else None


def encode(planes: Planes, quality: int) -> bytes:
    """A JPEG with 4:2:0 colours, as Pillow writes it. OSError: the library says why not."""
    # The luma has an even width and height: decoding saw to it, and so does every operation.
    return turbojpeg.encode((planes.luma, planes.blue, planes.red), planes.size, quality)

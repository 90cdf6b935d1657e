"""JPEG to JPEG on the planes that the file holds: luma, and at half the size two of colour.

A plain decode enlarges the colours and converts them to RGB, a plain encode does the opposite: up to a third of a job.
What negative, sepia, blur and pixelate do to a photo they do to the planes as well; as the colours are not enlarged and
reduced again, the file is mostly nearer to the exact result than one written the plain way. It takes the library of
TurboJPEG (from 2.0 on; Debian's `libturbojpeg0`). Without it, and for what has no such form, there is the plain way.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable
from ctypes.util import find_library
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import Any, cast

from PIL import Image

from filters.operations import LEVELS, LUMA, Effect, Geometry, Matrix, Operation, Table

# turbojpeg.h
YCBCR = 1
LIMIT_SCANS = 32768
S444, S422, S420, S440 = 0, 1, 2, 4
_EACH_BLOCK = {S444: (2, 2), S422: (1, 2), S420: (1, 1), S440: (2, 1)}
"""By what the colours of a kind of subsampling are reduced to become 4:2:0."""


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as luma and colour differences (BT.601, full range, 128 for none), the latter of half its size.

    `size` is that of the picture. The planes hold one `shrink`-th of it, and one column or row more where it is odd.
    """

    luma: Image.Image
    blue: Image.Image
    red: Image.Image
    size: tuple[int, int]
    shrink: int = 1

    @property
    def luma_size(self) -> tuple[int, int]:
        """Width and height, each even, that the luma has in full."""
        return 2 * self.colour_size[0], 2 * self.colour_size[1]

    @property
    def colour_size(self) -> tuple[int, int]:
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


def decode(data: bytes, size: tuple[int, int], shrink: int) -> Planes | None:
    """Of a JPEG of that size, at one `shrink`-th (1, 2, 4 or 8) of it.

    None: there is no TurboJPEG, the file has other colours than YCbCr, or it is damaged, of which Pillow says more.
    """
    library = _library()
    handle = library.tjInitDecompress() if library else None
    if library is None or not handle:
        return None
    try:
        numbers = [ctypes.c_int() for _ in range(4)]
        if library.tjDecompressHeader3(handle, data, len(data), *map(ctypes.byref, numbers)):
            return None
        width, height, subsampling, colours = (number.value for number in numbers)
        if colours != YCBCR or subsampling not in _EACH_BLOCK or (width, height) != size:
            return None
        if subsampling != S420 and (width % 2 or height % 2):
            return None  # no luma beyond the border, which 4:2:0 needs
        scaled = -(-width // shrink), -(-height // shrink)
        sizes = [
            (library.tjPlaneWidth(i, scaled[0], subsampling), library.tjPlaneHeight(i, scaled[1], subsampling))
            for i in range(3)
        ]
        buffers = [bytearray(across * down) for across, down in sizes]
        planes = _pointers(ctypes.addressof(ctypes.c_char.from_buffer(buffer)) for buffer in buffers)
        if library.tjDecompressToYUVPlanes(handle, data, len(data), planes, scaled[0], None, scaled[1], LIMIT_SCANS):
            return None
    finally:
        library.tjDestroy(handle)
    luma, *colour = [
        Image.frombuffer("L", size, buffer, "raw", "L", 0, 1) for size, buffer in zip(sizes, buffers, strict=True)
    ]
    blue, red = (band.reduce(_EACH_BLOCK[subsampling]) if subsampling != S420 else band for band in colour)
    return Planes(luma, blue, red, (width, height), shrink)


def encode(planes: Planes, quality: int) -> bytes:
    """A JPEG with 4:2:0 colours, as Pillow writes it. OSError: the library says why not."""
    library = _library()
    handle = library.tjInitCompress() if library else None
    if library is None or not handle:
        raise OSError("TurboJPEG is gone")
    written, length = ctypes.c_void_p(), ctypes.c_ulong()
    # The luma has an even width and height: decoding saw to it, and so does every operation.
    bands = [band.tobytes() for band in (planes.luma, planes.blue, planes.red)]
    pointers = _pointers(ctypes.cast(ctypes.c_char_p(band), ctypes.c_void_p).value for band in bands)
    try:
        failed = library.tjCompressFromYUVPlanes(
            handle,
            pointers,
            planes.size[0],
            None,
            planes.size[1],
            S420,
            ctypes.byref(written),
            ctypes.byref(length),
            quality,
            0,
        )
        if failed:
            raise OSError(library.tjGetErrorStr2(handle).decode())
        return ctypes.string_at(written, length.value)
    finally:
        library.tjFree(written)
        library.tjDestroy(handle)


def _pointers(addresses: Iterable[int | None]) -> Any:
    return (ctypes.c_void_p * 3)(*addresses)


@cache
def _library() -> ctypes.CDLL | None:
    """TurboJPEG with the functions that 2.0 has and 3 kept, None where there is none."""
    try:
        library = ctypes.CDLL(
            "libturbojpeg.so.0" if sys.platform == "linux" else find_library("turbojpeg") or "turbojpeg"
        )
        pointer, whole, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_ulong
        data = ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "tjInitDecompress": (pointer, []),
            "tjInitCompress": (pointer, []),
            "tjDestroy": (whole, [pointer]),
            "tjFree": (None, [pointer]),
            "tjGetErrorStr2": (data, [pointer]),
            "tjPlaneWidth": (whole, [whole] * 3),
            "tjPlaneHeight": (whole, [whole] * 3),
            "tjDecompressHeader3": (whole, [pointer, data, size, *[pointer] * 4]),
            "tjDecompressToYUVPlanes": (whole, [pointer, data, size, pointer, whole, pointer, whole, whole]),
            "tjCompressFromYUVPlanes": (
                whole,
                [*[pointer] * 2, whole, pointer, *[whole] * 2, *[pointer] * 2, *[whole] * 2],
            ),
        }
        for name, (result, arguments) in signatures.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return library

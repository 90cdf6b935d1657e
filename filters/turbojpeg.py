"""JPEG files to planes and back, by TurboJPEG (2.0 on; Debian's `libturbojpeg0`), where it is there.

Pillow has the same library within it, but shows no planes, and copies every line once more on its way in and out.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import Image

from filters import buffers
from filters.operations import Size

# turbojpeg.h
GRAY_PIXELS = 6
YCBCR, GRAY = 1, 2
S444, S422, S420, S440, SGRAY = 0, 1, 2, 4, 3
ACCURATE_DCT, LIMIT_SCANS = 4096, 32768
_FLAGS = ACCURATE_DCT | LIMIT_SCANS
_EACH_BLOCK = {S444: (2, 2), S422: (1, 2), S420: (1, 1), S440: (2, 1)}
"""By what the colours of a kind of subsampling are reduced to become 4:2:0."""


def is_there() -> bool:
    return _library() is not None


def decode(data: bytes, size: Size, shrink: int) -> tuple[Image.Image, Image.Image, Image.Image] | None:
    """Luma and two colour differences, these of half its size, of a JPEG of that size at one `shrink`-th (1, 2, 4 or
    8) of it; the planes have one column or row more where it is odd.

    None: there is no TurboJPEG, the file has other colours than YCbCr, or it is damaged, of which Pillow says more.
    """
    with _decoder(data) as (library, handle, found):
        if library is None or found is None:
            return None
        width, height, subsampling, colours = found
        if colours != YCBCR or subsampling not in _EACH_BLOCK or (width, height) != size:
            return None
        if subsampling != S420 and (width % 2 or height % 2):
            return None  # no luma beyond the border, which 4:2:0 needs
        across, down = -(-width // shrink), -(-height // shrink)
        sizes = [
            (library.tjPlaneWidth(i, across, subsampling), library.tjPlaneHeight(i, down, subsampling))
            for i in range(3)
        ]
        planes = [bytearray(plane_width * plane_height) for plane_width, plane_height in sizes]
        pointers = _pointers(map(_address, planes))
        if library.tjDecompressToYUVPlanes(handle, data, len(data), pointers, across, None, down, _FLAGS):
            return None
    luma, *colour = map(_image, planes, sizes)
    blue, red = (band.reduce(_EACH_BLOCK[subsampling]) if subsampling != S420 else band for band in colour)
    return luma, blue, red


def decode_luma(data: bytes, size: Size) -> Image.Image | None:
    """The luma alone of a JPEG of that size in YCbCr or gray, None as of `decode`."""
    with _decoder(data) as (library, handle, found):
        if library is None or found is None:
            return None
        width, height, _, colours = found
        if colours not in (YCBCR, GRAY) or (width, height) != size:
            return None
        plane = bytearray(width * height)
        if library.tjDecompress2(handle, data, len(data), _address(plane), width, 0, height, GRAY_PIXELS, _FLAGS):
            return None
    return _image(plane, size)


def encode(planes: Sequence[Image.Image], size: Size, quality: int) -> bytes:
    """A JPEG of that size as Pillow writes it: of one plane in gray, of three with 4:2:0 colours.

    OSError: the library says why not.
    """
    library = _library()
    handle = library.tjInitCompress() if library else None
    if library is None or not handle:
        raise OSError("TurboJPEG is gone")
    written, length = ctypes.c_void_p(), ctypes.c_ulong()
    kind = S420 if len(planes) > 1 else SGRAY
    for number, plane in enumerate(planes):
        needed = library.tjPlaneWidth(number, size[0], kind), library.tjPlaneHeight(number, size[1], kind)
        if plane.mode != "L" or plane.size != needed:
            raise OSError(f"plane {number} is {plane.size} and not {needed}")
    held = [buffers.of(plane) for plane in planes]
    pointers = _pointers(buffer.address for buffer in held)
    try:
        failed = library.tjCompressFromYUVPlanes(
            handle,
            pointers,
            size[0],
            None,
            size[1],
            kind,
            ctypes.byref(written),
            ctypes.byref(length),
            quality,
            _FLAGS,
        )
        if failed:
            raise OSError(library.tjGetErrorStr2(handle).decode())
        return ctypes.string_at(written, length.value)
    finally:
        library.tjFree(written)
        library.tjDestroy(handle)


@contextmanager
def _decoder(data: bytes) -> Iterator[tuple[ctypes.CDLL | None, int | None, tuple[int, int, int, int] | None]]:
    """The library, a decoder, and what it reads in the header: width, height, subsampling, colours."""
    library = _library()
    handle = library.tjInitDecompress() if library else None
    if library is None or not handle:
        yield None, None, None
        return
    try:
        numbers = [ctypes.c_int() for _ in range(4)]
        failed = library.tjDecompressHeader3(handle, data, len(data), *map(ctypes.byref, numbers))
        width, height, subsampling, colours = (number.value for number in numbers)
        yield library, handle, None if failed else (width, height, subsampling, colours)
    finally:
        library.tjDestroy(handle)


def _image(plane: bytearray, size: Size) -> Image.Image:
    return Image.frombuffer("L", size, plane, "raw", "L", 0, 1)


def _address(plane: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(plane))


def _pointers(addresses: Iterable[int]) -> Any:
    return (ctypes.c_void_p * 3)(*addresses)


def _found() -> str:
    from ctypes.util import find_library  # late: 8 ms

    return find_library("turbojpeg") or "turbojpeg"


@cache
def _library() -> ctypes.CDLL | None:
    """TurboJPEG with the functions that 2.0 has and 3 kept, None where there is none."""
    try:
        library = ctypes.CDLL("libturbojpeg.so.0" if sys.platform == "linux" else _found())
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
            "tjDecompress2": (whole, [pointer, data, size, pointer, *[whole] * 5]),
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

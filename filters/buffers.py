"""The bytes of an image where they lie, without a copy."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    # When it runs, NumPy is imported inside functions: 0.1 s and 14 MB that the commands can do without.
    import numpy as np
    from numpy.typing import NDArray


class _ArrowArray(ctypes.Structure):
    """https://arrow.apache.org/docs/format/CDataInterface.html, which Pillow exports."""

    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.POINTER(ctypes.c_void_p)),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class Buffer:
    """An address, and what keeps the bytes there; those who read them hold on to it."""

    address: int
    keeper: Any


def of(plane: Image.Image) -> Buffer:
    """The pixels of an `L` image, row after row; a copy where Pillow keeps them in several pieces (above 16 MP)."""
    try:
        _, keeper = plane.__arrow_c_array__()
    except ValueError:
        data = plane.tobytes()
        return Buffer(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0, data)
    exported = _ArrowArray.from_address(_address_in(keeper, b"arrow_array"))
    return Buffer(exported.buffers[1] + exported.offset, keeper)


def luma(image: Image.Image) -> NDArray[np.uint8]:
    """The luma as (rows, columns), to be read only; a gray image is not copied."""
    return array(image if image.mode == "L" else image.convert("L"))


def array(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels as (rows, columns) of an `L` image, else (rows, columns, channels), to be read only."""
    import numpy as np

    if image.mode != "L":
        return np.asarray(image)
    buffer = of(image)
    values = (ctypes.c_uint8 * (image.width * image.height)).from_address(buffer.address)
    vars(values)["keeper"] = buffer.keeper
    pixels: NDArray[np.uint8] = np.frombuffer(memoryview(values), np.uint8).reshape(image.height, image.width)
    pixels.flags.writeable = False
    return pixels


_address_in = ctypes.pythonapi.PyCapsule_GetPointer
_address_in.restype, _address_in.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]

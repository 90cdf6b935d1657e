"""Bytes of an image without a copy: the right ones, as long as someone holds them."""

import ctypes
import gc

import numpy as np
import pytest
from PIL import Image

from filters import buffers

IN_SEVERAL_PIECES = (4100, 4100)  # Pillow's blocks are of 16 MiB


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (641, 479), IN_SEVERAL_PIECES])
def test_the_bytes_are_those_of_the_image(size: tuple[int, int]) -> None:
    image = Image.radial_gradient("L").resize(size)
    buffer = buffers.of(image)
    assert ctypes.string_at(buffer.address, size[0] * size[1]) == image.tobytes()
    assert (buffers.array(image) == np.asarray(image)).all()


def test_a_part_of_an_image_has_bytes_of_its_own() -> None:
    part = Image.radial_gradient("L").crop((7, 9, 100, 60))
    assert (buffers.array(part) == np.asarray(part)).all()


def test_nothing_is_copied() -> None:
    image = Image.new("L", (40, 30))
    pixels = buffers.array(image)
    image.putpixel((3, 2), 99)
    assert pixels[2, 3] == 99


@pytest.mark.parametrize("size", [(640, 480), IN_SEVERAL_PIECES])
def test_the_bytes_outlive_the_image(size: tuple[int, int]) -> None:
    pixels = buffers.array(Image.new("L", size, 77))
    gc.collect()
    others = [Image.new("L", size, level) for level in range(5)]
    assert (pixels == 77).all()
    assert len(others) == 5


def test_an_array_cannot_be_written_to() -> None:
    pixels = buffers.array(Image.new("L", (4, 4)))
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 1


def test_luma_of_colours_is_that_of_pillow() -> None:
    image = Image.merge("RGB", [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.new("L", (256, 256), 9)])
    assert (buffers.luma(image) == np.asarray(image.convert("L"))).all()
    assert buffers.luma(image.getchannel(0)).tobytes() == image.getchannel(0).tobytes()
    assert (buffers.array(image) == np.asarray(image)).all()

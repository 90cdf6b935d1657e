"""Photos that the tests make: real files, no two alike, so that none is answered from what is stored already."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path

from tests.filters.images import encoded, photo

_numbers = itertools.count(1)


@functools.cache
def _jpeg(width: int, height: int) -> bytes:
    return encoded(photo(width, height), "jpeg", quality=90)


def jpeg(width: int = 1632, height: int = 1224) -> bytes:
    """A JPEG photo, of 2 MP unless told otherwise, with a comment that no other has."""
    text = f"photo {next(_numbers)}".encode()
    segment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    data = _jpeg(width, height)
    return data[:2] + segment + data[2:]


def jpegs(count: int, width: int = 1632, height: int = 1224) -> list[tuple[str, bytes]]:
    """(name, content) of several."""
    return [(f"photo-{number:02}.jpg", jpeg(width, height)) for number in range(count)]


def jpeg_files(folder: Path, count: int, width: int = 1632, height: int = 1224) -> list[Path]:
    """The same as files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, data in jpegs(count, width, height):
        paths.append(folder / name)
        paths[-1].write_bytes(data)
    return paths

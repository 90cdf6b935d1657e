"""How large a request body may be, derived from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.settings import Settings

FILES_OF_LARGEST_SIZE = 20
"""A form may be as large as this many files of the largest size allowed (1000 MiB, as 50 MiB is the default).

More images go in further requests into the same batch. It bounds what lies in the data folder meanwhile.
"""

BYTES_PER_PIXEL = 8
"""A result can be larger than any upload: four channels of 16 bits, uncompressed."""


def form_bytes(settings: Settings) -> int:
    """A multipart form, all its files together."""
    return FILES_OF_LARGEST_SIZE * settings.max_upload_bytes


def json_image_bytes(settings: Settings) -> int:
    """A JSON document with one image in base64, which makes four bytes of three."""
    return settings.max_upload_bytes * 4 // 3 + 2**16


def blob_bytes(settings: Settings) -> int:
    """A blob that a node sends: an input or a result."""
    return max(settings.max_upload_bytes, BYTES_PER_PIXEL * settings.max_pixels)


def size(count: int) -> str:
    """A number of bytes as people read it: `50 MiB`."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.4g} {name}"
    return f"{count} bytes"

"""The one door for images: every upload, from the page, the API or the command line, passes here.

Format by content, limits from the header; nothing is decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import filters
from cluster.storage import Store, TooLong


@dataclass(frozen=True, slots=True)
class Upload:
    """An image that was accepted and stored; not yet part of a job."""

    name: str
    sha256: str
    bytes: int
    header: filters.ImageHeader

    def to_json(self) -> dict[str, Any]:
        return {
            "sha256": self.sha256,
            "bytes": self.bytes,
            "width": self.header.width,
            "height": self.header.height,
            "format": self.header.format,
        }


def receive(store: Store, limits: filters.Limits, stream: BinaryIO, name: str) -> Upload:
    """Checks and stores one image file.

    Raises filters.ImageTooLarge, UnsupportedFormat or BrokenImage, and StoreError; then nothing is kept.
    """
    try:
        sha256, size, header = store.add(stream, limits.max_bytes, lambda readable: filters.inspect(readable, limits))
    except TooLong:
        raise filters.ImageTooLarge(
            f"the file is larger than {limits.max_bytes / 2**20:.0f} MiB, the limit for one image"
        ) from None
    return Upload(name[-255:], sha256, size, header)

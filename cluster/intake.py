"""The one door for images: every upload, from the page, the API or the command line, passes here.

Format by content, limits from the header; nothing is decoded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, BinaryIO

import filters
from cluster.storage import FolderStore, Store, TooLong


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
        raise _too_large(limits) from None
    return Upload(name[-255:], sha256, size, header)


def stored(store: FolderStore, limits: filters.Limits, sha256: str, name: str) -> Upload:
    """Checks an image that the store has already. Raises as `receive`, and NotFound."""
    store.renew(sha256)
    with store.open(sha256) as stream:
        size = stream.seek(0, io.SEEK_END)
        if size > limits.max_bytes:
            raise _too_large(limits)
        stream.seek(0)
        return Upload(name[-255:], sha256, size, filters.inspect(stream, limits))


def _too_large(limits: filters.Limits) -> filters.ImageTooLarge:
    return filters.ImageTooLarge(f"the file is larger than {limits.max_bytes / 2**20:.0f} MiB, the limit for one image")

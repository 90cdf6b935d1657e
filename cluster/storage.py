"""Where images lie: content-addressed by SHA-256, one small interface.

`FolderStore` is the data folder of the PC that runs the web app. `WebStore` is the same folder seen from another PC,
through the web app's internal blob route and the node token.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from cluster.errors import NotFound, StoreError

if TYPE_CHECKING:
    from httpx import Response

CHUNK = 1 << 20
IN_MEMORY = 8 << 20
STORE_ID = ".store-id"
_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


def nothing_to_check(_: BinaryIO) -> None:
    """The check of content that needs none, such as our own results."""


class Store(Protocol):
    def add(self, stream: BinaryIO, limit: int, check: Callable[[BinaryIO], T]) -> tuple[str, int, T]:
        """Stores what `stream` holds once `check` accepts it: (sha256, bytes, what `check` returned).

        Raises StoreError, TooLong beyond `limit` bytes, and whatever `check` raises; then nothing is kept.
        """

    def put(self, data: bytes) -> str:
        """Stores bytes; returns their SHA-256."""

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises NotFound or StoreError."""

    def open(self, sha256: str) -> BinaryIO:
        """A readable stream of the bytes. Raises NotFound or StoreError."""


class TooLong(StoreError):
    """More bytes than the limit allows."""


def checked_name(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise NotFound(f"{sha256!r} is no SHA-256 in lower-case hex")
    return sha256


class FolderStore:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: set[str] = set()

    def identity(self) -> str:
        """A random word kept in the folder, by which another process knows that it sees the same one."""
        path = self.root / STORE_ID
        try:
            return path.read_text()
        except OSError:
            pass
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", dir=self.root, delete=False) as file:
                file.write(secrets.token_hex(16))
            try:
                os.link(file.name, path)  # only the first of several processes wins
            except FileExistsError:
                pass
            finally:
                os.unlink(file.name)
            return path.read_text()
        except OSError as error:
            raise StoreError(f"cannot use {self.root} for images: {error.strerror}") from error

    def path(self, sha256: str) -> Path:
        name = checked_name(sha256)
        return self.root / name[:2] / name

    def _place(self, sha256: str) -> Path:
        path = self.path(sha256)
        if sha256[:2] not in self._folders:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.parent.mkdir(exist_ok=True, mode=0o700)
            self._folders.add(sha256[:2])
        return path

    def add(self, stream: BinaryIO, limit: int, check: Callable[[BinaryIO], T]) -> tuple[str, int, T]:
        try:
            head, rest = stream.read(IN_MEMORY), stream.read(CHUNK)
        except OSError as error:
            raise StoreError(f"the image could not be read to its end: {error.strerror or error}") from error
        if not rest:  # nearly every photo: one pass, and nothing is written that is there already
            if len(head) > limit:
                raise TooLong(f"more than {limit} bytes")
            found = check(io.BytesIO(head))
            return self.put(head), len(head), found
        digest = hashlib.sha256()
        size = 0
        self.identity()
        try:
            with tempfile.NamedTemporaryFile(dir=self.root, prefix="in-", delete=False) as file:
                temporary = Path(file.name)
                try:
                    for chunk in chain((head, rest), iter(partial(stream.read, CHUNK), b"")):
                        size += len(chunk)
                        if size > limit:
                            raise TooLong(f"more than {limit} bytes")
                        digest.update(chunk)
                        file.write(chunk)
                    file.flush()
                    with temporary.open("rb") as readable:
                        found = check(readable)
                    sha256 = digest.hexdigest()
                    os.replace(temporary, self._place(sha256))
                except BaseException:
                    temporary.unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreError(f"cannot write into {self.root}: {error.strerror or error}") from error
        return sha256, size, found

    def put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        temporary = self.root / f"in-{secrets.token_hex(8)}"
        try:
            path = self._place(sha256)
            if path.exists():
                return sha256
            temporary.write_bytes(data)
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise StoreError(f"cannot write into {self.root}: {error.strerror}") from error
        return sha256

    def get(self, sha256: str) -> bytes:
        with self.open(sha256) as file:
            return file.read()

    def open(self, sha256: str) -> BinaryIO:
        try:
            return self.path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound(f"the stored image {sha256[:12]} is gone from {self.root}") from None
        except OSError as error:
            raise StoreError(f"cannot read from {self.root}: {error.strerror}") from error


class WebStore:
    def __init__(self, url: str, token: str) -> None:
        import httpx  # late: only nodes on other PCs need it, and it costs 40 ms

        self._url = url.rstrip("/")
        self._failure = httpx.HTTPError
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(60, connect=5),
            transport=httpx.HTTPTransport(retries=3),
        )

    def _blob(self, sha256: str) -> str:
        return f"{self._url}/internal/blobs/{checked_name(sha256)}"

    def _sent(self, request: Callable[[], Response]) -> Response:
        try:
            response = request()
        except self._failure as error:
            raise StoreError(f"cannot reach the web app's store at {self._url}: {error}") from error
        if response.status_code == 404:
            raise NotFound(f"the stored image is gone from {self._url}")
        if response.is_error:
            raise StoreError(f"the web app's store at {self._url} answered {response.status_code}")
        return response

    def add(self, stream: BinaryIO, limit: int, check: Callable[[BinaryIO], T]) -> tuple[str, int, T]:
        data = stream.read(limit + 1)
        if len(data) > limit:
            raise TooLong(f"more than {limit} bytes")
        found = check(io.BytesIO(data))
        return self.put(data), len(data), found

    def put(self, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        self._sent(lambda: self._http.put(self._blob(sha256), content=data))
        return sha256

    def get(self, sha256: str) -> bytes:
        return self._sent(lambda: self._http.get(self._blob(sha256))).content

    def open(self, sha256: str) -> BinaryIO:
        return io.BytesIO(self.get(sha256))

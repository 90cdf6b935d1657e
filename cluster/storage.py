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
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from cluster.errors import NotFound, StoreError, StoreFull

if TYPE_CHECKING:
    from httpx import Response

CHUNK = 1 << 20
IN_MEMORY = 8 << 20
STORE_ID = ".store-id"
OWNER = ".store-owner"
ASIDE = ".aside"  # ending of an image that is about to be removed
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


def is_sha256(text: str) -> bool:
    """Whether it is written as images are named here: lower-case hex."""
    return bool(_SHA256.fullmatch(text))


def checked_name(sha256: str) -> str:
    if not is_sha256(sha256):
        raise NotFound(f"{sha256!r} is no SHA-256 in lower-case hex")
    return sha256


class FolderStore:
    def __init__(self, root: Path) -> None:
        self.root = root
        self._folders: set[str] = set()

    def identity(self) -> str:
        """A random word kept in the folder, by which another process knows that it sees the same one."""
        return self._note(STORE_ID) or self._noted(STORE_ID, secrets.token_hex(16))

    def belongs_to(self, cluster: str) -> bool:
        """Whether this is the store of the cluster with that id, which alone may remove images from it.

        A folder without images becomes the store of whoever asks first.
        """
        owner = self._note(OWNER)
        if owner is None:
            self.identity()
            if any(len(path.name) == 2 for path in self.root.iterdir()):
                return False
            owner = self._noted(OWNER, cluster)
        return owner == cluster

    def _note(self, name: str) -> str | None:
        try:
            return (self.root / name).read_text()
        except OSError:
            return None

    def _noted(self, name: str, text: str) -> str:
        """Writes a note for good; of several processes the first one's holds, and every one gets it."""
        path = self.root / name
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.NamedTemporaryFile("w", dir=self.root, delete=False) as file:
                file.write(text)
            try:
                os.link(file.name, path)
            except FileExistsError:
                pass
            finally:
                os.unlink(file.name)
            return path.read_text()
        except OSError as error:
            raise StoreError(f"cannot use {self.root} for images: {error.strerror}") from error

    def free_bytes(self) -> int:
        """What the folder's disk has left."""
        existing = next(path for path in (self.root, *self.root.absolute().parents) if path.exists())
        return shutil.disk_usage(existing).free

    def path(self, sha256: str) -> Path:
        return Path(self._name(sha256))

    def _name(self, sha256: str) -> str:
        """The path as text: a job needs it several times, and pathlib costs as much as the file does."""
        name = checked_name(sha256)
        return f"{self.root}/{name[:2]}/{name}"

    def find(self, sha256: str) -> Path | None:
        """Where the image lies, also while `discard` has put it aside; None: nowhere."""
        path = self.path(sha256)
        return next((place for place in (path, _aside(path), path) if place.is_file()), None)

    def discard(self, sha256: str, seconds: float, may_go: Callable[[str], bool]) -> bool:
        """Removes the image if nobody has stored it for `seconds` and `may_go` agrees; False: it stays.

        It is put aside first. Whoever stores the same image from then on does not find it and writes it anew; whoever
        stored it before has renewed its age. So no image goes that an upload relies on, and a crash in between leaves a
        file that `recover` puts back.
        """
        path = self.path(sha256)
        aside = _aside(path)
        try:
            os.replace(path, aside)
            if time.time() - aside.stat().st_mtime >= seconds and may_go(sha256):
                aside.unlink()
                return True
        except FileNotFoundError:
            return may_go(sha256)
        self.recover(sha256)
        return False

    def recover(self, sha256: str) -> None:
        """Puts an image back that was put aside; its age begins anew."""
        path = self.path(sha256)
        with contextlib.suppress(FileNotFoundError):
            os.utime(_aside(path))
            os.replace(_aside(path), path)

    def _place(self, sha256: str) -> str:
        """Where the image is to lie; its folder is there."""
        if sha256[:2] not in self._folders:
            self.identity()
            self.path(sha256).parent.mkdir(exist_ok=True, mode=0o700)
            self._folders.add(sha256[:2])
        return self._name(sha256)

    def add(self, stream: BinaryIO, limit: int, check: Callable[[BinaryIO], T]) -> tuple[str, int, T]:
        try:
            head, rest = _head(stream), stream.read(CHUNK)
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
        temporary = f"{self.root}/in-{secrets.token_hex(8)}"
        try:
            path = self._place(sha256)
            with contextlib.suppress(OSError):  # not there, or somebody else's file
                os.utime(path)  # it is there, and in use from now on: see `discard`
                return sha256
            _write(temporary, data)
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise StoreError(f"cannot write into {self.root}: {error.strerror}") from error
        return sha256

    def renew(self, sha256: str) -> None:
        """Begins the image's age anew, so that it is not removed before a job needs it. Raises NotFound."""
        name = self._name(sha256)
        for place in (name, name + ASIDE, name):
            try:
                os.utime(place)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"cannot use {self.root} for images: {error.strerror}") from error
            return
        raise NotFound(f"there is no stored image {sha256[:12]}")

    def get(self, sha256: str) -> bytes:
        with self.open(sha256) as file:
            return file.read()

    def open(self, sha256: str) -> BinaryIO:
        name = self._name(sha256)
        for place in (name, name + ASIDE, name):
            try:
                return open(place, "rb")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StoreError(f"cannot read from {self.root}: {error.strerror}") from error
        if not (self.root / STORE_ID).exists():
            raise StoreError(f"the image store {self.root} is not there: is its disk mounted?")
        raise NotFound(f"the stored image {sha256[:12]} is gone from {self.root}")


def _head(stream: BinaryIO) -> bytes:
    """The first IN_MEMORY bytes. Asked for at once they would be taken from the system and given back for every photo,
    which takes longer than reading most."""
    first = stream.read(CHUNK)
    return first if len(first) < CHUNK else first + stream.read(IN_MEMORY - CHUNK)


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _aside(path: Path) -> Path:
    return path.with_name(path.name + ASIDE)


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
            kind = StoreFull if response.status_code == 507 else StoreError
            raise kind(f"the web app's store at {self._url} answered {response.status_code}{_words(response)}")
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

    def tidy(self) -> None:
        """Has the web app remove some images that no job uses."""
        self._sent(lambda: self._http.post(f"{self._url}/internal/tidy"))


def _words(response: Response) -> str:
    """What the web app says is wrong, such as that its disk is full."""
    try:
        return f": {response.json()['detail']}"
    except (ValueError, KeyError, TypeError):
        return ""

"""Images as they come in: a form is spooled to the data folder, and each file goes to the cluster's store.

Nothing is decoded here; `cluster.receive` judges a file by its header. The form's text is checked first, so a
request with a wrong pipeline stores nothing.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from flask import Request, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import ClientDisconnected
from werkzeug.formparser import FormDataParser

import cluster.errors
import filters
from webapp import context, limits, names, problems
from webapp.describe import MULTIPART
from webapp.problems import Problem

if TYPE_CHECKING:
    from cluster.intake import Upload

IN_MEMORY_BYTES = 2**20
"""A form up to this size never touches the disk."""


class SpooledFile(io.RawIOBase):
    """One file of a form: a slice of the request's spool.

    Two thousand files in one form would otherwise be two thousand open files, twice what a process may have.
    """

    def __init__(self, spool: IO[bytes], limit: int, name: str) -> None:
        self._spool = spool
        self._start = spool.seek(0, io.SEEK_END)
        self._length = 0
        self._position = 0
        self._limit = limit
        self._name = name

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Appends. Problem 413 as soon as the file is larger than allowed, whatever is still to come."""
        self._length += len(data)
        if self._length > self._limit:
            raise Problem(
                413,
                "image-too-large",
                f"{self._name}: the file is larger than {limits.size(self._limit)}, the limit for one image.",
                file=self._name,
            )
        return self._spool.write(data)

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._length - self._position)
        self._spool.seek(self._start + self._position)
        data = self._spool.read(max(0, count))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        return self._position


class UploadRequest(Request):
    """A request whose files share one spool, limited per file, and whose broken forms are errors."""

    _spool: IO[bytes] | None = None

    def make_form_data_parser(self) -> FormDataParser:
        parser = super().make_form_data_parser()
        # A form that cannot be read would otherwise look like an empty one.
        parser.silent = False
        return parser

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        settings = context.settings()
        if self._spool is None:
            # Beside the store and not in /tmp, which is memory on many systems.
            folder = settings.data / "uploads"
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115  # closed in close()
        return cast("IO[bytes]", SpooledFile(self._spool, settings.max_upload_bytes, names.received(filename)))

    def close(self) -> None:
        super().close()
        if self._spool is not None:
            self._spool.close()


def load_form(*, max_bytes: int) -> None:
    """Reads the multipart form, up to `max_bytes` in all. Problem 400, 413 or 415 where it cannot be read."""
    if request.mimetype != MULTIPART:
        given = request.mimetype or "no content type"
        raise Problem(
            415,
            "not-a-form",
            f"Send a {MULTIPART} form with an `image` file field (curl: -F image=@photo.jpg); got {given}.",
        )
    request.max_content_length = max_bytes
    try:
        request.files  # noqa: B018  # parses the body
    except ClientDisconnected:
        raise Problem(400, "invalid-form", "The form was cut off before its end.") from None
    except ValueError as error:
        raise Problem(400, "invalid-form", f"The form was cut off or is no valid {MULTIPART}: {error}.") from None


def images(*, most: int, also: Sequence[str] = ()) -> list[FileStorage]:
    """The `image` files of the form that was read, at least one. Problem 400 or 413 says what to send.

    `also` are the file fields that there may be besides.
    """
    if not request.files and not request.form:
        raise Problem(400, "missing-image", "POST an `image` file field; got an empty form.")
    wrong = [name for name in request.files if name not in ("image", *also)]
    if wrong:
        raise Problem(
            400,
            "unknown-field",
            f"There is no file field `{wrong[0]}`; images go into the field `image`, once per image.",
        )
    if "image" in request.form:
        raise Problem(
            400,
            "missing-image",
            "`image` came as text; send the file itself, with a file name (curl: -F image=@photo.jpg).",
        )
    # A browser sends an empty file field as a file without a name.
    found = [file for file in request.files.getlist("image") if file.filename]
    if not found:
        raise Problem(400, "missing-image", "POST at least one `image` file field; the form has no file in it.")
    if len(found) > most:
        raise Problem(
            413,
            "too-many-files",
            f"The form has {len(found)} images; allowed are {most} in one request. Send the rest in further "
            "requests with `batch` set to this batch's id.",
        )
    return found


def assets(pipeline: filters.Pipeline) -> list[FileStorage]:
    """The `asset` files of the form: pictures that steps of the pipeline name. Problem 400 where none does."""
    found = [file for file in request.files.getlist("asset") if file.filename]
    named = {name for _, name in pipeline.assets()}
    for name in (names.received(file.filename) for file in found):
        if name not in named:
            raise Problem(
                400,
                "unused-asset",
                f'No step of the pipeline names the asset `{name}`, as {{"filter": "logo", "image": "{name}"}} does.',
                file=name,
            )
    return found


def receive_assets(files: Sequence[FileStorage]) -> list[Upload]:
    """As `receive`, for the pictures that steps name."""
    take = context.cluster().receive_asset
    return [_received(take, cast(BinaryIO, file.stream), names.received(file.filename)) for file in files]


def receive(files: Sequence[FileStorage]) -> list[Upload]:
    """Stores every file. The first one that is refused is a problem that names it."""
    return [receive_one(cast(BinaryIO, file.stream), names.received(file.filename)) for file in files]


def receive_one(stream: BinaryIO, name: str) -> Upload:
    return _received(context.cluster().receive, stream, name)


def _received(take: Callable[[BinaryIO, str], Upload], stream: BinaryIO, name: str) -> Upload:
    try:
        return take(stream, name)
    except (filters.FilterError, cluster.errors.ClusterError) as error:
        problem = problems.from_error(error, file=name)
        if isinstance(error, filters.FilterError):
            problem.detail = f"{name}: {problem.detail}"
        raise problem from error

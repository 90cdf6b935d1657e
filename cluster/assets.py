"""Pictures that steps need, such as a logo: from the names that people give to stored images.

A step names a file that is sent along, or one that was sent before by its SHA-256. Jobs know the SHA-256 alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import filters
from cluster.intake import Upload
from cluster.storage import is_sha256


def read_files(
    pipeline: filters.Pipeline, limits: filters.Limits, *, stored: bool
) -> tuple[filters.Pipeline, dict[str, bytes]]:
    """Reads the files on this PC that steps name: the pipeline with their SHA-256 instead, and the files by that.

    With `stored`, a step may also give the SHA-256 of a picture that the cluster has. FilterError with `step` set: a
    file cannot be read, or is not a picture that may be used.
    """
    names, files = dict[str, str](), dict[str, bytes]()
    for number, name in pipeline.assets():
        if name in names or (stored and is_sha256(name) and not Path(name).exists()):
            continue
        word = pipeline.steps[number - 1].filter
        if not name:
            raise filters.MissingAsset(f"{word} needs a picture: write {word}:image=FILE", step=number)
        try:
            data = Path(name).read_bytes()
            filters.inspect(data, limits.of_assets)
        except OSError as error:
            raise filters.MissingAsset(f"{word}: {name} cannot be read: {error.strerror}", step=number) from error
        except filters.FilterError as error:
            raise type(error)(f"{word}: {name}: {error.detail}", step=number) from error
        names[name] = hashlib.sha256(data).hexdigest()
        files[names[name]] = data
    return pipeline.with_assets(names), files


def resolve(
    pipeline: filters.Pipeline, sent: Sequence[Upload], known: Callable[[str], Upload | None]
) -> tuple[filters.Pipeline, list[Upload]]:
    """The pipeline with SHA-256 for names, and the pictures that it needs, each once.

    `known` finds by its SHA-256 what was sent before. Raises filters.MissingAsset that says what to send.
    """
    by_name = {key: upload for upload in sent for key in (upload.sha256, upload.name)}
    found: dict[str, Upload] = {}
    for number, name in pipeline.assets():
        if name in found:
            continue
        upload = by_name.get(name) or (known(name) if is_sha256(name) else None)
        if upload is None:
            word = pipeline.steps[number - 1].filter
            wanted = f"the picture '{name}'" if name else "a picture"
            raise filters.MissingAsset(
                f"{word} needs {wanted}: send the file along as an `asset` and its name as the step's `image`, or the "
                "SHA-256 of one that was sent so before and is still in use",
                step=number,
            )
        found[name] = upload
    uploads = {upload.sha256: upload for upload in found.values()}
    return pipeline.with_assets({name: upload.sha256 for name, upload in found.items()}), list(uploads.values())

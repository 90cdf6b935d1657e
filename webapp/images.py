"""Stored images as answers: true type, safe name, an ETag that is the content's hash."""

from __future__ import annotations

from typing import BinaryIO, Literal

from flask import Response, send_file

import filters
from cluster.errors import NotFound
from webapp import context, names

FOR_GOOD = "private, max-age=31536000, immutable"
"""A job's images never change; private, because every address is behind the login."""


def send_image(job_id: str, which: Literal["input", "result", "thumbnail"], *, attachment: bool = False) -> Response:
    """Raises NotFound, or Conflict where the job has no such image (yet)."""
    cluster = context.cluster()
    blob = cluster.job_blob(job_id, which)
    sha256, format = blob["sha256"], blob["format"]
    source: str | BinaryIO
    try:
        source = str(cluster.blob_path(sha256))
    except NotFound:
        source = cluster.open_blob(sha256)
    response = send_file(
        source,
        mimetype=filters.MEDIA_TYPES[format],
        as_attachment=attachment,
        download_name=names.of_result(cluster.job(job_id)["name"], format),
        etag=sha256,
        last_modified=None,
    )
    response.headers["Cache-Control"] = FOR_GOOD
    return response

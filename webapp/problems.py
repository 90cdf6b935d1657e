"""Every error as a problem document (RFC 9457), from one table.

`type` is `urn:cumulo:problem:` and a stable word; errors of `filters` and `cluster` bring their own.
`detail` is a sentence for a person: what was wrong and what is allowed. `step` (1-based) names the filter to
blame, `file` the upload.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Mapping

from flask import Flask, Response, g, json, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.http import HTTP_STATUS_CODES

import cluster.errors
import cluster.storage
import filters
from webapp import context
from webapp.limits import size

MEDIA_TYPE = "application/problem+json"
URN = "urn:cumulo:problem:"

CLUSTER_STATUS: Mapping[type[Exception], int] = {
    cluster.errors.ClusterError: 500,
    cluster.errors.NotFound: 404,
    cluster.errors.Conflict: 409,
    cluster.errors.BacklogFull: 429,
    cluster.errors.QuotaReached: 429,
    cluster.errors.NotAccepting: 403,
    cluster.errors.StoreError: 503,
    cluster.errors.StoreFull: 507,
    cluster.storage.TooLong: 413,
    cluster.errors.ClusterUnavailable: 503,
    cluster.errors.ClusterFull: 507,
    cluster.errors.NoLiveNode: 503,
    cluster.errors.NoRoom: 503,
}
FILTER_STATUS: Mapping[type[Exception], int] = {
    filters.FilterError: 422,
    filters.ImageTooLarge: 413,
    filters.UnsupportedFormat: 415,
}
RETRY_AFTER = {429: 10, 503: 3, 507: 60}
"""Seconds after which trying again makes sense."""

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

log = logging.getLogger(__name__)


class Problem(Exception):
    """A problem found by the web app itself; `members` are extension members such as `file` or `step`."""

    def __init__(
        self,
        status: int,
        type: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.type = type
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members


def answer(problem: Problem) -> Response:
    document: dict[str, object] = {
        "type": URN + problem.type,
        "title": problem.type.replace("-", " ").capitalize(),
        "status": problem.status,
        "detail": _sentence(problem),
        **{name: value for name, value in problem.members.items() if value is not None},
    }
    if request.blueprint == "report":
        # The original report's clients look for `error`.
        document["error"] = document["detail"]
    response = Response(json.dumps(document), problem.status, content_type=MEDIA_TYPE)
    if problem.status in RETRY_AFTER:
        response.headers["Retry-After"] = str(RETRY_AFTER[problem.status])
    response.headers.update(problem.headers)
    return response


def _sentence(problem: Problem) -> str:
    """The detail with a capital, unless it begins with the name of a file, which stays as it is."""
    file = problem.members.get("file")
    if file and problem.detail.startswith(str(file)):
        return problem.detail
    return problem.detail[:1].upper() + problem.detail[1:]


def from_error(error: Exception, *, file: str | None = None) -> Problem:
    """The problem document's content for any exception; `file` is the upload it happened with."""
    match error:
        case Problem():
            return error
        case filters.FilterError():
            status = _nearest(FILTER_STATUS, error)
            return Problem(status, error.type, error.detail, step=error.step, file=file)
        case cluster.errors.StoreError(__cause__=OSError() as cause) if cause.errno in NO_SPACE:
            return from_error(cause)
        case cluster.errors.ClusterError():
            status = _nearest(CLUSTER_STATUS, error)
            return Problem(status, _kebab(type(error).__name__), error.detail, file=file)
        case HTTPException():
            return _from_http(error)
        case OSError() if error.errno in NO_SPACE:
            return Problem(507, "store-full", "The disk for images is full; free some space and try again.")
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return Problem(500, "internal-error", "Something went wrong in the web app itself; its log says what. Try again.")


def _nearest(statuses: Mapping[type[Exception], int], error: Exception) -> int:
    return next(statuses[cls] for cls in type(error).__mro__ if cls in statuses)


def _from_http(error: HTTPException) -> Problem:
    status = error.code or 500
    detail = error.description or HTTP_STATUS_CODES.get(status, "The request failed.")
    match error:
        case NotFound():
            detail = f"There is nothing at {request.path}. The document at /api/v1/openapi.json lists every route."
        case MethodNotAllowed(valid_methods=methods):
            allowed = ", ".join(sorted(methods or ()))
            detail = f"{request.path} does not take {request.method}; it takes {allowed}."
        case RequestEntityTooLarge():
            detail = _too_large()
    # The body is ours, whatever its headers were.
    kept = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return Problem(status, _kebab(type(error).__name__), detail, headers=kept)


def _too_large() -> str:
    settings = context.settings()
    if request.mimetype != "multipart/form-data":
        most = size(request.max_content_length or 0)
        return f"The request's body is too large; {request.path} takes at most {most}."
    return (
        f"The form is too large. Allowed are {size(request.max_content_length or 0)} in all, "
        f"{size(settings.max_upload_bytes)} per file, {settings.max_files} files and "
        f"{size(request.max_form_memory_size or 0)} of text (an image must be a file part, not text)."
    )


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def install(app: Flask) -> None:
    app.register_error_handler(Exception, _handle)


def _handle(error: Exception) -> Response:
    if isinstance(error, cluster.errors.ClusterUnavailable) or isinstance(
        error.__cause__, cluster.errors.ClusterUnavailable
    ):
        g.redis_is_away = True  # for webapp.access_log
    return answer(from_error(error))

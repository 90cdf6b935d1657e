"""The blob route: how nodes on other PCs read originals and write results, with the node token.

The leader asks here for files to be removed where it does not see the folder itself.
"""

from __future__ import annotations

from typing import BinaryIO, cast

from flask import Blueprint, Response, request, send_file
from flask.typing import ResponseReturnValue

from webapp import context, limits
from webapp.describe import BINARY, Media, describe
from webapp.images import FOR_GOOD

BYTES = "application/octet-stream"

blueprint = Blueprint("internal", __name__, url_prefix="/internal")


@blueprint.get("/blobs/<sha256:sha256>")
@describe(
    "Content by its hash",
    answers={200: Media(BYTES, "The content", BINARY), 304: None},
    problems=(404, 503),
)
def get_blob(sha256: str) -> ResponseReturnValue:
    path = context.cluster().blob_path(sha256)
    response = send_file(path, mimetype=BYTES, etag=sha256, last_modified=None)
    response.headers["Cache-Control"] = FOR_GOOD
    return response


@blueprint.put("/blobs/<sha256:sha256>")
@describe(
    "Store content under its hash; refused if it has another one",
    body={BYTES: BINARY},
    answers={204: None},
    problems=(409, 413, 503, 507),
)
def put_blob(sha256: str) -> ResponseReturnValue:
    request.max_content_length = limits.blob_bytes(context.settings())
    context.cluster().store_blob(sha256, cast(BinaryIO, request.stream))
    return Response(status=204)


@blueprint.post("/tidy")
@describe("Remove some of the content that no job uses", answers={204: None}, problems=(503,))
def tidy() -> ResponseReturnValue:
    context.cluster().tidy()
    return Response(status=204)

"""Batches: progress, and all results in one file."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field

import filters
from cluster.errors import NotFound
from cluster.intake import Upload
from webapp import context, names, schemas, submission
from webapp.archive import archive
from webapp.describe import BINARY, JSON, Media, describe
from webapp.parsing import json_body, query
from webapp.problems import Problem

blueprint = Blueprint("batches", __name__)


class BatchQuery(BaseModel):
    after: int | None = Field(
        None, ge=0, description="Adds `results`: the jobs in order of finishing, from this position on"
    )
    brief: bool = Field(False, description="`outcomes` instead of `results`: what became of each job and no more")


MOST_STORED = 500
"""Images in one request, so that it is short; the rest go in further requests into the same batch."""


class Stored(BaseModel):
    """An image that the cluster's store has already."""

    model_config = ConfigDict(extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field(min_length=1, max_length=1000, description="What its file is called")


class StoredOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    images: list[Stored] = Field(min_length=1, max_length=MOST_STORED)
    pipeline: list[str | dict[str, Any]] = Field(description='Steps in order: [{"filter": "blur", "radius": 4}]')
    format: str | None = Field(None, description="Of the results; else each keeps its own, and HEIC becomes JPEG")
    quality: int | None = Field(None, ge=1, le=100, description="For jpeg, webp and avif")
    priority: int = Field(0, ge=0, le=submission.MOST_URGENT, description="Higher runs sooner")
    batch: str | None = Field(None, description="Id of an earlier batch with the same pipeline and output, which grows")
    assets: list[Stored] = Field([], max_length=32, description="Pictures that steps name by their SHA-256")


@blueprint.post("/batches")
@describe(
    "Submit images that the cluster's store has already",
    description="For programs on the PC of the store, such as `cumulo apply`: they put the files there themselves. "
    "Images that are refused are named, and the others are submitted all the same.",
    body={JSON: StoredOrder},
    answers={202: schemas.Recorded},
    problems=(400, 404, 409, 413, 415, 422, 429, 503, 507),
)
def submit_stored() -> ResponseReturnValue:
    order = json_body(StoredOrder)
    cluster = context.cluster()
    pipeline = submission.parse(order.pipeline)
    output = submission.output_format(order.format or "")
    assets = [cluster.receive_stored_asset(asset.sha256, names.received(asset.name)) for asset in order.assets]
    uploads: list[Upload] = []
    refused = []
    for position, image in enumerate(order.images):
        name = names.received(image.name)
        try:
            uploads.append(cluster.receive_stored(image.sha256, name))
        except (filters.FilterError, NotFound) as error:
            refused.append({"position": position, "name": name, "detail": error.detail})
    batch = order.batch
    if uploads:
        batch, _ = cluster.record(
            uploads,
            pipeline,
            format=output,
            quality=order.quality,
            priority=order.priority,
            submitter="operator",
            batch=batch,
            assets=assets,
        )
    return {"batch": batch, "refused": refused}, 202


@blueprint.get("/batches/<id:batch_id>")
@describe("A batch's progress", query=BatchQuery, answers={200: schemas.Batch}, problems=(400, 404, 503))
def get_batch(batch_id: str) -> ResponseReturnValue:
    wanted = query(BatchQuery)
    return context.cluster().batch(batch_id, wanted.after, brief=wanted.brief)


@blueprint.post("/batches/<id:batch_id>/retry")
@describe(
    "Run every failed, quarantined or cancelled job of a batch again",
    answers={200: schemas.Changed},
    problems=(404, 503),
)
def retry(batch_id: str) -> ResponseReturnValue:
    return {"changed": context.cluster().retry_batch(batch_id)}


@blueprint.post("/batches/<id:batch_id>/cancel")
@describe("Cancel every job of a batch that is not finished", answers={200: schemas.Changed}, problems=(404, 503))
def cancel(batch_id: str) -> ResponseReturnValue:
    return {"changed": context.cluster().cancel_batch(batch_id)}


@blueprint.get("/batches/<id:batch_id>/archive")
@describe(
    "The results that are done, as a ZIP file",
    answers={200: Media("application/zip", "Made while it is sent; not compressed", BINARY)},
    problems=(404, 409, 503),
)
def get_archive(batch_id: str) -> ResponseReturnValue:
    cluster = context.cluster()
    zipped = archive(cluster, cluster.batch_jobs(batch_id))
    if not zipped:
        raise Problem(409, "nothing-done", f"No image of batch {batch_id} is done yet; there is nothing to pack.")
    response = Response(zipped, mimetype="application/zip")
    response.content_length = len(zipped)
    response.headers.set("Content-Disposition", "attachment", filename=f"cumulo-{batch_id}.zip")
    return response

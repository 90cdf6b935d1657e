"""Batches: progress, and all results in one file."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

from webapp import context, schemas
from webapp.archive import archive
from webapp.describe import BINARY, Media, describe
from webapp.parsing import query
from webapp.problems import Problem

blueprint = Blueprint("batches", __name__)


class BatchQuery(BaseModel):
    after: int | None = Field(
        None, ge=0, description="Adds `results`: the jobs in order of finishing, from this position on"
    )


@blueprint.get("/batches/<id:batch_id>")
@describe("A batch's progress", query=BatchQuery, answers={200: schemas.Batch}, problems=(400, 404, 503))
def get_batch(batch_id: str) -> ResponseReturnValue:
    return context.cluster().batch(batch_id, query(BatchQuery).after)


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

"""Jobs: submitting images, looking at jobs, fetching their images."""

from __future__ import annotations

from typing import Literal

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field

import filters
from webapp import context, limits, schemas, submission, uploads
from webapp.describe import BINARY, JSON, MULTIPART, Media, describe
from webapp.images import send_image
from webapp.parsing import query

blueprint = Blueprint("jobs", __name__)

IMAGE = Media("image/*", "The image, with its true type; kept by caches for good", BINARY)
FORM_SCHEMA = {
    "type": "object",
    "required": ["image"],
    "additionalProperties": False,
    "properties": {
        "image": {"type": "array", "items": BINARY, "minItems": 1, "description": "Once per image"},
        "asset": {
            "type": "array",
            "items": BINARY,
            "description": "A small picture that a step names, such as a logo; once per picture",
        },
        "pipeline": {
            "type": "string",
            "contentMediaType": JSON,
            "description": 'Steps in order: [{"filter": "blur", "radius": 4}, "sepia"]',
        },
        "filter": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Instead of `pipeline`: a step like `blur:radius=4`, repeated in order",
        },
        "format": {
            "enum": list(filters.FORMATS),
            "description": "Of the results; else each keeps its own, and HEIC becomes JPEG",
        },
        "quality": {"type": "integer", "minimum": 1, "maximum": 100, "description": "For jpeg, webp and avif"},
        "priority": {"type": "integer", "minimum": 0, "maximum": 9, "description": "Higher runs sooner"},
        "batch": {
            "type": "string",
            "description": "Id of an earlier batch with the same pipeline and output, which grows",
        },
    },
}


class JobsQuery(BaseModel):
    state: schemas.JobState | None = None
    node: str | None = Field(None, description="Bound to this node")
    filter: str | None = Field(None, description="Has this filter in its pipeline")
    q: str | None = Field(None, description="Beginning of the file's name, in upper or lower case")
    since: float | None = Field(None, ge=0, le=1e11, description="Created at this time or later, epoch seconds")
    until: float | None = Field(None, ge=0, le=1e11, description="Created before this time, epoch seconds")
    cursor: str | None = Field(None, pattern=r"^\d{1,15}$", description="`next` of the page before")
    limit: int = Field(50, ge=1, le=500)


class RetryQuery(BaseModel):
    state: Literal["failed", "quarantined", "cancelled"] = Field(description="Jobs in this state are run again")


class ResultQuery(BaseModel):
    download: bool = Field(False, description="As an attachment, to be saved")


@blueprint.post("/jobs")
@describe(
    "Submit images through a pipeline",
    description="All or nothing: if one image is refused, nothing is submitted; `file` says which one. A step that "
    'needs a picture names an `asset` of the same form, as in {"filter": "logo", "image": "brand.png"}, or gives the '
    "SHA-256 that the pipeline of an earlier batch has in its place.",
    body={MULTIPART: FORM_SCHEMA},
    answers={202: schemas.Submitted},
    problems=(400, 404, 409, 413, 415, 422, 429, 503, 507),
)
def submit() -> ResponseReturnValue:
    settings = context.settings()
    uploads.load_form(max_bytes=limits.form_bytes(settings))
    images = uploads.images(most=settings.max_files, also=("asset",))
    order = submission.read(request.form)
    cluster = context.cluster()
    pipeline, assets = cluster.resolve(order.pipeline, uploads.receive_assets(uploads.assets(order.pipeline)))
    submitted = cluster.submit(
        uploads.receive(images),
        pipeline,
        format=order.format,
        quality=order.quality,
        priority=order.priority,
        submitter="operator",
        batch=order.batch,
        assets=assets,
    )
    return submitted, 202, {"Location": f"/api/v1/batches/{submitted['batch']}"}


@blueprint.get("/jobs")
@describe(
    "Jobs, newest first",
    description="All conditions must hold. A page can have fewer items than `limit`, even none, and a `next` still.",
    query=JobsQuery,
    answers={200: schemas.JobPage},
    problems=(400, 503),
)
def list_jobs() -> ResponseReturnValue:
    wanted = query(JobsQuery)
    return context.cluster().jobs(**wanted.model_dump())


@blueprint.get("/jobs/<id:job_id>")
@describe("One job, with its timeline", answers={200: schemas.JobDetail}, problems=(404, 503))
def get_job(job_id: str) -> ResponseReturnValue:
    return context.cluster().job(job_id)


@blueprint.get("/jobs/<id:job_id>/result")
@describe("The result", query=ResultQuery, answers={200: IMAGE, 304: None}, problems=(400, 404, 409, 503))
def get_result(job_id: str) -> ResponseReturnValue:
    return send_image(job_id, "result", attachment=query(ResultQuery).download)


@blueprint.get("/jobs/<id:job_id>/input")
@describe("The original", answers={200: IMAGE, 304: None}, problems=(404, 503))
def get_input(job_id: str) -> ResponseReturnValue:
    return send_image(job_id, "input")


@blueprint.get("/jobs/<id:job_id>/thumbnail")
@describe("A small version of the result", answers={200: IMAGE, 304: None}, problems=(404, 409, 503))
def get_thumbnail(job_id: str) -> ResponseReturnValue:
    return send_image(job_id, "thumbnail")


@blueprint.post("/jobs/<id:job_id>/retry")
@describe("Run a failed, quarantined or cancelled job again", answers={200: schemas.Job}, problems=(404, 409, 503))
def retry(job_id: str) -> ResponseReturnValue:
    return context.cluster().retry(job_id)


@blueprint.post("/jobs/retry")
@describe(
    "Run all failed jobs of the cluster again, or all quarantined or all cancelled ones",
    query=RetryQuery,
    answers={200: schemas.Changed},
    problems=(400, 503),
)
def retry_all() -> ResponseReturnValue:
    return {"changed": context.cluster().retry_all(query(RetryQuery).state)}


@blueprint.post("/jobs/<id:job_id>/cancel")
@describe("Cancel a job that is not finished", answers={200: schemas.Job}, problems=(404, 409, 503))
def cancel(job_id: str) -> ResponseReturnValue:
    return context.cluster().cancel(job_id)

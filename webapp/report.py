"""The five routes of the original report, in its own JSON shapes, on today's cluster.

Values of workers are decimal strings, as Redis has them. Errors that the report does not know are problem
documents with its `error` member.
"""

from __future__ import annotations

import base64
import binascii
import io
import ipaddress
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ConfigDict, Field, field_validator

import filters
from cluster.errors import NoLiveNode, NotFound, UnknownNode
from cluster.settings import valid_node_name
from webapp import context, limits, names, schemas, submission, uploads
from webapp.describe import JSON, MULTIPART, describe
from webapp.parsing import json_body, json_object
from webapp.problems import Problem

if TYPE_CHECKING:
    from cluster.intake import Upload

blueprint = Blueprint("report", __name__)

HOW = (
    "Send the image: multipart with an `image` file field (curl -F image=@photo.jpg -F filters=sepia), "
    'or JSON {"image": "<base64>", "filters": ["sepia", {"filter": "blur", "radius": 4}]}.'
)
FILTERS = {
    "type": "array",
    "items": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["filter"]}]},
    "description": "Names or objects with parameters",
}


class Registration(BaseModel):
    worker_id: str
    ip: str
    port: int = Field(ge=0, le=65535)

    @field_validator("worker_id")
    @classmethod
    def _name(cls, value: str) -> str:
        return valid_node_name(value)

    @field_validator("ip")
    @classmethod
    def _address(cls, value: str) -> str:
        return str(ipaddress.ip_address(value))


class Heartbeat(BaseModel):
    """Percent, as numbers or decimal strings; what is left out keeps its last value."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    worker_id: str
    cpu_usage: float | None = Field(None, ge=0, le=100)
    memory_usage: float | None = Field(None, ge=0, le=100)
    disk_usage: float | None = Field(None, ge=0, le=100)
    network_usage: float | None = Field(None, ge=0, le=100)


@blueprint.post("/task")
@describe(
    "Submit one image (the report's route)",
    description="`task` echoes what was sent, without the image, with the job's id as `job_id`.",
    body={
        MULTIPART: {
            "type": "object",
            "required": ["image", "filters"],
            "properties": {"image": {}, "filters": {"anyOf": [FILTERS, {"type": "string"}]}},
        },
        JSON: {
            "type": "object",
            "required": ["image", "filters"],
            "properties": {"image": {"type": "string", "contentEncoding": "base64"}, "filters": FILTERS},
        },
    },
    answers={200: schemas.ReportTask, 503: schemas.ReportError},
    problems=(400, 413, 415, 422, 429, 503, 507),
)
def task() -> ResponseReturnValue:
    if request.mimetype == MULTIPART:
        echo, upload, pipeline = _from_form()
    elif request.is_json:
        echo, upload, pipeline = _from_json()
    else:
        raise Problem(400, "missing-image", HOW)
    output = submission.output_format(str(echo.get("format") or ""))
    try:
        submitted = context.cluster().submit([upload], pipeline, format=output, submitter="operator")
    except NoLiveNode:
        return {"error": "No active workers"}, 503, {"Retry-After": "3"}
    job = submitted["jobs"][0]
    return {
        "message": "Task received",
        "task": {**echo, "job_id": job["id"]},
        "assigned_worker": _assigned_worker(job),
    }


@blueprint.get("/status")
@describe("Jobs that wait, and the workers", answers={200: schemas.ReportStatus}, problems=(503,))
def status() -> ResponseReturnValue:
    cluster = context.cluster()
    counts = cluster.summary()["counts"]
    return {"tasks_in_queue": counts["queued"] + counts["assigned"], "workers": cluster.report_workers()}


@blueprint.get("/workers")
@describe(
    "The active workers",
    answers={200: {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "string"}}}},
    problems=(503,),
)
def workers() -> ResponseReturnValue:
    return jsonify(context.cluster().report_workers())


@blueprint.post("/register")
@describe(
    "Register a machine that is only watched; its metrics start at zero",
    body={JSON: Registration},
    answers={200: schemas.ReportMessage},
    problems=(400, 409, 415, 422, 503),
)
def register() -> ResponseReturnValue:
    machine = json_body(Registration)
    context.cluster().register_watched(machine.worker_id, machine.ip, machine.port)
    return {"message": "Worker registered"}


@blueprint.post("/heartbeat")
@describe(
    "Figures of a watched machine",
    body={JSON: Heartbeat},
    answers={200: schemas.ReportMessage, 400: schemas.ReportError},
    problems=(400, 409, 415, 422, 503),
)
def heartbeat() -> ResponseReturnValue:
    beat = json_body(Heartbeat)
    figures = beat.model_dump(exclude={"worker_id"}, exclude_none=True)
    try:
        context.cluster().watched_heartbeat(beat.worker_id, figures)
    except UnknownNode:
        return {"error": "Worker not registered"}, 400
    return {"message": "Heartbeat received"}


def _from_form() -> tuple[dict[str, Any], Upload, filters.Pipeline]:
    uploads.load_form(max_bytes=limits.form_bytes(context.settings()))
    if not request.files:
        raise Problem(400, "missing-image", HOW)
    images = uploads.images(most=1)
    echo: dict[str, Any] = request.form.to_dict()
    steps = request.form.getlist("filters") + request.form.getlist("filter")
    if len(steps) > 1:
        echo["filters"] = steps
    wanted: Any = steps[0] if len(steps) == 1 and steps[0].lstrip().startswith("[") else steps
    pipeline = _pipeline(wanted)
    return echo, uploads.receive(images)[0], pipeline


def _from_json() -> tuple[dict[str, Any], Upload, filters.Pipeline]:
    request.max_content_length = limits.json_image_bytes(context.settings())
    sent = json_object()
    echo = {name: value for name, value in sent.items() if name != "image"}
    text = sent.get("image")
    if not isinstance(text, str) or not text:
        raise Problem(400, "missing-image", HOW)
    try:
        # A `data:` address, as a browser's FileReader makes it, holds the same after its comma.
        data = base64.b64decode(text.partition(",")[2] if text.startswith("data:") else text, validate=True)
    except binascii.Error:
        raise Problem(400, "invalid-image", f"`image` is not base64. {HOW}") from None
    wanted = sent.get("filters", sent.get("filter"))
    pipeline = _pipeline(wanted if isinstance(wanted, list) or not wanted else [wanted])
    name = names.received(str(sent.get("name") or sent.get("filename") or ""))
    return echo, uploads.receive_one(io.BytesIO(data), name), pipeline


def _pipeline(wanted: Any) -> filters.Pipeline:
    if not wanted:
        raise Problem(400, "missing-pipeline", f"`filters` says what to do with the image. {HOW}")
    return submission.parse(wanted)


def _assigned_worker(job: dict[str, Any]) -> dict[str, str]:
    """The worker that has the job; while it waits, the policy's present favourite, marked as such."""
    cluster = context.cluster()
    try:
        if job["node"]:
            return cluster.report_worker(job["node"])
        return {**cluster.report_favourite(), "state": "queued"}
    except (NoLiveNode, NotFound):
        # The last node went between accepting the job and now; the job waits for the next one.
        return {"state": "queued"}

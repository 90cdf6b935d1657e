"""The shapes that the API answers with, for the OpenAPI document; the tests hold every answer against them.

Times are epoch seconds, usages percent, sizes bytes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

JobState = Literal["queued", "assigned", "running", "done", "failed", "cancelled", "quarantined"]
NodeState = Literal["live", "stale", "paused", "draining", "offline"]


class Problem(BaseModel):
    """RFC 9457; `type` is `urn:cumulo:problem:` and a stable word."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    step: int = Field(default=0, description="1-based: the filter to blame, where it is one")
    file: str = Field(default="", description="name of the upload to blame, where it is one")


class Step(BaseModel):
    """A filter by name, with its parameters beside it."""

    model_config = ConfigDict(extra="allow")

    filter: str


class Image(BaseModel):
    sha256: str
    bytes: int
    width: int
    height: int
    format: str


class JobError(BaseModel):
    """`type` is a stable word: `lost` where the process that worked on the image died, `timeout` where the image took
    too long, else what was wrong with it."""

    type: str
    detail: str
    step: int | None = Field(description="1-based: the step that ran, or that is to blame")
    signal: str | None = Field(default=None, description="of type `lost`: what ended the process, for instance SIGKILL")


class Candidate(BaseModel):
    node: str
    score: float | None
    sample_age: float | None
    in_flight: int
    slots: float
    cores: float
    cpu_usage: float
    held: str | None


class Placement(BaseModel):
    """Why a job went where it went: the policy's best candidates at that moment."""

    policy: str
    node: str | None
    reason: str
    decided_at: float
    candidates: list[Candidate]


class Job(BaseModel):
    """One image through one pipeline."""

    id: str
    batch: str
    name: str
    state: JobState
    node: str | None
    attempt: int
    lost: int
    pipeline: list[Step]
    format: str | None
    quality: int | None
    priority: int
    input: Image
    result: Image | None
    created_at: float
    assigned_at: float | None
    started_at: float | None
    finished_at: float | None
    error: JobError | None
    placement: Placement | None


class TimelineEntry(BaseModel):
    at: float
    event: str
    node: str | None
    attempt: int
    detail: str


class JobDetail(Job):
    timeline: list[TimelineEntry]


class JobPage(BaseModel):
    items: list[Job]
    next: str | None


class Submitted(BaseModel):
    batch: str
    jobs: list[Job]


class Refused(BaseModel):
    position: int = Field(description="of the image in the list that was sent, from 0 on")
    name: str
    detail: str


class Recorded(BaseModel):
    batch: str | None = Field(description="null where every image was refused and no batch was named")
    refused: list[Refused]


class Outcome(BaseModel):
    id: str
    name: str
    state: JobState
    result: Image | None
    error: JobError | None


class Batch(BaseModel):
    """Jobs submitted together; `results` or `outcomes`, and `next_after`, only with `?after=`."""

    id: str
    created_at: float
    total: int
    finished: int
    state: Literal["running", "finished"]
    counts: dict[str, int]
    deleted: int = Field(default=0, description="finished jobs that are no longer kept; `finished` counts them")
    pipeline: list[Step]
    results: list[Job] = Field(default=[], description="finished jobs in order of finishing, from `after` on")
    outcomes: list[Outcome] = Field(default=[], description="with `brief=true`, instead of `results`")
    next_after: int = Field(default=0, description="the next `after`")


class Changed(BaseModel):
    """What was asked of many jobs at once; those that are in another state are left as they are."""

    changed: int = Field(description="how many jobs are in another state now; 0 if the same was asked before")


class Node(BaseModel):
    worker_id: str
    state: NodeState
    kind: Literal["celery", "watched"]
    cpu_usage: float
    memory_usage: float
    disk_usage: float
    network_usage: float
    own_cpu: float
    network_bytes: float
    cores: float
    concurrency: int
    speed: float
    host: str
    ip: str
    port: int
    load: float
    per_core: list[float]
    tasks_processed: int
    running: int = Field(description="messages that a process works on")
    waiting: int = Field(description="messages that wait for a process")
    jobs: int = Field(description="images bound to the node; a message holds one or more. What a drain waits for")
    last_heartbeat: float
    age: float
    clock_skew: float = Field(description="seconds that its clock is ahead of the server's; nothing depends on it")


class NodeList(BaseModel):
    items: list[Node]
    next: None


class Sample(BaseModel):
    t: float
    cpu: float
    memory: float
    disk: float
    network: float


class History(BaseModel):
    items: list[Sample]
    next: None


class PolicyInfo(BaseModel):
    name: str
    description: str


class Weights(BaseModel):
    cpu: float
    memory: float
    network: float
    disk: float


class Policy(BaseModel):
    policy: str
    available: list[PolicyInfo]
    weights: Weights = Field(description="how much each usage counts under `weighted`")
    adapted: str = Field(description="the policy that `adaptive` follows at present")


class Text(BaseModel):
    en: str
    es: str


class Filter(BaseModel):
    name: str
    aliases: list[str]
    label: Text
    description: Text
    category: Literal["colour", "light", "detail", "shape", "finish"]
    # Not `schema`: that name is a method of every Pydantic model.
    parameters: dict[str, Any] = Field(alias="schema", description="JSON Schema of the parameters")
    cost_ms_per_mp: float


class FilterList(BaseModel):
    items: list[Filter]
    next: None


class Summary(BaseModel):
    backlog: int
    oldest_age: float | None
    counts: dict[str, int]
    images_per_minute: float
    policy: str
    nodes: dict[str, int]


class Event(BaseModel):
    """A change of a job, a node or the policy; further members depend on `type`."""

    model_config = ConfigDict(extra="allow")

    type: str


class EventList(BaseModel):
    items: list[Event]
    next: None


class SessionLimits(BaseModel):
    max_bytes: int
    max_pixels: int
    max_files: int
    max_steps: int
    max_asset_bytes: int = Field(description="of a picture that a step needs, such as a logo")


class Session(BaseModel):
    role: Literal["operator"]
    version: str
    flower_url: str | None
    limits: SessionLimits


class Ready(BaseModel):
    status: Literal["ok"]


class ReportError(BaseModel):
    """An error as the original report has it."""

    error: str


class ReportMessage(BaseModel):
    message: str


class ReportTask(BaseModel):
    """`assigned_worker` is a worker's hash; with `"state": "queued"` the job waits, and it is a forecast."""

    message: str
    task: dict[str, Any]
    assigned_worker: dict[str, str]


class ReportStatus(BaseModel):
    tasks_in_queue: int
    workers: list[dict[str, str]]

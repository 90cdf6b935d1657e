"""A cluster in memory with the real one's face: real checks of images, a real store, and no Redis and no workers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import filters
from cluster import assets as pictures
from cluster import intake, keys
from cluster.errors import (
    BacklogFull,
    BadWeights,
    ClusterError,
    ClusterFull,
    ClusterUnavailable,
    Conflict,
    NoLiveNode,
    NotFound,
    UnknownNode,
    UnknownPolicy,
)
from cluster.intake import Upload
from cluster.scheduling import Weights
from cluster.settings import Settings
from cluster.storage import FolderStore, nothing_to_check

NODE_TOKEN = "node-token"
POLICIES = {"least-cpu": "least predicted CPU", "round-robin": "one after the other"}


def node_view(name: str, **fields: Any) -> dict[str, Any]:
    return {
        "worker_id": name,
        "state": "live",
        "kind": "celery",
        "cpu_usage": 12.5,
        "memory_usage": 40.0,
        "disk_usage": 55.0,
        "network_usage": 0.1,
        "own_cpu": 2.5,
        "network_bytes": 1000.0,
        "cores": 4.0,
        "concurrency": 4,
        "speed": 1.0,
        "host": name,
        "ip": "192.0.2.7",
        "port": 0,
        "load": 0.5,
        "per_core": [10.0, 15.0, 12.0, 13.0],
        "tasks_processed": 7,
        "running": 0,
        "waiting": 0,
        "jobs": 0,
        "last_heartbeat": time.time(),
        "age": 0.2,
        "version": "0.1.0",
        "clock_skew": 0.001,
        **fields,
    }


class FakeCluster:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.limits = filters.Limits(
            max_bytes=settings.max_upload_bytes,
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            max_steps=settings.max_steps,
        )
        self.blobs = FolderStore(settings.data / "blobs")
        self.away = False  # Redis does not answer
        self.out_of_memory = False  # Redis takes no writes; here it refuses reads as well
        self.full = False
        self.refusal: ClusterError | None = None  # of every image
        self.binds_at_once = True  # a job goes to the first live node as it is submitted
        self.calls: list[tuple[Any, ...]] = []
        self._views = {"pc-1": node_view("pc-1"), "pc-2": node_view("pc-2", state="paused")}
        self._jobs: dict[str, dict[str, Any]] = {}
        self._assets: dict[str, Upload] = {}
        self._thumbnails: dict[str, dict[str, Any]] = {}
        self._batches: dict[str, dict[str, Any]] = {}
        self._policy = "least-cpu"
        self._weights = Weights()
        self._events: list[tuple[str, dict[str, str]]] = []
        self._changed = threading.Condition()

    # -- what tests do to it -----------------------------------------------------------------------------------

    def set_nodes(self, *views: dict[str, Any]) -> None:
        self._views = {view["worker_id"]: view for view in views}

    def finish(self, job_id: str) -> dict[str, Any]:
        """Runs the job for real, here and now."""
        job = self._jobs[job_id]
        source = self.blobs.get(job["input"]["sha256"])
        result = filters.apply(
            source, job["pipeline"], format=job["format"], quality=job["quality"], thumbnail=32, assets=self.blobs.get
        )
        small = result.thumbnail or result.data
        self._thumbnails[job_id] = {"sha256": self.blobs.put(small), "format": filters.inspect(small).format}
        job["result"] = {
            "sha256": self.blobs.put(result.data),
            "bytes": len(result.data),
            "width": result.width,
            "height": result.height,
            "format": result.format,
        }
        self.move(job_id, "done")
        return job

    def fail(self, job_id: str, detail: str = "the image is cut short") -> None:
        self._jobs[job_id]["error"] = {"type": "broken-image", "detail": detail, "step": None}
        self.move(job_id, "failed")

    def move(self, job_id: str, state: str) -> None:
        job = self._jobs[job_id]
        job["state"] = state
        if state in keys.FINISHED:
            job["finished_at"] = time.time()
            self._batches[job["batch"]]["finished"].append(job_id)
        self.happen(
            type="job",
            job=job_id,
            batch=job["batch"],
            state=state,
            node=job["node"] or "",
            attempt=str(job["attempt"]),
            name=job["name"],
        )

    def happen(self, **fields: str) -> str:
        with self._changed:
            event_id = f"1700000000000-{len(self._events) + 1}"
            self._events.append((event_id, {"at": f"{time.time():.6f}", **fields}))
            self._changed.notify_all()
        return event_id

    def _reach(self) -> None:
        if self.away:
            raise ClusterUnavailable("Redis does not answer: connection refused")
        if self.out_of_memory:
            raise ClusterFull("Redis is out of memory: raise its maxmemory, or delete jobs")

    # -- the face ----------------------------------------------------------------------------------------------

    def ping(self) -> None:
        self._reach()

    def node_token(self) -> str:
        self._reach()
        return NODE_TOKEN

    def blob_path(self, sha256: str) -> Path:
        path = self.blobs.path(sha256)
        if not path.is_file():
            raise NotFound(f"there is no stored image {sha256[:12]}")
        return path

    def open_blob(self, sha256: str) -> BinaryIO:
        return self.blobs.open(sha256)

    def store_blob(self, sha256: str, stream: BinaryIO) -> None:
        found, _, _ = self.blobs.add(stream, 8 * self.settings.max_upload_bytes, nothing_to_check)
        if found != sha256:
            raise Conflict(f"the content has SHA-256 {found}, not {sha256}")

    def tidy(self) -> int:
        self._reach()
        self.calls.append(("tidy",))
        return 0

    def receive(self, stream: BinaryIO, name: str) -> Upload:
        self._reach()
        if self.refusal:
            raise self.refusal
        return intake.receive(self.blobs, self.limits, stream, name)

    def receive_asset(self, stream: BinaryIO, name: str) -> Upload:
        self._reach()
        return intake.receive(self.blobs, self.limits.of_assets, stream, name)

    def receive_stored(self, sha256: str, name: str) -> Upload:
        self._reach()
        return intake.stored(self.blobs, self.limits, sha256, name)

    def receive_stored_asset(self, sha256: str, name: str) -> Upload:
        self._reach()
        return intake.stored(self.blobs, self.limits.of_assets, sha256, name)

    def resolve(self, pipeline: filters.Pipeline, sent: Sequence[Upload]) -> tuple[filters.Pipeline, list[Upload]]:
        return pictures.resolve(pipeline, sent, self._assets.get)

    def record(
        self,
        uploads: Sequence[Upload],
        pipeline: filters.Pipeline,
        *,
        format: str | None = None,
        quality: int | None = None,
        priority: int = 0,
        submitter: str = "",
        batch: str | None = None,
        assets: Sequence[Upload] = (),
    ) -> tuple[str, list[str]]:
        answer = self.submit(
            uploads,
            pipeline,
            format=format,
            quality=quality,
            priority=priority,
            submitter=submitter,
            batch=batch,
            assets=assets,
        )
        return answer["batch"], [job["id"] for job in answer["jobs"]]

    def submit(
        self,
        uploads: Sequence[Upload],
        pipeline: filters.Pipeline,
        *,
        format: str | None = None,
        quality: int | None = None,
        priority: int = 0,
        submitter: str = "",
        batch: str | None = None,
        assets: Sequence[Upload] = (),
    ) -> dict[str, Any]:
        self._reach()
        pipeline, needed = self.resolve(pipeline, assets)
        live = [name for name, view in self._views.items() if view["state"] == "live"]
        if not live:
            raise NoLiveNode("no live node: start one with `cumulo worker`, or resume a paused one")
        if self.full:
            raise BacklogFull("the cluster already has as many waiting images as it may (10); try again later")
        steps = pipeline.to_json()
        self._assets.update({asset.sha256: asset for asset in needed})
        if batch is not None and self._batch(batch)["pipeline"] != steps:
            raise Conflict(f"batch {batch} has another pipeline; send these images as a batch of their own")
        batch_id = batch or f"b{len(self._batches) + 1}"
        record = self._batches.setdefault(
            batch_id, {"created_at": time.time(), "pipeline": steps, "jobs": [], "finished": []}
        )
        jobs = []
        for upload in uploads:
            node = live[0] if self.binds_at_once else None
            job = {
                "id": f"j{len(self._jobs) + 1}",
                "batch": batch_id,
                "name": upload.name,
                "state": "assigned" if node else "queued",
                "node": node,
                "attempt": 1 if node else 0,
                "lost": 0,
                "pipeline": steps,
                "format": format,
                "quality": quality,
                "priority": priority,
                "input": upload.to_json(),
                "result": None,
                "created_at": time.time(),
                "assigned_at": time.time() if node else None,
                "started_at": None,
                "finished_at": None,
                "error": None,
                "placement": self._placement(node) if node else None,
            }
            self._jobs[job["id"]] = job
            record["jobs"].append(job["id"])
            self.move(job["id"], job["state"])
            jobs.append(dict(job))
        return {"batch": batch_id, "jobs": jobs}

    @staticmethod
    def _placement(node: str) -> dict[str, Any]:
        candidate = {
            "node": node,
            "score": 1.005,
            "sample_age": 0.4,
            "in_flight": 0,
            "slots": 5.0,
            "cores": 4.0,
            "cpu_usage": 12.5,
            "held": None,
        }
        return {
            "policy": "least-cpu",
            "node": node,
            "reason": f"{node} has the least predicted CPU",
            "decided_at": time.time(),
            "candidates": [candidate],
        }

    def _job(self, job_id: str) -> dict[str, Any]:
        self._reach()
        if job_id not in self._jobs:
            raise NotFound(f"there is no job {job_id!r}")
        return self._jobs[job_id]

    def job(self, job_id: str) -> dict[str, Any]:
        job = self._job(job_id)
        entry = {"at": job["created_at"], "event": "queued", "node": "", "attempt": 0, "detail": ""}
        return {**job, "timeline": [entry]}

    def job_blob(self, job_id: str, which: str) -> dict[str, Any]:
        job = self._job(job_id)
        found = {"input": job["input"], "result": job["result"], "thumbnail": self._thumbnails.get(job_id)}[which]
        if found is None:
            raise Conflict(f"job {job_id} is {job['state']}: it has no {which}")
        return {"sha256": found["sha256"], "format": found["format"]}

    def jobs(
        self,
        *,
        state: str | None = None,
        node: str | None = None,
        filter: str | None = None,
        q: str | None = None,
        since: float | None = None,
        until: float | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> dict[str, Any]:
        self._reach()
        self.calls.append(("jobs", state, node, filter, q, since, until, cursor, limit))
        items = list(reversed(self._jobs.values()))[int(cursor or 0) :]
        more = str(int(cursor or 0) + limit) if len(items) > limit else None
        return {"items": items[:limit], "next": more}

    def retry(self, job_id: str) -> dict[str, Any]:
        job = self._job(job_id)
        if job["state"] not in ("failed", "quarantined", "cancelled"):
            raise Conflict(f"job {job_id} is {job['state']}; only a failed job can be tried again")
        job["error"] = None
        self.move(job_id, "queued")
        return job

    def cancel(self, job_id: str) -> dict[str, Any]:
        job = self._job(job_id)
        if job["state"] in keys.FINISHED:
            raise Conflict(f"job {job_id} is {job['state']}; only a waiting job can be cancelled")
        self.move(job_id, "cancelled")
        return job

    def _each(self, job_ids: Iterable[str], change: Callable[[str], object]) -> int:
        changed = 0
        for job_id in job_ids:
            try:
                change(job_id)
            except Conflict:
                continue
            changed += 1
        return changed

    def retry_batch(self, batch_id: str) -> int:
        return self._each(self._batch(batch_id)["jobs"], self.retry)

    def retry_all(self, state: str) -> int:
        self._reach()
        return self._each([job_id for job_id, job in self._jobs.items() if job["state"] == state], self.retry)

    def cancel_batch(self, batch_id: str) -> int:
        return self._each(self._batch(batch_id)["jobs"], self.cancel)

    def _batch(self, batch_id: str) -> dict[str, Any]:
        self._reach()
        if batch_id not in self._batches:
            raise NotFound(f"there is no batch {batch_id!r}")
        return self._batches[batch_id]

    def batch(self, batch_id: str, after: int | None = None, *, brief: bool = False) -> dict[str, Any]:
        record = self._batch(batch_id)
        states = [self._jobs[job_id]["state"] for job_id in record["jobs"]]
        view: dict[str, Any] = {
            "id": batch_id,
            "created_at": record["created_at"],
            "total": len(states),
            "finished": len(record["finished"]),
            "state": "finished" if len(record["finished"]) == len(states) else "running",
            "counts": {state: states.count(state) for state in keys.JOB_STATES},
            "pipeline": record["pipeline"],
        }
        if after is not None:
            found = [self._jobs[job_id] for job_id in record["finished"][after:]]
            if brief:
                fields = ("id", "name", "state", "result", "error")
                view["outcomes"] = [{field: job[field] for field in fields} for job in found]
            else:
                view["results"] = found
            view["next_after"] = after + len(found)
        return view

    def batches(self, batch_ids: Sequence[str]) -> list[dict[str, Any]]:
        self._reach()
        return [self.batch(batch_id) for batch_id in batch_ids if batch_id in self._batches]

    def batch_jobs(self, batch_id: str) -> Iterator[dict[str, Any]]:
        record = self._batch(batch_id)
        yield from (self._jobs[job_id] for job_id in record["jobs"])

    def nodes(self) -> list[dict[str, Any]]:
        self._reach()
        return list(self._views.values())

    def node(self, node: str) -> dict[str, Any]:
        self._reach()
        if node not in self._views:
            raise UnknownNode(f"there is no node {node!r}")
        return self._views[node]

    def forget_node(self, node: str) -> None:
        if self.node(node)["state"] != "offline":
            raise Conflict(f"node {node} is live; only an offline node can be forgotten")
        del self._views[node]

    def set_node_mode(self, node: str, mode: str) -> dict[str, Any]:
        if self.node(node)["state"] == "offline":
            raise Conflict(f"node {node} is offline; start it first")
        self.node(node)["state"] = "live" if mode == "active" else mode
        return self.node(node)

    def node_history(self, node: str, seconds: int) -> list[dict[str, float]]:
        self.node(node)
        now = time.time()
        points = [{"t": now - ago, "cpu": 5.0, "memory": 40.0, "disk": 55.0, "network": 0.0} for ago in (900, 2, 1)]
        return [point for point in points if point["t"] >= now - seconds]

    def policy(self) -> dict[str, Any]:
        self._reach()
        available = [{"name": name, "description": text} for name, text in POLICIES.items()]
        return {
            "policy": self._policy,
            "available": available,
            "weights": self._weights.to_json(),
            "adapted": "least-cpu",
        }

    def set_policy(self, name: str, weights: Mapping[str, float] | None = None) -> dict[str, Any]:
        if name not in POLICIES:
            raise UnknownPolicy(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
        try:
            self._weights = Weights(**{**self._weights.to_json(), **(weights or {})})
        except (TypeError, ValueError) as error:
            raise BadWeights("weights are cpu, memory, network and disk: numbers from 0 to 1000000") from error
        self._policy = name
        self.happen(type="policy", policy=name, detail="")
        return self.policy()

    def summary(self) -> dict[str, Any]:
        self._reach()
        states = [job["state"] for job in self._jobs.values()]
        views = [view["state"] for view in self._views.values()]
        return {
            "backlog": states.count("queued"),
            "oldest_age": None,
            "counts": {state: states.count(state) for state in keys.JOB_STATES},
            "images_per_minute": 0,
            "policy": self._policy,
            "nodes": {state: views.count(state) for state in set(views)},
        }

    def events(self, after: str = "$", block_ms: int = 0, count: int = 500) -> list[tuple[str, dict[str, str]]]:
        self._reach()
        deadline = time.monotonic() + block_ms / 1000
        start = 0 if after == "0-0" else int(after.partition("-")[2])
        with self._changed:
            while len(self._events) <= start and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return json.loads(json.dumps(self._events[start : start + count]))

    def last_event(self) -> str:
        self._reach()
        return self._events[-1][0] if self._events else "0-0"

    def recent_events(self, limit: int = 100) -> list[dict[str, Any]]:
        self._reach()
        others = [(id, fields) for id, fields in reversed(self._events) if fields["type"] != "job"]
        return [{"id": id, **fields, "at": float(fields["at"])} for id, fields in others[:limit]]

    def report_workers(self) -> list[dict[str, str]]:
        self._reach()
        return [self.report_worker(name) for name, view in self._views.items() if view["state"] != "offline"]

    def report_worker(self, node: str) -> dict[str, str]:
        view = self.node(node)
        names = "worker_id ip port cpu_usage memory_usage disk_usage network_usage tasks_processed last_heartbeat"
        return {name: str(view[name]) for name in names.split()}

    def report_favourite(self) -> dict[str, str]:
        live = [name for name, view in self._views.items() if view["state"] == "live"]
        if not live:
            raise NoLiveNode("No active workers")
        return self.report_worker(live[0])

    def register_watched(self, worker_id: str, ip: str, port: int) -> None:
        self._reach()
        zero = dict.fromkeys(("cpu_usage", "memory_usage", "disk_usage", "network_usage"), 0.0)
        self._views[worker_id] = node_view(worker_id, kind="watched", ip=ip, port=port, **zero)

    def watched_heartbeat(self, worker_id: str, metrics: Mapping[str, float]) -> None:
        self._reach()
        if worker_id not in self._views:
            raise UnknownNode("Worker not registered")
        self._views[worker_id].update(metrics)

"""The job ledger: what every job is, who holds it, and the only ways in which that changes.

Each method that changes something is one atomic script in `cluster/lua`. A job is bound to a node under a *lease*
(one Celery message); every binding raises its `attempt`, and a claim or commit that does not name the current
attempt changes nothing. So whatever dies or is delivered twice, each job has exactly one committed result.
"""

from __future__ import annotations

import json
import time
import unicodedata
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import redis

from cluster import keys
from cluster.connection import Scripts, reported
from cluster.errors import BacklogFull, Conflict, NotFound, QuotaReached, StoreFull
from cluster.scheduling import Job
from cluster.scheduling.chunks import together
from cluster.scheduling.rebalancing import Message
from cluster.scheduling.state import CLASSES_PER_LANE

SLICE = 50  # jobs that one step cancels or tries again: a few milliseconds of the server's time
UNITS = 1e5  # of predicted work in a second, as lua/common.lua counts it
UNLIMITED = 2**53
PURGED_AT_ONCE = 25  # jobs: the server does nothing else for about 2 ms ...
PURGE_PAUSE = 0.004  # seconds: ... and is left alone for so long, or for as long as that took
LOOK_AT = 500  # entries of an index in one call, 2 to 4 ms of the server's time
LOOKS = 4  # calls for one page of a list
MOST_NAMES = 20_000
"""Jobs whose names begin as asked, up to which the index of names is used. It costs 1 us for each of them. Where there
are more, every fifth of 100,000 jobs is one, and going through the jobs finds a page full of them sooner."""
NAMES_AT_ONCE = 5000  # about 1 ms of the server's time
WIDTH = 10**14  # of a class of ranks, as in lua/common.lua: 40 of them are still exact in a double


UNFINISHED = ("queued", "assigned", "running")
ENDED_BADLY = ("failed", "quarantined", "cancelled")
STORE_FULL = "the images in store take as much space as they may; try again later, when old ones have been deleted"

NODE_FAULTS = frozenset({"store", "internal", "out-of-memory", "input-missing"})
"""Types of errors that say more about the node than about the image."""
TRIED_ELSEWHERE = frozenset({"store", "out-of-memory"})
"""Those of which another node may know nothing."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be recorded: one stored image and what the ledger must know of it."""

    name: str
    input: Mapping[str, Any]  # sha256, bytes, width, height, format
    cost: float  # predicted CPU seconds
    peak_bytes: float
    features: str = ""  # what its cost is made of; see cluster.scheduling.costs
    megapixels: float = 0.0


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a worker process needs to run a job."""

    id: str
    attempt: int
    input: Mapping[str, Any]  # sha256, bytes, width, height, format
    pipeline: str  # JSON
    format: str | None
    quality: int | None
    name: str
    cost: float  # predicted CPU seconds on a core of speed 1


@dataclass(frozen=True, slots=True)
class Blame:
    """Over which job of a lease its process died; '' means over none, for instance because it was ended on purpose."""

    job: str
    step: int | None = None  # 1-based
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended: `state` is done or failed; `seconds` is how long it took, `cpu` how much CPU.

    `peak_bytes` is the memory that it needed, 0 where that is not known.
    """

    id: str
    attempt: int
    state: str
    seconds: float
    result: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] = field(default_factory=dict)
    cpu: float = 0.0
    peak_bytes: float = 0.0
    began: float | None = None  # by the monotonic clock; None: `seconds` before it is committed

    @property
    def node_is_to_blame(self) -> bool:
        """It failed for a reason that another node might not have."""
        return self.error.get("type") in NODE_FAULTS

    def tries(self, most: int) -> int:
        """How many attempts may fail like this before the job does; 0 where the node is not to blame."""
        if not self.node_is_to_blame:
            return 0
        return most if self.error.get("type") in TRIED_ELSEWHERE else 1


def new_id(prefix: str) -> str:
    """An unguessable id: the time, so that ids sort by age where ranks are equal, and 122 random bits."""
    return f"{prefix}{time.time_ns() // 1000:013x}{uuid.uuid4().hex}"


def class_of(interactive: bool, priority: int) -> int:
    """The class of a job in the backlog, the lowest first: single images before batches, then by priority."""
    lane = 0 if interactive else 1
    return lane * CLASSES_PER_LANE + (9 - priority)


def _places(costs: Sequence[float], longest_first: bool) -> tuple[list[int], int]:
    """How far behind the first each job of a submission stands, in units of work, and where the last one ends."""
    order = sorted(range(len(costs)), key=lambda at: -costs[at]) if longest_first else range(len(costs))
    places, end = [0] * len(costs), 0
    for at in order:
        places[at] = end
        end += max(1, int(costs[at] * UNITS + 0.5))
    return places, end


JOB_FIELDS = ("cost", "peak", "avoid", "batch", "alone", "rank")


def searched(name: str) -> str:
    """A file name as searches compare it: without regard to case, and to how accents are spelled."""
    return unicodedata.normalize("NFC", name).casefold()


def waiting_job(job_id: str, row: Sequence[str | None]) -> Job:
    """A job of the backlog as the policies see it, from its JOB_FIELDS."""
    cost, peak, avoid, batch, alone, rank = row
    return Job(
        job_id,
        float(cost or 0),
        float(peak or 0),
        avoid or "",
        batch or "",
        int(float(rank or 0)) // WIDTH,
        alone == "1",
    )


def _decoded(text: str | None) -> Any:
    return json.loads(text) if text else None


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def job_view(record: Mapping[str, str]) -> dict[str, Any]:
    """A job as the API shows it, from its record."""
    return {
        "id": record["id"],
        "batch": record["batch"],
        "name": record["name"],
        "state": record["state"],
        "node": record["node"] or None,
        "attempt": int(record["attempt"]),
        "lost": int(record["lost"]),
        "pipeline": json.loads(record["pipeline"]),
        "format": record["format"] or None,
        "quality": int(record["quality"]) if record["quality"] else None,
        "priority": int(record["priority"]),
        "input": json.loads(record["input"]),
        "result": _public_result(_decoded(record.get("result"))),
        "created_at": float(record["created_at"]),
        "assigned_at": _number(record.get("assigned_at")),
        "started_at": _number(record.get("started_at")),
        "finished_at": _number(record.get("finished_at")),
        "error": _decoded(record.get("error")),
        "placement": _decoded(record.get("placement")),
    }


def _public_result(result: dict[str, Any] | None) -> dict[str, Any] | None:
    if not result:
        return None
    return {name: result[name] for name in ("sha256", "bytes", "width", "height", "format")}


class Ledger:
    def __init__(self, client: redis.Redis, scripts: Scripts, *, max_lost: int = 3) -> None:
        self._redis = client
        self._scripts = scripts
        self._max_lost = max_lost

    # -- coming in ---------------------------------------------------------------------------------------------

    def submit(
        self,
        jobs: Sequence[NewJob],
        *,
        pipeline: list[dict[str, Any]],
        format: str | None,
        quality: int | None,
        priority: int,
        submitter: str,
        max_backlog: int,
        quota: int = UNLIMITED,
        max_bytes: int = UNLIMITED,
        batch: str | None = None,
        longest_first: bool = False,
        assets: Sequence[Mapping[str, Any]] = (),
    ) -> tuple[str, list[str]]:
        """Records the jobs as `queued` and puts them into the backlog; returns (batch id, job ids).

        They stand there in their order, or `longest_first`. With `batch`, appends to that batch. `assets` are the
        stored images (sha256, bytes) that steps need: they are kept as long as the batch. `quota` is how many
        unfinished jobs the submitter may have, `max_bytes` how much the images of all jobs may take. Nothing is
        recorded where it raises BacklogFull, QuotaReached or StoreFull, NotFound or Conflict where the batch is unknown
        or has another pipeline or output.
        """
        output = {
            "pipeline": json.dumps(pipeline),
            "format": format or "",
            "quality": "" if quality is None else str(quality),
            "priority": str(priority),
            "submitter": submitter,
        }
        if batch is not None:
            self._check_batch(batch, output)
        batch_id = batch or new_id("b")
        waiting_class = class_of(interactive=len(jobs) == 1 and batch is None, priority=priority)
        ids = [new_id("j") for _ in jobs]
        places, end = _places([job.cost for job in jobs], longest_first)
        first_tag: str | None = None
        for start in range(0, len(jobs), 200):  # a slice is a few milliseconds of the server's time
            slice_ids = ids[start : start + 200]
            given = {
                "batch": {"id": batch_id, "fields": output, **({"assets": list(assets)} if assets else {})},
                "filters": sorted({step["filter"] for step in pipeline}),
                "class": waiting_class,
                "start": first_tag,
                "end": end,
                "jobs": [
                    {
                        "id": job_id,
                        "place": place,
                        "sha256": job.input["sha256"],
                        "bytes": job.input["bytes"],
                        **({} if job.name.isascii() else {"search": searched(job.name)}),
                        "fields": {
                            **output,
                            "name": job.name,
                            "input": json.dumps(job.input),
                            "cost": f"{job.cost:.6f}",
                            "peak": f"{job.peak_bytes:.0f}",
                            "features": job.features,
                            "mp": f"{job.megapixels:.4f}",
                        },
                    }
                    for job_id, job, place in zip(slice_ids, jobs[start:], places[start:], strict=False)
                ],
            }
            rooms = [UNLIMITED] * 3
            if start == 0:  # it asks for room for all, so that a refusal means that nothing was recorded
                rest = jobs[len(slice_ids) :]
                rooms = [
                    max_backlog - len(rest),
                    quota - len(rest),
                    max_bytes - sum(job.input["bytes"] for job in rest),
                ]
            first_tag = self._scripts.run("submit", *rooms, json.dumps(given))
            match first_tag:
                case "FULL":
                    raise BacklogFull(
                        f"the cluster already has as many waiting images as it may ({max_backlog}); try again later"
                    )
                case "QUOTA":
                    raise QuotaReached(
                        f"with these, {submitter or 'this submitter'} would have more unfinished images than one may "
                        f"have ({quota}); try again when some are done"
                    )
                case "STORE":
                    raise StoreFull(STORE_FULL)
        return batch_id, ids

    def _check_batch(self, batch: str, output: Mapping[str, str]) -> None:
        with reported():
            record = self._redis.hgetall(keys.batch(batch))
        if not record:
            raise NotFound(f"there is no batch {batch!r}")
        for name in ("pipeline", "format", "quality"):
            if record.get(name, "") != output[name]:
                raise Conflict(f"batch {batch} has another {name}; send these images as a batch of their own")

    def head(self, count: int) -> list[Job]:
        """The first jobs of the backlog, by rank."""
        with reported():
            ids = self._redis.zrange(keys.BACKLOG, 0, count - 1)
            pipe = self._redis.pipeline(transaction=False)
            for job_id in ids:
                pipe.hmget(keys.job(job_id), *JOB_FIELDS)
            rows = pipe.execute()
        return [waiting_job(job_id, row) for job_id, row in zip(ids, rows, strict=True)]

    def waiting(self, job_ids: Sequence[str]) -> list[Job]:
        """Those of the given jobs that wait in the backlog. Raises NotFound for one that was never recorded."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hmget(keys.job(job_id), "state", *JOB_FIELDS)
            rows = pipe.execute()
        found = []
        for job_id, (state, *row) in zip(job_ids, rows, strict=True):
            if state is None:
                raise NotFound(f"there is no job {job_id!r}: record it first, with cluster.submit()")
            if state == "queued":
                found.append(waiting_job(job_id, row))
        return found

    # -- the life of a job -------------------------------------------------------------------------------------

    def bind(
        self, node: str, lease: str, job_ids: Sequence[str], placement: Mapping[str, Any], slots: float | None
    ) -> dict[str, int] | str:
        """Binds the jobs that still wait to `node`: {job: attempt}, or 'GONE', 'FULL' or 'NONE' and nothing done.

        `slots` is how many messages the node may hold; None binds whether or not there is room.
        """
        answer = self._scripts.run("bind", node, lease, "" if slots is None else slots, json.dumps(placement), *job_ids)
        if isinstance(answer, str):
            return answer
        return {job_id: int(attempt) for job_id, attempt in zip(answer[::2], answer[1::2], strict=True)}

    def claim(self, node: str, lease: str, attempts: Mapping[str, int]) -> list[WorkOrder]:
        """Makes the lease's jobs this process's own. Jobs whose attempt is no longer current are left out."""
        flat = [str(part) for pair in attempts.items() for part in pair]
        return [_order(row) for row in self._scripts.run("claim", node, lease, new_id("c"), *flat)]

    def commit(
        self,
        node: str,
        lease: str,
        outcomes: Sequence[Outcome],
        *,
        take: int = 0,
        budget: float = 0.0,
        memory: float = float("inf"),
        longest_first: bool = False,
        placement: Mapping[str, Any] | None = None,
    ) -> list[WorkOrder]:
        """Records the outcomes and, in the same step, takes up to `take` jobs of `budget` predicted seconds.

        A job that failed for want of a store or of memory goes back to the backlog, to be tried elsewhere, until it has
        done so as often as jobs may be lost.

        Jobs that need more than `memory` bytes are left to other nodes, if there are others. An outcome of an attempt
        that is no longer current is dropped. Without further work the lease ends.
        """
        flat: list[str | float] = []
        for outcome in outcomes:
            flat += [
                outcome.id,
                outcome.attempt,
                outcome.state,
                f"{outcome.seconds if outcome.began is None else time.monotonic() - outcome.began:.6f}",
                f"{outcome.seconds:.6f}",
                f"{outcome.cpu:.6f}",
                f"{outcome.peak_bytes:.0f}",
                json.dumps(outcome.result) if outcome.result else "",
                json.dumps(outcome.error) if outcome.error else "",
                outcome.tries(self._max_lost),
            ]
        free = f"{min(memory, 1e18):.0f}"
        longest = "1" if longest_first else "0"
        explained = json.dumps(placement or {})
        _, orders = self._scripts.run("commit", node, lease, take, budget, free, longest, explained, *flat)
        return [_order(row) for row in orders]

    def give_back(
        self, node: str, reason: str, *, lost: bool, lease: str = "", blame: Blame | None = None, most: int = 500
    ) -> int:
        """Jobs bound to `node` (or to one lease) go back to the front of the backlog; returns how many.

        With `lost`, running jobs count a lost attempt, and too many of those end in quarantine. Of jobs that shared a
        lease only the one to `blame` does; where nobody knows which it was, none does and each runs alone next.
        At most `most` jobs a call: fewer than that means that all are back.
        """
        word = "rescued" if lost else "returned"
        culprit = [] if blame is None else [blame.job, blame.step or "", blame.signal]
        flag = "1" if lost else "0"
        return int(self._scripts.run("release", node, lease, word, reason, flag, self._max_lost, most, *culprit))

    def return_waiting(self, node: str, lease: str = "", why: str = "the node takes no new work") -> int:
        """Jobs sent to `node` (or under one lease) and not yet claimed go back to the backlog; running ones go on."""
        return int(self._scripts.run("drain", node, lease, why))

    def waiting_messages(self, nodes: Sequence[str], now: float, age: float, most: int) -> list[Message]:
        """Up to `most` messages that have waited on these nodes for `age` seconds; `now` is the server's time."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for node in nodes:
                pipe.zrangebyscore(keys.waiting(node), "-inf", now - age, withscores=True)
            rows = [
                (node, lease, since)
                for node, found in zip(nodes, pipe.execute(), strict=True)
                for lease, since in found
            ][:most]
            for _, lease, _ in rows:
                pipe.smembers(keys.lease(lease))
            ids = [sorted(found) for found in pipe.execute()] if rows else []
            for job_id in chain.from_iterable(ids):
                pipe.hmget(keys.job(job_id), *JOB_FIELDS)
            jobs = iter(pipe.execute() if ids else ())
        found = []
        for (node, lease, since), members in zip(rows, ids, strict=True):
            carried = [waiting_job(job_id, next(jobs)) for job_id in members]
            if carried:
                found.append(Message(lease, node, now - since, together(carried)))
        return found

    def overdue(self, node: str, seconds: float) -> list[tuple[str, dict[str, int]]]:
        """Leases whose message seems to be lost, each with its jobs and attempts, to be published again."""
        rows = self._scripts.run("overdue", node, seconds)
        return [
            (row[0], {job_id: int(attempt) for job_id, attempt in zip(row[1::2], row[2::2], strict=True)})
            for row in rows
        ]

    def running_leases(self, node: str) -> list[str]:
        """Leases that, as far as is known, a process of the node works on."""
        with reported():
            return list(self._redis.zrange(keys.running(node), 0, -1))

    def still_held(self, lease_by_attempt: Mapping[tuple[str, int], str]) -> set[tuple[str, int]]:
        """Those of the given attempts, (job, attempt) pairs, that still run under that lease."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for job_id, _ in lease_by_attempt:
                pipe.hmget(keys.job(job_id), "state", "attempt", "lease")
            rows = pipe.execute() if lease_by_attempt else []
        return {
            (job_id, attempt)
            for (job_id, attempt), lease, row in zip(lease_by_attempt, lease_by_attempt.values(), rows, strict=True)
            if row == ["running", str(attempt), lease]
        }

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._after("cancelled", UNFINISHED, job_id, *self.cancel_each([job_id]).values())

    def retry(self, job_id: str) -> dict[str, Any]:
        return self._after("tried again", ENDED_BADLY, job_id, *self.retry_each([job_id]).values())

    def cancel_each(self, job_ids: Sequence[str]) -> dict[str, str]:
        """Cancels those of up to SLICE jobs that are UNFINISHED, in one step: the state that each was in before.

        '' stands for a job that was never recorded.
        """
        return dict(zip(job_ids, self._scripts.run("cancel", *job_ids), strict=True))

    def retry_each(self, job_ids: Sequence[str], states: Sequence[str] = ENDED_BADLY) -> dict[str, str]:
        """Those of up to SLICE jobs that are in one of the states wait again: the state that each was in before."""
        return dict(zip(job_ids, self._scripts.run("retry", ",".join(states), *job_ids), strict=True))

    def _after(self, done: str, allowed: tuple[str, ...], job_id: str, state: str) -> dict[str, Any]:
        if not state:
            raise NotFound(f"there is no job {job_id!r}")
        if state not in allowed:
            states = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
            raise Conflict(f"job {job_id} is {state}; only a {states} job can be {done}")
        return self.job(job_id)

    # -- reading -----------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> dict[str, Any]:
        with reported():
            record = self._redis.hgetall(keys.job(job_id))
        if not record:
            raise NotFound(f"there is no job {job_id!r}")
        return job_view(record)

    def record(self, job_id: str) -> dict[str, str]:
        with reported():
            record = self._redis.hgetall(keys.job(job_id))
        if not record:
            raise NotFound(f"there is no job {job_id!r}")
        return dict(record)

    def timeline(self, job_id: str) -> list[dict[str, Any]]:
        with reported():
            return [json.loads(line) for line in self._redis.lrange(keys.timeline(job_id), 0, -1)]

    def views(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hgetall(keys.job(job_id))
            return [job_view(record) for record in pipe.execute() if record]

    def outcomes(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Only `id`, `name`, `state`, `result` and `error` of each job: for those who fetch thousands."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for job_id in job_ids:
                pipe.hmget(keys.job(job_id), "name", "state", "result", "error")
            rows = pipe.execute()
        return [
            {"id": job_id, "name": name, "state": state, "result": _decoded(result), "error": _decoded(error)}
            for job_id, (name, state, result, error) in zip(job_ids, rows, strict=True)
            if state
        ]

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for state in keys.JOB_STATES:
                pipe.zcard(keys.state(state))
            return dict(zip(keys.JOB_STATES, pipe.execute(), strict=True))

    def batch(self, batch_id: str) -> dict[str, Any]:
        with reported():
            record = self._redis.hgetall(keys.batch(batch_id))
        if not record:
            raise NotFound(f"there is no batch {batch_id!r}")
        return batch_view(record)

    def batches(self, batch_ids: Sequence[str]) -> list[dict[str, Any]]:
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for batch_id in batch_ids:
                pipe.hgetall(keys.batch(batch_id))
            return [batch_view(record) for record in pipe.execute() if record]

    def batch_ids(self, batch_id: str) -> list[str]:
        with reported():
            return list(self._redis.lrange(keys.batch_jobs(batch_id), 0, -1))

    def batch_slices(self, batch_id: str) -> Iterator[list[str]]:
        """The same, SLICE at a time, those included that are appended meanwhile."""
        start = 0
        while True:
            with reported():
                ids = self._redis.lrange(keys.batch_jobs(batch_id), start, start + SLICE - 1)
            if not ids:
                return
            yield ids
            start += len(ids)

    def state_slices(self, state: str) -> Iterator[list[str]]:
        """The jobs that are in the state now, oldest first, SLICE at a time; none twice, should it fail again."""
        with reported():
            last = self._redis.zrange(keys.state(state), -1, -1, withscores=True)
        after, until = "-inf", int(last[0][1]) if last else 0
        while last:
            with reported():
                rows = self._redis.zrangebyscore(keys.state(state), after, until, 0, SLICE, withscores=True)
            if not rows:
                return
            yield [job_id for job_id, _ in rows]
            after = f"({int(rows[-1][1])}"

    def finished_after(self, batch_id: str, after: int, count: int = 500) -> tuple[list[str], int]:
        """Ids of the batch's finished jobs in order of finishing, from position `after`, and where to go on from.

        A job that is tried again loses its place and gets a new one; the places of the others stay what they are.
        """
        key = keys.batch_finished(batch_id)
        with reported():
            rows = self._redis.zrangebyscore(key, f"({after}", "+inf", 0, count, withscores=True)
        return [job_id for job_id, _ in rows], int(rows[-1][1]) if rows else after

    def purge(self, *, before: float, keep: float, keep_bytes: float, settled: float, seconds: float) -> int:
        """Deletes finished jobs with all that is known of them, the oldest first; returns how many.

        Those that finished `before` that time; and of those that finished before `settled`, what is more than `keep`
        jobs or more than `keep_bytes` of images. In slices with pauses, for about `seconds`: the next call goes on.
        """
        end, removed = time.monotonic() + seconds, 0
        while True:
            begin = time.monotonic()
            gone = int(self._scripts.run("purge", PURGED_AT_ONCE, before, keep, keep_bytes, settled))
            removed += gone
            now = time.monotonic()
            if gone < PURGED_AT_ONCE or now >= end:
                return removed
            time.sleep(max(PURGE_PAUSE, now - begin))

    def page(
        self,
        *,
        state: str | None = None,
        node: str | None = None,
        filter: str | None = None,
        name: str = "",
        since: float | None = None,
        until: float | None = None,
        before: int | None = None,
        count: int = 50,
    ) -> tuple[list[str], int | None]:
        """Up to `count` ids of jobs, newest first, and the `before` of the next page; None: there are no more.

        `name` is the beginning of the file name, `since` and `until` are when the job was created (epoch seconds, from
        and before). Where many records had to be looked at there are fewer ids, or none, and yet a next page.
        """
        beginning = searched(name)
        limits = ["" if at is None else f"{at:.6f}" for at in (since, until)]
        arrivals = self._arrivals(beginning, state, node, filter, before) if beginning else None
        found: list[str] = []
        for look in range(LOOKS):
            part = [] if arrivals is None else arrivals[look * LOOK_AT : (look + 1) * LOOK_AT]
            if arrivals is not None and not part:
                return found, None
            where = (state or "", node or "", filter or "", beginning, *limits, "" if before is None else before)
            following, *ids = self._scripts.run("page", *where, count - len(found), LOOK_AT, *part)
            found += ids
            before = int(following) if following else part[-1] if part else None
            if arrivals is not None and before == arrivals[-1]:
                return found, None
            if before is None or len(found) == count:
                break
        return found, before

    def _arrivals(
        self, beginning: str, state: str | None, node: str | None, filter: str | None, before: int | None
    ) -> list[int] | None:
        """Which jobs have a name with that beginning, by order of arrival, the latest first; None: another index has
        fewer entries, or there are too many names."""
        last = f"({beginning}".encode() + b"\xff"
        wanted = ((keys.state, state), (keys.of_node, node), (keys.with_filter, filter))
        indexes = [key(value) for key, value in wanted if value]
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            pipe.zlexcount(keys.NAMES, f"[{beginning}", last)
            for index in indexes:
                pipe.zcard(index)
            names, *sizes = pipe.execute()
            if names > min([MOST_NAMES, *sizes]):
                return None
            found: list[int] = []
            first = f"[{beginning}"
            while entries := self._redis.zrangebylex(keys.NAMES, first, last, start=0, num=NAMES_AT_ONCE):
                found += (int(entry.rpartition("\0")[2]) for entry in entries)
                first = f"({entries[-1]}"
        return sorted((seq for seq in found if before is None or seq < before), reverse=True)


def batch_view(record: Mapping[str, str]) -> dict[str, Any]:
    counts = {state: int(record.get(state) or 0) for state in keys.JOB_STATES}
    total = int(record["total"])
    deleted = int(record.get("deleted") or 0)
    finished = sum(counts[state] for state in keys.FINISHED) + deleted
    return {
        "id": record["id"],
        "created_at": float(record["created_at"]),
        "total": total,
        "finished": finished,
        "state": "finished" if finished == total else "running",
        "counts": counts,
        "deleted": deleted,
        "pipeline": json.loads(record["pipeline"]),
    }


def _order(row: Sequence[str]) -> WorkOrder:
    job_id, attempt, image, pipeline, output_format, quality, name, cost = row
    return WorkOrder(
        job_id,
        int(attempt),
        json.loads(image),
        pipeline,
        output_format or None,
        int(quality) if quality else None,
        name,
        float(cost or 0),
    )

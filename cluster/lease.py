"""What a worker process does with one Celery message: claim, run, commit and take the next, until the lease is over."""

from __future__ import annotations

import json
import logging
import random
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import filters
import filters.run  # before processes are forked, for all of them
from cluster import placement, progress
from cluster.dispatch import dispatch
from cluster.errors import ClusterUnavailable, NotFound, StoreError
from cluster.ledger import Outcome, WorkOrder
from cluster.limits import HARD, TimeLimit, time_limit
from cluster.measure import Meter
from cluster.scheduling import take
from cluster.scheduling.chunks import share
from cluster.scheduling.policies import rule_of

if TYPE_CHECKING:
    from cluster.service import Cluster

logger = logging.getLogger(__name__)

THUMBNAIL = 320  # pixels, longest side
SNAPSHOT_SECONDS = 0.2  # how old the view of the cluster may be when a process decides to go on
ENDING = 32  # jobs in the backlog for each core, below which that view has to be new
SPEED_SECONDS = 60.0  # how old it may be for time limits


class TookTooLong(Exception):
    """The soft limit was reached before this step (1-based)."""

    def __init__(self, step: int) -> None:
        super().__init__(step)
        self.step = step


@lru_cache(maxsize=64)
def _pipeline(text: str) -> filters.Pipeline:
    return filters.parse_pipeline(json.loads(text))


@lru_cache(maxsize=4)
def _asset(cluster: Cluster, sha256: str) -> bytes:
    """A picture that a step needs; every image of a batch needs the same."""
    return cluster.with_store(lambda store: store.get(sha256))


def perform(cluster: Cluster, order: WorkOrder, limit: TimeLimit, own: progress.Progress) -> Outcome:
    """One image through its pipeline; the result is stored before this returns. Never raises for a bad image.

    `own` is told how far it has got.
    """
    started = time.monotonic()
    meter = Meter(order.input["width"] * order.input["height"] / 1e6)

    def ended(state: str, **what: Any) -> Outcome:
        seconds = time.monotonic() - started
        outcome = Outcome(order.id, order.attempt, state, seconds, began=started, **what)
        return replace(outcome, cpu=meter.cpu_seconds, peak_bytes=meter.peak_bytes)

    def failed(kind: str, detail: str, step: int | None = None) -> Outcome:
        return ended("failed", error={"type": kind, "detail": detail, "step": step})

    try:
        with meter:
            stored = _processed(cluster, order, limit, own)
        return ended("done", result=stored)
    except filters.FilterError as error:
        return failed(error.type, error.detail, error.step)
    except TookTooLong as error:
        return failed(
            "timeout",
            f"it took more than {limit.soft:g} s of CPU time, the limit for this image and pipeline "
            f"({order.cost:.2g} s were expected); ended before step {error.step}",
            error.step,
        )
    except StoreError as error:
        return failed("store", error.detail)
    except NotFound as error:
        return failed("input-missing", f"its original, or a picture for a step, cannot be had any more: {error.detail}")
    except ClusterUnavailable:
        raise  # this process has waited for minutes; whoever rescues the job tries again
    except MemoryError:
        return failed("out-of-memory", "the node has too little memory for this image and pipeline")
    except Exception as error:
        logger.exception("job %s failed in a way that nobody foresaw", order.id)
        return failed("internal", f"unexpected {type(error).__name__}: {error}")


def _processed(cluster: Cluster, order: WorkOrder, limit: TimeLimit, own: progress.Progress) -> dict[str, Any]:
    """Fetches the image, runs the pipeline, stores result and thumbnail; returns where they are."""
    data = cluster.with_store(lambda store: store.get(order.input["sha256"]))
    pipeline = _pipeline(order.pipeline)
    assets = {name: _asset(cluster, name) for _, name in pipeline.assets()}
    own.enter(progress.WORKING, limit.hard)
    began = time.thread_time()

    def on_step(number: int) -> None:
        if time.thread_time() - began > limit.soft:
            raise TookTooLong(number)
        own.step(number, pipeline.steps[number - 1].filter)

    result = filters.apply(
        data,
        pipeline,
        format=order.format,
        quality=order.quality,
        thumbnail=THUMBNAIL,
        limits=cluster.limits,
        assets=assets.get,
        on_step=on_step,
    )
    own.enter(progress.STORING, HARD * cluster.settings.max_job_seconds)
    stored: dict[str, Any] = {
        "sha256": cluster.with_store(lambda store: store.put(result.data)),
        "bytes": len(result.data),
        "width": result.width,
        "height": result.height,
        "format": result.format,
    }
    if result.thumbnail:
        thumbnail = result.thumbnail
        stored["thumbnail"] = cluster.with_store(lambda store: store.put(thumbnail))
        stored["thumbnail_bytes"] = len(thumbnail)
        stored["thumbnail_format"] = "webp" if result.thumbnail.startswith(b"RIFF") else "jpeg"
    else:  # a small result is its own
        stored["thumbnail"], stored["thumbnail_format"] = stored["sha256"], result.format
    return stored


class Lease:
    """One message in the hands of this process."""

    def __init__(self, cluster: Cluster, node: str, lease: str) -> None:
        self._cluster = cluster
        self._node = node
        self._lease = lease
        self._until = time.monotonic() + cluster.settings.lease_seconds
        self._progress = progress.own(progress.folder_of(cluster.settings, node))

    def run(self, attempts: dict[str, int]) -> dict[str, int]:
        """Returns how many jobs ended in which state."""
        self._progress.between(self._lease)
        try:
            return self._run(attempts)
        finally:
            self._progress.between("")

    def _run(self, attempts: dict[str, int]) -> dict[str, int]:
        ledger = self._cluster.ledger
        counts: dict[str, int] = {}
        orders: Sequence[WorkOrder] = ledger.claim(self._node, self._lease, attempts)
        claimed, taken = bool(orders), False
        while orders:
            outcomes = []
            for order in orders:
                outcome = self._perform(order)
                counts[outcome.state] = counts.get(outcome.state, 0) + 1
                outcomes.append(outcome)
                if order is orders[0] and len(orders) > 1 and order.id not in attempts and not taken:
                    # A single image that came along with a batch's message: whoever waits for it has it now.
                    ledger.commit(self._node, self._lease, outcomes)
                    outcomes = []
            taken = True
            orders = ledger.commit(
                self._node,
                self._lease,
                outcomes,
                budget=self._cluster.settings.chunk_seconds,
                **self._appetite(),
            )
        if claimed:
            dispatch(self._cluster)
        return counts

    def _perform(self, order: WorkOrder) -> Outcome:
        settings = self._cluster.settings
        limit = time_limit(order.cost, self._speed(), settings.max_job_seconds)
        self._progress.begin(self._lease, order.id, order.attempt, HARD * settings.max_job_seconds)
        try:
            return perform(self._cluster, order, limit, self._progress)
        finally:
            self._progress.between(self._lease)  # from here on nobody ends the process for this job's sake

    def _speed(self) -> float:
        nodes = self._cluster.recent_snapshot(SPEED_SECONDS).state.nodes
        return next((node.speed for node in nodes if node.id == self._node), 1.0)

    def _appetite(self) -> dict[str, Any]:
        """What to take next, as `Ledger.commit` wants to know it: nothing once the lease is over, or where the policy
        would rather have another node run the head of the backlog."""
        if time.monotonic() >= self._until:
            return {}
        snapshot = self._cluster.recent_snapshot(SNAPSHOT_SECONDS)
        if 0 < snapshot.state.backlog < ENDING * snapshot.cores:  # a share of what was there would be too large
            snapshot = self._cluster.recent_snapshot(0)
        state = snapshot.state
        if not state.backlog or self._node not in state.position:
            return {}
        # This process is about to be free: its message does not count against its own node.
        own = state.nodes[state.position[self._node]]
        freed = state.with_node(replace(own, running=max(0, own.running - 1)))
        policy = placement.policy_of(snapshot)
        decision = take(policy, freed, self._node, snapshot.now, random.random())  # noqa: S311
        if decision.node != self._node:
            return {}
        explained = decision.to_json(snapshot.now)
        explained["reason"] = f"taken by a process of {self._node} that had just become free; {decision.why}"
        return {
            "take": share(state.backlog, snapshot.cores),
            "memory": own.memory_free,
            "longest_first": rule_of(policy, state).longest_first,
            "placement": explained,
        }

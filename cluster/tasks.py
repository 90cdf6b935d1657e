"""The tasks that Celery knows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from billiard.exceptions import WorkerLostError
from celery import Task
from celery.worker.request import Request

from cluster import chores, deaths, metrics, runtime
from cluster.celery import app
from cluster.lease import Lease
from cluster.message import APPLY_PIPELINE, node_of_queue

logger = logging.getLogger(__name__)


class LeaseRequest(Request):  # type: ignore[misc]  # celery has no types
    """Runs in the worker's main process, which sees the death of a child that could not tell anybody."""

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        answer = super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)
        # billiard wraps the exception, whose words would then be its whole traceback.
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            lease = self.request_dict.get("lease")
            node = node_of_queue(self.delivery_info.get("routing_key"))
            if lease and node:
                deaths.report(runtime.current(), node, lease, str(error))
        return answer


class LeaseTask(Task):  # type: ignore[misc]  # celery has no types
    Request = LeaseRequest


@app.task(bind=True, base=LeaseTask, name=APPLY_PIPELINE)  # type: ignore[untyped-decorator]
def apply_pipeline(self: Task, job_ids: str | Sequence[str]) -> dict[str, int]:
    """Works on the recorded jobs, then on more from the backlog for as long as the lease lasts.

    `apply_pipeline.delay(job_id)` works from any Celery client for a job that `cluster.submit()` has recorded.
    Returns how many jobs ended in which state.
    """
    headers = self.request.headers or {}
    node = node_of_queue((self.request.delivery_info or {}).get("routing_key"))
    if not node or "lease" not in headers:
        logger.warning("dropped a message that no router bound to a node: %s", job_ids)
        return {}
    return Lease(runtime.patient(), node, headers["lease"]).run(headers["attempts"])


@app.task(name="cluster.tasks.sample_node", ignore_result=True, send_events=False, acks_late=False)  # type: ignore[untyped-decorator]
def sample_node() -> None:
    """Every second: psutil's figures of this PC's nodes go to Redis."""
    metrics.sample_all(runtime.current())


@app.task(name="cluster.tasks.tend_cluster", ignore_result=True, send_events=False, acks_late=False)  # type: ignore[untyped-decorator]
def tend_cluster() -> None:
    """Every second: the monitor that holds the leader lease does the cluster's chores."""
    chores.tend(runtime.current())

"""Celery's custom router (`task_routes`): each image message goes to the queue of the node that the policy picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster import keys, runtime
from cluster.errors import NothingToSend
from cluster.message import APPLY_PIPELINE, job_ids_of


def route_job(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: dict[str, Any], **_: object
) -> dict[str, Any] | None:
    """Binds the jobs of an `apply_pipeline` call to a node and names that node's queue.

    The dispatcher sends with the header `late`: it wants a node with room or nothing (NoRoom). A plain
    `apply_pipeline.delay(job_id)` is placed room or not.
    """
    if name != APPLY_PIPELINE:
        return None
    headers = dict(options.get("headers") or {})
    if "lease" in headers:
        return None  # bound already: sent once more into the queue that it names (Celery asks the router even then)
    late = bool(headers.pop("late", False))
    placed = runtime.current().placer.place(job_ids_of(args, kwargs), need_room=late)
    if not placed.attempts:
        raise NothingToSend("these jobs wait no more")
    # Celery lets the caller's options win over the route, so the headers are set where the caller's are.
    options["headers"] = {**headers, "lease": placed.lease, "attempts": placed.attempts}
    return {"queue": keys.queue(placed.node)}

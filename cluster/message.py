"""What Celery carries: one task, whose messages hold job ids and, in their headers, the lease they were bound under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

APPLY_PIPELINE = "cluster.tasks.apply_pipeline"


def job_ids_of(args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
    """The job ids of an `apply_pipeline` call: its one argument is an id or a list of ids."""
    given = args[0] if args else kwargs.get("job_ids")
    return [given] if isinstance(given, str) else list(given or [])


def node_of_queue(queue: str | None) -> str | None:
    """`node.pc-1` -> `pc-1`; None for any other queue."""
    return queue.removeprefix("node.") if queue and queue.startswith("node.") else None

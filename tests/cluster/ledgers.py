"""A ledger with jobs and nodes in it, in few words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cluster.ledger import Ledger, NewJob, Outcome, WorkOrder, new_id
from cluster.nodes import Nodes

SEPIA = [{"filter": "sepia"}]
SHA = "ab" * 32
ASSET_SHA = "cd" * 32
HIGH = 10**6  # a backlog without a limit


def new_jobs(count: int, cost: float = 0.01, peak: float = 0.0) -> list[NewJob]:
    return [
        NewJob(
            f"photo-{number}.jpg", {"sha256": SHA, "bytes": 10, "width": 4, "height": 3, "format": "jpeg"}, cost, peak
        )
        for number in range(1, count + 1)
    ]


def submit(ledger: Ledger, count: int = 1, *, cost: float = 0.01, peak: float = 0.0, **options: Any) -> list[str]:
    """Ids of newly recorded jobs of one batch."""
    return submit_batch(ledger, count, cost=cost, peak=peak, **options)[1]


def submit_batch(
    ledger: Ledger, count: int, *, cost: float = 0.01, peak: float = 0.0, **options: Any
) -> tuple[str, list[str]]:
    given = {
        "pipeline": SEPIA,
        "format": None,
        "quality": None,
        "priority": 0,
        "submitter": "",
        "max_backlog": HIGH,
        **options,
    }
    return ledger.submit(new_jobs(count, cost, peak), **given)


def add_node(registry: Nodes, name: str, cores: float = 4, **fields: object) -> None:
    """A node whose image worker has registered just now."""
    registry.register(name, {"cores": cores, "concurrency": int(cores), "pid": 1, "cpus": [0], "speed": 1.0, **fields})


@dataclass(frozen=True)
class Message:
    """What a Celery message carries, as the node receives it."""

    node: str
    lease: str
    attempts: dict[str, int]


def bind(ledger: Ledger, node: str, *job_ids: str, placement: Mapping[str, Any] | None = None) -> Message:
    """The jobs bound to the node, room or not."""
    lease = new_id("l")
    attempts = ledger.bind(node, lease, job_ids, placement or {"reason": "a test"}, None)
    assert isinstance(attempts, dict), attempts
    return Message(node, lease, attempts)


def claim(ledger: Ledger, message: Message) -> list[WorkOrder]:
    return ledger.claim(message.node, message.lease, message.attempts)


def start(ledger: Ledger, node: str, *job_ids: str) -> tuple[Message, list[WorkOrder]]:
    """The jobs bound to the node and claimed by a process of it."""
    message = bind(ledger, node, *job_ids)
    return message, claim(ledger, message)


def done(order: WorkOrder, mark: str = "result") -> Outcome:
    result = {"sha256": SHA, "bytes": 5, "width": 4, "height": 3, "format": "jpeg", "mark": mark}
    return Outcome(order.id, order.attempt, "done", 0.01, result=result)


def failed(order: WorkOrder) -> Outcome:
    error = {"type": "broken-image", "detail": "it is cut short", "step": 1}
    return Outcome(order.id, order.attempt, "failed", 0.01, error=error)


def states(ledger: Ledger, job_ids: list[str]) -> list[str]:
    return [view["state"] for view in ledger.views(job_ids)]


def happened(ledger: Ledger, job_id: str) -> list[str]:
    """The words of the job's timeline."""
    return [entry["event"] for entry in ledger.timeline(job_id)]

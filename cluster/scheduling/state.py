"""What a policy may know about the cluster, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

HOLD: Final = None
"""A decision's node when the job should wait in the backlog."""

SLACK = 0.25
"""Share of a node's cores that may wait on it beyond those at work; at least one message."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node as last sampled. CPU figures are shares from 0 to 1 of the cores that the node may use."""

    id: str
    cores: float
    state: str = "live"
    cpu: float = 0.0
    own: float = 0.0  # CPU used by this node's and its siblings' workers: never foreign load
    speed: float = 1.0
    running: int = 0  # messages being worked on
    waiting: int = 0  # messages sent and not yet claimed
    sampled_at: float = 0.0  # epoch seconds, the server's clock
    memory_free: float = float("inf")  # bytes
    memory: float = 0.0  # share of memory in use

    @property
    def in_flight(self) -> int:
        return self.running + self.waiting


@dataclass(frozen=True, slots=True)
class State:
    """The cluster at one moment. `turn` counts bindings (for round-robin)."""

    nodes: tuple[Node, ...] = ()
    backlog: int = 0
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """What matters of a job for its placement: predicted CPU seconds and peak memory in bytes."""

    id: str
    seconds: float = 0.0
    peak_bytes: float = 0.0
    avoid: str = ""  # node that lost it before


@dataclass(frozen=True, slots=True)
class Candidate:
    """One node in a decision; `held` says why it was not to be chosen, None if it could be."""

    node: str
    score: float | None
    held: str | None
    sample_age: float
    in_flight: int
    slots: float
    cores: float
    cpu_usage: float  # percent

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node,
            "score": None if self.score is None else round(self.score, 4),
            "held": self.held,
            "sample_age": round(self.sample_age, 3),
            "in_flight": self.in_flight,
            "slots": self.slots,
            "cores": self.cores,
            "cpu_usage": round(self.cpu_usage, 1),
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """`node` is the chosen node's id, or HOLD. `why` is one sentence; candidates come best first, five at most."""

    node: str | None
    score: float | None
    why: str
    policy: str
    candidates: tuple[Candidate, ...] = field(default=())

    def to_json(self, decided_at: float) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "node": self.node,
            "reason": self.why,
            "decided_at": decided_at,
            "candidates": [candidate.to_json() for candidate in self.candidates],
        }


def slots_of(cores: float) -> float:
    """How many messages a node with that many cores may hold: it has room while it holds fewer."""
    return cores + max(1.0, SLACK * cores)


def has_room(node: Node) -> bool:
    return node.in_flight < slots_of(node.cores)

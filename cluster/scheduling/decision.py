"""What `decide` answers, and how it explains itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

HOLD: Final = None
"""A decision's node when the job should wait in the backlog."""


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

"""How long one image may take.

The soft limit counts CPU seconds of the job itself, so that neither a busy PC nor a frozen one makes an honest job
fail. It is looked at between two steps. The hard limit counts seconds by the clock and ends the process, whatever it
does: a single step of Pillow does not come back to Python before it is over.
"""

from __future__ import annotations

from dataclasses import dataclass

FACTOR = 20.0
"""Over the prediction: what was learned is at most that far from its prior, and images differ by a few times."""

FLOOR = 30.0
"""Seconds: a small job may meet a first import, a full swap or a slow disk."""

HARD = 3.0
"""Over the soft limit: even a job of the dearest kind may have only a third of a core."""


@dataclass(frozen=True, slots=True)
class TimeLimit:
    soft: float  # CPU seconds
    hard: float  # seconds by the clock


def time_limit(cost: float, speed: float, ceiling: float) -> TimeLimit:
    """`cost` is the predicted CPU seconds on a core of speed 1, `speed` the node's, `ceiling` the most allowed."""
    soft = min(ceiling, max(FLOOR, FACTOR * cost / max(speed, 0.05)))
    return TimeLimit(soft, HARD * soft)

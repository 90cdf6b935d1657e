"""Which fixed policy `adaptive` should follow, from what each of them would have done with the last minutes.

It changes its mind slowly: two policies that are about as good must not take turns.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cluster.scheduling.policies import FIXED
from cluster.scheduling.replay import RECORDED, Row, is_sound

SENSIBLE: Final = ("least-cpu", "predictive", "least-connections", "power-of-two", "weighted")
"""The policies that are tried; the others are kept to compare with."""

GAIN = 0.08  # of the mean response: what another policy must be better by
TAIL = 0.10  # of the 99th percentile: what it may be worse by
FEWEST = 50  # jobs
REST = 300.0  # seconds between two switches
FRESH = 180.0  # seconds after which the evaluation before is none any more


@dataclass(frozen=True, slots=True)
class History:
    """What one evaluation leaves for the next: when it was, which policies it found better, the last switch.

    Times are epoch seconds on the server's clock, 0 for never.
    """

    at: float = 0.0
    better: tuple[str, ...] = ()
    switched_at: float = 0.0

    def to_json(self) -> str:
        return json.dumps({"at": self.at, "better": self.better, "switched_at": self.switched_at})

    @classmethod
    def from_json(cls, text: str) -> History:
        """As `to_json` wrote it; anything else is no history."""
        try:
            found: Any = json.loads(text)
            times = float(found["at"]), float(found["switched_at"])
            if not all(math.isfinite(time) and time >= 0.0 for time in times):
                return cls()
            return cls(times[0], tuple(str(name) for name in found["better"]), times[1])
        except (KeyError, RecursionError, TypeError, ValueError):
            return cls()


@dataclass(frozen=True, slots=True)
class Choice:
    """The policy to follow from now on and, in one sentence, why; `history` is for the next evaluation."""

    policy: str
    reason: str
    history: History


def choose(current: str, results: Sequence[Row], history: History, now: float) -> Choice:
    """`results` are the rows of `compare` for the present policy and for those that could take its place.

    Another policy is followed only if it would have been at least 8 % better in mean response and at most 10 % worse
    in the 99th percentile, now and in the evaluation before, over at least 50 jobs, and if the last switch is
    5 minutes ago.
    """
    # A clock that was put back must not hold the next switch up for longer than the rest itself.
    switched_at = min(history.switched_at, now)
    idle = History(now, (), switched_at)
    rows = {row.policy: row for row in results if row.policy != RECORDED and is_sound(row)}
    present = rows.get(current)
    if present is None:
        return Choice(current, f"nothing is known of what {current} would have done", idle)
    if present.jobs < FEWEST:
        return Choice(current, f"{present.jobs} jobs are too few to judge by; {FEWEST} are needed", idle)
    better = sorted(
        (
            row
            for row in rows.values()
            if row.policy in FIXED and row.mean <= (1.0 - GAIN) * present.mean and row.p99 <= (1.0 + TAIL) * present.p99
        ),
        key=lambda row: (row.mean, row.policy),
    )
    seen = History(now, tuple(row.policy for row in better), switched_at)
    if not better:
        return Choice(current, f"no policy would have been {GAIN:.0%} better than {current}", seen)
    before = history.better if 0.0 < now - history.at <= FRESH else ()
    twice = [row for row in better if row.policy in before]
    if not twice:
        return Choice(current, f"{better[0].policy} would have been better; the next evaluation decides", seen)
    if switched_at and now - switched_at < REST:
        return Choice(current, f"{twice[0].policy} would have been better, but the last switch was just now", seen)
    chosen = twice[0]
    reason = (
        f"{chosen.policy} instead of {current}: over the last {present.jobs} jobs the mean response would have been "
        f"{chosen.mean:.3g} s instead of {present.mean:.3g} s ({1.0 - chosen.mean / present.mean:.0%} less), "
        f"the 99th percentile {chosen.p99:.3g} s instead of {present.p99:.3g} s"
    )
    return Choice(chosen.policy, reason, replace(seen, better=(), switched_at=now))

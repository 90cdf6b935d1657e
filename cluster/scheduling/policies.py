"""The policies: each is one formula over a node."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from cluster.scheduling.formulas import LONGEST_WAIT, finish, least_cpu_score, predicted_load
from cluster.scheduling.state import Job, State

DEFAULT_POLICY: Final = "least-cpu"
ADAPTIVE: Final = "adaptive"

LEAST_SECONDS = 1e-3
"""A job whose cost is not known still finishes sooner on a faster node."""

Formula = Callable[[Any, Any, State, Job, Any], Any]
"""(node or columns, number or numbers of the node, state, job, ops) -> value or values."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The lowest `score` wins. `longest_first`: within a batch. A node on which one more message is expected to wait
    for more than `longest_wait` seconds has no room for it, whatever its slots.

    `narrow` leaves some of the nodes that could be chosen, given their numbers and cores and a number in [0, 1).
    `preferred` says why a node won over one with a lower score.
    """

    name: str
    description: str
    score: Formula
    narrow: Callable[[Sequence[int], Sequence[float], float], Sequence[int]] | None = None
    longest_first: bool = False
    longest_wait: float = float("inf")
    preferred: str = ""


def _least_cpu(n: Any, number: Any, state: State, job: Job, ops: Any) -> Any:
    return least_cpu_score(n, ops)


def _raw_cpu(n: Any, number: Any, state: State, job: Job, ops: Any) -> Any:
    return n.cpu * 100.0


def _predictive(n: Any, number: Any, state: State, job: Job, ops: Any) -> Any:
    return finish(n, max(job.seconds, LEAST_SECONDS), ops)


def _weighted(n: Any, number: Any, state: State, job: Job, ops: Any) -> Any:
    """The CPU's part is the predicted load: with the sampled one all jobs of a second would go to one node."""
    w = state.weights
    index = w.cpu * predicted_load(n, ops) + w.memory * n.memory + w.network * n.network + w.disk * n.disk
    return index / (w.cpu + w.memory + w.network + w.disk)


def _connections(n: Any, number: Any, state: State, job: Job, ops: Any) -> Any:
    return (n.in_flight + 1.0) / n.cores


def _turn(n: Any, number: Any, state: State, job: Job, ops: Any) -> Any:
    return (number - float(state.turn)) % float(len(state.nodes))


def two_by_capacity(numbers: Sequence[int], cores: Sequence[float], u: float) -> list[int]:
    """Two different ones of `numbers`, each with a chance that is proportional to its cores; all if there are two."""
    if len(numbers) <= 2:
        return list(numbers)
    sums = list(accumulate(cores))
    first = min(bisect_right(sums, u * sums[-1]), len(numbers) - 1)
    # The digits of u that the first choice did not use, on what is left without the first.
    start = sums[first - 1] if first else 0.0
    left = (u * 65536.0) % 1.0 * (sums[-1] - cores[first])
    second = bisect_right(sums, left if left < start else left + cores[first])
    if second >= len(numbers) or second == first:  # by rounding at the very end
        second = first - 1 if first else 1
    return [numbers[first], numbers[second]]


POLICIES: Final[dict[str, Policy]] = {
    policy.name: policy
    for policy in (
        Policy(
            "least-cpu",
            "least predicted CPU: other programs' load from the last sample plus our own work in flight",
            _least_cpu,
            longest_wait=LONGEST_WAIT,
        ),
        Policy(
            "predictive",
            "earliest expected finish, from learned costs and speeds; batches longest job first",
            _predictive,
            longest_first=True,
        ),
        Policy("weighted", "least index of CPU, memory, network and disk, by weights that you set", _weighted),
        Policy("raw-cpu", "lowest sampled CPU, the original report's rule; kept to compare with", _raw_cpu),
        Policy("least-connections", "fewest messages in flight per core", _connections),
        Policy(
            "power-of-two",
            "the better of two nodes drawn by chance, by messages in flight per core",
            _connections,
            narrow=two_by_capacity,
            preferred="it is the better of the two drawn",
        ),
        Policy("round-robin", "each node in turn", _turn),
        Policy(
            ADAPTIVE,
            "replays the last minutes under every policy and follows the one that would have done best",
            _least_cpu,
        ),
    )
}
"""By name. `adaptive` has no formula of its own: `decide` asks the policy that `State.adapted` names."""

FIXED: Final = tuple(name for name in POLICIES if name != ADAPTIVE)


def rule_of(policy: str, state: State) -> Policy:
    """The policy whose formula counts; KeyError where there is none of that name."""
    rule = POLICIES[policy]
    if rule.name != ADAPTIVE:
        return rule
    return POLICIES[state.adapted if state.adapted in FIXED else DEFAULT_POLICY]

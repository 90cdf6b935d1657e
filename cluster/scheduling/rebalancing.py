"""Work that waits on a node which has become slow or busy, and would be done sooner elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.scheduling.decide import decide, obstacle, reluctance
from cluster.scheduling.decision import HOLD
from cluster.scheduling.events import Bound, reduce
from cluster.scheduling.formulas import wait_and_run
from cluster.scheduling.policies import LEAST_SECONDS
from cluster.scheduling.state import Job, Node, State

PATIENCE = 1.0  # seconds that a message may wait before anybody thinks of moving it
PAYS = 1.5
"""A move must make the expected time that many times shorter ..."""

GAIN = 0.25
"""... and save so many seconds: expectations are rough, and a message that is moved to and fro helps nobody."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that has waited on `node` for `age` seconds; `job` stands for the jobs that it carries."""

    lease: str
    node: str
    age: float
    job: Job


@dataclass(frozen=True, slots=True)
class Move:
    """`message` should go back to the backlog, for the reason in words."""

    message: Message
    why: str


def moves(policy: str, state: State, waiting: Sequence[Message], now: float) -> list[Move]:
    """The messages, longest waiting first, that the policy would now bind to another node, which should be done with
    them clearly sooner."""
    found = []
    for message in sorted(waiting, key=lambda one: -one.age):
        number = state.position.get(message.node)
        if number is None or message.age < PATIENCE:
            continue
        here = state.nodes[number]
        seconds = message.job.seconds
        without = replace(here, waiting=max(0, here.waiting - 1), work=max(0.0, here.work - seconds))
        if_free = state.with_node(without)
        chosen = decide(policy, if_free, message.job, now, 0.5, explain=False).node
        if chosen in (HOLD, here.id) or reluctance(state.nodes[state.position[chosen]], message.job, state, now):
            continue
        lasting = obstacle(here, message.job)
        stays = float("inf") if lasting else _expected(without, seconds)
        goes = _expected(state.nodes[state.position[chosen]], seconds)
        if stays > PAYS * goes + GAIN:
            state = reduce(if_free, Bound(chosen, seconds))
            expected = f"nobody knows when ({lasting})" if lasting else f"in {stays:.1f} s"
            found.append(Move(message, f"{chosen} should be done in {goes:.1f} s, this node {expected}"))
    return found


def _expected(node: Node, seconds: float) -> float:
    return float(sum(wait_and_run(node, max(seconds, LEAST_SECONDS))))

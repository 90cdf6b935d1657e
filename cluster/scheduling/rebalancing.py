"""Work that waits on a node which has become slow or busy, and would be done sooner elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cluster.scheduling.decide import obstacle, reluctance
from cluster.scheduling.events import Bound, reduce
from cluster.scheduling.formulas import wait_and_run
from cluster.scheduling.policies import LEAST_SECONDS
from cluster.scheduling.state import Job, Node, State, has_room

PATIENCE = 1.0  # seconds that a message may wait before anybody thinks of moving it
PAYS = 1.5
"""A move must make the expected time that many times shorter ..."""

GAIN = 0.25
"""... and save so many seconds: expectations are rough, and a message that is moved to and fro helps nobody."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that waits on `node` for a process, for `age` seconds, with jobs of `seconds` predicted work."""

    lease: str
    node: str
    seconds: float
    age: float
    peak_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Move:
    """`message` should go back to the backlog, for the reason in words."""

    message: Message
    why: str


def moves(state: State, waiting: Sequence[Message], now: float) -> list[Move]:
    """The messages, longest waiting first, whose work another node with room would finish clearly sooner."""
    found = []
    for message in sorted(waiting, key=lambda one: -one.age):
        number = state.position.get(message.node)
        if number is None or message.age < PATIENCE:
            continue
        here = state.nodes[number]
        without = replace(here, waiting=max(0, here.waiting - 1), work=max(0.0, here.work - message.seconds))
        stays = _expected(without, message) if here.state == "live" else float("inf")
        best = min(
            (node for node in state.nodes if node.id != here.id and _can_take(node, message, now)),
            key=lambda node: _expected(node, message),
            default=None,
        )
        if best is None:
            continue
        goes = _expected(best, message)
        if stays > PAYS * goes + GAIN:
            state = reduce(state.with_node(without), Bound(best.id, message.seconds))
            expected = f"{stays:.1f} s" if here.state == "live" else f"nobody knows when: it is {here.state}"
            found.append(Move(message, f"{best.id} should be done in {goes:.1f} s, here in {expected}"))
    return found


def _expected(node: Node, message: Message) -> float:
    return float(sum(wait_and_run(node, max(message.seconds, LEAST_SECONDS))))


def _can_take(node: Node, message: Message, now: float) -> bool:
    job = Job("", message.seconds, message.peak_bytes)
    return obstacle(node, job) is None and reluctance(node, job, now) is None and has_room(node)

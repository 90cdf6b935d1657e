"""What a dispatcher does with the front of the backlog: its order, and where its jobs go."""

from __future__ import annotations

from collections import defaultdict

from cluster.scheduling.decide import decide
from cluster.scheduling.decision import HOLD, Decision
from cluster.scheduling.events import Bound, reduce
from cluster.scheduling.policies import rule_of
from cluster.scheduling.state import Job, State

TRIES = 8
"""Jobs that may wait for a better node before a dispatcher stops looking for one that need not."""


def order(policy: str, state: State) -> list[Job]:
    """The front of the backlog in the order in which it should run.

    Under a policy that runs the longest first, the jobs of a batch change places among each other, so that no other
    batch gets more or less than its share (longest processing time first; Graham, 1969).
    """
    if not rule_of(policy, state).longest_first:
        return list(state.head)
    groups: dict[tuple[int, str], list[Job]] = defaultdict(list)
    for job in state.head:
        groups[job.lane, job.batch].append(job)
    for group in groups.values():
        group.sort(key=lambda job: job.seconds)
    return [groups[job.lane, job.batch].pop() for job in state.head]


def plan(policy: str, state: State, now: float, u: float = 0.0) -> list[tuple[Job, Decision]]:
    """The bindings that should be made now for `state.head`, one job to a message, in order."""
    bindings: list[tuple[Job, Decision]] = []
    waits = 0
    for job in order(policy, state):
        decision = decide(policy, state, job, now, (u + len(bindings) * 0.6180339887) % 1.0, explain=False)
        if decision.node is HOLD:
            waits += 1
            if waits >= TRIES or not rule_of(policy, state).patient:
                break
            continue
        bindings.append((job, decision))
        state = reduce(state, Bound(decision.node, job.seconds))
    return bindings

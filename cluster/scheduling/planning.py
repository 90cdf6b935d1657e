"""What a dispatcher does with the front of the backlog: its order, and where its jobs go."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

from cluster.scheduling.decide import decide, obstacle, reluctance, score_of
from cluster.scheduling.decision import HOLD, Decision
from cluster.scheduling.events import Bound, reduce
from cluster.scheduling.policies import rule_of
from cluster.scheduling.state import Job, State, has_room, slots_of


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
        group.reverse()  # of equals the first is to go first, and they go from the end
        group.sort(key=lambda job: job.seconds)
    return [groups[job.lane, job.batch].pop() for job in state.head]


def is_open(policy: str, state: State, now: float) -> bool:
    """Whether any job at all could be sent now: one that needs nothing is not held."""
    return decide(policy, state, Job(""), now, 0.0, explain=False).node is not HOLD


def take(policy: str, state: State, node: str, now: float, u: float, *, explain: bool = True) -> Decision:
    """Whether a process of `node` that has just become free should go on with the head of the backlog: then that is the
    node of the decision. In `state` its own message counts no more.

    Where more jobs wait than other nodes have room for, each will get its part anyway, and to go on at once is cheaper
    than any message: then it is enough that nothing speaks against the node itself.
    """
    job = state.head[0] if state.head else Job("")
    decision = decide(policy, state, job, now, u, explain=explain)
    if decision.node == node or node not in state.position:
        return decision
    own = state.nodes[state.position[node]]
    if decision.node is HOLD:
        # Not for want of room, for this node has some: the head needs more memory, say. What follows it may not.
        job = replace(job, peak_bytes=0.0, avoid="")
    if obstacle(own, job) or reluctance(own, job, state, now) or not has_room(own):
        return decision
    room = sum(
        math.ceil(max(0.0, slots_of(other.cores) - other.in_flight))
        for other in state.nodes
        if other.id != node and obstacle(other, job) is None
    )
    if state.backlog <= room:
        return decision
    why = f"{state.backlog} jobs wait and other nodes have room for {room} messages"
    # A message that came would wait here; the process that is free now does not.
    candidates = tuple(replace(one, held=None) if one.node == node else one for one in decision.candidates)
    return Decision(node, score_of(policy, state, job, node), why, policy, candidates)


def plan(policy: str, state: State, now: float, u: float = 0.0) -> list[tuple[Job, Decision]]:
    """The bindings that should be made now for `state.head`, one job to a message, in order."""
    bindings: list[tuple[Job, Decision]] = []
    held: list[Job] = []
    for job in order(policy, state):
        if any(job.peak_bytes >= other.peak_bytes and job.avoid == other.avoid for other in held):
            continue  # it wants at least as much as one that found nothing
        decision = decide(policy, state, job, now, (u + len(bindings) * 0.6180339887) % 1.0, explain=False)
        if decision.node is HOLD:
            # Others that need less memory, or may go elsewhere, need not wait for it.
            held.append(job)
            if not is_open(policy, state, now):
                break
            continue
        bindings.append((job, decision))
        state = reduce(state, Bound(decision.node, job.seconds))
    return bindings

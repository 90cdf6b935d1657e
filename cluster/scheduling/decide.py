"""`decide`: the one decision that everything turns on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster.scheduling.decision import HOLD, Candidate, Decision
from cluster.scheduling.formulas import (
    BUSY,
    BUSY_SECONDS,
    BUSY_SECONDS_INTERACTIVE,
    FAULT_SECONDS,
    FAULTS,
    MEMORY_MARGIN,
    SCALAR,
    expected_wait,
)
from cluster.scheduling.policies import Policy, rule_of
from cluster.scheduling.state import Job, Node, State, has_room, slots_of

SHOWN = 5
FEW = 24
"""Up to so many nodes a plain loop is quicker than numpy."""

NEVER = float("inf")


def obstacle(node: Node, job: Job) -> str | None:
    """Why this node can get no work at all now, or None."""
    if node.state != "live":
        return node.state
    if node.cores <= 0:
        return "no cores"
    return None


def reluctance(node: Node, job: Job, state: State, now: float) -> str | None:
    """Why this node should get work only if no other can take it, or None."""
    if node.id == job.avoid:
        return "lost this job before"
    if node.memory_free < job.peak_bytes * MEMORY_MARGIN:
        return "too little free memory"
    # Below BUSY in all, other programs alone cannot be above it: most nodes need no closer look.
    if node.cpu > BUSY and _can_spare(state, job, now) and node.foreign > BUSY * node.cores:
        return "busy with other programs"
    if node.failures >= FAULTS and now - node.failed_at < FAULT_SECONDS:
        return f"its last {node.failures} jobs failed"
    return None


def _can_spare(state: State, job: Job, now: float) -> bool:
    """Whether the others still carry the load, so that PCs kept busy by their owners can be left alone."""
    return now - state.waiting_since < (BUSY_SECONDS_INTERACTIVE if job.interactive else BUSY_SECONDS)


def _can_send(rule: Policy, node: Node) -> bool:
    """Whether the node has room, and under this policy would soon begin with one more message."""
    if not has_room(node):
        return False
    return node.in_flight < node.cores or expected_wait(node) <= rule.longest_wait


def decide(
    policy: str, state: State, job: Job, now: float, u: float, *, need_room: bool = True, explain: bool = True
) -> Decision:
    """The node that should run `job`, or HOLD.

    `now` is epoch seconds on the server's clock, `u` a number in [0, 1) that breaks ties. With `need_room` false
    full nodes are chosen too (a plain `apply_pipeline.delay` is placed room or not). Without `explain` there are no
    candidates and few words, and it is several times as quick.

    A node that other programs keep busy, that is short of memory, that fails its jobs or that lost this one before,
    gets it only if no other live node could take it, even one that is full at this moment: the job then waits for
    that one. Once there has been a backlog for BUSY_SECONDS (a single image: BUSY_SECONDS_INTERACTIVE), busy nodes
    count like any other.
    """
    rule = rule_of(policy, state)
    ranked = _rank_few if len(state.nodes) <= FEW else _rank_many
    ranking = ranked(rule, state, job, now, u, need_room)
    best = ranking.best
    shown = _candidates(rule, state, job, now, ranking) if explain else ()
    if best is None:
        return Decision(HOLD, None, _why_held(state, shown), policy, shown)
    node, score = state.nodes[best], ranking.scores[0]
    why = _why_chosen(rule, node, score, shown) if explain else rule.name
    return Decision(node.id, score, why, policy, shown)


def score_of(policy: str, state: State, job: Job, node: str) -> float:
    """The node's score under the policy, whoever is chosen."""
    number = state.position[node]
    return float(rule_of(policy, state).score(state.nodes[number], float(number), state, job, SCALAR))


class _Ranking:
    """`best` is the chosen node's number, None for none; `first` the numbers of those to show, best first, and `scores`
    theirs; `spare` says that nodes with a reluctance are left out."""

    __slots__ = ("best", "first", "scores", "spare")

    def __init__(self, best: int | None, first: Sequence[int], scores: Sequence[float], spare: bool) -> None:
        self.best = best
        self.first = first
        self.scores = scores
        self.spare = spare


def _rank_few(rule: Policy, state: State, job: Job, now: float, u: float, need_room: bool) -> _Ranking:
    nodes = state.nodes
    count = len(nodes)
    able = [node.state == "live" and node.cores > 0 for node in nodes]
    willing = [able[at] and reluctance(node, job, state, now) is None for at, node in enumerate(nodes)]
    spare = any(willing)
    fit = willing if spare else able
    free = [fit[at] and (not need_room or _can_send(rule, node)) for at, node in enumerate(nodes)]
    if rule.narrow is not None and any(free):
        numbers = [at for at in range(count) if free[at]]
        drawn = rule.narrow(numbers, [nodes[at].cores for at in numbers], u)
        free = [at in drawn for at in range(count)]
    keys = [
        rule.score(node, float(at), state, job, SCALAR) if node.cores > 0 else NEVER for at, node in enumerate(nodes)
    ]
    order = sorted(range(count), key=lambda at: (not free[at], keys[at], (at + u * count) % count))
    best = order[0] if order and free[order[0]] else None
    first = order[:SHOWN]
    return _Ranking(best, first, [float(keys[at]) for at in first], spare)


def _rank_many(rule: Policy, state: State, job: Job, now: float, u: float, need_room: bool) -> _Ranking:
    import numpy as np  # late: small clusters need none

    columns = state.columns
    count = len(state.nodes)
    with np.errstate(divide="ignore", invalid="ignore"):
        able = columns.live & (columns.cores > 0)
        wary = columns.memory_free < job.peak_bytes * MEMORY_MARGIN
        if _can_spare(state, job, now):
            wary |= columns.foreign > BUSY * columns.cores
        wary |= (columns.failures >= FAULTS) & (now - columns.failed_at < FAULT_SECONDS)
        if job.avoid in state.position:
            wary[state.position[job.avoid]] = True
        willing = able & ~wary
        spare = bool(willing.any())
        fit = willing if spare else able
        keys = rule.score(columns, columns.number, state, job, np)
    keys = np.where(columns.cores > 0, keys, NEVER)
    slots = slots_of(columns.cores, np)
    free = fit & (columns.in_flight < slots) if need_room else fit
    if need_room and rule.longest_wait < NEVER:
        with np.errstate(divide="ignore", invalid="ignore"):
            free &= ~(expected_wait(columns, np) > rule.longest_wait)
    if rule.narrow is not None and free.any():
        numbers = np.flatnonzero(free)
        drawn = rule.narrow(numbers.tolist(), columns.cores[numbers].tolist(), u)
        free = np.zeros(count, dtype=bool)
        free[drawn] = True
    open_keys = np.where(free, keys, NEVER)
    lowest = open_keys.min()
    best = None
    if free.any():
        ties = np.flatnonzero(open_keys == lowest)
        best = int(ties[0]) if len(ties) == 1 else int(ties[((ties + u * count) % count).argmin()])
    # Those that could be chosen first, by their score; then the others by theirs.
    order = np.where(free, keys, keys + 1e12)
    few = min(SHOWN, count)
    first = np.argpartition(order, few - 1)[:few].tolist()
    first.sort(key=lambda at: (order[at], (at + u * count) % count))
    if best in first:
        first.remove(best)
    if best is not None:
        first = [best, *first][:SHOWN]
    return _Ranking(best, first, keys[first].tolist(), spare)


def _held(rule: Policy, state: State, job: Job, now: float, ranking: _Ranking, number: int) -> str | None:
    node = state.nodes[number]
    reason = obstacle(node, job) or (reluctance(node, job, state, now) if ranking.spare else None)
    if reason is None and ranking.best != number:
        if not has_room(node):
            return "full"
        if not _can_send(rule, node):
            return "a message would wait there"
    return reason


def _candidates(rule: Policy, state: State, job: Job, now: float, ranking: _Ranking) -> tuple[Candidate, ...]:
    found = []
    for number, score in zip(ranking.first, ranking.scores, strict=True):
        node = state.nodes[number]
        found.append(
            Candidate(
                node.id,
                score if node.cores > 0 else None,
                _held(rule, state, job, now, ranking, number),
                max(0.0, now - node.sampled_at),
                node.in_flight,
                slots_of(node.cores),
                node.cores,
                node.cpu * 100.0,
            )
        )
    return tuple(found)


def _why_held(state: State, shown: Sequence[Candidate]) -> str:
    if not state.nodes:
        return "no node is known"
    if not shown:
        return "no node can take it now"
    reasons = ", ".join(f"{candidate.node}: {candidate.held}" for candidate in shown)
    return f"no node can take it now ({reasons})"


def _why_chosen(rule: Policy, node: Node, score: float, shown: Sequence[Candidate]) -> str:
    others: list[Any] = [candidate for candidate in shown if candidate.held is None and candidate.node != node.id]
    if others and others[0].score is not None:
        lowest = score <= others[0].score
        why = f"score {score:.2f} is the lowest" if lowest else f"{rule.preferred}, score {score:.2f}"
        return f"{rule.name}: {why}; next is {others[0].node} with {others[0].score:.2f}"
    held = [f"{candidate.node} is {candidate.held}" for candidate in shown if candidate.held]
    if held:
        return f"{rule.name}: the only node that can take it now ({'; '.join(held)})"
    return f"{rule.name}: the only node"

"""The policies: each gives a node a sort key, least is best. `decide` does the rest, the same for all of them.

`least-cpu` is the project's rule. With stale samples the lowest sampled CPU sends a whole burst to one node
(Mitzenmacher, "How Useful Is Old Information?", 2000), so the load of other people's programs is taken from the
sample and our own load from the exact count of messages in flight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cluster.scheduling.state import HOLD, Candidate, Decision, Job, Node, State, has_room, slots_of

DEFAULT_POLICY: Final = "least-cpu"
BUSY = 0.85
"""Share of a node's CPU taken by other programs above which it is left alone while another node can take the job."""

MEMORY_MARGIN = 1.1
SATURATED = 0.95
SHOWN = 5


def foreign_load(node: Node) -> float:
    """Cores' worth of CPU that programs other than Cúmulo want on this node.

    Below saturation that is what they use. On a saturated node they get only their fair share against our
    processes, so their demand is our running messages times the ratio of the shares.
    """
    foreign = max(0.0, node.cpu - node.own)
    load = node.cores * foreign
    if node.cpu >= SATURATED and node.running and node.own > 0.05:
        load = max(load, node.running * foreign / node.own)
    return min(load, 4.0 * node.cores)


def predicted_load(node: Node) -> float:
    """Load per core if one more message came: foreign load, messages in flight, and the new one."""
    return (foreign_load(node) + node.in_flight + 1.0) / node.cores


def least_cpu_score(node: Node) -> float:
    load = predicted_load(node)
    return max(1.0, load) / node.speed + 0.02 * load


Key = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """`key` sorts nodes (its last number is the score that people see), `description` says how in a sentence."""

    name: str
    description: str
    key: Callable[[Node, State], Key]


def _least_cpu(node: Node, state: State) -> Key:
    idle = node.in_flight == 0 and predicted_load(node) <= 1.0
    return (0.0 if idle else 1.0, least_cpu_score(node))


def _raw_cpu(node: Node, state: State) -> Key:
    return (node.cpu * 100.0,)


def _least_connections(node: Node, state: State) -> Key:
    return ((node.in_flight + 1.0) / node.cores,)


def _round_robin(node: Node, state: State) -> Key:
    names = sorted(other.id for other in state.nodes)
    return (float((names.index(node.id) - state.turn) % len(names)),)


POLICIES: Final[dict[str, Policy]] = {
    policy.name: policy
    for policy in (
        Policy(
            "least-cpu",
            "least predicted CPU: other programs' load from the last sample plus our own work in flight",
            _least_cpu,
        ),
        Policy("raw-cpu", "lowest sampled CPU, the original report's rule; kept to compare with", _raw_cpu),
        Policy("least-connections", "fewest messages in flight per core", _least_connections),
        Policy("round-robin", "each node in turn", _round_robin),
    )
}


def obstacle(node: Node, job: Job) -> str | None:
    """Why this node can get no work at all now, or None."""
    if node.state != "live":
        return node.state
    if node.cores <= 0:
        return "no cores"
    return None


def reluctance(node: Node, job: Job) -> str | None:
    """Why this node should get work only if no other can take it, or None."""
    if node.id == job.avoid:
        return "lost this job before"
    if node.memory_free < job.peak_bytes * MEMORY_MARGIN:
        return "too little free memory"
    if foreign_load(node) > BUSY * node.cores:
        return "busy with other programs"
    return None


def decide(policy: str, state: State, job: Job, now: float, u: float, *, need_room: bool = True) -> Decision:
    """The node that should run `job`, or HOLD.

    `now` is epoch seconds on the server's clock, `u` a number in [0, 1) that breaks ties. With `need_room` false
    full nodes are chosen too (a plain `apply_pipeline.delay` is placed room or not).

    A node that other programs keep busy, that is short of memory or that lost the job before, gets it only if no
    other live node could take it, even one that is full at this moment: the job then waits for that one.
    """
    rule = POLICIES[policy]
    able = {node.id: obstacle(node, job) for node in state.nodes}
    wary = {node.id: reluctance(node, job) for node in state.nodes}
    if any(able[node.id] is None and wary[node.id] is None for node in state.nodes):
        held = {name: able[name] or wary[name] for name in able}
    else:
        held = dict(able)
    ranked: list[tuple[bool, Key, float, Candidate]] = []
    for position, node in enumerate(state.nodes):
        key = rule.key(node, state) if node.cores > 0 else (float("inf"),)
        reason = held[node.id]
        if reason is None and need_room and not has_room(node):
            reason = "full"
        candidate = Candidate(
            node.id,
            key[-1] if node.cores > 0 else None,
            reason,
            max(0.0, now - node.sampled_at),
            node.in_flight,
            slots_of(node.cores),
            node.cores,
            node.cpu * 100.0,
        )
        tie = (position + u * len(state.nodes)) % len(state.nodes)
        ranked.append((reason is not None, key, tie, candidate))
    ranked.sort(key=lambda row: row[:3])
    shown = tuple(row[3] for row in ranked[:SHOWN])
    if not shown or shown[0].held is not None:
        why = "no node is known" if not shown else _why_held(shown)
        return Decision(HOLD, None, why, policy, shown)
    best = shown[0]
    return Decision(best.node, best.score, _why_chosen(rule, best, shown), policy, shown)


def _why_held(shown: tuple[Candidate, ...]) -> str:
    reasons = ", ".join(f"{candidate.node}: {candidate.held}" for candidate in shown)
    return f"no node can take it now ({reasons})"


def _why_chosen(rule: Policy, best: Candidate, shown: tuple[Candidate, ...]) -> str:
    others = [candidate for candidate in shown if candidate.held is None and candidate is not best]
    score = f"{best.score:.2f}" if best.score is not None else "none"
    if others and others[0].score is not None:
        return f"{rule.name}: score {score} is the lowest; next is {others[0].node} with {others[0].score:.2f}"
    held = [f"{candidate.node} is {candidate.held}" for candidate in shown if candidate.held]
    if held:
        return f"{rule.name}: the only node that can take it now ({'; '.join(held)})"
    return f"{rule.name}: the only node"

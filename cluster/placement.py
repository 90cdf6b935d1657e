"""Binding jobs to nodes: the one place where the pure policies meet Redis."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from cluster import scheduling
from cluster.errors import NoLiveNode, NoRoom
from cluster.ledger import Ledger, new_id
from cluster.nodes import Nodes, Snapshot
from cluster.scheduling import DEFAULT_POLICY, HOLD, POLICIES, Decision, Job, State, slots_of

CONFLICTS = 20  # other dispatchers may fill the chosen node first; each time the decision is made anew


@dataclass(frozen=True, slots=True)
class Placed:
    """A bound message: where it goes and what it carries. Without attempts nothing was left to bind."""

    node: str
    lease: str
    attempts: dict[str, int]


def policy_of(snapshot: Snapshot) -> str:
    """The policy in force; one that this version does not know counts as the default."""
    return snapshot.policy if snapshot.policy in POLICIES else DEFAULT_POLICY


def decide_in(snapshot: Snapshot, state: State, job: Job, *, need_room: bool) -> Decision:
    """The policy in force, asked about `state` (which may differ from the snapshot's own) at its time."""
    return scheduling.decide(
        policy_of(snapshot),
        state,
        job,
        snapshot.now,
        random.random(),  # noqa: S311 - breaks ties, no secret
        need_room=need_room,
    )


class Placer:
    def __init__(self, ledger: Ledger, nodes: Nodes) -> None:
        self._ledger = ledger
        self._nodes = nodes

    def place(self, job_ids: Sequence[str], *, need_room: bool) -> Placed:
        """Decides for the given jobs, which travel together, and binds those that still wait.

        Raises NoRoom (with `need_room`) or NoLiveNode; the jobs then stay in the backlog.
        """
        waiting = self._ledger.waiting(job_ids)
        if not waiting:
            return Placed("", "", {})
        job = Job(
            waiting[0].id,
            sum(one.seconds for one in waiting),
            max(one.peak_bytes for one in waiting),
            waiting[0].avoid,
            waiting[0].batch,
            waiting[0].lane,
        )
        lease = new_id("l")
        for _ in range(CONFLICTS):
            snapshot = self._nodes.snapshot()
            decision = decide_in(snapshot, snapshot.state, job, need_room=need_room)
            if decision.node is HOLD:
                if need_room:
                    raise NoRoom(decision.why)
                raise NoLiveNode(f"{decision.why}; the job waits in the backlog")
            cores = next(node.cores for node in snapshot.state.nodes if node.id == decision.node)
            bound = self._ledger.bind(
                decision.node,
                lease,
                [one.id for one in waiting],
                decision.to_json(snapshot.now),
                slots_of(cores) if need_room else None,
            )
            if isinstance(bound, dict):
                return Placed(decision.node, lease, bound)
            if bound == "NONE":
                return Placed("", "", {})
        raise NoRoom("other dispatchers were always faster")

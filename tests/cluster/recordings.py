"""Recordings made by the simulator, in the words of the trace."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from cluster.scheduling import Node
from cluster.scheduling.recording import Recording, nodes_entry, recording_of
from cluster.scheduling.simulator import simulate
from cluster.scheduling.workload import Load, Machine, Scenario

Entry = tuple[float, Mapping[str, str]]
EPOCH = 1.7e9


def job_entry(
    at: float, *, job: str = "j1", node: str = "pc-1", took: float = 1.0, cpu: object = 0.5, **fields: object
) -> Entry:
    """A job that ended at that second."""
    given = {"created": at - took, "finished": at, "cpu": cpu, "cost": cpu, "lane": 1, **fields}
    return at, {"kind": "job", "job": job, "node": node, "state": "done", **{k: str(v) for k, v in given.items()}}


def node_entry(at: float, *nodes: Node) -> Entry:
    return at, {"kind": "nodes", "nodes": nodes_entry(nodes)}


def foreign_at(machine: Machine, now: float) -> float:
    """The load of other programs at that second, of the first period."""
    return machine.foreign[bisect_right(machine.foreign, (now, math.inf)) - 1][1]


def seen(machine: Machine, number: int, now: float) -> Node:
    """The machine as its node's samples show it while it does nothing of ours."""
    cpu = min(1.0, foreign_at(machine, now) / machine.cores)
    return Node(f"pc-{number + 1}", float(machine.cores), cpu=cpu, speed=machine.speed)


def entries_of(machines: Sequence[Machine], load: Load, policy: str, every: float = 10.0) -> list[Entry]:
    """What the trace would hold of such a run, the nodes looked at every so many seconds."""
    result = simulate(Scenario(tuple(machines), load), policy)
    entries = [
        job_entry(
            EPOCH + finished,
            job=f"j{number:06d}",
            node=f"pc-{node + 1}",
            took=finished - at,
            cpu=seconds / machines[node].speed,
            cost=predicted,
        )
        for number, (at, finished, node, seconds, predicted) in enumerate(
            zip(load.at, result.finished.tolist(), result.node.tolist(), load.seconds, load.predicted, strict=True)
        )
    ]
    moments = int(result.makespan / every) + 1
    return entries + [
        node_entry(EPOCH + t, *(seen(machine, number, t) for number, machine in enumerate(machines)))
        for t in (every * moment for moment in range(moments))
    ]


def recorded_run(machines: Sequence[Machine], load: Load, policy: str, every: float = 10.0) -> Recording:
    return recording_of(entries_of(machines, load, policy, every), EPOCH - 10.0)

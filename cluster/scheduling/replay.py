"""What another policy would have done with work that really came: a recording of it, simulated anew.

The simulated figures are to be compared with each other. They lie below the recorded ones by what the simulator does
not know: time spent waiting for files and the network, lanes, jobs that had not ended when the recording did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cluster.scheduling.recording import Recording
from cluster.scheduling.simulator import simulate
from cluster.scheduling.workload import Load, Machine, Scenario

RECORDED: Final = "recorded"
"""The name of the row that says what really happened."""

LEAD = 6.0
"""Seconds from the start of a scenario to its first job: by then each node has been sampled, and a dead one is known
to be dead."""

LEAST_SECONDS = 1e-4

SAMPLES = 20_000
"""About so many samples may be simulated; a long recording of many nodes has them less often, which changes no figure
by more than 1 % (docs/scheduling.md)."""
SLOWEST_SAMPLING = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """What one policy did, or would have done. Times are seconds: from a job's arrival to its end, and of them all."""

    policy: str
    jobs: int
    mean: float
    p50: float
    p99: float
    makespan: float

    def to_json(self) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "jobs": self.jobs,
            **{name: round(getattr(self, name), 6) for name in ("mean", "p50", "p99", "makespan")},
        }


def scenario_of(recording: Recording) -> Scenario:
    """The same nodes and jobs for the simulator; it begins `LEAD` seconds before the first job.

    A node counts with its last known cores and speed. ValueError without a job, or without a node that was live.
    """
    if not recording.jobs:
        raise ValueError("the recording holds no job")
    begin = max(recording.since, min(job.created for job in recording.jobs)) - LEAD
    last = [*(job.finished for job in recording.jobs), *(at for at, _ in recording.nodes)]
    end = max(begin, *last) - begin
    names = sorted({name for _, nodes in recording.nodes for name in nodes})
    machines = {name: machine for name in names if (machine := _machine(name, recording, begin, end)) is not None}
    if not machines:
        raise ValueError("the recording holds no node that was live")
    # Not by `recorded`, which puts jobs of one moment in the order of their cost: a batch keeps its own.
    jobs = [(max(job.created, recording.since) - begin, job.id, job) for job in recording.jobs]
    jobs.sort(key=lambda entry: entry[:2])
    speeds = {name: machine.speed for name, machine in machines.items()}
    load = Load(
        tuple(at for at, _, _ in jobs),
        tuple(max(LEAST_SECONDS, job.cpu * speeds.get(job.node, 1.0)) for _, _, job in jobs),
        tuple(max(LEAST_SECONDS, job.predicted) for _, _, job in jobs),
    )
    interval = min(max(1.0, len(machines) * end / SAMPLES), SLOWEST_SAMPLING)
    return Scenario(tuple(machines.values()), load, sample_interval=interval)


def _machine(name: str, recording: Recording, begin: float, end: float) -> Machine | None:
    """None for a node that was never live.

    It is dead from the first moment at which it was not live to the next at which it was. After the end of the
    recording every node lives again, so that whatever a worse policy leaves for then comes to an end.
    """
    last = None
    foreign: dict[float, float] = {}
    outages = []
    down: float | None = None
    for number, (at, nodes) in enumerate(recording.nodes):
        now = max(0.0, at - begin) if number else 0.0
        node = nodes.get(name)
        if node is None or node.state not in ("live", "stale"):  # a stale one works, only its samples are late
            down = now if down is None else down
            continue
        last = node
        foreign[now] = node.foreign
        if down is not None and now > down:
            outages.append((down, now))
        down = None
    if last is None:
        return None
    if down is not None and end > down:
        outages.append((down, end))
    steps = [(0.0, next(iter(foreign.values())))]
    steps += [(now, load) for now, load in foreign.items() if now > 0.0]
    kept = [steps[0]]
    for step in steps[1:]:
        if step[1] != kept[-1][1]:
            kept.append(step)
    return Machine(max(1, round(last.cores)), last.speed, tuple(kept), outages=tuple(outages))


def recorded_row(recording: Recording) -> Row:
    """What really happened."""
    begin = max(recording.since, min(job.created for job in recording.jobs))
    makespan = max(job.finished for job in recording.jobs) - begin
    return _row(RECORDED, np.array(recording.response), makespan)


def compare(recording: Recording, policies: Sequence[str]) -> tuple[Row, ...]:
    """What really happened, then what each of the policies would have done. Equal arguments give equal rows.

    ValueError as for `scenario_of`, KeyError for a policy that there is not.
    """
    scenario = scenario_of(recording)
    rows = [recorded_row(recording)]
    for policy in policies:
        result = simulate(scenario, policy)
        rows.append(_row(policy, result.response, result.makespan - scenario.load.at[0]))
    return tuple(rows)


def _row(policy: str, response: Any, makespan: float) -> Row:
    p50, p99 = np.percentile(response, (50.0, 99.0))
    return Row(policy, len(response), float(response.mean()), float(p50), float(p99), float(makespan))


def is_sound(row: Row) -> bool:
    """Its figures can be compared."""
    return all(math.isfinite(value) and value > 0.0 for value in (row.mean, row.p99))

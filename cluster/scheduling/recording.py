"""A recording of what a cluster did: the jobs that ended, and how the nodes were meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.scheduling.state import Node

MOST_SECONDS = 1e6
MOST_CORES = 1024.0
EPOCH_END = 1e11


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that ended. Times are epoch seconds, `cpu` is CPU seconds on that node, `predicted` at speed 1."""

    id: str
    node: str
    created: float
    finished: float
    cpu: float
    predicted: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A node as it was at some moment; `foreign` is other programs' load in cores."""

    cores: float
    speed: float
    foreign: float
    state: str


@dataclass(frozen=True, slots=True)
class Recording:
    """The jobs that ended after `since` (epoch seconds), and all nodes at the moments at which they were looked at."""

    since: float
    jobs: tuple[Ran, ...]
    nodes: tuple[tuple[float, Mapping[str, Seen]], ...]

    @property
    def response(self) -> list[float]:
        """Seconds that each job took. One that came before `since` counts from then: what ran before it is unknown."""
        return [job.finished - max(job.created, self.since) for job in self.jobs]


def recording_of(entries: Iterable[tuple[float, Mapping[str, str]]], since: float) -> Recording:
    """From entries of the trace, (epoch seconds, fields), in any order. What makes no sense is left out."""
    jobs = []
    nodes = []
    for at, fields in entries:
        try:
            if fields.get("kind") == "job":
                job = _job(at, fields)
                if job.finished >= since:
                    jobs.append(job)
            elif fields.get("kind") == "nodes" and 0.0 <= at < EPOCH_END:
                nodes.append((at, _nodes(fields["nodes"])))
        except (KeyError, RecursionError, TypeError, ValueError):
            continue
    jobs.sort(key=lambda job: (job.created, job.id))
    nodes.sort(key=lambda entry: entry[0])
    return Recording(since, tuple(jobs), tuple(nodes))


def nodes_entry(nodes: Iterable[Node]) -> str:
    """The nodes that can work, with other programs' load, as an entry of the trace holds them."""
    return json.dumps(
        {
            node.id: {
                "cores": node.cores,
                "speed": round(node.speed, 4),
                "foreign": round(node.foreign, 3),
                "state": node.state,
            }
            for node in nodes
            if node.cores > 0.0
        },
        separators=(",", ":"),
    )


def _job(at: float, fields: Mapping[str, str]) -> Ran:
    finished = _number(fields["finished"], 0.0, EPOCH_END)
    created = _number(fields["created"], 0.0, finished)
    if finished > at + 1.0:
        raise ValueError("it ended before it was recorded")
    cpu = _number(fields["cpu"], 0.0, MOST_SECONDS)
    if not cpu:
        raise ValueError("what it cost is not known")
    return Ran(fields["job"], fields["node"], created, finished, cpu, _number(fields["cost"], 0.0, MOST_SECONDS))


def _nodes(text: str) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    nodes = json.loads(text)
    if not isinstance(nodes, dict):
        raise ValueError("these are no nodes")
    for name, figures in nodes.items():
        try:
            cores = _number(figures["cores"], 0.0, MOST_CORES)
            if cores:
                found[name] = Seen(
                    cores,
                    _number(figures["speed"], 0.05, 20.0),
                    _number(figures["foreign"], 0.0, 4.0 * cores),
                    str(figures["state"]),
                )
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _number(value: Any, low: float, high: float) -> float:
    number = float(value)
    if not low <= number <= high:  # NaN is nowhere
        raise ValueError(f"{value} is not between {low} and {high}")
    return number

"""The trace: what was done where and at which cost, and how the nodes were. `commit.lua` writes the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis

from cluster import keys
from cluster.connection import Scripts, reported, server_time
from cluster.scheduling.recording import Recording, nodes_entry, recording_of

if TYPE_CHECKING:
    from cluster.nodes import Snapshot
    from cluster.service import Cluster

FULL = 19_000  # entries: the trace has been cut by now, or soon will be
PAGE = 1000

EVERY = 10.0  # seconds between two entries of the nodes
ENTRIES = 720  # of them: two hours
NODES = 100
"""More nodes than these are written less often, and as many times fewer entries are kept: it stays at two hours, and
at some megabytes."""


def record_nodes(cluster: Cluster, snapshot: Snapshot) -> bool:
    """Writes how the nodes are if the last entry is old enough; True if it was written. One round trip else."""
    scale = max(1.0, len(snapshot.state.nodes) / NODES)
    with reported():
        last = cluster.redis.lindex(keys.TRACE_NODES, 0)
    if last and 0.0 <= snapshot.now - _at(last) < EVERY * scale:
        return False
    Scripts(cluster.redis).run("trace_nodes", nodes_entry(snapshot.state.nodes), int(ENTRIES / scale))
    return True


def read(client: redis.Redis, seconds: float, *, most: int = 20_000) -> Recording:
    """What happened in the last `seconds`, of which at most the newest `most` jobs. Raises ClusterUnavailable."""
    since = server_time(client) - seconds
    with reported():
        cut = client.xlen(keys.TRACE) >= FULL
        entries: list[tuple[float, dict[str, str]]] = []
        jobs = 0
        newest, oldest = "+", f"{max(0, int(since * 1000.0))}"
        while jobs < most:
            page = client.xrevrange(keys.TRACE, newest, oldest, count=PAGE)
            for entry_id, fields in page:
                jobs += fields.get("kind") == "job"
                entries.append((_at(entry_id), fields))
                if jobs == most:
                    cut = True
                    break
            if len(page) < PAGE:
                break
            newest = f"({page[-1][0]}"
    if cut and entries:
        since = max(since, entries[-1][0])  # jobs that ended before are not in it
    return recording_of(entries, since)


def _at(entry_id: str) -> float:
    """When an entry was written, epoch seconds on the server's clock, which made its id."""
    return int(entry_id.partition("-")[0]) / 1000.0

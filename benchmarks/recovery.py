"""kill -9 of the busiest of three nodes in the midst of work: what it held, and when that ran again elsewhere.

Each time the node stays away until all its work has been done by others. `noticed` is from the kill until the node's
running jobs were taken from it; `all running again` from the kill until the last job that it held is in the hands of
another process; `result` from the taking until the result of a job that was running, without the job's own work.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass

import filters
from cluster import keys
from cluster.drill import OwnCluster, own_cluster
from cluster.errors import ClusterError
from cluster.faults import Fault, NotPossible
from cluster.pictures import pictures
from cluster.scheduling import slots_of

NODES = 3
KILLS = 6
JOBS = 150
AWAY = 12.0  # seconds
PIPELINE = ["blur:radius=6", "edges"]


@dataclass
class Kill:
    node: str
    messages: int
    slots: float
    noticed: float
    running_again: float
    after: list[float]  # of each job that was running: from being taken from the dead to the result, less its own work


def ticks(site: OwnCluster, seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        site.tick()
        yield
        time.sleep(0.02)
    raise TimeoutError(f"not within {seconds:g} s; the logs are in {site.folder}")


def full_node(site: OwnCluster) -> str:
    """The busiest node, once it holds as many messages as it may."""
    for _ in ticks(site, 20):
        try:
            node = site.busiest(site.names)
        except NotPossible:
            continue
        rows = site.cluster.registry.rows()
        if any(row.id == node and row.running + row.waiting >= slots_of(row.number("cores")) for row in rows):
            return node
    raise AssertionError


def one_kill(site: OwnCluster, number: int) -> Kill:
    cluster = site.cluster
    uploads = [cluster.receive(io.BytesIO(one.data), one.name) for one in pictures(JOBS, seed=number)]
    _, ids = cluster.record(uploads, filters.parse_pipeline(PIPELINE))
    node = full_node(site)
    steps = Fault("kill", node, AWAY).on(site)
    killed_at = cluster.registry.clock()
    next(steps)
    [row] = [row for row in cluster.registry.rows() if row.id == node]
    held = cluster.redis.hkeys(keys.node_jobs(node))  # the dead change nothing any more
    running = {job for job in held if cluster.redis.hget(keys.job(job), "state") == "running"}
    for _ in ticks(site, 120):
        counts = [cluster.redis.hget(keys.job(job_id), "state") for job_id in ids]
        if next(steps, "over") == "over" and set(counts) == {"done"}:
            break
    taken, again, after = [], [], []
    for job in map(cluster.job, held):
        entries = [entry for entry in job["timeline"] if entry["at"] > killed_at]
        taken_at = next(entry["at"] for entry in entries if entry["event"] in ("rescued", "returned"))
        again.append(
            next(one["at"] for one in entries if one["at"] >= taken_at and one["event"] in ("started", "taken"))
        )
        if job["id"] in running:
            taken.append(taken_at)
            after.append(job["finished_at"] - taken_at - (job["finished_at"] - job["started_at"]))
    return Kill(
        node,
        row.running + row.waiting,
        slots_of(row.number("cores")),
        max(taken) - killed_at,
        max(again) - killed_at,
        after,
    )


def main(kills: int = KILLS) -> None:
    with own_cluster(NODES) as site:
        found = []
        for number in range(kills):
            try:
                found.append(one_kill(site, number))
            except (ClusterError, TimeoutError):
                site.keep = True
                raise
    print(f"{kills} kills of the busiest of {NODES} nodes, {JOBS} pictures of 0.3 to 5 MP each time\n")
    print("| kill | messages held | allowed | noticed s | all running again s | wanted | result, s after that |")
    print("|---|---|---|---|---|---|---|")
    for number, one in enumerate(found, 1):
        mean = f"{statistics.mean(one.after):.2f}"
        print(
            f"| {number} | {one.messages} | {one.slots:g} | {one.noticed:.1f} | {one.running_again:.1f} | 7 | {mean} |"
        )
    every = [value for one in found for value in one.after]
    print(
        f"\nOn average a rescued job's result came {statistics.mean(every):.2f} s (wanted: 1.5) after it was taken "
        "from the dead node, besides its own work."
    )


if __name__ == "__main__":
    main()

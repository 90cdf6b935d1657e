"""Samples come on time, however busy the cores are."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.clusters import Up, wait_until
from tests.integration.photos import jpegs

SECONDS = 10.0


@contextmanager
def all_cores_busy(cluster: Up) -> Iterator[list[str]]:
    """Images keep coming as fast as they are worked on."""
    done = threading.Event()
    ids: list[str] = []

    def feed() -> None:
        while not done.is_set():
            if cluster.view.summary()["backlog"] < 20:
                ids.extend(cluster.submit(jpegs(20), filter=["blur:radius=8", "blur:radius=8", "edges"]))
            done.wait(0.2)

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        wait_until(lambda: len(ids) >= 20, "images")
        yield ids
    finally:
        done.set()
        feeder.join()


def ages(cluster: Up, seconds: float) -> dict[str, list[float]]:
    """Age of each node's newest sample, looked at 20 times a second while all cores are busy with images."""
    found: dict[str, list[float]] = {node: [] for node in cluster.await_nodes()}
    with all_cores_busy(cluster) as ids:
        wait_until(lambda: min(map(usage(cluster), found)) > 90, "busy cores in the samples")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for node, seen in found.items():
                seen.append(cluster.age(node))
            time.sleep(0.05)
    assert {job["state"] for job in cluster.await_jobs(ids)} == {"done"}
    return found


def usage(cluster: Up):
    return lambda node: float(cluster.redis.hget(f"worker:{node}", "cpu_usage") or 0)


def test_no_sample_is_older_than_two_seconds_with_all_cores_busy(cluster: Up) -> None:
    for node, seen in ages(cluster, SECONDS).items():
        assert len(seen) > 10 * SECONDS / 2
        assert max(seen) < 2.0, node

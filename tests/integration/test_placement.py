"""Where work goes, on nodes that are unlike: real Celery workers, started one by one."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.cores import usable_cpus
from tests.integration.clusters import Plain, cpu_burner, wait_until
from tests.integration.photos import jpeg_files

CAPACITY = {"pc-4": 4, "pc-2": 2, "pc-1": 1}
BURST = 60
WITHIN = 0.15
RUNS = 6
UNDISTURBED = 40
"""Percent of the free core that other programs may use: with half of it they count as busy there, too."""


needs_two_cores = pytest.mark.skipif(len(usable_cpus()) < 2, reason="disjoint cores need two of them")


def explained(job: dict[str, Any]) -> None:
    """The placement says why this node, and what was known of the others."""
    placement = job["placement"]
    assert placement["node"] == job["node"]
    reasons = r"score [\d.]+ is the lowest|the only node|jobs wait and other nodes have room"
    assert re.search(reasons, placement["reason"])
    assert job["node"] in [candidate["node"] for candidate in placement["candidates"] if candidate["held"] is None]
    for candidate in placement["candidates"]:
        assert candidate["score"] is not None
        assert candidate["sample_age"] >= 0
        assert candidate["slots"] == candidate["cores"] + max(1, 0.25 * candidate["cores"])


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """Two nodes of one PC, each with one process on a core of its own, and the PC's monitor."""
    cpus = usable_cpus()
    with Plain(tmp_path_factory.mktemp("pinned")) as plain:
        plain.image_worker("left", "-c", "1", cpus=cpus[:1])
        plain.image_worker("right", "-c", "1", cpus=cpus[1:2])
        plain.monitor("pc", "left", "right")
        plain.await_live("left", "right")
        yield plain


@needs_two_cores
def test_new_tasks_keep_away_from_a_busy_core(pinned: Plain) -> None:
    pinned.await_jobs(pinned.submit(jpeg_files(pinned.folder / "first", 1), "blur"))

    def foreign(node: str) -> float:
        """Percent of the node's CPU that goes to programs other than Cúmulo, as last sampled."""
        cpu, own = pinned.redis.hmget(f"worker:{node}", "cpu_usage", "cumulo_cpu")
        return float(cpu or 0) - float(own or 0)

    with cpu_burner(pinned.folder, usable_cpus()[0]):
        for number in range(RUNS):
            # The other core must be free, or there is nothing to choose; a run that others disturb proves nothing.
            wait_until(
                lambda: foreign("left") > 90 and foreign("right") < UNDISTURBED,
                "one busy core and a free one (is another program at work on this machine?)",
            )
            files = jpeg_files(pinned.folder / f"photos-{number}", 28)
            seen = [foreign("right")]
            sequential = []
            for file in files[:8]:
                sequential += pinned.await_jobs(pinned.submit([file], "blur"))
                seen.append(foreign("right"))
            ids = pinned.submit(files[8:], "blur")
            while not pinned.finished(ids):
                seen.append(foreign("right"))
                time.sleep(0.05)
            if max(seen) < UNDISTURBED:
                break

    for job in [*sequential, *pinned.jobs(ids)]:
        assert job["state"] == "done"
        assert job["node"] == "right", (job["placement"]["candidates"], max(seen))
        explained(job)
        [avoided] = [one for one in job["placement"]["candidates"] if one["node"] == "left"]
        assert avoided["held"] == "busy with other programs"
        assert avoided["cpu_usage"] > 85


@needs_two_cores
def test_it_works_again_when_the_core_is_free(pinned: Plain) -> None:
    def nodes() -> set[str]:
        jobs = pinned.await_jobs(pinned.submit(jpeg_files(pinned.folder / "more", 6), "blur"))
        return {job["node"] for job in jobs}

    wait_until(lambda: "left" in nodes(), "work on the core that is free again")


@pytest.fixture(scope="module")
def unlike(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """Three nodes of four, two and one processes, all in one session and on all cores: each process gets as much
    of the CPU as any other, so a node's capacity is the number of its processes."""
    with Plain(tmp_path_factory.mktemp("unlike")) as plain:
        for node, processes in CAPACITY.items():
            plain.image_worker(node, "-c", str(processes))
        plain.monitor("pc", *CAPACITY)
        plain.await_live(*CAPACITY)
        yield plain


def test_a_burst_spreads_by_capacity(unlike: Plain) -> None:
    # Of some length: short jobs travel several at a time, and then a node's share is coarser.
    ids = unlike.submit(jpeg_files(unlike.folder / "photos", BURST), "unsharp")
    jobs = unlike.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    counts = Counter(job["node"] for job in jobs)
    for node, processes in CAPACITY.items():
        ideal = BURST * processes / sum(CAPACITY.values())
        # Within 15 %, the bounds rounded outwards to whole jobs: 29..40, 14..20 and 7..10.
        assert math.floor(ideal * (1 - WITHIN)) <= counts[node] <= math.ceil(ideal * (1 + WITHIN)), counts
    for job in jobs:
        explained(job)

"""What a node reports of itself: real figures of real processes, as shares of what the node may use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from cluster import keys
from cluster.cores import usable_cpus
from cluster.metrics import Sampler, sample_all
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.settings import load_settings
from tests.cluster.ledgers import add_node

PATIENCE = 20.0
BUSY = "while True: pass"
BUSY_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
PERCENT = ("cpu_usage", "memory_usage", "disk_usage", "network_usage", "own_cpu", "cumulo_cpu")

Samples = dict[str, dict[str, Any]]


@contextmanager
def worker(program: str) -> Iterator[int]:
    """A process that stands for a node's image worker, with its children."""
    process = subprocess.Popen([sys.executable, "-c", program], process_group=0)
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, 9)
        process.wait()


@pytest.fixture
def sampler(tmp_path: Path) -> Sampler:
    return Sampler(str(tmp_path))


def sampled_until(
    sampler: Sampler, nodes: dict[str, tuple[int, list[int]]], wanted: Callable[[Samples], bool]
) -> Samples:
    until = time.monotonic() + PATIENCE
    while True:
        samples = sampler.sample(nodes)
        if wanted(samples) or time.monotonic() > until:
            return samples
        time.sleep(0.1)


def test_every_share_is_between_nothing_and_all(sampler: Sampler) -> None:
    cpus = usable_cpus()
    with worker(BUSY) as pid:
        for _ in range(5):
            sample = sampler.sample({"pc": (pid, cpus)})["pc"]
            assert all(0 <= sample[name] <= 100 for name in PERCENT), sample
            cores = json.loads(sample["per_core"])
            assert len(cores) == len(cpus)
            assert all(0 <= core <= 100.1 for core in cores)
            assert sample["memory_free"] > 0
            assert sample["network_bytes"] >= 0


def test_a_busy_worker_shows_as_its_own_load(sampler: Sampler) -> None:
    cpu = usable_cpus()[:1]
    with worker(BUSY) as pid:
        sample = sampled_until(sampler, {"pc": (pid, cpu)}, lambda found: found["pc"]["own_cpu"] > 10)["pc"]
    assert sample["own_cpu"] > 10
    assert sample["cumulo_cpu"] == pytest.approx(sample["own_cpu"], abs=0.1)


def test_a_busy_child_of_the_worker_counts_as_the_workers_load(sampler: Sampler) -> None:
    with worker(BUSY_CHILD) as pid:
        sample = sampled_until(sampler, {"pc": (pid, usable_cpus()[:1])}, lambda found: found["pc"]["own_cpu"] > 10)
    assert sample["pc"]["own_cpu"] > 10


def test_load_of_a_node_on_the_same_cores_is_cumulos_and_not_its_own(sampler: Sampler) -> None:
    cpu = usable_cpus()[:1]
    with worker(BUSY) as busy, worker("import signal; signal.pause()") as idle:
        nodes = {"busy": (busy, cpu), "idle": (idle, cpu)}
        samples = sampled_until(sampler, nodes, lambda found: found["idle"]["cumulo_cpu"] > 10)
    assert samples["idle"]["cumulo_cpu"] > 10
    assert samples["idle"]["own_cpu"] < samples["busy"]["own_cpu"]
    assert samples["idle"]["cumulo_cpu"] == pytest.approx(samples["busy"]["cumulo_cpu"], abs=0.1)


def test_load_of_a_node_on_other_cores_is_not_counted(sampler: Sampler) -> None:
    with worker(BUSY) as busy, worker("import signal; signal.pause()") as idle:
        nodes = {"busy": (busy, [0]), "idle": (idle, [1])}
        samples = sampled_until(sampler, nodes, lambda found: found["busy"]["own_cpu"] > 10)
        assert samples["busy"]["own_cpu"] > 10
        assert samples["idle"]["cumulo_cpu"] == samples["idle"]["own_cpu"]


def test_a_sample_goes_on_when_a_worker_has_died(sampler: Sampler) -> None:
    with worker(BUSY) as pid:
        sampler.sample({"pc": (pid, [0])})
    sample = sampler.sample({"pc": (pid, [0])})["pc"]
    assert sample["own_cpu"] == 0
    assert sampler.sample({}) == {}


def test_samples_of_registered_nodes_are_written_with_their_history(
    server: redis.Redis, registry: Nodes, valkey_url: str
) -> None:
    cluster = Cluster(load_settings(redis_url=valkey_url, node="pc-1", nodes="pc-1,pc-2"))
    add_node(registry, "pc-1", pid=os.getpid(), cpus=usable_cpus())
    sample_all(cluster)
    view = registry.row("pc-1").view()
    assert 0 < view["memory_usage"] <= 100
    assert view["per_core"]
    assert len(registry.history("pc-1", 60)) == 1
    assert not server.exists(keys.worker("pc-2")), "a node whose worker has not registered is no node yet"
    cluster.redis.close()

"""`cumulo drill` and `cumulo doctor` on real clusters."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.clusters import Up, cumulo
from tests.integration.drills import drilled


def test_the_rounds_one_after_the_other(tmp_path: Path) -> None:
    """Here those that a running cluster is not put through below."""
    freeze, rolling = drilled(tmp_path, "--rounds", "freeze,rolling", "--jobs", 20)
    assert [freeze["name"], rolling["name"]] == ["freeze", "rolling"]
    assert freeze["rescues"], "the busiest node had work in hand"
    assert freeze["recovered"] == min(rescue["total"] for rescue in freeze["rescues"])


def test_everything_at_random_and_overlapping(tmp_path: Path) -> None:
    """A short one; `make chaos` runs the long ones."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    [chaos] = drilled(tmp_path, "--rounds", "chaos", "--jobs", 50, "--seed", seed)
    assert len(chaos["faults"]) >= 5


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("own"), "--nodes", "2")
    try:
        yield up
        assert up.end() == 0
    finally:
        up.clean_up()


def test_a_running_cluster_can_be_drilled(own: Up, tmp_path: Path) -> None:
    own.await_nodes()
    before = {process.pid for process in psutil.Process(own.program.pid).children()}
    asked = cumulo("drill", "--here", "--rounds", "child", cwd=tmp_path, data=own.data)
    assert asked.returncode == 1, "nobody answered its question"
    assert {process.pid for process in psutil.Process(own.program.pid).children()} == before
    assert own.redis.zcard("jobs:all") == 0

    kill, server, child = drilled(
        tmp_path, "--here", "--yes", "--rounds", "kill,redis,child", "--jobs", 40, data=own.data
    )
    assert kill["rescues"]
    assert child["rescues"]
    assert server["recovered"] is not None
    after = {process.pid for process in psutil.Process(own.program.pid).children()}
    assert len(before - after) == 2, "one node and the server are other processes now"
    assert own.await_nodes()


def test_the_doctor_finds_a_healthy_cluster_healthy(cluster: Up, tmp_path: Path) -> None:
    cluster.await_nodes()
    done = cumulo("doctor", "--json", cwd=tmp_path, data=cluster.data)
    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert {one["check"] for one in found} >= {"Redis version", "persistence", "nodes", "leader", "clocks", "Flower"}
    assert [one for one in found if one["level"] == "problem"] == []
    [clocks] = [one for one in found if one["check"] == "clocks"]
    assert clocks["level"] == "ok", "one PC has one clock"


def test_the_doctor_says_what_is_wrong(own: Up, tmp_path: Path) -> None:
    own.await_nodes()
    own.redis.config_set("appendonly", "no")
    own.redis.config_set("maxmemory-policy", "allkeys-lru")
    own.redis.rpush("node.long-gone", "a message")
    done = cumulo("doctor", cwd=tmp_path, data=own.data)
    assert done.returncode == 1
    assert "PROBLEM  persistence: no append-only file" in done.stdout
    assert "config set appendonly yes" in done.stdout
    assert "PROBLEM  eviction policy: allkeys-lru" in done.stdout
    assert "warning  queues: 1 messages for long-gone" in done.stdout
    assert done.stderr == ""

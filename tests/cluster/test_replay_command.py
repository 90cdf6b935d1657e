"""`cumulo replay`: what it says of a trace, and of one that holds too little."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import redis
from click.testing import CliRunner, Result

from cluster import keys
from cluster.cli import main
from cluster.cli.replay import verdict
from cluster.home import Home, Running
from cluster.scheduling import FIXED
from cluster.scheduling.replay import Row
from cluster.scheduling.workload import steady, unlike_machines
from cluster.service import Cluster
from tests.cluster.recordings import entries_of


def replay(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments], prog_name="cumulo")


def record(server: redis.Redis, jobs: int, *, nodes: bool = True) -> None:
    """A run under raw-cpu that has just ended."""
    machines = unlike_machines(4, seed=3)
    load = steady(sum(machine.capacity() for machine in machines), 0.8, jobs=jobs, seed=5)
    entries = sorted(entries_of(machines, load, "raw-cpu"), key=lambda entry: entry[0])
    shift = float(server.time()[0]) - 1.0 - entries[-1][0]
    for at, fields in entries:
        if nodes or fields["kind"] == "job":
            moved = {name: str(float(fields[name]) + shift) for name in ("created", "finished") if name in fields}
            server.xadd(keys.TRACE, {**fields, **moved}, id=f"{int((at + shift) * 1000.0)}-*")


@pytest.fixture
def found(cluster: Cluster) -> Cluster:
    """`CUMULO_REDIS_URL` leads to it."""
    return cluster


def test_every_policy_is_compared_with_what_happened(found: Cluster, server: redis.Redis) -> None:
    record(server, 300)
    found.set_policy("raw-cpu")
    result = replay()
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[1].startswith("recorded (what happened)  ")
    assert lines[2].startswith("raw-cpu (in force)  ")
    assert {line.split()[0] for line in lines[2 : 2 + len(FIXED)]} == set(FIXED)
    assert "would have been the best: mean response" in lines[-1]
    assert "with raw-cpu, the policy in force" in lines[-1]


def test_one_policy_is_compared_with_the_one_in_force(found: Cluster, server: redis.Redis) -> None:
    record(server, 300)
    answer = json.loads(replay("--policy", "predictive", "--json").output)
    assert [row["policy"] for row in answer["policies"]] == ["least-cpu", "predictive"]
    assert answer["present"] == "least-cpu"
    assert answer["jobs"] == answer["recorded"]["jobs"] == 300
    assert all(row["mean"] > 0 and row["p99"] >= row["p50"] for row in answer["policies"])


def test_under_adaptive_the_policy_that_it_follows_is_in_force(found: Cluster, server: redis.Redis) -> None:
    record(server, 40)
    found.set_policy("adaptive")
    server.set(keys.ADAPTED, "weighted")
    assert json.loads(replay("--policy", "predictive", "--json").output)["present"] == "weighted"


def test_too_little_in_the_trace_gives_no_figures(found: Cluster, server: redis.Redis) -> None:
    assert replay().output.startswith("No job ended in the last 60 minutes: too little to compare policies by")
    record(server, 19)
    result = replay("--minutes", "5")
    assert result.exit_code == 0
    assert result.output.startswith("Only 19 jobs ended in the last 5 minutes: too little")
    assert len(result.output.splitlines()) == 1
    answer = json.loads(replay("--json").output)
    assert (answer["recorded"], answer["policies"]) == (None, [])


def test_a_trace_that_does_not_know_the_nodes_gives_no_figures(found: Cluster, server: redis.Redis) -> None:
    record(server, 30, nodes=False)
    assert replay().output == "Nothing can be replayed yet: the recording holds no node that was live.\n"


@pytest.mark.parametrize("name", ["best", "adaptive", "recorded"])
def test_a_policy_that_cannot_be_replayed_is_one_line(name: str) -> None:
    result = replay("--policy", name)
    assert result.exit_code == 1
    [line] = result.output.splitlines()
    assert line.startswith("Error: ")
    assert "least-cpu, predictive" in line


def test_redis_is_all_that_it_needs(
    found: Cluster, server: redis.Redis, valkey_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record(server, 40)
    monkeypatch.delenv("CUMULO_REDIS_URL")
    assert "start one with `cumulo up`" in replay().output
    assert json.loads(replay("--redis", valkey_url, "--json").output)["jobs"] == 40
    Home(tmp_path).announce(Running("http://127.0.0.1:1", "token", valkey_url, "", os.getpid()))
    assert json.loads(replay("--data", str(tmp_path), "--json").output)["jobs"] == 40


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "http://127.0.0.1"])
def test_without_redis_there_is_one_line(address: str) -> None:
    result = replay("--redis", address)
    assert result.exit_code == 1
    [line] = result.output.splitlines()
    assert line.startswith(("Error: Redis does not answer", "Error: CUMULO_REDIS_URL: must begin"))


def row(policy: str, mean: float, p99: float = 4.0) -> Row:
    return Row(policy, 100, mean, mean, p99, 60.0)


def test_the_verdict_names_the_best_policy_and_by_how_much() -> None:
    now = row("least-cpu", 1.0)
    assert verdict([now, row("predictive", 0.8, 3.0), row("weighted", 0.9)], "least-cpu") == (
        "predictive would have been the best: mean response 0.8 s instead of 1 s with least-cpu, the policy in force "
        "(20% less), 99th percentile 25% shorter."
    )
    assert verdict([now, row("weighted", 1.5), row("predictive", 1.1)], "least-cpu") == (
        "least-cpu, the policy in force, is the best: with predictive, the next, the mean response would have been "
        "10% longer."
    )
    assert "is as good as any: predictive" in verdict([now, row("predictive", 0.99)], "least-cpu")
    assert "name another with --policy" in verdict([now], "least-cpu")

"""What the doctor says: each fact on its own against a healthy cluster, then a real server."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result

from cluster import keys
from cluster.cli import main
from cluster.doctor import Disk, Facts, Finding, Page, examine, gather, size
from cluster.home import Home, Running
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.settings import load_settings
from tests.cluster.ledgers import add_node
from tests.servers import unused_port
from tests.webapp.fakes import node_view

SERVER = {
    "redis_version": "7.2.4",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "used_memory": 3_000_000,
    "loading": 0,
}
HEALTHY = Facts(
    "redis://127.0.0.1:6390/0",
    server=SERVER,
    nodes=[node_view("pc-1", version="1.0"), node_view("pc-2", version="1.0"), node_view("old", kind="watched")],
    leader="pc:17",
    backlog=12,
    queues={"pc-1": 3},
    disks=[Disk("the data folder", "/data", 50 * 2**30)],
    pages=[Page("web page", "http://127.0.0.1:8000"), Page("Flower", "http://127.0.0.1:5555")],
    version="1.0",
)


def bad(facts: Facts) -> list[Finding]:
    """What is not ok."""
    return [finding for finding in examine(facts) if finding.level != "ok"]


def with_server(**changes: object) -> Facts:
    return replace(HEALTHY, server={**SERVER, **changes})


def with_nodes(*nodes: Mapping[str, Any], **changes: Any) -> Facts:
    return replace(HEALTHY, nodes=nodes, **changes)


def pc(name: str, **fields: Any) -> dict[str, Any]:
    return node_view(name, **{"version": "1.0", **fields})


def test_a_healthy_cluster_has_nothing_to_do() -> None:
    assert bad(HEALTHY) == []
    checks = {finding.check for finding in examine(HEALTHY)}
    assert checks == {
        "Redis version",
        "persistence",
        "eviction policy",
        "memory",
        "nodes",
        "leader",
        "clocks",
        "versions",
        "backlog",
        "disk",
        "web page",
        "Flower",
    }


@pytest.mark.parametrize(
    ("facts", "check", "level", "found", "advice"),
    [
        (with_server(redis_version="6.0.16"), "Redis version", "problem", "Redis 6.0.16", "6.2 or newer"),
        (with_server(redis_version="5"), "Redis version", "problem", "Redis 5", "6.2 or newer"),
        (with_server(aof_enabled=0), "persistence", "problem", "no append-only file", "config set appendonly yes"),
        (with_server(aof_last_write_status="err"), "persistence", "problem", "last write", "disk is full"),
        (with_server(aof_last_bgrewrite_status="err"), "persistence", "problem", "last rewrite", "disk is full"),
        (with_server(loading=1), "persistence", "warning", "still reading", "wait"),
        (with_server(maxmemory_policy="allkeys-lru"), "eviction policy", "problem", "allkeys-lru", "noeviction"),
        (with_server(maxmemory=3_200_000), "memory", "warning", "3 MiB of 3 MiB", "raise `maxmemory`"),
        (with_server(maxmemory=3_000_000), "memory", "problem", "nothing more is accepted", "raise `maxmemory`"),
        (with_nodes(pc("pc-1"), pc("pc-2", state="stale")), "nodes", "warning", "sample of pc-2", "monitor"),
        (with_nodes(pc("pc-1"), pc("pc-2", state="offline")), "nodes", "warning", "offline: pc-2", "cumulo worker"),
        (with_nodes(pc("pc-1", disk_usage=98.0)), "nodes", "warning", "nearly full on pc-1", "make room"),
        (replace(HEALTHY, leader=""), "leader", "problem", "no monitor", "cumulo worker"),
        (with_nodes(pc("pc-1", clock_skew=-75.0)), "clocks", "warning", "pc-1 by -75.0 s", "NTP"),
        (with_nodes(pc("pc-1", version="0.9")), "versions", "warning", "here 1.0; pc-1 0.9", "same version"),
        (with_nodes(pc("pc-1", version="")), "versions", "warning", "pc-1 unknown", "same version"),
        (replace(HEALTHY, queues={"gone": 4}), "queues", "warning", "4 messages for gone", "redis-cli del node.gone"),
        (replace(HEALTHY, disks=[Disk("x", "/x", 2**30)]), "disk", "warning", "1.0 GiB free", "make room"),
        (replace(HEALTHY, disks=[Disk("x", "/x", 2**20)]), "disk", "problem", "1 MiB free", "make room"),
        (replace(HEALTHY, pages=[Page("Flower", "http://f", "silent")]), "Flower", "warning", "silent", "flower.log"),
        (
            replace(HEALTHY, pages=[Page("web page", "http://w", "answers 503")]),
            "web page",
            "problem",
            "503",
            "web.log",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_named_with_what_to_do(
    facts: Facts, check: str, level: str, found: str, advice: str
) -> None:
    [finding] = bad(facts)
    assert (finding.check, finding.level) == (check, level)
    assert found in finding.found
    assert advice in finding.advice


def test_without_a_live_node_what_waits_is_a_problem_too() -> None:
    paused = bad(with_nodes(pc("pc-1", state="paused")))
    assert [(one.check, one.level) for one in paused] == [("nodes", "problem"), ("backlog", "problem")]
    assert "resume pc-1" in paused[0].advice
    assert "12 jobs wait and nobody works on them" in paused[1].found
    none = bad(with_nodes(backlog=0, queues={}, leader=""))
    assert [(one.check, one.advice) for one in none] == [("nodes", "start one: `cumulo worker`")]


def test_a_machine_that_is_only_watched_works_on_nothing() -> None:
    assert "nodes" in {finding.check for finding in bad(with_nodes(node_view("old", kind="watched")))}


def test_offline_nodes_are_asked_neither_for_time_nor_for_version() -> None:
    off = pc("pc-2", state="offline", version="0.1", clock_skew=900.0)
    assert [finding.check for finding in bad(with_nodes(pc("pc-1"), off))] == ["nodes"]


def test_valkey_is_named_as_itself() -> None:
    [version] = [one for one in examine(with_server(valkey_version="9.1.2")) if one.check == "Redis version"]
    assert (version.level, version.found) == ("ok", "Valkey 9.1.2 at redis://127.0.0.1:6390/0")


def test_without_redis_the_rest_is_looked_at_all_the_same() -> None:
    facts = replace(HEALTHY, server={}, trouble="Redis does not answer: refused", disks=[Disk("x", "/x", 1)])
    redis_line, disk = bad(facts)
    assert redis_line.found == "redis://127.0.0.1:6390/0: Redis does not answer: refused"
    assert "valkey.log" in redis_line.advice
    assert disk.check == "disk"
    elsewhere = bad(replace(facts, started_here=False))[0]
    assert "CUMULO_REDIS_URL" in elsewhere.advice


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 * 2**20, "3 MiB"), (2**40, "1024.0 GiB")]
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert size(count) == text


# -- a real server --------------------------------------------------------------------------------------------------


def test_a_real_cluster_is_read(cluster: Cluster, registry: Nodes, server: redis.Redis) -> None:
    add_node(registry, "pc-1", version="1.0", clock_skew=-3.5)
    registry.sample("pc-1", {"disk_usage": 20})
    server.set(keys.LEADER, "pc:17")
    server.zadd(keys.BACKLOG, {"j1": 1, "j2": 2})
    server.rpush(keys.queue("gone"), "message")
    facts = gather(cluster, None)
    assert facts.trouble == ""
    assert "@" not in facts.redis
    assert facts.server["aof_enabled"] == 1
    assert (facts.leader, facts.backlog, facts.queues) == ("pc:17", 2, {"gone": 1})
    [node] = facts.nodes
    assert (node["worker_id"], node["clock_skew"]) == ("pc-1", -3.5)
    assert [disk.what for disk in facts.disks] == ["the data folder"]
    found = {finding.check: finding for finding in examine(facts)}
    assert [name for name, one in found.items() if one.level == "problem"] == []
    assert found["clocks"].level == "warning"


def doctor(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)], prog_name="cumulo")


def test_the_command_says_what_is_wrong_and_fails(
    cluster: Cluster, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.doctor.LEADER_SECONDS", 0.0)
    add_node(registry, "pc-1")
    result = doctor()
    assert result.exit_code == 1
    assert "PROBLEM  leader: no monitor" in result.output
    assert "-> run one beside a node" in result.output
    assert "ok       persistence: append-only file, last write ok" in result.output
    listed = json.loads(doctor("--json").output)
    assert {"check", "level", "found", "advice"} == set(listed[0])
    cluster.redis.set(keys.LEADER, "pc:17")
    assert doctor().exit_code == 0, "a warning is no problem"


def test_a_redis_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUMULO_REDIS_URL", f"redis://:secret@127.0.0.1:{unused_port()}/0")
    result = doctor()
    assert result.exit_code == 1
    assert "PROBLEM  Redis: redis://127.0.0.1:" in result.output
    assert "-> start it: `cumulo up`" in result.output
    assert "secret" not in result.output
    assert "Traceback" not in result.output


def test_a_wrong_password_is_told_from_an_absent_server(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUMULO_REDIS_URL", valkey_url.replace("test-password", "wrong"))
    result = doctor()
    assert result.exit_code == 1
    assert "password" in result.output
    assert "Traceback" not in result.output


def test_without_any_cluster_one_line_says_how_to_start_one() -> None:
    result = doctor()
    assert result.exit_code == 1
    [line] = result.output.strip().splitlines()
    assert "cumulo up" in line


def test_pages_of_a_running_cluster_are_asked(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.doctor.LEADER_SECONDS", 0.0)
    url = f"http://127.0.0.1:{unused_port()}"
    home = Home(tmp_path)
    home.announce(Running(url, "token", cluster.settings.redis_url, url, os.getpid()))
    facts = gather(Cluster(load_settings(redis_url=cluster.settings.redis_url, data=tmp_path)), home.running())
    assert [page.what for page in facts.pages] == ["web page", "Flower"]
    assert all("does not answer" in page.error for page in facts.pages)

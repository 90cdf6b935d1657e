"""The trace on a real server: how the nodes were, what the jobs cost, and how much of it is kept."""

from __future__ import annotations

import json
import time

import pytest
import redis

from cluster import chores, keys, trace
from cluster.connection import Scripts, connect
from cluster.errors import ClusterUnavailable
from cluster.ledger import Ledger, Outcome
from cluster.nodes import Nodes
from cluster.scheduling.replay import compare
from cluster.service import Cluster
from tests.cluster.ledgers import SHA, add_node, start, submit


def run_jobs(ledger: Ledger, node: str, count: int, cpu: float = 0.02) -> list[str]:
    ids = submit(ledger, count, cost=0.03)
    for job_id in ids:
        message, [order] = start(ledger, node, job_id)
        result = {"sha256": SHA, "bytes": 5, "width": 4, "height": 3, "format": "jpeg"}
        ledger.commit(node, message.lease, [Outcome(order.id, order.attempt, "done", 0.001, result=result, cpu=cpu)])
    return ids


def grow_old(server: redis.Redis, seconds: float) -> None:
    """As if all that is in the trace had been written that many seconds earlier."""
    entries = server.xrange(keys.TRACE)
    server.delete(keys.TRACE, keys.TRACE_NODES)
    for entry_id, fields in entries:
        stamp, _, number = entry_id.partition("-")
        older = f"{int(stamp) - int(seconds * 1000)}-{number}"
        for name in ("created", "finished"):
            if name in fields:
                fields[name] = f"{float(fields[name]) - seconds:.6f}"
        server.xadd(keys.TRACE, fields, id=older)
        if fields["kind"] == "nodes":
            server.lpush(keys.TRACE_NODES, older)


def test_the_leader_writes_how_the_nodes_are(cluster: Cluster, server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc-1", cores=4, speed=1.5)
    add_node(registry, "pc-2", cores=2)
    registry.sample("pc-1", {"cpu_usage": 60, "own_cpu": 10})
    registry.set_mode("pc-2", "paused")
    cluster.register_watched("printer", "10.0.0.9", 9100)
    chores.tend(cluster)
    [(_, entry)] = server.xrange(keys.TRACE)
    assert entry["kind"] == "nodes"
    assert json.loads(entry["nodes"]) == {
        "pc-1": {"cores": 4.0, "speed": 1.5, "foreign": 2.0, "state": "live"},
        "pc-2": {"cores": 2.0, "speed": 1.0, "foreign": 0.0, "state": "paused"},
    }


def test_the_nodes_are_written_every_ten_seconds_whoever_leads(
    cluster: Cluster, server: redis.Redis, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    assert trace.record_nodes(cluster, registry.snapshot())
    assert not trace.record_nodes(cluster, registry.snapshot())
    grow_old(server, 9.0)
    assert not trace.record_nodes(cluster, registry.snapshot())
    grow_old(server, 1.0)
    assert trace.record_nodes(cluster, registry.snapshot())
    assert server.xlen(keys.TRACE) == 2


def test_the_nodes_never_push_out_the_jobs(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    [job_id] = run_jobs(ledger, "pc-1", 1)
    for number in range(30):
        Scripts(server).run("trace_nodes", json.dumps({"number": number}), 20)
    entries = [fields for _, fields in server.xrange(keys.TRACE)]
    assert entries[0]["job"] == job_id
    assert [json.loads(fields["nodes"])["number"] for fields in entries[1:]] == list(range(10, 30))
    assert server.llen(keys.TRACE_NODES) == 20


def test_many_nodes_are_written_less_often(cluster: Cluster, server: redis.Redis, registry: Nodes) -> None:
    for number in range(2 * trace.NODES):
        add_node(registry, f"pc-{number}")
    assert trace.record_nodes(cluster, registry.snapshot())
    grow_old(server, 15.0)
    assert not trace.record_nodes(cluster, registry.snapshot())
    grow_old(server, 5.0)
    assert trace.record_nodes(cluster, registry.snapshot())


def test_a_server_whose_clock_was_put_back_goes_on(cluster: Cluster, server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc-1")
    trace.record_nodes(cluster, registry.snapshot())
    grow_old(server, -3600.0)
    assert trace.record_nodes(cluster, registry.snapshot())


def test_what_was_done_is_read_back(cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc-1", cores=2, speed=2.0)
    trace.record_nodes(cluster, registry.snapshot())
    ids = run_jobs(ledger, "pc-1", 3, cpu=0.25)
    recording = trace.read(server, 60)
    assert [job.id for job in recording.jobs] == ids
    assert {(job.node, job.cpu, job.predicted) for job in recording.jobs} == {("pc-1", 0.25, 0.03)}
    assert all(0 <= seconds < 10 for seconds in recording.response)
    [(at, nodes)] = recording.nodes
    assert abs(at - time.time()) < 60
    assert nodes["pc-1"].cores == 2
    assert [row.jobs for row in compare(recording, ["least-cpu"])] == [3, 3]


def test_only_the_last_seconds_are_read(cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc-1")
    trace.record_nodes(cluster, registry.snapshot())
    run_jobs(ledger, "pc-1", 2)
    grow_old(server, 120.0)
    [recent] = run_jobs(ledger, "pc-1", 1)
    assert [job.id for job in trace.read(server, 60).jobs] == [recent]
    assert trace.read(server, 60).nodes == ()
    assert len(trace.read(server, 180).jobs) == 3


def test_no_more_than_the_newest_jobs_are_read(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "PAGE", 3)
    add_node(registry, "pc-1")
    ids = run_jobs(ledger, "pc-1", 10)
    recording = trace.read(server, 60, most=4)
    assert [job.id for job in recording.jobs] == ids[-4:]
    assert recording.since == pytest.approx(min(job.finished for job in recording.jobs), abs=0.01)
    assert all(seconds < 1 for seconds in recording.response), "what came before counts from the first that was read"
    assert [job.id for job in trace.read(server, 60).jobs] == ids


def test_an_empty_trace_is_an_empty_recording(server: redis.Redis) -> None:
    recording = trace.read(server, 60)
    assert (recording.jobs, recording.nodes) == ((), ())


def test_without_redis_there_is_an_error_with_a_name() -> None:
    with pytest.raises(ClusterUnavailable):
        trace.read(connect("redis://127.0.0.1:1/0"), 60)

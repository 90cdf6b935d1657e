"""Work that waits in the wrong place is taken back, if that is expected to pay."""

from __future__ import annotations

from dataclasses import replace

import redis
from hypothesis import given
from hypothesis import strategies as st

from cluster import keys
from cluster.chores import rebalance
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.scheduling import FIXED, Job, Node, State, slots_of
from cluster.scheduling.rebalancing import Message, moves
from cluster.service import Cluster
from tests.cluster.ledgers import add_node, bind, happened, start, states, submit

NOW = 1_000.0
BUSY = Node("busy", 1, running=1, waiting=1, work=8.0, cpu=0.97, own=0.3, sampled_at=NOW)
MESSAGE = Message("l1", "busy", 2.0, Job("a", 4.0))


def test_what_waits_on_a_busy_node_goes_where_it_is_done_sooner() -> None:
    [move] = moves("least-cpu", State((BUSY, Node("idle", 2))), [MESSAGE], NOW)
    assert move.message == MESSAGE
    assert "idle should be done in 4.0 s" in move.why


def test_what_runs_on_is_left_alone() -> None:
    fine = replace(BUSY, cpu=0.97, own=0.97)
    nodes = (fine, Node("slow", 2, speed=0.4))
    assert moves("least-cpu", State(nodes), [MESSAGE], NOW) == [], "it would not be done sooner there"
    assert moves("least-cpu", State((BUSY, Node("idle", 2))), [replace(MESSAGE, age=0.5)], NOW) == [], (
        "its turn may be about to come"
    )
    assert moves("least-cpu", State((BUSY, Node("full", 1, running=2))), [MESSAGE], NOW) == [], "there is no room"
    assert moves("least-cpu", State((BUSY, Node("paused", 4, state="paused"))), [MESSAGE], NOW) == []
    assert (
        moves(
            "least-cpu",
            State((BUSY, Node("small", 4, memory_free=1e9))),
            [replace(MESSAGE, job=Job("a", 4.0, peak_bytes=2e9))],
            NOW,
        )
        == []
    )


def test_no_policy_takes_back_what_it_would_bind_there_again() -> None:
    """A message that is moved to and fro would never run."""
    slow = Node("slow", 1, running=1, waiting=1, work=40.0, speed=0.1, sampled_at=NOW)
    message = Message("l1", "slow", 2.0, Job("a", 20.0, avoid="idle"))
    for policy in FIXED:
        for move in moves(policy, State((slow, Node("idle", 2, cpu=0.1))), [message], NOW):
            raise AssertionError((policy, move))
    odd = Node("odd", 0.0, waiting=1, sampled_at=NOW)
    [move] = moves("least-cpu", State((odd, Node("idle", 2))), [Message("l1", "odd", 2.0, Job("a", 1.0))], NOW)
    assert "no cores" in move.why


def test_a_node_that_no_longer_reports_loses_what_waits_there() -> None:
    silent = Node("busy", 4, state="stale", waiting=1, work=0.1)
    [move] = moves("least-cpu", State((silent, Node("idle", 1, speed=0.2))), [replace(MESSAGE, job=Job("a", 0.1))], NOW)
    assert "stale" in move.why


@given(st.lists(st.floats(0.01, 20), min_size=1, max_size=12), st.integers(1, 4), st.floats(0.1, 4))
def test_no_more_is_moved_than_finds_room(seconds: list[float], cores: int, speed: float) -> None:
    messages = [Message(f"l{number}", "busy", 9.0, Job("a", cost)) for number, cost in enumerate(seconds)]
    crowded = replace(BUSY, waiting=len(seconds), work=sum(seconds))
    found = moves("least-cpu", State((crowded, Node("idle", cores, speed=speed))), messages, NOW)
    assert len(found) <= slots_of(cores)
    assert len({move.message.lease for move in found}) == len(found)


def test_the_leader_takes_it_back_and_says_why(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-busy", 1, cpu_usage=98, own_cpu=10, cumulo_cpu=10)
    add_node(registry, "pc-idle", 2, cpu_usage=1)
    running, waiting = submit(ledger, 2, cost=4.0)
    start(ledger, "pc-busy", running)
    message = bind(ledger, "pc-busy", waiting)
    rebalance(cluster)
    assert states(ledger, [running, waiting]) == ["running", "assigned"], "it waits for less than a second"
    server.zadd(keys.waiting("pc-busy"), {message.lease: registry.clock() - 2})
    rebalance(cluster)
    assert states(ledger, [running, waiting]) == ["running", "queued"]
    assert happened(ledger, waiting) == ["queued", "assigned", "returned"]
    assert "pc-idle should be done" in ledger.timeline(waiting)[-1]["detail"]
    cluster.dispatch()
    assert ledger.job(waiting)["node"] == "pc-idle"
    assert ledger.job(waiting)["lost"] == 0

"""The leader's chores, on a real server: rescue, messages that got lost, dispatch."""

from __future__ import annotations

import pytest
import redis

from cluster import chores, keys
from cluster.chores import CONTACT, GAP, Contact, rescue, tend
from cluster.errors import ClusterUnavailable
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.settings import load_settings
from tests.cluster.ledgers import add_node, bind, claim, happened, start, states, submit


@pytest.fixture(autouse=True)
def contact(monkeypatch: pytest.MonkeyPatch) -> Contact:
    """As if this process had been in touch with the server for long enough to judge others."""
    contact = Contact()
    monkeypatch.setattr(chores, "_contact", contact)
    monkeypatch.setattr(chores, "CONTACT", 0)
    return contact


def fall_silent(server: redis.Redis, registry: Nodes, node: str, seconds: float = 60) -> None:
    server.hset(keys.worker(node), "last_heartbeat", f"{registry.clock() - seconds:.6f}")
    server.delete(keys.alive(node))


# -- contact --------------------------------------------------------------------------------------------------------


def test_contact_counts_only_without_a_break() -> None:
    contact = Contact()
    assert contact.tick(100) == 0
    assert contact.tick(101) == 1
    assert contact.tick(101 + GAP) == 1 + GAP
    assert contact.tick(110) == 0, "this process was frozen: every sample looks old and nobody is dead"
    contact.broken()
    assert contact.tick(111) == 0


def test_nobody_is_declared_offline_beforecontact(
    cluster: Cluster, server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "CONTACT", CONTACT)
    add_node(registry, "pc-1")
    fall_silent(server, registry, "pc-1")
    tend(cluster)
    assert server.smembers(keys.ACTIVE) == {"pc-1"}
    monkeypatch.setattr(chores, "CONTACT", 0)
    tend(cluster)
    assert server.smembers(keys.ACTIVE) == set()


def test_a_lost_connection_breaks_contact(monkeypatch: pytest.MonkeyPatch, contact: Contact) -> None:
    nowhere = Cluster(load_settings(redis_url="redis://127.0.0.1:1/0"))
    contact.tick(0)
    with pytest.raises(ClusterUnavailable):
        tend(nowhere)
    assert contact._since is None


def test_a_chore_that_fails_stops_no_other(
    cluster: Cluster, registry: Nodes, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_node(registry, "pc-1", 2)
    ids = submit(ledger, 1)

    def rebalance(_: Cluster) -> None:
        raise ZeroDivisionError("odd data")

    monkeypatch.setattr(chores, "rebalance", rebalance)
    tend(cluster)
    assert states(ledger, ids) == ["assigned"], "dispatch comes after it"
    assert "the chore 'rebalance' failed" in caplog.text


# -- leading --------------------------------------------------------------------------------------------------------


def test_one_monitor_leads_until_its_lease_ends(cluster: Cluster, server: redis.Redis) -> None:
    assert cluster.lead("monitor-1", 5000)
    assert not cluster.lead("monitor-2", 5000)
    assert cluster.lead("monitor-1", 5000)
    assert 0 < server.pttl(keys.LEADER) <= 5000
    server.delete(keys.LEADER)
    assert cluster.lead("monitor-2", 5000)


def test_only_the_leader_does_the_chores(cluster: Cluster, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc-1")
    ids = submit(ledger)
    cluster.lead("another monitor", 60_000)
    tend(cluster)
    assert states(ledger, ids) == ["queued"]


# -- rescue ---------------------------------------------------------------------------------------------------------


def test_jobs_of_a_silent_node_run_elsewhere(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    add_node(registry, "pc-2")
    ids = submit(ledger, 3)
    start(ledger, "pc-1", ids[0])
    bind(ledger, "pc-1", ids[1])
    start(ledger, "pc-2", ids[2])
    fall_silent(server, registry, "pc-1")
    rescue(cluster)
    assert [(view["state"], view["node"]) for view in ledger.views(ids)] == [
        ("assigned", "pc-2"),
        ("assigned", "pc-2"),
        ("running", "pc-2"),
    ]
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [1, 0, 0]
    assert happened(ledger, ids[0]) == ["queued", "assigned", "started", "rescued", "assigned"]
    assert "node pc-1 went offline: no sample for 60" in ledger.timeline(ids[0])[3]["detail"]
    assert registry.row("pc-1").state == "offline"


def test_a_dead_image_worker_beside_a_living_monitor_is_noticed(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    [job_id] = submit(ledger)
    start(ledger, "pc-1", job_id)
    server.delete(keys.alive("pc-1"))
    registry.sample("pc-1", {"cpu_usage": 1})
    rescue(cluster)
    assert ledger.job(job_id)["state"] == "queued"
    assert "its image worker gives no sign of life" in ledger.timeline(job_id)[-1]["detail"]


def test_more_jobs_than_one_tick_may_move_are_rescued_in_the_next(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "SLICE", 4)
    add_node(registry, "pc-1")
    ids = submit(ledger, 6)
    for job_id in ids:
        bind(ledger, "pc-1", job_id)
    fall_silent(server, registry, "pc-1")
    rescue(cluster)
    assert states(ledger, ids).count("queued") == 4
    rescue(cluster)
    assert [one.id for one in ledger.head(9)] == ids


def test_a_node_that_said_goodbye_may_finish_what_it_has_in_hand(
    cluster: Cluster, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    [job_id] = submit(ledger)
    start(ledger, "pc-1", job_id)
    registry.stop("pc-1")
    rescue(cluster)
    assert ledger.job(job_id)["state"] == "running"
    registry.gone("pc-1")
    rescue(cluster)
    assert ledger.job(job_id)["state"] == "queued"


def test_a_watched_machine_that_falls_silent_is_nobodys_business(
    cluster: Cluster, server: redis.Redis, registry: Nodes
) -> None:
    cluster.register_watched("printer", "10.0.0.9", 9100)
    fall_silent(server, registry, "printer")
    rescue(cluster)
    assert registry.row("printer").state == "offline"


# -- every second ---------------------------------------------------------------------------------------------------


def test_a_message_that_never_arrived_is_sent_again(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    [job_id] = submit(ledger)
    message = bind(ledger, "pc-1", job_id)  # and whoever bound it died before sending
    server.zincrby(keys.waiting("pc-1"), -2, message.lease)
    tend(cluster)
    assert server.llen(keys.queue("pc-1")) == 1
    assert [order.id for order in claim(ledger, message)] == [job_id]


def test_what_nobody_dispatched_is_dispatched(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1")
    ids = submit(ledger, 2)
    tend(cluster)
    assert states(ledger, ids) == ["assigned"] * 2
    assert server.llen(keys.queue("pc-1")) == 2

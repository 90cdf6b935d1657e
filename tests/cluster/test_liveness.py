"""Leases that are in nobody's hands."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from celery.worker import state

from cluster import keys
from cluster.ledger import Ledger
from cluster.liveness import ORPHANED, Liveness
from cluster.nodes import Nodes
from cluster.service import Cluster
from tests.cluster.ledgers import add_node, happened, start, states, submit


@dataclass(eq=False)
class Request:
    """What is looked at of a Celery request."""

    request_dict: dict[str, Any] = field(default_factory=dict)
    worker_pid: int | None = None


def test_a_lease_that_no_process_has_in_hand_is_given_to_others(
    cluster: Cluster, ledger: Ledger, registry: Nodes, server: redis.Redis
) -> None:
    add_node(registry, "pc-1")
    liveness = Liveness(SimpleNamespace())
    liveness._nodes = ["pc-1"]
    [lost], [held] = submit(ledger), submit(ledger)
    start(ledger, "pc-1", lost)
    message, _ = start(ledger, "pc-1", held)
    request = Request({"lease": message.lease})
    state.active_requests.add(request)
    try:
        for _ in range(ORPHANED - 1):
            liveness._rescue_orphans(cluster)
        assert states(ledger, [lost, held]) == ["running", "running"], "it may only just have been claimed"
        liveness._rescue_orphans(cluster)
    finally:
        state.active_requests.discard(request)
    assert "rescued" in happened(ledger, lost)
    assert ledger.job(lost)["lost"] == 1
    assert states(ledger, [held]) == ["running"]


def test_a_node_that_stops_gives_signs_of_life_until_it_has_finished(
    cluster: Cluster, registry: Nodes, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.liveness.EVERY", 0.02)
    add_node(registry, "pc-1")
    liveness = Liveness(SimpleNamespace())
    liveness._nodes = ["pc-1"]
    liveness._last_orders()
    assert registry.row("pc-1").state == "offline", "it gets no new work"
    server.delete(keys.alive("pc-1"))
    until = time.monotonic() + 20
    while not server.exists(keys.alive("pc-1")):
        assert time.monotonic() < until, "nobody renews the key"
        time.sleep(0.01)
    [renewing] = [one for one in threading.enumerate() if one.name == "last signs of life"]
    liveness._goodbye()
    renewing.join(20)
    assert not renewing.is_alive()

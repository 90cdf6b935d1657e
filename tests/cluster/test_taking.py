"""What a process that has just become free takes from the backlog, and what it leaves in the trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import redis

from cluster import keys
from cluster.ledger import Ledger, Outcome, class_of
from cluster.nodes import Nodes
from tests.cluster.ledgers import HIGH, SEPIA, add_node, done, failed, new_jobs, start, submit

OPTIONS: dict[str, Any] = {"pipeline": SEPIA, "format": None, "quality": None, "submitter": "", "max_backlog": HIGH}


@pytest.fixture(autouse=True)
def _nodes(registry: Nodes) -> None:
    add_node(registry, "pc-1")
    add_node(registry, "pc-2")


def waiting(ledger: Ledger) -> list[str]:
    return [job.id for job in ledger.head(HIGH)]


def batch_of(ledger: Ledger, *costs: float, peaks: Sequence[float] = ()) -> list[str]:
    """One batch whose jobs have these predicted costs and peaks."""
    jobs = [
        replace(job, cost=cost, peak_bytes=peak)
        for job, cost, peak in zip(new_jobs(len(costs)), costs, peaks or [0.0] * len(costs), strict=True)
    ]
    return ledger.submit(jobs, priority=0, **OPTIONS)[1]


def working(ledger: Ledger) -> Callable[..., list[str]]:
    """A process of pc-1 with a job in hand; called with options of `commit`, it ends that and takes what is next."""
    message, [order] = start(ledger, "pc-1", *submit(ledger, 1, priority=9))

    def take(**options: Any) -> list[str]:
        return [order_.id for order_ in ledger.commit("pc-1", message.lease, [done(order)], **options)]

    return take


def test_longest_first_within_the_batch_of_the_head(ledger: Ledger) -> None:
    first = batch_of(ledger, 0.03, 0.01, 0.05, 0.02)
    other = batch_of(ledger, 9.0, 9.0)
    assert working(ledger)(take=3, budget=0.1, longest_first=True) == [first[2], first[0], first[3]]
    assert set(waiting(ledger)) == {first[1], *other}


def test_without_longest_first_the_order_of_the_backlog_counts(ledger: Ledger) -> None:
    first = batch_of(ledger, 0.03, 0.01, 0.05, 0.02)
    assert working(ledger)(take=3, budget=0.1) == first[:3]


def test_what_needs_more_memory_than_is_free_is_left_to_others(ledger: Ledger) -> None:
    large, small = batch_of(ledger, 0.01, 0.01, peaks=(1e9, 1e6))
    assert working(ledger)(take=2, budget=1, memory=1.05e9) == [small]
    assert waiting(ledger) == [large]


def test_the_only_node_takes_it_all_the_same(ledger: Ledger, server: redis.Redis) -> None:
    server.srem(keys.ACTIVE, "pc-2")
    jobs = batch_of(ledger, 0.01, 0.01, peaks=(1e9, 1e6))
    assert working(ledger)(take=2, budget=1, memory=1e6) == jobs


def test_a_node_whose_jobs_fail_takes_no_more_by_itself(ledger: Ledger, server: redis.Redis) -> None:
    ids = submit(ledger, 6)
    message, orders = start(ledger, "pc-1", *ids[:3])
    blame = {"type": "internal", "detail": "no library", "step": None}
    for number, order in enumerate(orders, 1):
        outcome = Outcome(order.id, order.attempt, "failed", 0.01, error=blame)
        taken = ledger.commit("pc-1", message.lease, [outcome], take=1 if number == 3 else 0, budget=1)
        assert server.hget(keys.worker("pc-1"), "failures") == str(number)
    assert taken == []
    assert waiting(ledger) == ids[3:]
    message, [order] = start(ledger, "pc-1", ids[3])
    ledger.commit("pc-1", message.lease, [done(order)])
    assert server.hget(keys.worker("pc-1"), "failures") == "0", "one that went well clears its name"


def test_an_image_that_is_broken_is_no_fault_of_the_node(ledger: Ledger, server: redis.Redis) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    ledger.commit("pc-1", message.lease, [failed(order)])
    assert server.hget(keys.worker("pc-1"), "failures") in (None, "0")


def test_each_outcome_is_in_the_trace_with_what_it_cost(ledger: Ledger, server: redis.Redis) -> None:
    jobs = [replace(job, features="jpeg>jpeg,sepia", megapixels=2.0) for job in new_jobs(1, cost=0.25)]
    batch, [job_id] = ledger.submit(jobs, priority=4, **OPTIONS)
    message, [order] = start(ledger, "pc-1", job_id)
    outcome = Outcome(order.id, order.attempt, "done", 0.5, result={"mark": "1"}, cpu=0.375, peak_bytes=4e7)
    for _ in range(2):  # the second is the same again, after a lost answer
        ledger.commit("pc-1", message.lease, [outcome])
    [(_, entry)] = server.xrange(keys.TRACE)
    assert (entry["kind"], entry["job"], entry["batch"], entry["node"]) == ("job", job_id, batch, "pc-1")
    assert (entry["features"], float(entry["mp"]), float(entry["cost"])) == ("jpeg>jpeg,sepia", 2.0, 0.25)
    assert (entry["state"], float(entry["cpu"]), float(entry["peak"]), float(entry["wall"])) == (
        "done",
        0.375,
        4e7,
        0.5,
    )
    assert int(entry["lane"]) == class_of(interactive=True, priority=4)
    assert float(entry["created"]) <= float(entry["finished"])

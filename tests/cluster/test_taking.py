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
from tests.cluster.ledgers import HIGH, SEPIA, SHA, add_node, bind, done, failed, new_jobs, start, submit

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


def test_longest_first_takes_nothing_from_other_batches(ledger: Ledger) -> None:
    """Whichever of its jobs goes, the batch's turn is used up."""
    both = [batch_of(ledger, *(0.1 + (number * 7 % 20) / 1000 for number in range(20))) for _ in range(2)]
    message, orders = start(ledger, "pc-1", *submit(ledger, 1, priority=9))
    counts = [0, 0]
    for _ in range(20):
        orders = ledger.commit("pc-1", message.lease, [done(orders[0])], take=1, budget=1, longest_first=True)
        counts[0 if orders[0].id in both[0] else 1] += 1
        assert abs(counts[0] - counts[1]) <= 2, counts


def test_a_batch_that_gave_its_last_job_away_first_keeps_no_other_back(ledger: Ledger) -> None:
    """`apply_pipeline.delay` may send any job: those that come later still get their share at once."""
    first = batch_of(ledger, *[0.1] * 100)
    start(ledger, "pc-1", first[-1])
    second = batch_of(ledger, *[0.1] * 10)
    assert len(set(waiting(ledger)[:20]) & set(second)) == 10


def test_what_comes_back_stands_at_the_front_whatever_came_meanwhile(ledger: Ledger) -> None:
    lost = batch_of(ledger, *[0.5] * 3)
    start(ledger, "pc-1", *lost)
    batch_of(ledger, *[0.1] * 50)  # the backlog was empty: places are counted anew
    assert ledger.give_back("pc-1", "gone", lost=True) == 3
    assert set(waiting(ledger)[:3]) <= {*lost, waiting(ledger)[0]}
    assert len(set(waiting(ledger)[:4]) & set(lost)) == 3


def test_a_single_image_goes_before_the_batch_whose_message_is_next(ledger: Ledger) -> None:
    jobs = batch_of(ledger, 0.02, 0.02)
    message = bind(ledger, "pc-1", *jobs)
    single = submit(ledger, 1)
    orders = ledger.claim("pc-1", message.lease, message.attempts)
    assert [order.id for order in orders] == [*single, *jobs]
    placement = ledger.job(single[0])["placement"]
    assert (placement["node"], placement["candidates"]) == ("pc-1", [])
    assert "single images go first" in placement["reason"]
    # Committed at once; the others are still in hand.
    rest = ledger.commit("pc-1", message.lease, [done(orders[0])])
    assert ledger.job(single[0])["state"] == "done"
    assert sorted(order.id for order in rest) == sorted(jobs)


def test_a_single_image_whose_message_waits_is_taken_by_the_process_that_is_free_first(ledger: Ledger) -> None:
    """A lease may last for half a second more; nobody's single photo waits for that."""
    take = working(ledger)
    batch_of(ledger, 0.02, 0.02)
    single = submit(ledger, 1)
    message = bind(ledger, "pc-1", *single)
    assert take(take=5, budget=1.0) == single
    assert ledger.claim("pc-1", message.lease, message.attempts) == [], "its message comes too late, and is dropped"
    assert ledger.job(single[0])["attempt"] == 2
    assert ledger.job(single[0])["lost"] == 0


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
    result = {"sha256": SHA, "bytes": 5}
    outcome = Outcome(order.id, order.attempt, "done", 0.5, result=result, cpu=0.375, peak_bytes=4e7)
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

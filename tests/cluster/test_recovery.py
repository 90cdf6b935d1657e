"""Whatever dies, its jobs go back to their old place, are tried elsewhere first, and do not go on for ever."""

from __future__ import annotations

import pytest
import redis

from cluster import keys
from cluster.connection import Scripts
from cluster.ledger import Blame, Ledger, WorkOrder
from cluster.nodes import Nodes
from tests.cluster.ledgers import (
    Message,
    add_node,
    bind,
    claim,
    done,
    happened,
    start,
    states,
    submit,
    submit_batch,
)


@pytest.fixture(autouse=True)
def _nodes(registry: Nodes) -> None:
    add_node(registry, "pc-1")
    add_node(registry, "pc-2")


def waiting(ledger: Ledger) -> list[str]:
    return [one.id for one in ledger.head(1000)]


def process_dies(ledger: Ledger, message: Message, blame: Blame | None = None) -> int:
    """A worker process died over this message, as the worker's main process tells the ledger."""
    return ledger.give_back(message.node, "signal 9 (SIGKILL)", lost=True, lease=message.lease, blame=blame)


# -- a node goes ----------------------------------------------------------------------------------------------------


def test_jobs_of_a_node_that_went_offline_return_to_their_old_place(ledger: Ledger, registry: Nodes) -> None:
    ids = submit(ledger, 6)
    bind(ledger, "pc-1", ids[2])
    start(ledger, "pc-1", ids[0])
    start(ledger, "pc-2", ids[4])
    assert waiting(ledger) == [ids[1], ids[3], ids[5]]
    assert ledger.give_back("pc-1", "node pc-1 went offline", lost=True) == 2
    assert waiting(ledger) == [ids[0], ids[1], ids[2], ids[3], ids[5]]
    assert ledger.job(ids[4])["state"] == "running"
    row = registry.row("pc-1")
    assert (row.waiting, row.running) == (0, 0)
    assert ledger.timeline(ids[0])[-1]["detail"] == "node pc-1 went offline"
    assert happened(ledger, ids[0]) == ["queued", "assigned", "started", "rescued"]


def test_only_running_jobs_count_a_lost_attempt(ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    start(ledger, "pc-1", ids[0])
    bind(ledger, "pc-1", ids[1])
    ledger.give_back("pc-1", "gone", lost=True)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [1, 0]


def test_of_jobs_that_shared_a_message_on_a_node_that_went_none_is_blamed(ledger: Ledger) -> None:
    ids = submit(ledger, 3)
    start(ledger, "pc-1", *ids)
    assert ledger.give_back("pc-1", "gone", lost=True) == 3
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 0, 0]
    assert [(one.avoid, one.alone) for one in ledger.head(9)] == [("pc-1", True)] * 3


def test_a_node_that_stops_in_order_loses_nothing(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    start(ledger, "pc-1", job_id)
    assert ledger.give_back("pc-1", "the node was stopped", lost=False) == 1
    assert ledger.job(job_id)["lost"] == 0
    assert happened(ledger, job_id)[-1] == "returned"
    assert ledger.head(1)[0].avoid == ""


def test_many_jobs_come_back_in_several_calls(ledger: Ledger, registry: Nodes) -> None:
    ids = submit(ledger, 7)
    for job_id in ids:
        bind(ledger, "pc-1", job_id)
    assert ledger.give_back("pc-1", "gone", lost=True, most=5) == 5
    assert ledger.give_back("pc-1", "gone", lost=True, most=5) == 2
    assert waiting(ledger) == ids
    assert registry.row("pc-1").waiting == 0


def test_giving_back_nothing_is_no_error(ledger: Ledger) -> None:
    assert ledger.give_back("pc-1", "gone", lost=True) == 0
    assert ledger.give_back("nobody", "gone", lost=True, lease="l-unknown") == 0


# -- another node first ---------------------------------------------------------------------------------------------


def test_a_lost_job_is_not_taken_by_the_node_that_lost_it(ledger: Ledger) -> None:
    lost, other, mine = submit(ledger, 3)
    dead, _ = start(ledger, "pc-1", lost)
    process_dies(ledger, dead)
    assert ledger.head(1)[0].avoid == "pc-1"
    message, [order] = start(ledger, "pc-1", other)
    assert [taken.id for taken in ledger.commit("pc-1", message.lease, [done(order)], take=1, budget=9)] == [mine]
    message, [order] = start(ledger, "pc-2", *submit(ledger))
    assert [taken.id for taken in ledger.commit("pc-2", message.lease, [done(order)], take=1, budget=9)] == [lost]


def test_a_lost_job_is_taken_by_the_same_node_if_there_is_no_other(ledger: Ledger, registry: Nodes) -> None:
    lost, other = submit(ledger, 2)
    dead, _ = start(ledger, "pc-1", lost)
    process_dies(ledger, dead)
    registry.stop("pc-2")
    message, [order] = start(ledger, "pc-1", other)
    assert [taken.id for taken in ledger.commit("pc-1", message.lease, [done(order)], take=1, budget=9)] == [lost]


# -- quarantine -----------------------------------------------------------------------------------------------------


def test_a_job_that_kills_its_process_three_times_is_quarantined(ledger: Ledger, server: redis.Redis) -> None:
    batch, [job_id] = submit_batch(ledger, 1)
    for node in ("pc-1", "pc-2", "pc-1"):
        assert ledger.job(job_id)["state"] == "queued"
        message, orders = start(ledger, node, job_id)
        assert len(orders) == 1
        assert process_dies(ledger, message) == 1
    job = ledger.job(job_id)
    assert (job["state"], job["attempt"], job["lost"]) == ("quarantined", 3, 3)
    assert job["error"]["type"] == "lost"
    assert "died 3 times; last on pc-1: signal 9 (SIGKILL)" in job["error"]["detail"]
    assert (job["error"]["step"], job["error"]["signal"]) == (None, None)
    assert waiting(ledger) == []
    assert ledger.batch(batch)["state"] == "finished"
    assert server.hlen(keys.node_jobs("pc-1")) == 0


def test_the_number_of_lost_attempts_is_a_setting(server: redis.Redis) -> None:
    strict = Ledger(server, Scripts(server), max_lost=1)
    [job_id] = submit(strict)
    start(strict, "pc-1", job_id)
    strict.give_back("pc-1", "gone", lost=True)
    assert strict.job(job_id)["state"] == "quarantined"


def test_a_quarantined_job_that_is_tried_again_has_all_its_attempts(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    for _ in range(3):
        message, _ = start(ledger, "pc-1", job_id)
        process_dies(ledger, message)
    job = ledger.retry(job_id)
    assert (job["state"], job["lost"], job["error"]) == ("queued", 0, None)
    message, [order] = start(ledger, "pc-1", job_id)
    assert order.attempt == 4
    process_dies(ledger, message)
    assert ledger.job(job_id)["state"] == "queued"


def test_jobs_that_shared_a_process_are_tried_again_alone_and_without_blame(ledger: Ledger) -> None:
    ids = submit(ledger, 3)
    message, _ = start(ledger, "pc-1", *ids)
    assert process_dies(ledger, message) == 3
    assert states(ledger, ids) == ["queued"] * 3
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 0, 0]
    assert [one.alone for one in ledger.head(9)] == [True] * 3


def test_only_the_job_that_a_process_died_over_counts_a_lost_attempt(ledger: Ledger) -> None:
    ids = submit(ledger, 3)
    message, _ = start(ledger, "pc-1", *ids)
    assert process_dies(ledger, message, Blame(ids[1], 1, "SIGSEGV")) == 3
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 1, 0]
    assert [happened(ledger, job_id)[-1] for job_id in ids] == ["returned", "rescued", "returned"]
    assert [one.avoid for one in ledger.head(9)] == ["", "pc-1", ""]
    assert [one.alone for one in ledger.head(9)] == [False, True, False], "it takes nobody else with it"


def test_a_process_that_died_between_two_jobs_is_laid_to_none(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    message, _ = start(ledger, "pc-1", job_id)
    process_dies(ledger, message, Blame(""))
    assert (ledger.job(job_id)["lost"], happened(ledger, job_id)[-1]) == (0, "returned")
    assert ledger.timeline(job_id)[-1]["detail"] == "signal 9 (SIGKILL)"


def test_a_job_in_quarantine_names_the_step_and_the_signal(ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    for node in ("pc-1", "pc-2", "pc-1"):
        message, _ = start(ledger, node, *ids)
        process_dies(ledger, message, Blame(ids[0], 2, "SIGSEGV"))
    job = ledger.job(ids[0])
    assert job["state"] == "quarantined"
    assert (job["error"]["type"], job["error"]["step"], job["error"]["signal"]) == ("lost", 2, "SIGSEGV")
    assert job["input"]["sha256"]
    assert ledger.job(ids[1])["lost"] == 0


def test_a_job_that_must_run_alone_is_taken_alone(ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    dead, _ = start(ledger, "pc-1", *ids)
    process_dies(ledger, dead)
    small = submit(ledger, 4, priority=9)
    message, orders = start(ledger, "pc-2", small[0])
    shares = []
    while orders:
        orders = ledger.commit("pc-2", message.lease, [done(order) for order in orders], take=9, budget=9)
        shares.append([order.id for order in orders])
    assert shares == [small[1:], ids[:1], ids[1:], []]


def test_the_innocent_finish_and_only_the_guilty_is_quarantined(ledger: Ledger) -> None:
    ids = submit(ledger, 3)
    guilty = ids[1]
    message, _ = start(ledger, "pc-1", *ids)
    process_dies(ledger, message)
    for _ in range(10):
        head = ledger.head(1)
        if not head:
            break
        message, orders = start(ledger, "pc-1", head[0].id)
        if head[0].id == guilty:
            process_dies(ledger, message)
        else:
            ledger.commit("pc-1", message.lease, [done(order) for order in orders])
    assert states(ledger, ids) == ["done", "quarantined", "done"]


def test_another_process_of_the_node_goes_on_when_one_dies(ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    dead, _ = start(ledger, "pc-1", ids[0])
    alive, [order] = start(ledger, "pc-1", ids[1])
    process_dies(ledger, dead)
    ledger.commit("pc-1", alive.lease, [done(order)])
    assert states(ledger, ids) == ["queued", "done"]


def test_a_death_that_is_reported_after_the_commit_changes_nothing(ledger: Ledger) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    ledger.commit("pc-1", message.lease, [done(order)])
    assert process_dies(ledger, message) == 0
    assert ledger.job(order.id)["state"] == "done"


# -- drain ----------------------------------------------------------------------------------------------------------


def test_draining_returns_what_waits_and_lets_run_what_runs(ledger: Ledger, registry: Nodes) -> None:
    ids = submit(ledger, 4)
    running, orders = start(ledger, "pc-1", ids[0])
    sent = bind(ledger, "pc-1", ids[1], ids[2])
    bind(ledger, "pc-2", ids[3])
    assert ledger.return_waiting("pc-1") == 2
    assert states(ledger, ids) == ["running", "queued", "queued", "assigned"]
    assert waiting(ledger) == ids[1:3]
    assert claim(ledger, sent) == []
    ledger.commit("pc-1", running.lease, [done(order) for order in orders])
    row = registry.row("pc-1")
    assert (row.waiting, row.running) == (0, 0)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0] * 4


# -- messages that got lost -----------------------------------------------------------------------------------------


def overdue_since(server: redis.Redis, message: Message, seconds: float) -> None:
    """As if the message had been bound that long ago."""
    server.zincrby(keys.waiting(message.node), -seconds, message.lease)


def test_a_bound_message_that_never_arrived_is_published_again(ledger: Ledger, server: redis.Redis) -> None:
    ids = submit(ledger, 2)
    message = bind(ledger, "pc-1", *ids)
    assert ledger.overdue("pc-1", 1) == []
    overdue_since(server, message, 2)
    assert ledger.overdue("pc-1", 1) == [(message.lease, message.attempts)]
    assert ledger.overdue("pc-1", 1) == [], "not again before it is overdue again"
    assert [order.id for order in claim(ledger, message)] == ids


def test_a_message_that_still_lies_in_the_queue_is_not_published_again(ledger: Ledger, server: redis.Redis) -> None:
    message = bind(ledger, "pc-1", *submit(ledger))
    overdue_since(server, message, 2)
    server.lpush(keys.queue("pc-1"), "the message")
    assert ledger.overdue("pc-1", 1) == []
    server.delete(keys.queue("pc-1"))
    assert len(ledger.overdue("pc-1", 1)) == 1


def test_a_message_whose_jobs_are_all_cancelled_is_forgotten(
    ledger: Ledger, server: redis.Redis, registry: Nodes
) -> None:
    [job_id] = submit(ledger)
    message = bind(ledger, "pc-1", job_id)
    ledger.cancel(job_id)
    overdue_since(server, message, 2)
    assert ledger.overdue("pc-1", 1) == []
    assert registry.row("pc-1").waiting == 0


def test_a_claimed_message_is_never_overdue(ledger: Ledger) -> None:
    start(ledger, "pc-1", *submit(ledger))
    assert ledger.overdue("pc-1", -1) == []


def test_both_copies_of_a_message_published_twice_do_the_work_once(ledger: Ledger, server: redis.Redis) -> None:
    message = bind(ledger, "pc-1", *submit(ledger))
    overdue_since(server, message, 2)
    [(lease, attempts)] = ledger.overdue("pc-1", 1)
    copies: list[list[WorkOrder]] = [claim(ledger, Message("pc-1", lease, attempts)), claim(ledger, message)]
    assert sorted(len(orders) for orders in copies) == [0, 1]

"""The life of a job, on a real server: submit, bind, claim, commit."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import redis

from cluster import keys
from cluster.connection import Scripts, connect
from cluster.errors import BacklogFull, ClusterUnavailable, Conflict, NotFound
from cluster.ledger import Ledger, Outcome, WorkOrder
from cluster.nodes import Nodes
from tests.cluster.ledgers import (
    SEPIA,
    SHA,
    add_node,
    bind,
    claim,
    done,
    failed,
    happened,
    new_jobs,
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


# -- coming in ------------------------------------------------------------------------------------------------------


def test_a_submitted_job_waits_in_the_backlog(ledger: Ledger) -> None:
    batch, [job_id] = submit_batch(ledger, 1, cost=0.25, peak=1e6, format="webp", quality=80, priority=3)
    job = ledger.job(job_id)
    assert (job["state"], job["node"], job["attempt"], job["batch"]) == ("queued", None, 0, batch)
    assert (job["pipeline"], job["format"], job["quality"], job["priority"]) == (SEPIA, "webp", 80, 3)
    assert job["input"]["sha256"] == SHA
    assert job["error"] is job["result"] is job["placement"] is job["started_at"] is None
    [head] = ledger.head(10)
    assert (head.id, head.seconds, head.peak_bytes, head.avoid, head.alone) == (job_id, 0.25, 1e6, "", False)
    assert happened(ledger, job_id) == ["queued"]


def test_jobs_of_a_batch_wait_in_their_order_of_arrival(ledger: Ledger) -> None:
    batch, first = submit_batch(ledger, 250)
    more = submit(ledger, 3, batch=batch)
    assert waiting(ledger) == [*first, *more]


def test_a_submission_may_stand_longest_first(ledger: Ledger) -> None:
    """All of it, not only what fits into one slice; it is still the submission's own order that people see."""
    costs = [0.01 + (number * 37 % 450) / 100 for number in range(450)]
    jobs = [replace(job, cost=cost) for job, cost in zip(new_jobs(450), costs, strict=True)]
    options = {"pipeline": SEPIA, "format": None, "quality": None, "priority": 0, "submitter": "", "max_backlog": 900}
    batch, ids = ledger.submit(jobs, longest_first=True, **options)
    by_cost = sorted(range(450), key=lambda at: -costs[at])
    assert waiting(ledger) == [ids[at] for at in by_cost]
    assert ledger.batch_ids(batch) == ids


def test_single_images_wait_in_their_order_of_arrival(ledger: Ledger) -> None:
    ids = [submit(ledger, 1, cost=cost)[0] for cost in (0.5, 0.01, 2.0) * 40]
    assert waiting(ledger) == ids


@pytest.mark.parametrize("count", [2, 3])
def test_batches_that_wait_together_get_equal_shares_of_the_work(ledger: Ledger, count: int) -> None:
    """By predicted work and not by number, and work that was done before is nobody's debt."""
    costs = (0.1, 0.2, 0.05)[:count]
    first = submit(ledger, 60, cost=costs[0])
    start(ledger, "pc-1", *first[:20])
    batches = [first[20:], *(submit(ledger, 40, cost=cost) for cost in costs[1:])]
    order = waiting(ledger)
    for length in range(1, 30):
        front = set(order[:length])
        work = [cost * len(front & set(ids)) for cost, ids in zip(costs, batches, strict=True)]
        assert max(work) - min(work) <= 2 * max(costs), (length, work)
    for ids in batches:
        assert [job for job in order if job in ids] == ids


def test_nothing_of_the_shares_is_left_when_all_has_run(ledger: Ledger, server: redis.Redis) -> None:
    ids = [*submit(ledger, 3), *submit(ledger, 3, submitter="ana")]
    start(ledger, "pc-1", *ids)
    assert server.hlen(keys.SHARES) == 0
    submit(ledger)
    assert server.hlen(keys.CLOCK) == 0


def test_a_single_image_passes_the_batches_and_a_higher_priority_the_lower(ledger: Ledger) -> None:
    low = submit(ledger, 2, priority=-1)
    normal = submit(ledger, 2)
    high = submit(ledger, 2, priority=9)
    single = submit(ledger, 1)
    later = submit(ledger, 1)
    urgent = submit(ledger, 1, priority=1)
    assert waiting(ledger) == [*urgent, *single, *later, *high, *normal, *low]


def test_a_process_never_makes_a_single_image_wait_for_small_jobs_of_a_batch(ledger: Ledger) -> None:
    submit(ledger, 5)
    single = submit(ledger, 1)
    message, [order] = start(ledger, "pc-1", *submit(ledger, 1))
    orders = ledger.commit("pc-1", message.lease, [done(order)], take=6, budget=9.0)
    assert [order.id for order in orders] == single


def test_a_job_appended_to_a_batch_is_no_single_image(ledger: Ledger) -> None:
    batch, first = submit_batch(ledger, 2)
    other = submit(ledger, 2)
    appended = submit(ledger, 1, batch=batch)
    assert waiting(ledger)[-1:] == appended
    assert set(waiting(ledger)) == {*first, *other, *appended}
    assert ledger.batch(batch)["total"] == 3
    assert ledger.batch_ids(batch) == [*first, *appended]


@pytest.mark.parametrize(
    ("other", "word"),
    [({"pipeline": [{"filter": "gray"}]}, "pipeline"), ({"format": "webp"}, "format"), ({"quality": 50}, "quality")],
)
def test_a_batch_takes_no_jobs_with_another_pipeline_or_output(ledger: Ledger, other: dict, word: str) -> None:
    batch, _ = submit_batch(ledger, 2)
    with pytest.raises(Conflict, match=f"another {word}"):
        submit(ledger, 1, batch=batch, **other)
    assert ledger.batch(batch)["total"] == 2


def test_there_is_no_appending_to_a_batch_that_nobody_knows(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no batch 'b-unknown'"):
        submit(ledger, 1, batch="b-unknown")


def test_a_full_backlog_refuses_and_keeps_what_it_had(ledger: Ledger) -> None:
    kept = submit(ledger, 8, max_backlog=10)
    with pytest.raises(BacklogFull, match="10"):
        submit(ledger, 3, max_backlog=10)
    assert waiting(ledger) == kept
    assert ledger.counts()["queued"] == 8
    submit(ledger, 2, max_backlog=10)
    assert ledger.counts()["queued"] == 10


def test_a_batch_too_large_for_the_backlog_is_refused_as_a_whole(ledger: Ledger) -> None:
    with pytest.raises(BacklogFull):
        submit(ledger, 450, max_backlog=430)
    assert ledger.counts()["queued"] == 0
    submit(ledger, 430, max_backlog=430)
    assert ledger.counts()["queued"] == 430


def test_a_submission_repeated_after_a_lost_answer_is_recorded_once(
    ledger: Ledger, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ledger._scripts.run

    def twice(name: str, *args: str | int | float) -> object:
        run(name, *args)
        return run(name, *args)

    monkeypatch.setattr(ledger._scripts, "run", twice)
    batch, ids = submit_batch(ledger, 3, max_backlog=4)
    assert ledger.batch(batch)["total"] == 3
    assert ledger.batch(batch)["counts"]["queued"] == 3
    assert ledger.batch_ids(batch) == ids == waiting(ledger)
    assert [happened(ledger, job_id) for job_id in ids] == [["queued"]] * 3


def test_names_and_pipelines_of_any_characters_come_back_as_they_were(ledger: Ledger) -> None:
    [job] = new_jobs(1)
    name = "Año 'nuevo' \"2\" \u2603 {}[] %s \\n.jpg"
    odd = type(job)(name, job.input, job.cost, job.peak_bytes)
    _, [job_id] = ledger.submit(
        [odd], pipeline=[], format=None, quality=None, priority=0, submitter="Zoë", max_backlog=9
    )
    assert ledger.job(job_id)["name"] == name
    assert ledger.job(job_id)["pipeline"] == []


# -- bind -----------------------------------------------------------------------------------------------------------


def test_a_bound_job_knows_its_node_and_why(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    message = bind(ledger, "pc-1", job_id, placement={"policy": "least-cpu", "reason": "it is idle"})
    assert message.attempts == {job_id: 1}
    job = ledger.job(job_id)
    assert (job["state"], job["node"], job["attempt"]) == ("assigned", "pc-1", 1)
    assert job["placement"]["reason"] == "it is idle"
    assert waiting(ledger) == []


def test_only_jobs_that_wait_are_bound(ledger: Ledger) -> None:
    first, second = submit(ledger, 2)
    bind(ledger, "pc-1", first)
    assert ledger.bind("pc-2", "l1", [first], {}, None) == "NONE"
    assert ledger.bind("pc-2", "l2", [first, second, "unknown"], {}, None) == {second: 1}
    assert ledger.job(first)["node"] == "pc-1"


def test_a_node_gets_no_message_beyond_its_slots(ledger: Ledger) -> None:
    ids = submit(ledger, 4)
    assert ledger.bind("pc-1", "l1", ids[:2], {}, 2) == {ids[0]: 1, ids[1]: 1}
    assert ledger.bind("pc-1", "l2", ids[2:3], {}, 2) == {ids[2]: 1}
    assert ledger.bind("pc-1", "l3", ids[3:], {}, 2) == "FULL"
    assert ledger.bind("pc-1", "l3", ids[3:], {}, None) == {ids[3]: 1}


def test_running_messages_fill_slots_too(ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    message, [order] = start(ledger, "pc-1", ids[0])
    assert ledger.bind("pc-1", "l2", ids[1:], {}, 1) == "FULL"
    ledger.commit("pc-1", message.lease, [done(order)])
    assert ledger.bind("pc-1", "l2", ids[1:], {}, 1) == {ids[1]: 1}


@pytest.mark.parametrize("mode", ["paused", "draining"])
def test_a_paused_or_draining_node_is_bound_to_nothing(ledger: Ledger, registry: Nodes, mode: str) -> None:
    ids = submit(ledger)
    registry.set_mode("pc-1", mode)
    assert ledger.bind("pc-1", "l1", ids, {}, None) == "GONE"
    assert ledger.bind("nobody", "l1", ids, {}, None) == "GONE"
    assert waiting(ledger) == ids


def test_only_recorded_jobs_can_be_placed(ledger: Ledger) -> None:
    first, second = submit(ledger, 2)
    bind(ledger, "pc-1", first)
    assert [one.id for one in ledger.waiting([first, second])] == [second]
    with pytest.raises(NotFound, match="record it first"):
        ledger.waiting([second, "j-unknown"])


# -- claim ----------------------------------------------------------------------------------------------------------


def test_a_claim_hands_over_what_the_work_needs(ledger: Ledger) -> None:
    [job_id] = submit(ledger, format="webp", quality=70)
    _, orders = start(ledger, "pc-1", job_id)
    image = {"sha256": SHA, "bytes": 10, "width": 4, "height": 3, "format": "jpeg"}
    assert orders == [WorkOrder(job_id, 1, image, json.dumps(SEPIA), "webp", 70, "photo-1.jpg", 0.01)]
    assert ledger.job(job_id)["state"] == "running"


def test_a_message_delivered_twice_is_worked_on_once(ledger: Ledger) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    assert claim(ledger, message) == []
    ledger.commit("pc-1", message.lease, [done(order)])
    assert claim(ledger, message) == []
    assert happened(ledger, order.id) == ["queued", "assigned", "started", "done"]


def test_a_message_of_an_earlier_binding_claims_nothing(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    old = bind(ledger, "pc-1", job_id)
    ledger.give_back("pc-1", "the node went offline", lost=True)
    new = bind(ledger, "pc-2", job_id)
    assert claim(ledger, old) == []
    assert [order.attempt for order in claim(ledger, new)] == [2]


def test_a_job_cancelled_on_its_way_is_left_out_of_the_claim(ledger: Ledger) -> None:
    first, second = submit(ledger, 2)
    message = bind(ledger, "pc-1", first, second)
    ledger.cancel(first)
    assert [order.id for order in claim(ledger, message)] == [second]


# -- commit ---------------------------------------------------------------------------------------------------------


def test_a_result_is_committed_and_counted(ledger: Ledger, server: redis.Redis) -> None:
    batch, [first, second] = submit_batch(ledger, 2)
    message, orders = start(ledger, "pc-1", first, second)
    assert ledger.commit("pc-1", message.lease, [done(orders[0]), failed(orders[1])]) == []
    job = ledger.job(first)
    assert job["state"] == "done"
    assert job["result"] == {"sha256": SHA, "bytes": 5, "width": 4, "height": 3, "format": "jpeg"}
    assert job["created_at"] <= job["assigned_at"]
    assert job["started_at"] == pytest.approx(job["finished_at"] - 0.01, abs=1e-3)
    other = ledger.job(second)
    assert (other["state"], other["error"]["detail"], other["error"]["step"]) == ("failed", "it is cut short", 1)
    view = ledger.batch(batch)
    assert (view["state"], view["finished"], view["counts"]["done"], view["counts"]["failed"]) == ("finished", 2, 1, 1)
    assert ledger.finished_after(batch, 0) == ([first, second], 2)
    assert ledger.finished_after(batch, 1) == ([second], 2)
    assert server.hget(keys.worker("pc-1"), "tasks_processed") == "2"


def test_a_commit_repeated_after_a_lost_answer_changes_nothing(ledger: Ledger, server: redis.Redis) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    ledger.commit("pc-1", message.lease, [done(order, "first")])
    verdicts, _ = ledger._scripts.run(
        "commit",
        *("pc-1", message.lease, 0, 0, 0, "0", "{}"),
        *(order.id, 1, "done", "0.01", "0.01", "0", "0", '{"mark":"again"}', "", "0"),
    )
    assert verdicts == ["ok"]
    assert '"first"' in ledger.record(order.id)["result"]
    assert server.hget(keys.worker("pc-1"), "tasks_processed") == "1"
    assert happened(ledger, order.id).count("done") == 1


def test_jobs_taken_by_a_commit_whose_answer_was_lost_are_handed_out_again(ledger: Ledger) -> None:
    ids = submit(ledger, 4)
    message, [order] = start(ledger, "pc-1", ids[0])
    taken = ledger.commit("pc-1", message.lease, [done(order)], take=2, budget=9)
    again = ledger.commit("pc-1", message.lease, [done(order)], take=2, budget=9)
    assert [order.id for order in taken] == ids[1:3]
    assert sorted(again, key=lambda order: ids.index(order.id)) == taken
    assert waiting(ledger) == ids[3:]


def test_a_result_of_an_earlier_attempt_is_dropped(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    old, [late] = start(ledger, "pc-1", job_id)
    ledger.give_back("pc-1", "the node went offline", lost=True)
    new, [order] = start(ledger, "pc-2", job_id)
    assert ledger.commit("pc-1", old.lease, [done(late, "late")], take=5, budget=9) == []
    assert ledger.job(job_id)["state"] == "running"
    ledger.commit("pc-2", new.lease, [done(order, "right")])
    assert ledger.commit("pc-1", old.lease, [done(late, "later still")]) == []
    assert '"right"' in ledger.record(job_id)["result"]
    assert happened(ledger, job_id).count("done") == 1


def test_a_result_of_a_cancelled_job_is_dropped_and_the_process_goes_on(ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    message, [order] = start(ledger, "pc-1", ids[0])
    ledger.cancel(ids[0])
    taken = ledger.commit("pc-1", message.lease, [done(order)], take=1, budget=9)
    assert [order.id for order in taken] == ids[1:]
    assert states(ledger, ids) == ["cancelled", "running"]


def test_a_result_comes_too_late_after_cancel_and_retry(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    message, [order] = start(ledger, "pc-1", job_id)
    ledger.cancel(job_id)
    ledger.retry(job_id)
    ledger.commit("pc-1", message.lease, [done(order)])
    assert ledger.job(job_id)["state"] == "queued"
    assert bind(ledger, "pc-1", job_id).attempts == {job_id: 2}


def test_a_commit_for_a_job_that_nobody_knows_is_dropped(ledger: Ledger, server: redis.Redis) -> None:
    assert ledger.commit("pc-1", "l1", [Outcome("j-unknown", 1, "done", 0.1)]) == []
    assert not server.exists(keys.job("j-unknown"))


# -- taking the next jobs -------------------------------------------------------------------------------------------


def test_a_free_process_takes_the_head_of_the_backlog(ledger: Ledger) -> None:
    ids = submit(ledger, 5)
    message, [order] = start(ledger, "pc-1", ids[0])
    taken = ledger.commit(
        "pc-1", message.lease, [done(order)], take=3, budget=9, placement={"reason": "it had become free"}
    )
    assert [(order.id, order.attempt) for order in taken] == [(ids[1], 1), (ids[2], 1), (ids[3], 1)]
    assert waiting(ledger) == ids[4:]
    job = ledger.job(ids[1])
    assert (job["state"], job["node"], job["placement"]["reason"]) == ("running", "pc-1", "it had become free")
    assert happened(ledger, ids[1]) == ["queued", "taken"]


def test_taken_jobs_stay_within_the_budget_but_one_is_always_taken(ledger: Ledger) -> None:
    first = submit(ledger)
    small = submit(ledger, 5, cost=0.04)
    message, orders = start(ledger, "pc-1", *first)
    orders = ledger.commit("pc-1", message.lease, [done(order) for order in orders], take=50, budget=0.1)
    assert [order.id for order in orders] == small[:2]
    [large] = submit(ledger, cost=7, priority=1)
    orders = ledger.commit("pc-1", message.lease, [done(order) for order in orders], take=50, budget=0.1)
    assert [order.id for order in orders] == [large]


def test_a_process_that_takes_nothing_gives_its_message_back(ledger: Ledger, registry: Nodes) -> None:
    ids = submit(ledger, 2)
    message, [order] = start(ledger, "pc-1", ids[0])
    assert registry.row("pc-1").running == 1
    ledger.commit("pc-1", message.lease, [done(order)])
    assert registry.row("pc-1").running == 0
    assert waiting(ledger) == ids[1:]


@pytest.mark.parametrize("mode", ["paused", "draining"])
def test_a_paused_or_draining_node_takes_nothing_more(ledger: Ledger, registry: Nodes, mode: str) -> None:
    ids = submit(ledger, 2)
    message, [order] = start(ledger, "pc-1", ids[0])
    registry.set_mode("pc-1", mode)
    assert ledger.commit("pc-1", message.lease, [done(order)], take=5, budget=9) == []
    assert states(ledger, ids) == ["done", "queued"]


# -- cancel and retry -----------------------------------------------------------------------------------------------


def test_a_job_can_be_cancelled_until_it_has_ended(ledger: Ledger, registry: Nodes) -> None:
    batch, ids = submit_batch(ledger, 5)
    bind(ledger, "pc-1", ids[1])
    start(ledger, "pc-1", ids[2])
    message, orders = start(ledger, "pc-1", ids[3], ids[4])
    ledger.commit("pc-1", message.lease, [done(orders[0]), failed(orders[1])])
    for job_id in ids[:3]:
        assert ledger.cancel(job_id)["state"] == "cancelled"
    for job_id, state in zip(ids, ["cancelled"] * 3 + ["done", "failed"], strict=True):
        with pytest.raises(Conflict, match=f"is {state}; only a queued, assigned or running job"):
            ledger.cancel(job_id)
    assert waiting(ledger) == []
    assert ledger.batch(batch)["counts"]["cancelled"] == 3
    with pytest.raises(NotFound):
        ledger.cancel("j-unknown")


def test_a_failed_or_cancelled_job_can_be_tried_again(ledger: Ledger) -> None:
    batch, ids = submit_batch(ledger, 2)
    message, [order] = start(ledger, "pc-1", ids[0])
    ledger.commit("pc-1", message.lease, [failed(order)])
    ledger.cancel(ids[1])
    for job_id in ids:
        job = ledger.retry(job_id)
        assert (job["state"], job["error"], job["finished_at"], job["node"]) == ("queued", None, None, None)
    assert waiting(ledger) == ids
    assert ledger.batch(batch)["state"] == "running"
    assert ledger.finished_after(batch, 0) == ([], 0)
    message, orders = start(ledger, "pc-2", *ids)
    ledger.commit("pc-2", message.lease, [done(order) for order in orders])
    assert ledger.batch(batch)["counts"]["done"] == 2
    assert ledger.finished_after(batch, 2) == (ids, 4), "whoever had read them goes on from there"


def test_only_a_job_that_ended_badly_can_be_tried_again(ledger: Ledger) -> None:
    ids = submit(ledger, 4)
    bind(ledger, "pc-1", ids[1])
    start(ledger, "pc-1", ids[2])
    message, [order] = start(ledger, "pc-1", ids[3])
    ledger.commit("pc-1", message.lease, [done(order)])
    for job_id, state in zip(ids, ["queued", "assigned", "running", "done"], strict=True):
        with pytest.raises(Conflict, match=f"is {state}; only a failed, quarantined or cancelled job"):
            ledger.retry(job_id)
    with pytest.raises(NotFound):
        ledger.retry("j-unknown")


# -- reading --------------------------------------------------------------------------------------------------------


def test_every_change_is_an_event(ledger: Ledger, server: redis.Redis) -> None:
    server.delete(keys.EVENTS)
    batch, [job_id] = submit_batch(ledger, 1)
    message, [order] = start(ledger, "pc-1", job_id)
    ledger.commit("pc-1", message.lease, [done(order)])
    events = [fields for _, fields in server.xrange(keys.EVENTS)]
    assert [(event["state"], event["node"], event["attempt"]) for event in events] == [
        ("queued", "", "0"),
        ("assigned", "pc-1", "1"),
        ("running", "pc-1", "1"),
        ("done", "pc-1", "1"),
    ]
    assert {(event["type"], event["job"], event["batch"], event["name"]) for event in events} == {
        ("job", job_id, batch, "photo-1.jpg")
    }


def test_what_nobody_recorded_is_not_found(ledger: Ledger) -> None:
    for read in (ledger.job, ledger.record, ledger.batch):
        with pytest.raises(NotFound):
            read("unknown")
    assert ledger.views(["unknown"]) == []
    assert ledger.batches(["unknown"]) == []


def test_a_server_that_does_not_answer_is_reported_as_such() -> None:
    client = connect("redis://127.0.0.1:1/0")
    nowhere = Ledger(client, Scripts(client))
    with pytest.raises(ClusterUnavailable, match="Redis does not answer"):
        nowhere.counts()
    with pytest.raises(ClusterUnavailable):
        nowhere.cancel("job")


def test_a_claim_repeated_after_a_lost_answer_gets_the_same_jobs(server: redis.Redis, ledger: Ledger) -> None:
    """As redis-py does it: the very same call again. Another process's claim of the same message gets nothing."""
    batch, ids = submit_batch(ledger, 2)
    bound = ledger.bind("pc-1", "lease-1", ids, {}, None)
    assert isinstance(bound, dict)
    flat = [part for pair in bound.items() for part in pair]
    scripts = Scripts(server)
    first = scripts.run("claim", "pc-1", "lease-1", "claimant-1", *flat)
    assert [order[0] for order in first] == ids
    assert scripts.run("claim", "pc-1", "lease-1", "claimant-1", *flat) == first
    assert scripts.run("claim", "pc-1", "lease-1", "claimant-2", *flat) == []
    assert ledger.batch(batch)["counts"]["running"] == 2


def test_a_job_that_found_no_store_goes_back_once_however_often_that_is_told(
    server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    for node in ("pc-1", "pc-2"):
        add_node(registry, node)
    [job] = submit(ledger)
    message, [order] = start(ledger, "pc-1", job)
    outcome = Outcome(order.id, order.attempt, "failed", 0.01, error={"type": "store", "detail": "disk full"})
    for _ in range(2):  # the answer to the first was lost
        assert ledger.commit("pc-1", message.lease, [outcome]) == []
        assert states(ledger, [job]) == ["queued"]
        assert happened(ledger, job).count("returned") == 1
        assert server.hget(keys.worker("pc-1"), "failures") == "1"
    view = ledger.job(job)
    assert (view["lost"], view["error"], ledger.batch(view["batch"])["counts"]["queued"]) == (0, None, 1)
    assert ledger.head(1)[0].avoid == "pc-1"
    assert server.zcard(keys.running("pc-1")) == 0

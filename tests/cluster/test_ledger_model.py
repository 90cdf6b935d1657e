"""The ledger on a real server against a model of it in Python, under any interleaving of what can happen.

The model is told what the world does (messages arrive late, twice or never, processes and nodes die, answers get lost)
and says what each answer must be; after every step the whole of Redis must agree with it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from cluster import keys
from cluster.connection import Scripts
from cluster.errors import Conflict
from cluster.ledger import CLASSES_PER_LANE, Blame, Ledger, Outcome, WorkOrder, class_of, new_id
from cluster.nodes import Nodes
from tests.cluster.ledgers import ASSET_SHA, SHA, Message, add_node, done, failed, submit_batch

NODES = ("pc-1", "pc-2")
MAX_LOST = 2
BUDGET = 0.1
MOST_JOBS = 7  # so that the same jobs meet again and again
HELD = ("assigned", "running")
RETRIED = ("failed", "quarantined", "cancelled")

a_node = st.sampled_from(NODES)
Draw = Callable[..., Any]


@dataclass
class ModelJob:
    id: str
    batch: str
    rank: tuple[int, int, str]  # class, tag, and of equals by id
    cost: float
    state: str = "queued"
    node: str = ""
    lease: str = ""
    avoid: str = ""
    attempt: int = 0
    lost: int = 0
    alone: bool = False
    mark: str = ""

    def release(self, clock: dict[int, int]) -> None:
        self.state, self.node, self.lease = "queued", "", ""
        waiting_class, tag, _ = self.rank
        self.rank = (waiting_class, min(tag, clock.get(waiting_class, 0)), self.id)

    def end(self, state: str) -> None:
        self.state, self.lease = state, ""

    def bind(self, state: str, node: str, lease: str) -> None:
        self.state, self.node, self.lease = state, node, lease
        self.attempt += 1


@dataclass
class Process:
    """A worker process with a message in hand."""

    node: str
    lease: str
    orders: list[WorkOrder] = field(default_factory=list)


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self, server: redis.Redis) -> None:
        super().__init__()
        server.flushall()
        self.server = server
        self.ledger = Ledger(server, Scripts(server), max_lost=MAX_LOST)
        self.registry = Nodes(server, Scripts(server))
        for name in NODES:
            add_node(self.registry, name)
        self.jobs: dict[str, ModelJob] = {}
        self.batches: list[str] = []
        self.deleted: Counter[str] = Counter()  # batch -> jobs that retention took
        self.assets: dict[str, tuple[str, ...]] = {}  # batch -> what its steps need
        self.ever_stored: set[str] = set()
        self.arrivals: dict[str, int] = {}
        self.mode = dict.fromkeys(NODES, "active")
        self.sent: list[Message] = []
        self.waiting: dict[str, set[str]] = {name: set() for name in NODES}
        self.running: dict[str, set[str]] = {name: set() for name in NODES}
        self.processes: list[Process] = []
        self.zombies: list[Process] = []
        self.marks = 0
        self.shares: dict[str, tuple[int, int]] = {}  # class, tag
        self.clock: dict[int, int] = {}

    # -- the model's own view --------------------------------------------------------------------------------------

    def backlog(self) -> list[ModelJob]:
        return sorted((job for job in self.jobs.values() if job.state == "queued"), key=lambda job: job.rank)

    def goes(self, job: ModelJob) -> None:
        """What a binding, which is about to be made, does to the order of those that come later."""
        waiting_class = job.rank[0]
        first = next(other for other in self.backlog() if other.rank[0] == waiting_class)
        self.clock[waiting_class] = max(first.rank[1], self.clock.get(waiting_class, 0))

    def forget_shares(self) -> None:
        waiting = {job.batch for job in self.backlog()}
        self.shares = {batch: share for batch, share in self.shares.items() if batch in waiting}

    def held_by(self, node: str) -> list[ModelJob]:
        return [job for job in self.jobs.values() if job.node == node and job.state in HELD]

    def give_back(self, node: str, lease: str, *, lost: bool, culprit: str | None = None) -> int:
        """What `Ledger.give_back` must do; returns how many jobs it must move."""
        together = Counter(job.lease for job in self.held_by(node) if job.state == "running")
        moved = [job for job in self.held_by(node) if lease in ("", job.lease)]
        for job in moved:
            if lost and job.state == "running" and culprit in (None, job.id):
                job.avoid = node
                job.alone = job.alone or culprit == job.id
                if culprit is None and together[job.lease] > 1:
                    job.alone = True
                else:
                    job.lost += 1
            if job.lost >= MAX_LOST:
                job.end("quarantined")
            else:
                job.release(self.clock)
        for leases in (self.waiting[node], self.running[node]):
            leases.difference_update([lease] if lease else list(leases))
        return len(moved)

    def commit(self, process: Process, outcomes: list[Outcome], take: int) -> list[str]:
        """What `Ledger.commit` must do; returns the jobs that it must hand over."""
        for outcome in outcomes:
            job = self.jobs.get(outcome.id)
            if job and (job.state, job.attempt, job.lease) == ("running", outcome.attempt, process.lease):
                job.end(outcome.state)
                job.mark = str(outcome.result.get("mark", ""))
        if process.lease not in self.running[process.node]:
            return []
        taken: list[ModelJob] = []
        if self.mode[process.node] == "active" and take:
            for lease in list(self.waiting[process.node]):
                held = [job for job in self.jobs.values() if job.lease == lease]
                if any(job.rank[0] < CLASSES_PER_LANE for job in held):
                    self.waiting[process.node].discard(lease)
                    for job in held:
                        job.release(self.clock)
            for job in self.backlog()[: take + 8]:
                if job.avoid == process.node:
                    continue
                if taken and job.rank[0] != taken[0].rank[0]:
                    break
                if taken and (sum(other.cost for other in taken) + job.cost > BUDGET or job.alone):
                    break
                taken.append(job)
                if len(taken) == take or job.alone:
                    break
        for job in taken:
            self.goes(job)
            job.bind("running", process.node, process.lease)
            self.forget_shares()
        if not taken:
            self.running[process.node].discard(process.lease)
        return [job.id for job in taken]

    # -- what can happen -------------------------------------------------------------------------------------------

    @initialize(data=st.data())
    def there_are_jobs(self, data: st.DataObject) -> None:
        self.submit(data.draw)

    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        """One rule that weighs what can happen itself: left to choose, hypothesis mostly cancels."""
        running, held = bool(self.processes), any(self.held_by(node) for node in NODES)
        possible = {
            self.submit: 2 if len(self.jobs) < MOST_JOBS else 0,
            self.bind: 3 if self.jobs else 0,
            self.old_jobs_are_deleted: 1,
            self.message_arrives: 3 if self.sent else 0,
            self.head_of_the_backlog_is_started: 6 if self.backlog() else 0,
            self.work_is_finished: 6 if running else 0,
            self.work_is_finished_on_a_node_that_was_given_up: 3 if self.zombies else 0,
            self.process_dies: 3 if running else 0,
            self.node_is_given_up: 1 if held else 0,
            self.node_is_drained: 1 if held else 0,
            self.mode_is_set: 1 if held else 0,
            self.cancel: 1 if self.jobs else 0,
            self.retry: 2 if any(job.state in RETRIED for job in self.jobs.values()) else 1 if self.jobs else 0,
            self.several_are_cancelled_or_tried_again: 1 if self.jobs else 0,
        }
        what = data.draw(st.sampled_from([event for event, weight in possible.items() for _ in range(weight)]))
        note(what.__name__)
        what(data.draw)

    def submit(self, draw: Draw) -> None:
        count, priority = draw(st.integers(1, 4)), draw(st.integers(-1, 1))
        cost = draw(st.sampled_from([0.015625, 0.0625]))
        batch = self.batches[-1] if self.batches and draw(st.booleans()) else None
        # An image that steps need: one of its own, or that which is every input and result as well.
        assets = draw(st.sampled_from([(), (), (ASSET_SHA,), (SHA, ASSET_SHA)]))
        given = [{"sha256": sha256, "bytes": 10} for sha256 in assets]
        found, ids = submit_batch(self.ledger, count, cost=cost, priority=priority, batch=batch, assets=given)
        if batch is None:
            self.batches.append(found)
            self.assets[found] = assets
            self.ever_stored.update((SHA, *assets))
        waiting_class = class_of(interactive=count == 1 and batch is None, priority=priority)
        if not self.backlog():
            self.clock.clear()
        share_class, share = self.shares.get(found, (waiting_class, 0))
        tag = max(self.clock.get(waiting_class, 0), share if share_class == waiting_class else 0)
        for job_id in ids:
            self.arrivals[job_id] = len(self.arrivals) + 1
            self.jobs[job_id] = ModelJob(job_id, found, (waiting_class, tag, job_id), cost)
            tag += int(cost * 100_000 + 0.5)
        self.shares[found] = waiting_class, tag

    def bind(self, draw: Draw) -> None:
        picked = draw(st.lists(st.sampled_from(list(self.jobs)), min_size=1, max_size=4, unique=True))
        self.bound(draw(a_node), picked, draw(st.sampled_from([None, 1, 2])))

    def bound(self, node: str, ids: list[str], slots: int | None) -> bool:
        lease = new_id("l")
        answer = self.ledger.bind(node, lease, ids, {}, slots)
        wait = [self.jobs[job_id] for job_id in ids if self.jobs[job_id].state == "queued"]
        if self.mode[node] != "active":
            assert answer == "GONE"
        elif slots is not None and len(self.waiting[node]) + len(self.running[node]) >= slots:
            assert answer == "FULL"
        elif not wait:
            assert answer == "NONE"
        else:
            for job in wait:
                self.goes(job)
                job.bind("assigned", node, lease)
                self.forget_shares()
            assert answer == {job.id: job.attempt for job in wait}
            self.waiting[node].add(lease)
            self.sent.append(Message(node, lease, answer))
            return True
        return False

    def message_arrives(self, draw: Draw) -> None:
        """Any message ever sent may arrive, late and more than once."""
        self.arrived(draw(st.sampled_from(self.sent)))

    def arrived(self, message: Message) -> None:
        orders = self.ledger.claim(message.node, message.lease, message.attempts)
        expected = []
        if message.lease in self.waiting[message.node]:
            self.waiting[message.node].remove(message.lease)
            for job in filter(None, map(self.jobs.get, message.attempts)):
                if job.state == "assigned" and job.lease == message.lease:
                    job.state = "running"
                    expected.append((job.id, job.attempt))
        head = self.backlog()[0] if self.backlog() else None
        if (
            expected
            and head is not None
            and head.rank[0] < CLASSES_PER_LANE <= self.jobs[expected[0][0]].rank[0]
            and head.avoid != message.node
            and self.mode[message.node] == "active"
        ):
            self.goes(head)
            head.bind("running", message.node, message.lease)
            self.forget_shares()
            expected.insert(0, (head.id, head.attempt))
        assert [(order.id, order.attempt) for order in orders] == expected
        if orders:
            self.running[message.node].add(message.lease)
            self.processes.append(Process(message.node, message.lease, orders))

    def head_of_the_backlog_is_started(self, draw: Draw) -> None:
        count = draw(st.integers(1, 3))
        if self.bound(draw(a_node), [job.id for job in self.backlog()[:count]], None):
            self.arrived(self.sent[-1])

    def outcomes(self, process: Process, draw: Draw) -> list[Outcome]:
        self.marks += 1
        good = draw(st.booleans())
        return [done(order, str(self.marks)) if good else failed(order) for order in process.orders]

    def work_is_finished(self, draw: Draw) -> None:
        process = draw(st.sampled_from(self.processes))
        outcomes, take = self.outcomes(process, draw), draw(st.integers(0, 4))
        expected = self.commit(process, outcomes, take)
        answer_lost = draw(st.booleans())
        for _ in range(2 if answer_lost else 1):
            orders = self.ledger.commit(process.node, process.lease, outcomes, take=take, budget=BUDGET)
            assert sorted(order.id for order in orders) == sorted(expected)
            assert all(order.attempt == self.jobs[order.id].attempt for order in orders)
            process.orders = orders
        if not process.orders:
            self.processes.remove(process)

    def work_is_finished_on_a_node_that_was_given_up(self, draw: Draw) -> None:
        process = draw(st.sampled_from(self.zombies))
        outcomes, take = self.outcomes(process, draw), draw(st.integers(0, 2))
        assert self.commit(process, outcomes, take) == []
        assert self.ledger.commit(process.node, process.lease, outcomes, take=take, budget=BUDGET) == []

    def process_dies(self, draw: Draw) -> None:
        process = draw(st.sampled_from(self.processes))
        self.processes.remove(process)
        culprit = draw(st.sampled_from([None, "", *(order.id for order in process.orders)]))
        expected = self.give_back(process.node, process.lease, lost=True, culprit=culprit)
        blame = None if culprit is None else Blame(culprit, 1, "SIGKILL")
        for moved in (expected, 0):  # it may be reported twice
            assert self.ledger.give_back(process.node, "dead", lost=True, lease=process.lease, blame=blame) == moved

    def node_is_given_up(self, draw: Draw) -> None:
        node, lost = draw(a_node), draw(st.booleans())
        expected = self.give_back(node, "", lost=lost)
        assert self.ledger.give_back(node, "gone", lost=lost) == expected
        self.zombies += [process for process in self.processes if process.node == node]
        self.processes = [process for process in self.processes if process.node != node]

    def node_is_drained(self, draw: Draw) -> None:
        node = draw(a_node)
        moved = [job for job in self.held_by(node) if job.state == "assigned"]
        for job in moved:
            job.release(self.clock)
        self.waiting[node].clear()
        assert self.ledger.return_waiting(node) == len(moved)

    def mode_is_set(self, draw: Draw) -> None:
        node, mode = draw(a_node), draw(st.sampled_from(["active", "active", "active", "paused", "draining"]))
        self.registry.keep_alive(node)  # it lives, however long this example has taken
        self.registry.sample(node, {"worker_id": node})
        self.registry.set_mode(node, mode)
        self.mode[node] = mode

    def cancel(self, draw: Draw) -> None:
        job = draw(st.sampled_from(list(self.jobs.values())))
        if job.state in ("queued", *HELD):
            job.end("cancelled")
            self.forget_shares()
            self.ledger.cancel(job.id)
        else:
            with pytest.raises(Conflict):
                self.ledger.cancel(job.id)

    def old_jobs_are_deleted(self, draw: Draw) -> None:
        """All that are finished, or as many as exceed a number."""
        finished = [job for job in self.jobs.values() if job.state in keys.FINISHED]
        keep = draw(st.sampled_from([0, 0, 1, 3]))
        removed = self.ledger.purge(
            before=float("-inf"), keep=keep, keep_bytes=float("inf"), settled=float("inf"), seconds=60
        )
        assert removed == max(0, len(finished) - keep)
        left = {job_id for job_id in self.jobs if self.server.exists(keys.job(job_id))}
        gone = [job for job in self.jobs.values() if job.id not in left]
        assert len(gone) == removed
        assert all(job.state in keys.FINISHED for job in gone)
        self.deleted.update(job.batch for job in gone)
        self.jobs = {job_id: self.jobs[job_id] for job_id in self.jobs if job_id in left}
        self.batches = [batch for batch in self.batches if any(job.batch == batch for job in self.jobs.values())]

    def retry(self, draw: Draw) -> None:
        job = draw(st.sampled_from(list(self.jobs.values())))
        if job.state in RETRIED:
            job.release(self.clock)
            job.lost, job.avoid, job.mark = 0, "", ""
            self.ledger.retry(job.id)
        else:
            with pytest.raises(Conflict):
                self.ledger.retry(job.id)

    def several_are_cancelled_or_tried_again(self, draw: Draw) -> None:
        picked = draw(st.lists(st.sampled_from(list(self.jobs)), min_size=1, max_size=4, unique=True))
        before = {job_id: self.jobs[job_id].state for job_id in picked}
        if draw(st.booleans()):
            assert self.ledger.cancel_each(picked) == before
            for job in (self.jobs[job_id] for job_id in picked if before[job_id] in ("queued", *HELD)):
                job.end("cancelled")
            self.forget_shares()
        else:
            states = draw(st.sampled_from([RETRIED, *((state,) for state in RETRIED)]))
            assert self.ledger.retry_each(picked, states) == before
            for job in (self.jobs[job_id] for job_id in picked if before[job_id] in states):
                job.release(self.clock)
                job.lost, job.avoid, job.mark = 0, "", ""

    # -- what must always hold -------------------------------------------------------------------------------------

    @invariant()
    def all_of_redis_agrees_with_the_model(self) -> None:
        found = self.read()
        for job in self.jobs.values():
            self.check_record(job, found[keys.job(job.id)], found[keys.timeline(job.id)])
        for state in keys.JOB_STATES:
            assert found[keys.state(state)] == [job.id for job in self.jobs.values() if job.state == state], state
        for batch in self.batches:
            self.check_batch(batch, found[keys.batch(batch)], found[keys.batch_finished(batch)])
        assert found[keys.BACKLOG] == [job.id for job in self.backlog()]
        assert found[keys.SHARES] == {batch: f"{at}:{tag}" for batch, (at, tag) in self.shares.items()}
        for node in NODES:
            held = self.held_by(node)
            assert found[keys.node_jobs(node)] == {job.id: job.lease for job in held}
            work = sum(int(job.cost * 100_000 + 0.5) for job in held)
            assert int(found[keys.worker(node)].get("work", 0)) == work, "exact, whatever was lost on the way"
            assert set(found[keys.waiting(node)]) == self.waiting[node]
            assert set(found[keys.running(node)]) == self.running[node]
            assert {job.lease for job in held if job.state == "assigned"} <= self.waiting[node]
            assert {job.lease for job in held if job.state == "running"} <= self.running[node]
        self.check_indexes(found)
        for message in self.sent:
            held_by_lease = {job.id for job in self.jobs.values() if job.lease == message.lease}
            assert found[keys.lease(message.lease)] == held_by_lease

    @invariant()
    def who_reads_only_what_has_changed_sees_the_same_nodes(self) -> None:
        assert self.registry.snapshot().state == Nodes(self.server, Scripts(self.server)).snapshot().state

    def read(self) -> dict[str, Any]:
        """Every key of the ledger, read in one go."""
        hashes = [keys.job(job_id) for job_id in self.jobs] + [keys.batch(batch) for batch in self.batches]
        hashes += [key(node) for node in NODES for key in (keys.node_jobs, keys.worker)]
        hashes += [keys.SHARES, keys.SUBMITTERS, keys.blob(SHA), keys.blob(ASSET_SHA)]
        lists = [keys.timeline(job_id) for job_id in self.jobs]
        sorted_sets = [*map(keys.batch_finished, self.batches), keys.BACKLOG, *map(keys.state, keys.JOB_STATES)]
        sorted_sets += [keys.ALL_JOBS, keys.ENDED, keys.NAMES, keys.UNUSED, keys.with_filter("sepia")]
        sorted_sets += [keys.of_node(node) for node in NODES]
        sorted_sets += [key(node) for node in NODES for key in (keys.waiting, keys.running)]
        sets = [keys.lease(message.lease) for message in self.sent]
        pipe = self.server.pipeline(transaction=False)
        for key in hashes:
            pipe.hgetall(key)
        for key in lists:
            pipe.lrange(key, 0, -1)
        for key in sorted_sets:
            pipe.zrange(key, 0, -1)
        for key in sets:
            pipe.smembers(key)
        return dict(zip(hashes + lists + sorted_sets + sets, pipe.execute(), strict=True))

    def check_indexes(self, found: dict[str, Any]) -> None:
        jobs = self.jobs.values()
        assert found[keys.ALL_JOBS] == found[keys.with_filter("sepia")] == list(self.jobs)
        assert sorted(found[keys.ENDED]) == sorted(job.id for job in jobs if job.state in keys.FINISHED)
        assert {int(entry.partition("\0")[2]) for entry in found[keys.NAMES]} == {self.arrivals[job.id] for job in jobs}
        assert len(found[keys.NAMES]) == len(jobs)
        for node in NODES:
            assert found[keys.of_node(node)] == [job.id for job in jobs if job.node == node]
        unfinished = sum(job.state not in keys.FINISHED for job in jobs)
        assert found[keys.SUBMITTERS] == ({"": str(unfinished)} if unfinished else {})
        images = len(jobs) + sum(job.state == "done" for job in jobs)  # every input and result is the same image
        needed = Counter(sha256 for batch in self.batches for sha256 in self.assets[batch])
        uses = Counter({SHA: images}) + needed
        for sha256 in (SHA, ASSET_SHA):
            expected = {"refs": str(uses[sha256]), "bytes": "10"} if uses[sha256] else {}
            if needed[sha256]:
                expected["assets"] = str(needed[sha256])
            assert found[keys.blob(sha256)] == expected
        assert int(self.server.get(keys.BLOB_BYTES) or 0) == 10 * len(uses)
        assert set(found[keys.UNUSED]) == self.ever_stored - set(uses)

    def check_record(self, job: ModelJob, record: dict[str, str], timeline: list[str]) -> None:
        assert (record["state"], record["node"], record["lease"]) == (job.state, job.node, job.lease)
        assert (int(record["attempt"]), int(record["lost"])) == (job.attempt, job.lost)
        events = [json.loads(line)["event"] for line in timeline]
        assert events.count("done") == (1 if job.state == "done" else 0)
        if job.state == "done":
            assert json.loads(record["result"])["mark"] == job.mark, "a committed result is never replaced"

    def check_batch(self, batch: str, record: dict[str, str], finished: list[str]) -> None:
        members = [job for job in self.jobs.values() if job.batch == batch]
        counts = Counter(job.state for job in members)
        assert int(record["total"]) == len(members) + self.deleted[batch]
        assert int(record.get("deleted", 0)) == self.deleted[batch]
        assert {state: int(record.get(state, 0)) for state in keys.JOB_STATES} == {
            state: counts[state] for state in keys.JOB_STATES
        }
        assert sorted(finished) == sorted(job.id for job in members if job.state in keys.FINISHED)


def test_the_ledger_does_what_the_model_says_whatever_happens(server: redis.Redis) -> None:
    run_state_machine_as_test(
        lambda: LedgerMachine(server),
        settings=settings(
            max_examples=70,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        ),
    )

"""What operators ask for: pause, drain, resume, cancel and retry, of one thing or many, and several of them at once."""

from __future__ import annotations

import io
import json
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner, Result
from rich.console import Console

from cluster import keys
from cluster.cli import main
from cluster.cli.jobs import show
from cluster.errors import Conflict, NotFound, UnknownNode
from cluster.ledger import ENDED_BADLY, SLICE, Ledger, WorkOrder
from cluster.service import Cluster
from tests.cluster.ledgers import (
    Message,
    add_node,
    bind,
    done,
    failed,
    happened,
    start,
    states,
    submit,
    submit_batch,
)

ROOT = Path(__file__).parents[2]


def fail(ledger: Ledger, *job_ids: str) -> None:
    message, orders = start(ledger, "pc-1", *job_ids)
    ledger.commit("pc-1", message.lease, [failed(order) for order in orders])


def finish(ledger: Ledger, *job_ids: str) -> None:
    message, orders = start(ledger, "pc-1", *job_ids)
    ledger.commit("pc-1", message.lease, [done(order) for order in orders])


def node_events(cluster: Cluster) -> list[str]:
    """What was told of pc-1, the oldest first."""
    return [event["state"] for event in reversed(cluster.recent_events()) if event.get("node") == "pc-1"]


def add_lasting_node(cluster: Cluster, name: str) -> None:
    """A node that nobody takes for dead, however long the test takes."""
    add_node(cluster.registry, name, interval=60)
    cluster.redis.persist(keys.alive(name))


@pytest.fixture
def pc1(cluster: Cluster) -> Cluster:
    add_lasting_node(cluster, "pc-1")
    return cluster


# -- nodes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "state"), [("paused", "paused"), ("draining", "draining"), ("active", "live")])
def test_asking_twice_for_a_mode_is_one_change(pc1: Cluster, mode: str, state: str) -> None:
    pc1.set_node_mode("pc-1", "paused" if mode != "paused" else "draining")
    before = node_events(pc1)
    for _ in range(2):
        assert pc1.set_node_mode("pc-1", mode)["state"] == state
    assert node_events(pc1) == [*before, state]


def test_a_drained_node_gives_back_what_waits_and_keeps_what_runs(pc1: Cluster) -> None:
    ids = submit(pc1.ledger, 5)
    start(pc1.ledger, "pc-1", *ids[:2])
    bind(pc1.ledger, "pc-1", *ids[2:])
    assert pc1.node("pc-1")["jobs"] == 5
    node = pc1.set_node_mode("pc-1", "draining")
    assert (node["running"], node["waiting"], node["jobs"]) == (1, 0, 2), "one message that holds two images"
    assert states(pc1.ledger, ids) == ["running"] * 2 + ["queued"] * 3
    assert pc1.set_node_mode("pc-1", "draining")["jobs"] == 2


@pytest.mark.parametrize("mode", ["active", "paused", "draining"])
def test_an_offline_node_refuses_every_mode_and_says_that_it_is_offline(pc1: Cluster, mode: str) -> None:
    pc1.redis.hset(keys.worker("pc-1"), "last_heartbeat", "1")
    before = pc1.redis.hgetall(keys.worker("pc-1")), node_events(pc1)
    with pytest.raises(Conflict, match="pc-1 is offline"):
        pc1.set_node_mode("pc-1", mode)
    assert (pc1.redis.hgetall(keys.worker("pc-1")), node_events(pc1)) == before


def test_there_is_no_mode_of_a_node_that_nobody_knows(pc1: Cluster) -> None:
    for mode in ("active", "paused", "draining"):
        with pytest.raises(UnknownNode, match="no node 'pc-9'"):
            pc1.set_node_mode("pc-9", mode)
    assert not pc1.redis.exists(keys.worker("pc-9"))


@pytest.mark.parametrize("mode", ["paused", "draining"])
def test_a_node_that_is_stopped_and_started_is_as_its_operator_left_it(pc1: Cluster, mode: str) -> None:
    pc1.set_node_mode("pc-1", mode)
    for _ in range(2):
        pc1.registry.stop("pc-1")
    assert pc1.node("pc-1")["state"] == "offline"
    pc1.registry.gone("pc-1")
    add_lasting_node(pc1, "pc-1")
    assert pc1.node("pc-1")["state"] == mode
    assert node_events(pc1) == ["live", mode, "stopped", mode], "and nobody is told that it were live"
    assert pc1.set_node_mode("pc-1", "active")["state"] == "live"


# -- many jobs at once ------------------------------------------------------------------------------------------------


def test_a_batch_is_cancelled_but_for_what_has_ended(pc1: Cluster) -> None:
    batch, ids = submit_batch(pc1.ledger, 2 * SLICE + 10)
    other = submit(pc1.ledger, 3)
    finish(pc1.ledger, *ids[:5])
    fail(pc1.ledger, *ids[5:9])
    start(pc1.ledger, "pc-1", ids[9])
    bind(pc1.ledger, "pc-1", *ids[10:20])
    unfinished = len(ids) - 9
    assert pc1.cancel_batch(batch) == unfinished
    assert pc1.cancel_batch(batch) == 0
    counts = pc1.batch(batch)["counts"]
    assert {state: count for state, count in counts.items() if count} == {
        "done": 5,
        "failed": 4,
        "cancelled": unfinished,
    }
    assert "cancelled" not in states(pc1.ledger, other)
    check(pc1)


def test_a_batch_is_tried_again_but_for_what_is_done_or_under_way(pc1: Cluster) -> None:
    batch, ids = submit_batch(pc1.ledger, 2 * SLICE + 10)
    other = submit(pc1.ledger, 1)
    fail(pc1.ledger, *ids[: SLICE + 20], *other)
    finish(pc1.ledger, *ids[SLICE + 20 : SLICE + 30])
    pc1.ledger.cancel(ids[-1])
    # No node takes them, so that they are seen to wait.
    pc1.set_node_mode("pc-1", "paused")
    assert pc1.retry_batch(batch) == SLICE + 21
    assert pc1.retry_batch(batch) == 0
    assert pc1.batch(batch)["counts"]["queued"] == len(ids) - 10
    assert states(pc1.ledger, other) == ["failed"]
    check(pc1)


def test_all_failed_jobs_are_tried_again_and_no_others(pc1: Cluster) -> None:
    first, second = submit(pc1.ledger, SLICE + 20), submit(pc1.ledger, 5)
    fail(pc1.ledger, *first[:-1], *second)
    pc1.ledger.cancel(first[-1])
    pc1.set_node_mode("pc-1", "paused")
    assert pc1.retry_all("quarantined") == 0
    assert pc1.retry_all("failed") == SLICE + 24
    assert pc1.retry_all("failed") == 0
    assert set(states(pc1.ledger, [*first[:-1], *second])) == {"queued"}
    assert pc1.retry_all("cancelled") == 1
    check(pc1)


def test_jobs_that_fail_again_meanwhile_are_not_tried_for_ever(pc1: Cluster) -> None:
    ids = submit(pc1.ledger, SLICE + 20)
    fail(pc1.ledger, *ids)
    found = []
    for slice_ids in pc1.ledger.state_slices("failed"):
        pc1.ledger.retry_each(slice_ids)
        fail(pc1.ledger, *slice_ids)
        found += slice_ids
    assert found == ids


def test_there_is_nothing_to_change_in_a_batch_that_nobody_knows(cluster: Cluster) -> None:
    for change in (cluster.retry_batch, cluster.cancel_batch):
        with pytest.raises(NotFound, match="no batch 'b9'"):
            change("b9")


def test_many_jobs_change_in_slices_that_others_hardly_notice(pc1: Cluster, server: redis.Redis) -> None:
    batch, ids = submit_batch(pc1.ledger, 4000)
    for begin in range(0, len(ids), 500):
        (finish if begin % 1000 else fail)(pc1.ledger, *ids[begin : begin + 500])
    pc1.set_node_mode("pc-1", "paused")
    server.config_resetstat()
    assert pc1.retry_batch(batch) == 2000
    assert pc1.cancel_batch(batch) == 2000
    calls = server.info("commandstats")["cmdstat_evalsha"]
    assert calls["calls"] >= 2 * len(ids) / SLICE, "SLICE jobs a call at most"


# -- whoever reads along ----------------------------------------------------------------------------------------------


def test_a_reader_of_a_batch_misses_nothing_when_jobs_are_tried_again(pc1: Cluster) -> None:
    batch, ids = submit_batch(pc1.ledger, 4)
    fail(pc1.ledger, *ids[:2])
    first = pc1.batch(batch, after=0)
    assert [job["id"] for job in first["results"]] == ids[:2]
    pc1.ledger.retry(ids[0])
    finish(pc1.ledger, ids[2])
    second = pc1.batch(batch, after=first["next_after"])
    assert [job["id"] for job in second["results"]] == [ids[2]]
    finish(pc1.ledger, ids[0], ids[3])
    third = pc1.batch(batch, after=second["next_after"])
    assert {job["id"] for job in third["results"]} == {ids[0], ids[3]}
    assert {job["id"] for job in pc1.batch(batch, after=0)["results"]} == set(ids)


# -- several at once --------------------------------------------------------------------------------------------------


def read(cluster: Cluster) -> dict[str, Any]:
    """All that the ledger says of jobs, batches and nodes, of one moment."""
    job_ids = cluster.redis.zrange(keys.ALL_JOBS, 0, -1)
    batches = sorted({cluster.redis.hget(keys.job(job_id), "batch") for job_id in job_ids})
    nodes = sorted(cluster.redis.smembers(keys.KNOWN))
    pipe = cluster.redis.pipeline(transaction=True)
    names = []

    def ask(name: str, command: Callable[..., object], *arguments: Any) -> None:
        names.append(name)
        command(name, *arguments)

    for job_id in job_ids:
        ask(keys.job(job_id), pipe.hgetall)
        ask(keys.timeline(job_id), pipe.lrange, 0, -1)
    for batch in batches:
        ask(keys.batch(batch), pipe.hgetall)
        ask(keys.batch_finished(batch), pipe.zrange, 0, -1)
    for name in (keys.BACKLOG, *map(keys.state, keys.JOB_STATES)):
        ask(name, pipe.zrange, 0, -1)
    for node in nodes:
        ask(keys.node_jobs(node), pipe.hgetall)
        ask(keys.worker(node), pipe.hgetall)
    found = dict(zip(names, pipe.execute(), strict=True))
    return {**found, "jobs": job_ids, "batches": batches, "nodes": nodes}


def check(cluster: Cluster) -> None:
    """Every part of the ledger says the same of every job."""
    found = read(cluster)
    records = {job_id: found[keys.job(job_id)] for job_id in found["jobs"]}
    by_state = {
        state: {job_id for job_id, record in records.items() if record["state"] == state} for state in keys.JOB_STATES
    }
    for state, ids in by_state.items():
        assert set(found[keys.state(state)]) == ids
    assert set(found[keys.BACKLOG]) == by_state["queued"]
    for batch in found["batches"]:
        members = [record for record in records.values() if record["batch"] == batch]
        counts = Counter(record["state"] for record in members)
        record = found[keys.batch(batch)]
        assert {state: int(record.get(state) or 0) for state in keys.JOB_STATES} == {
            state: counts[state] for state in keys.JOB_STATES
        }
        finished = {record["id"] for record in members if record["state"] in keys.FINISHED}
        assert set(found[keys.batch_finished(batch)]) == finished
    held = by_state["assigned"] | by_state["running"]
    bound: dict[str, str] = {}
    for node in found["nodes"]:
        here = {job_id for job_id in held if records[job_id]["node"] == node}
        assert set(found[keys.node_jobs(node)]) == here
        bound |= dict.fromkeys(here, node)
        work = sum(int(float(records[job_id]["cost"]) * 100_000 + 0.5) for job_id in here)
        assert int(found[keys.worker(node)].get("work") or 0) == work
    assert set(bound) == held
    for job_id, record in records.items():
        words = [json.loads(line)["event"] for line in found[keys.timeline(job_id)]]
        assert words.count("done") == (record["state"] == "done"), words
        assert words[-1] in {"queued": ("queued", "returned", "retried", "rescued")}.get(
            record["state"], (record["state"], "started", "taken")
        )


def test_two_operators_cancel_the_same_batch(pc1: Cluster) -> None:
    batch, ids = submit_batch(pc1.ledger, 5 * SLICE)
    with ThreadPoolExecutor(2) as pool:
        changed = list(pool.map(pc1.cancel_batch, [batch, batch]))
    assert sum(changed) == len(ids), "each job was cancelled by one of them"
    assert all(happened(pc1.ledger, job_id).count("cancelled") == 1 for job_id in ids)
    check(pc1)


def work(cluster: Cluster, node: str, stopped: threading.Event, seed: int) -> None:
    """A process of a node: claims what was sent there, commits, takes more; a third of the jobs fail."""
    chance = random.Random(seed)
    while not stopped.wait(0.001):
        cluster.dispatch()
        for lease in cluster.redis.zrange(keys.waiting(node), 0, -1):
            ids = cluster.redis.smembers(keys.lease(lease))
            attempts = {job_id: int(cluster.redis.hget(keys.job(job_id), "attempt")) for job_id in ids}
            orders: Sequence[Any] = cluster.ledger.claim(node, lease, attempts)
            while orders:
                outcomes = [failed(order) if chance.random() < 1 / 3 else done(order) for order in orders]
                orders = cluster.ledger.commit(node, lease, outcomes, take=chance.randint(0, 3), budget=1.0)


def operate(cluster: Cluster, batches: Sequence[str], job_ids: Sequence[str], seed: int) -> int:
    """An operator who asks for 150 things, sensible or not; returns how many were refused."""
    chance = random.Random(seed)
    wishes: list[Callable[[], object]] = [
        *[lambda: cluster.cancel(chance.choice(job_ids))] * 4,
        *[lambda: cluster.retry(chance.choice(job_ids))] * 4,
        lambda: cluster.cancel_batch(chance.choice(batches)),
        lambda: cluster.retry_batch(chance.choice(batches)),
        lambda: cluster.retry_all(chance.choice(ENDED_BADLY)),
        lambda: cluster.set_node_mode(
            chance.choice(("pc-1", "pc-2")), chance.choice(("active", "active", "paused", "draining"))
        ),
    ]
    refused = 0
    for _ in range(150):
        try:
            chance.choice(wishes)()
        except Conflict:
            refused += 1
    return refused


@pytest.mark.parametrize("seed", range(3))
def test_operators_at_odds_leave_a_ledger_that_agrees_with_itself(pc1: Cluster, seed: int) -> None:
    """Three operators and two nodes at once; `check` looks on all the while, at one moment after the other."""
    add_lasting_node(pc1, "pc-2")
    given = [submit_batch(pc1.ledger, 40) for _ in range(3)]
    batches, job_ids = [batch for batch, _ in given], [job_id for _, ids in given for job_id in ids]
    stopped = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        try:
            nodes = [pool.submit(work, pc1, node, stopped, 10 * seed) for node in ("pc-1", "pc-2")]
            operators = [pool.submit(operate, pc1, batches, job_ids, 10 * seed + number) for number in range(3)]
            while not all(operator.done() for operator in operators):
                check(pc1)
            assert sum(operator.result() for operator in operators) > 0
            for node in ("pc-1", "pc-2"):
                pc1.set_node_mode(node, "active")
            while pc1.redis.zcard(keys.BACKLOG) or any(pc1.node(node)["jobs"] for node in ("pc-1", "pc-2")):
                assert not any(node.done() for node in nodes)
                check(pc1)
        finally:
            stopped.set()
        for node in nodes:
            node.result()
    check(pc1)
    assert set(states(pc1.ledger, job_ids)) <= {"done", "failed", "cancelled"}
    assert pc1.ledger.counts()["done"] > 0


# -- the commands -----------------------------------------------------------------------------------------------------


@pytest.fixture
def here(served: Cluster, pc1: Cluster) -> Cluster:
    """The cluster with one node, behind its real API, which the commands find."""
    return served


def cumulo(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), prog_name="cumulo")


def test_pause_and_resume_say_what_they_did(here: Cluster) -> None:
    assert cumulo("pause", "pc-1").output == "pc-1 is paused: it gets no new images until `cumulo resume pc-1`.\n"
    assert cumulo("pause", "pc-1").output == "pc-1 is paused, as it was.\n"
    assert here.node("pc-1")["state"] == "paused"
    assert cumulo("resume", "pc-1").output == "pc-1 is live; it was paused.\n"
    assert cumulo("resume", "pc-1").output == "pc-1 is live, as it was.\n"


@pytest.mark.parametrize("command", ["pause", "resume", "drain"])
def test_a_node_that_is_not_there_or_offline_is_refused_in_one_line(here: Cluster, command: str) -> None:
    unknown = cumulo(command, "../pc")
    assert (unknown.exit_code, unknown.output) == (1, "Error: there is no node '../pc'; there are pc-1\n")
    here.registry.stop("pc-1")
    offline = cumulo(command, "pc-1")
    assert (offline.exit_code, offline.output) == (1, "Error: Node pc-1 is offline; start it first\n")


def test_drain_need_not_wait(here: Cluster) -> None:
    start(here.ledger, "pc-1", *submit(here.ledger, 2))
    assert cumulo("drain", "pc-1", "--no-wait").output == "pc-1 is draining: 2 images left on it.\n"


@pytest.fixture
def running(here: Cluster) -> tuple[Message, list[WorkOrder]]:
    """Two images that pc-1 works on; a third waits there."""
    ids = submit(here.ledger, 3)
    bind(here.ledger, "pc-1", ids[2])
    return start(here.ledger, "pc-1", *ids[:2])


@pytest.fixture
def drain(running: object) -> Iterator[subprocess.Popen[str]]:
    """`cumulo drain pc-1` in a process of its own that has said how much is left."""
    command = [sys.executable, "-c", "from cluster.cli import main; main()", "drain", "pc-1"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline() == "pc-1 is draining: 2 images left on it\n"
            yield process
        finally:
            process.kill()


def test_drain_waits_until_nothing_is_left(
    here: Cluster, running: tuple[Message, list[WorkOrder]], drain: subprocess.Popen[str]
) -> None:
    message, orders = running
    assert here.ledger.counts()["queued"] == 1, "what waited there went back"
    here.ledger.commit("pc-1", message.lease, [done(orders[0])])
    assert drain.stderr is not None
    assert drain.stderr.readline() == "pc-1 is draining: 1 image left on it\n"
    here.ledger.commit("pc-1", message.lease, [done(orders[1])])
    out, err = drain.communicate(timeout=30)
    assert (drain.returncode, err) == (0, "")
    assert out == "pc-1 is drained: nothing is left on it. Stop it, or let it work again with `cumulo resume pc-1`.\n"
    assert here.node("pc-1")["state"] == "draining"


def test_ctrl_c_ends_the_waiting_and_not_the_draining(here: Cluster, drain: subprocess.Popen[str]) -> None:
    drain.send_signal(signal.SIGINT)
    out, err = drain.communicate(timeout=30)
    assert (drain.returncode, out) == (130, "")
    assert err == "pc-1 goes on draining; `cumulo resume pc-1` lets it work again.\n"
    assert here.node("pc-1")["state"] == "draining"


def test_drain_ends_where_somebody_resumes_the_node(here: Cluster, drain: subprocess.Popen[str]) -> None:
    here.registry.set_mode("pc-1", "active")
    _, err = drain.communicate(timeout=30)
    assert drain.returncode == 1
    assert err == "Error: pc-1 is live with 2 images left on it: somebody ended the draining\n"


def test_drain_ends_where_the_node_goes_offline(here: Cluster, drain: subprocess.Popen[str]) -> None:
    here.registry.stop("pc-1")
    _, err = drain.communicate(timeout=30)
    assert drain.returncode == 1
    assert err == "Error: pc-1 went offline with 2 images in hand; the other nodes take them over\n"


def listed(*options: str) -> list[str]:
    """Ids of the jobs that `cumulo jobs` lists."""
    return [job["id"] for job in json.loads(cumulo("jobs", "--json", *options).output)]


def test_jobs_are_listed_and_found(here: Cluster) -> None:
    ids = submit(here.ledger, 4)
    fail(here.ledger, ids[1])
    table = cumulo("jobs").output
    assert [line.split()[0] for line in table.splitlines()[1:]] == list(reversed(ids))
    [row] = [line for line in table.splitlines() if line.startswith(ids[1])]
    assert "failed  pc-1  photo-2.jpg" in row
    assert "it is cut short" in row
    assert listed() == list(reversed(ids))
    assert listed("--state", "failed") == listed("--node", "pc-1") == listed("--q", "photo-2") == [ids[1]]
    assert listed("--state", "queued", "--filter", "blur") == []
    assert listed("--limit", "3") == list(reversed(ids))[:3]
    assert "--limit 6" in cumulo("jobs", "--limit", "3").stderr
    assert cumulo("jobs", "--state", "done").output == "No such job.\n"
    assert cumulo("jobs", "--state", "lost").exit_code == 2


@pytest.mark.parametrize("width", [80, 120, 160])
def test_a_narrow_terminal_cuts_names_and_never_ids_or_states(here: Cluster, width: int) -> None:
    ids = submit(here.ledger, 2)
    fail(here.ledger, ids[0])
    paper = io.StringIO()
    show(here.jobs()["items"], Console(file=paper, width=width))
    lines = paper.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert [line.split()[:2] for line in lines[1:]] == [[ids[1], "queued"], [ids[0], "failed"]]


def test_a_listing_goes_on_where_a_page_ends(here: Cluster) -> None:
    ids = submit(here.ledger, 2100)  # the API gives 500 at once, and looks through 2,000 for what is rare
    fail(here.ledger, ids[0])
    assert listed("--limit", "2050") == list(reversed(ids))[:2050]
    assert listed("--node", "pc-1") == [ids[0]]


def test_retry_and_cancel_of_single_jobs_name_the_state_of_what_they_refuse(here: Cluster) -> None:
    ids = submit(here.ledger, 4)
    fail(here.ledger, ids[0])
    finish(here.ledger, ids[1])
    start(here.ledger, "pc-1", ids[2])
    here.set_node_mode("pc-1", "paused")
    before = read(here)
    for command, job_id, words in (
        ("cancel", ids[0], "is failed; only a queued, assigned or running job can be cancelled"),
        ("cancel", ids[1], "is done; only a queued, assigned or running job can be cancelled"),
        ("retry", ids[2], "is running; only a failed, quarantined or cancelled job can be tried again"),
        ("retry", ids[3], "is queued; only a failed, quarantined or cancelled job can be tried again"),
        ("retry", "j0", "no job 'j0'"),
        ("cancel", "a/b", "nothing at"),
    ):
        refused = cumulo(command, job_id)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert words in refused.stderr
    assert read(here) == before, "nothing has changed"
    some = cumulo("cancel", *ids)
    assert some.exit_code == 1
    assert some.stdout == f"Cancelled: photo-3.jpg ({ids[2]})\nCancelled: photo-4.jpg ({ids[3]})\n"
    again = cumulo("retry", ids[0], ids[2])
    assert again.exit_code == 0
    assert again.stdout == f"Waiting again: photo-1.jpg ({ids[0]})\nWaiting again: photo-3.jpg ({ids[2]})\n"
    assert states(here.ledger, ids) == ["queued", "done", "queued", "cancelled"]


def test_retry_and_cancel_of_many_jobs(here: Cluster) -> None:
    batch, ids = submit_batch(here.ledger, 6)
    fail(here.ledger, *ids[:2])
    here.set_node_mode("pc-1", "paused")
    assert cumulo("retry", "--failed").output == "Waiting again: 2 images that had failed\n"
    assert cumulo("retry", "--failed").output == "Nothing to retry: no job is failed.\n"
    assert cumulo("cancel", "--batch", batch).output == f"Cancelled: 6 images of batch {batch}\n"
    assert cumulo("cancel", "--batch", batch).output == f"Batch {batch} has nothing to cancel: 6 cancelled.\n"
    assert cumulo("retry", "--batch", batch).output == f"Waiting again: 6 images of batch {batch}\n"
    nothing = cumulo("retry", "--batch", batch)
    assert (nothing.exit_code, nothing.output) == (0, f"Batch {batch} has nothing to retry: 6 queued.\n")
    assert cumulo("cancel", "--batch", "b9").output == "Error: There is no batch 'b9'\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry"],
        ["cancel"],
        ["retry", "--failed", "j1"],
        ["retry", "--failed", "--batch", "b1"],
        ["cancel", "j1", "--batch", "b1"],
    ],
)
def test_which_jobs_is_said_in_exactly_one_way(arguments: list[str]) -> None:
    result = cumulo(*arguments)
    assert result.exit_code == 2
    assert "Say which jobs in one way" in result.output

"""What an operator does to a cluster that is at work: real workers are drained, restarted, cancelled and retried."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration.clusters import CUMULO, Plain, Up, cumulo, wait_until
from tests.integration.photos import jpeg_files, jpegs

Command = Callable[..., "subprocess.CompletedProcess[str]"]

NODES = ("pc-a", "pc-b", "pc-c")
SLOW = {"filter": "median", "size": 3}


def words(job: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in job["timeline"]]


# -- PCs that restart -------------------------------------------------------------------------------------------------


class Room(Plain):
    """Three PCs of one core, which restart as PCs do: SIGTERM to each of their programs, then the same ones again."""

    def start(self, node: str) -> None:
        self.image_worker(node, "-c", "1")
        self.monitor(node)

    def stop(self, node: str) -> None:
        programs = [self.programs.pop(f"{kind}-{node}") for kind in ("images", "monitor")]
        for program in programs:
            program.ask_to_end()
        for program in programs:
            assert program.end() == 0, program.output()[-2000:]
            assert program.left() == []


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with Room(tmp_path_factory.mktemp("room")) as room:
        for node in NODES:
            room.start(node)
        room.await_live(*NODES)
        yield room


def test_a_rolling_restart_of_every_node_loses_and_repeats_nothing(room: Room) -> None:
    ids: list[str] = []
    for node in NODES:
        ids += room.submit(jpeg_files(room.folder / f"photos-{node}", 20), SLOW, "sepia", SLOW)
        wait_until(lambda node=node: room.redis.zcard(f"worker:{node}:running"), f"work on {node}")
        room.stop(node)
        assert room.view.node(node)["state"] == "offline"
        assert room.view.node(node)["jobs"] == 0, "it has finished or handed back what it had"
        room.start(node)
        room.await_live(*NODES)
    jobs = room.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    assert set(room.commits(ids).values()) == {1}
    assert {job["lost"] for job in jobs} == {0}
    assert not any("rescued" in words(job) for job in jobs)


def test_a_paused_and_a_draining_node_stay_so_when_they_restart(room: Room) -> None:
    wanted = {"pc-a": "paused", "pc-b": "draining"}
    for node, mode in wanted.items():
        room.view.registry.set_mode(node, mode)
    for node in wanted:
        room.stop(node)
    for node in wanted:
        room.start(node)
    wait_until(lambda: room.states() == {**wanted, "pc-c": "live"}, "the nodes as they were")
    jobs = room.await_jobs(room.submit(jpeg_files(room.folder / "photos-c", 6), "sepia"))
    assert {(job["state"], job["node"]) for job in jobs} == {("done", "pc-c")}
    for node in wanted:
        room.view.registry.set_mode(node, "active")
    room.await_live(*NODES)


def test_cumulo_worker_says_that_its_node_is_still_paused(room: Room) -> None:
    room.view.registry.set_mode("pc-c", "paused")
    room.stop("pc-c")
    worker = room.run("worker", [*CUMULO, "worker", "--name", "pc-c", "--concurrency", "1"])
    wait_until(lambda: "Ctrl-C stops it" in worker.output(), "the worker to have started")
    assert "Node pc-c is paused, as it was left: it gets no work until `cumulo resume pc-c`." in worker.output()
    assert worker.end() == 0
    assert worker.left() == []


# -- commands under load ----------------------------------------------------------------------------------------------


@pytest.fixture
def command(cluster: Up, tmp_path: Path) -> Command:
    return partial(cumulo, cwd=tmp_path, data=cluster.data)


def submit(cluster: Up, count: int) -> tuple[str, list[str]]:
    """(batch, job ids) of photos that take long enough to be met while they wait and run."""
    response = cluster.post_images(jpegs(count, 2000, 1500), pipeline=json.dumps([SLOW, SLOW]))
    assert response.status_code == 202, response.text
    answer = response.json()
    return answer["batch"], [job["id"] for job in answer["jobs"]]


def test_a_node_is_drained_while_it_works_and_resumed(cluster: Up, command: Command) -> None:
    node, other = sorted(cluster.await_nodes())
    _, ids = submit(cluster, 24)
    wait_until(lambda: cluster.view.node(node)["jobs"], f"work on {node}")
    try:
        drained = command("drain", node)
        assert (drained.returncode, drained.stdout.partition(":")[0]) == (0, f"{node} is drained")
        found = cluster.get(f"nodes/{node}")
        assert (found["state"], found["jobs"], found["running"], found["waiting"]) == ("draining", 0, 0, 0)
        since = cluster.clock()
        jobs = cluster.await_jobs(ids)
        assert command("drain", node).returncode == 0, "a drained node is drained again at once"
    finally:
        resumed = command("resume", node)
    assert resumed.stdout == f"{node} is live; it was draining.\n"
    assert {job["state"] for job in jobs} == {"done"}
    assert {job["lost"] for job in jobs} == {0}
    assert set(cluster.commits(ids).values()) == {1}
    assert {job["node"] for job in jobs if job["started_at"] > since} <= {other}


def test_a_batch_is_cancelled_while_it_runs_and_retried(cluster: Up, command: Command) -> None:
    cluster.await_nodes()
    batch, ids = submit(cluster, 24)
    wait_until(lambda: any(job["state"] == "running" for job in cluster.view.ledger.views(ids)), "a running job")
    running = next(job["id"] for job in cluster.view.ledger.views(ids) if job["state"] != "done")
    refused = command("retry", running, "j0")
    assert refused.returncode == 1
    assert "only a failed, quarantined or cancelled job can be tried again" in refused.stderr
    assert "no job 'j0'" in refused.stderr

    cancelled = command("cancel", "--batch", batch)
    assert cancelled.returncode == 0
    assert cluster.get(f"batches/{batch}")["state"] == "finished", "nothing of it waits or runs"
    listed = json.loads(command("jobs", "--state", "cancelled", "--limit", "500", "--json").stdout)
    stopped = [job["id"] for job in listed if job["batch"] == batch]
    assert cancelled.stdout == f"Cancelled: {len(stopped)} images of batch {batch}\n"
    assert command("cancel", stopped[0]).returncode == 1
    assert command("cancel", "--batch", batch).stdout.startswith(f"Batch {batch} has nothing to cancel: ")

    retried = command("retry", "--batch", batch)
    assert retried.stdout == f"Waiting again: {len(stopped)} images of batch {batch}\n"
    jobs = cluster.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    assert set(cluster.commits(ids).values()) == {1}, "nothing that ran when it was cancelled is committed twice"


def test_failed_jobs_are_listed_and_retried(cluster: Up, command: Command) -> None:
    [job_id] = cluster.submit([("torn.jpg", jpegs(1, 640, 480)[0][1][:20_000])], filter="sepia")
    assert cluster.await_job(job_id)["state"] == "failed"
    table = command("jobs", "--state", "failed", "--q", "torn").stdout
    assert job_id in table
    assert "torn.jpg" in table
    assert command("retry", "--failed").stdout.startswith("Waiting again: ")
    job = cluster.await_job(job_id)
    assert job["state"] == "failed"
    assert words(job).count("failed") == 2, "it ran once more, and is no better"


def test_pause_of_a_node_that_nobody_knows(cluster: Up, command: Command) -> None:
    done = command("pause", "pc-nobody")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"no node 'pc-nobody'; there are {', '.join(sorted(cluster.states()))}" in done.stderr

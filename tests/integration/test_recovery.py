"""Whatever dies or is stopped: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.integration.clusters import Plain, Up, wait_until
from tests.integration.photos import jpeg_files, jpegs

SLOW = '[{"filter":"median","size":3},{"filter":"median","size":3},{"filter":"median","size":3}]'


def words(job: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in job["timeline"]]


def rescue_time(jobs: list[dict[str, Any]], killed_at: float) -> float:
    """Seconds from the kill until the last rescued job ran again."""
    latest = killed_at
    for job in jobs:
        if "rescued" in words(job):
            after = job["timeline"][words(job).index("rescued") + 1 :]
            latest = max(latest, next(entry["at"] for entry in after if entry["event"] in ("started", "taken")))
    return latest - killed_at


def test_kill_9_of_a_node_with_60_jobs_under_way(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Plain(tmp_path_factory.mktemp("three")) as plain:
        nodes = ("pc-a", "pc-b", "pc-c")
        for node in nodes:
            plain.image_worker(node, "-c", "1")
            plain.monitor(node)
        plain.await_live(*nodes)
        ids = plain.submit(jpeg_files(plain.folder / "photos", 60), {"filter": "blur", "radius": 8}, "sepia")
        wait_until(lambda: plain.redis.zcard("worker:pc-b:running"), "work on pc-b")
        killed_at = plain.clock()
        plain.programs.pop("images-pc-b").kill()
        plain.programs.pop("monitor-pc-b").kill()

        jobs = plain.await_jobs(ids)
        assert {job["state"] for job in jobs} == {"done"}
        assert set(plain.commits(ids).values()) == {1}
        rescued = [job for job in jobs if "rescued" in words(job)]
        assert rescued
        # What waited on the silent node went to others before it counted as offline.
        moved = [job for job in jobs if "returned" in words(job)]
        assert all(job["attempt"] == 1 for job in jobs if job not in rescued + moved), "the others were left alone"
        for job in rescued:
            assert job["attempt"] >= 2
            assert job["node"] != "pc-b"
            [why] = [entry["detail"] for entry in job["timeline"] if entry["event"] == "rescued"]
            assert "pc-b went offline" in why
        assert plain.states()["pc-b"] == "offline"
        # A silent node is offline after 5 s; what it had runs elsewhere within two more.
        assert rescue_time(jobs, killed_at) < 10


def test_kill_9_of_a_node_that_is_stopping(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ctrl-C, and a moment later the power goes: what it had in hand does not wait for it."""
    with Plain(tmp_path_factory.mktemp("stopping")) as plain:
        for node in ("pc-a", "pc-b"):
            plain.image_worker(node, "-c", "1")
            plain.monitor(node)
        plain.await_live("pc-a", "pc-b")
        ids = plain.submit(jpeg_files(plain.folder / "photos", 1, 4000, 3000), *json.loads(SLOW) * 4)
        job = wait_until(lambda: next((job for job in plain.jobs(ids) if job["state"] == "running"), None), "work")
        assert job is not None
        first = plain.programs.pop(f"images-{job['node']}")
        first.ask_to_end()
        wait_until(lambda: plain.redis.hget(f"worker:{job['node']}", "mode") == "stopped", "its goodbye")
        assert plain.jobs(ids)[0]["state"] == "running"
        killed_at = plain.clock()
        first.kill()
        [done] = plain.await_jobs(ids)
        assert done["state"] == "done"
        assert done["node"] != job["node"]
        assert "rescued" in words(done)
        assert rescue_time([done], killed_at) < 30, "it was given up as soon as any other"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cluster for tests that break it."""
    up = Up(tmp_path_factory.mktemp("broken"), "--nodes", "2")
    try:
        yield up
        assert up.end() == 0
    finally:
        up.clean_up()


def image_worker(up: Up, node: str) -> psutil.Process:
    worker = up.program.child(f"images@{node}")
    assert worker is not None
    return worker


def running_on(up: Up, ids: list[str]) -> str | None:
    """A node that runs one of the jobs. Not of a certain one: the first may have ended before anybody looks."""
    return next((str(job["node"]) for job in up.view.ledger.views(ids) if job["state"] == "running"), None)


def test_a_pool_process_that_dies(own: Up) -> None:
    own.await_nodes()
    ids = own.submit(jpegs(1, 4000, 3000), pipeline=SLOW)
    node = wait_until(lambda: running_on(own, ids), "a running job")
    for child in image_worker(own, node).children():
        child.kill()
    [job] = own.await_jobs(ids)
    assert job["state"] == "done"
    assert "rescued" in words(job)
    assert job["lost"] == 1
    [other] = [one for one in job["placement"]["candidates"] if one["node"] != node]
    assert job["node"] != node or other["cpu_usage"] > 85, "not tried first where it was lost, if another can take it"
    assert own.commits(ids) == {ids[0]: 1}
    assert set(own.await_nodes()) == set(own.states()), "the node itself goes on"


def test_an_image_worker_that_dies_is_brought_back(own: Up) -> None:
    own.await_nodes()
    ids = own.submit(jpegs(12, 4000, 3000), filter="blur:radius=8")
    node = wait_until(lambda: running_on(own, ids), "a running job")
    dead = image_worker(own, node)
    dead.kill()
    wait_until(lambda: (found := own.program.child(f"images@{node}")) and found.pid != dead.pid, "another image worker")
    jobs = own.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    assert set(own.commits(ids).values()) == {1}
    assert any("rescued" in words(job) for job in jobs)
    assert node in own.await_nodes()


def test_valkey_that_dies_is_brought_back_and_nothing_is_lost(own: Up) -> None:
    own.await_nodes()
    ids = own.submit(jpegs(30, 4000, 3000), filter="blur:radius=8")
    wait_until(lambda: running_on(own, ids), "a running job")
    server = own.program.child("valkey-server")
    assert server is not None
    server.kill()
    wait_until(lambda: (found := own.program.child("valkey-server")) and found.pid != server.pid, "another server")

    def answers() -> bool:
        try:
            return own.http.get("/readyz").is_success
        except httpx.HTTPError:
            return False

    wait_until(answers, "the web app to answer again")
    jobs = own.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    assert set(own.commits(ids).values()) == {1}
    own.await_nodes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_stopped_with_work_in_hand_and_started_again(own: Up, number: signal.Signals) -> None:
    own.await_nodes()
    ids = own.submit(jpegs(30, 4000, 3000), filter="blur:radius=8")
    wait_until(lambda: running_on(own, ids), "a running job")
    assert own.end(number) == 0, "and nothing is left of it, which `end` asserts"
    own.start()
    jobs = own.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    assert any(job["finished_at"] > own.clock() - 60 for job in jobs)
    assert set(own.commits(ids).values()) == {1}
    assert all(job["lost"] == 0 for job in jobs), "what was in hand was finished or handed back, not lost"

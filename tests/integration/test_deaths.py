"""Processes that die, hang or are not wanted any more: the job that is to blame bears it, the node goes on."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster import progress
from cluster.progress import WORKING, Work
from tests.integration.clusters import CELERY, FINISHED, Plain, Program, cumulo, wait_until
from tests.integration.photos import jpeg_files

SMALL = (640, 480)
LARGE = (4000, 3000)
HUGE = (8000, 6000)
BLUR = {"filter": "blur", "radius": 20}
DEAR = {"filter": "median", "size": 7}  # about 80 ms for each megapixel


def words(job: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in job["timeline"]]


def at_work(plain: Plain, node: str) -> list[Work]:
    """What the node's processes say that they have in hand at this moment."""
    folder = plain.folder / node / "run" / f"work-{node}"
    return [work for _, work in progress.entries(folder) if work.job and psutil.pid_exists(work.process)]


def in_the_midst_of(plain: Plain, node: str, job_id: str) -> Work:
    """Once a process of the node runs a filter on the job."""

    def found() -> Work | None:
        works = [work for work in at_work(plain, node) if work.job == job_id]
        return next((work for work in works if work.phase == WORKING and work.step), None)

    work = wait_until(found, f"a process that works on {job_id}")
    assert work is not None
    return work


@pytest.fixture(scope="module")
def solo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """One node with one process. No image may take more than 2 s of CPU time, or 6 s by the clock."""
    with Plain(tmp_path_factory.mktemp("solo")) as plain:
        start_solo(plain)
        yield plain


def start_solo(plain: Plain) -> Program:
    command = [*CELERY, "worker", "-n", "images@solo", "-Q", "node.solo", "-c", "1", "-l", "info"]
    program = plain.run("images-solo", command, node="solo", max_job_seconds=2)
    plain.await_live("solo")
    return program


def test_a_process_that_dies_takes_no_other_image_of_its_message_with_it(solo: Plain) -> None:
    ids = solo.submit(jpeg_files(solo.folder / "small", 60, *SMALL), "sepia")

    def stopped_among_others() -> Work | None:
        """A process that is stopped while it works on one of several jobs of a message."""
        for work in at_work(solo, "solo"):
            os.kill(work.process, signal.SIGSTOP)
            [now] = [other for other in at_work(solo, "solo") if other.process == work.process] or [None]
            if now and solo.redis.scard(f"lease:{now.lease}") > 2:
                return now
            os.kill(work.process, signal.SIGCONT)
        assert not solo.finished(ids), "too fast for this test"
        return None

    work = wait_until(stopped_among_others, "a process with several jobs")
    assert work is not None
    others = solo.redis.smembers(f"lease:{work.lease}") - {work.job}
    os.kill(work.process, signal.SIGKILL)

    jobs = {job["id"]: job for job in solo.await_jobs(ids)}
    assert {job["state"] for job in jobs.values()} == {"done"}
    assert set(solo.commits(ids).values()) == {1}
    assert {job_id for job_id, job in jobs.items() if job["lost"]} == {work.job}
    [why] = [entry["detail"] for entry in jobs[work.job]["timeline"] if entry["event"] == "rescued"]
    assert "its process was ended by SIGKILL" in why
    for job_id in others:
        assert "returned" in words(jobs[job_id])


def test_an_image_that_hangs_is_ended_and_tried_again(solo: Plain) -> None:
    [hangs, waits] = solo.submit(jpeg_files(solo.folder / "hangs", 2, *LARGE), BLUR)
    work = in_the_midst_of(solo, "solo", hangs)
    os.kill(work.process, signal.SIGSTOP)
    jobs = solo.await_jobs([hangs, waits])
    assert [job["state"] for job in jobs] == ["done", "done"]
    assert [job["lost"] for job in jobs] == [1, 0]
    [why] = [entry["detail"] for entry in jobs[0]["timeline"] if entry["event"] == "rescued"]
    assert why == "it took longer than 6 s and was ended, after step 1 (blur) had begun"
    assert not psutil.pid_exists(work.process)


def test_an_image_that_needs_too_much_cpu_time_fails_and_says_so(solo: Plain) -> None:
    [job] = solo.await_jobs(solo.submit(jpeg_files(solo.folder / "dear", 1, *LARGE), *[DEAR] * 6))
    assert job["state"] == "failed", job["timeline"]
    assert job["error"]["type"] == "timeout"
    assert job["error"]["step"] > 1
    assert "more than 2 s of CPU time" in job["error"]["detail"]


def test_cancelling_a_running_image_frees_its_process_at_once(solo: Plain) -> None:
    [huge] = solo.submit(jpeg_files(solo.folder / "huge", 1, *HUGE), BLUR)
    work = in_the_midst_of(solo, "solo", huge)
    os.kill(work.process, signal.SIGSTOP)  # so that it cannot be over by itself
    [waits] = solo.submit(jpeg_files(solo.folder / "waits", 1), "sepia")
    cancelled_at = solo.clock()
    solo.view.ledger.cancel(huge)
    [job] = solo.await_jobs([waits])
    print(f"the next image was done {job['finished_at'] - cancelled_at:.2f} s after the cancel")
    assert (job["state"], job["lost"], job["attempt"]) == ("done", 0, 1)
    assert not psutil.pid_exists(work.process)
    cancelled = solo.view.job(huge)
    assert (cancelled["state"], cancelled["lost"], words(cancelled)[-1]) == ("cancelled", 0, "cancelled")


def test_a_second_image_worker_of_the_same_name_is_refused(solo: Plain) -> None:
    [running] = solo.submit(jpeg_files(solo.folder / "first", 1, *LARGE), BLUR)
    command = [*CELERY, "worker", "-n", "images@solo", "-Q", "node.solo", "-c", "1", "-l", "warning"]
    second = solo.run("second", command, node="solo", data=solo.folder / "second")
    wait_until(lambda: second.exit_code is not None, "the end of the second worker")
    assert second.exit_code == 1
    del solo.programs["second"]
    assert second.output().count("a node named solo runs already") == 1
    assert "Traceback" not in second.output()
    refused = cumulo("worker", "--name", "solo", "--redis", solo.redis_url, cwd=solo.folder, data=solo.folder / "third")
    assert refused.returncode == 1
    assert "a node named solo is live on" in refused.stderr
    assert "Traceback" not in refused.stderr
    [job] = solo.await_jobs([running])
    assert (job["state"], job["attempt"], job["lost"]) == ("done", 1, 0)
    assert solo.states() == {"solo": "live"}


def test_a_node_that_was_killed_starts_again_under_its_name(solo: Plain) -> None:
    ids = solo.submit(jpeg_files(solo.folder / "again", 4, *LARGE), "blur")
    wait_until(lambda: at_work(solo, "solo"), "work on the node")
    solo.programs.pop("images-solo").kill()
    program = start_solo(solo)
    jobs = solo.await_jobs(ids)
    assert {job["state"] for job in jobs} == {"done"}
    assert set(solo.commits(ids).values()) == {1}
    assert program.exit_code is None


class Poison(threading.Thread):
    """Whatever process of the nodes begins a filter on this job gets a segmentation fault."""

    def __init__(self, plain: Plain, nodes: tuple[str, ...], job_id: str) -> None:
        super().__init__(daemon=True)
        self._plain, self._nodes, self._job_id = plain, nodes, job_id
        self.killed: set[int] = set()
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.01):
            for node in self._nodes:
                for work in at_work(self._plain, node):
                    if work.job == self._job_id and work.step and work.process not in self.killed:
                        os.kill(work.process, signal.SIGSEGV)
                        self.killed.add(work.process)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    """Two nodes of one process, each with its monitor."""
    with Plain(tmp_path_factory.mktemp("pair")) as plain:
        for node in ("pc-a", "pc-b"):
            plain.image_worker(node, "-c", "1")
            plain.monitor(node)
        plain.await_live("pc-a", "pc-b")
        yield plain


def test_a_poison_image_among_100_good_ones(pair: Plain) -> None:
    good = jpeg_files(pair.folder / "good", 100, *SMALL)
    bad = jpeg_files(pair.folder / "bad", 1, *LARGE)
    files: list[Path] = [*good[:50], *bad, *good[50:]]
    before = pair.view.last_event()
    ids = pair.submit(files, BLUR)
    poison = Poison(pair, ("pc-a", "pc-b"), ids[50])
    poison.start()
    try:
        jobs = pair.await_jobs(ids)
    finally:
        poison.over.set()
        poison.join()
    quarantined = jobs.pop(50)
    assert len(poison.killed) == 3
    assert {job["state"] for job in jobs} == {"done"}
    assert [job["lost"] for job in jobs] == [0] * 100
    assert set(pair.commits([job["id"] for job in jobs]).values()) == {1}

    assert (quarantined["state"], quarantined["lost"]) == ("quarantined", 3)
    error = quarantined["error"]
    assert (error["type"], error["step"], error["signal"]) == ("lost", 1, "SIGSEGV")
    assert "died 3 times" in error["detail"]
    assert "ended by SIGSEGV, after step 1 (blur) had begun" in error["detail"]
    image = quarantined["input"]
    assert (image["width"], image["height"], image["format"], len(image["sha256"])) == (*LARGE, "jpeg", 64)
    events = [event for _, event in pair.view.events(before, count=10_000)]
    assert not [event for event in events if event["type"] == "node" and event["state"] == "offline"]


@pytest.mark.parametrize("all_of_it", [True, False], ids=["with its process", "the main process alone"])
def test_an_image_worker_that_is_stuck_beside_its_monitor_is_offline_for_work(pair: Plain, all_of_it: bool) -> None:
    ids = pair.submit(jpeg_files(pair.folder / f"stuck-{all_of_it}", 12, *LARGE), BLUR, BLUR)
    wait_until(lambda: at_work(pair, "pc-a"), "work on pc-a")
    worker = pair.programs["images-pc-a"]
    stuck = [psutil.Process(worker.pid), *(worker.descendants() if all_of_it else ())]
    for process in stuck:
        process.suspend()
    held = pair.redis.hkeys("worker:pc-a:jobs")
    stopped_at = pair.clock()
    try:
        wait_until(lambda: pair.states()["pc-a"] == "offline", "pc-a offline")
        print(f"offline for work {pair.clock() - stopped_at:.2f} s after it stopped")
        assert pair.age("pc-a") < 3, "its monitor goes on"
        jobs = pair.await_jobs(ids)
    finally:
        for process in stuck:
            process.resume()
    assert {job["state"] for job in jobs} == {"done"}
    rescued = {job["id"]: job["node"] for job in jobs if "rescued" in words(job)}
    if all_of_it:  # else its process goes on for a while, and may finish all that it holds
        assert rescued
        assert rescued.keys() <= set(held)
    assert set(rescued.values()) <= {"pc-b"}
    wait_until(lambda: pair.states()["pc-a"] == "live", "pc-a to come back")
    wait_until(lambda: not at_work(pair, "pc-a"), "an end of the work that was given to others")
    assert set(pair.commits(ids).values()) == {1}


def test_an_image_worker_that_was_frozen_until_another_had_its_name_gives_way(pair: Plain) -> None:
    first = pair.programs.pop("images-pc-a")
    frozen = [psutil.Process(first.pid), *first.descendants()]
    for process in frozen:
        process.suspend()
    command = [*CELERY, "worker", "-n", "images@pc-a", "-Q", "node.pc-a", "-c", "1"]
    second = pair.run("second-pc-a", command, node="pc-a", data=pair.folder / "second-pc-a")
    wait_until(lambda: f"process {second.pid}," in str(pair.redis.get("worker:pc-a:alive")), "the second worker")
    for process in frozen:
        process.resume()
    wait_until(lambda: first.exit_code is not None, "the end of the first worker")
    assert first.exit_code == 1
    assert "a node named pc-a runs already" in first.output()
    pair.await_live("pc-a", "pc-b")
    ids = pair.submit(jpeg_files(pair.folder / "after", 12), "blur")
    assert {job["state"] for job in pair.await_jobs(ids)} == {"done"}
    assert set(pair.commits(ids).values()) == {1}


def test_threads_instead_of_processes(tmp_path: Path) -> None:
    with Plain(tmp_path) as plain:
        plain.image_worker("threads", "-c", "2", "-P", "threads")
        plain.await_live("threads")
        first, second, third = plain.submit(jpeg_files(plain.folder / "photos", 3, *LARGE), *[BLUR] * 3)
        in_the_midst_of(plain, "threads", first)
        plain.view.ledger.cancel(first)
        jobs = plain.await_jobs([first, second, third])
        assert [job["state"] for job in jobs] == ["cancelled", "done", "done"]
        wait_until(lambda: not at_work(plain, "threads"), "the thread's own end")
        assert plain.view.job(first)["state"] in FINISHED - {"done"}, "what it found is dropped"
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert plain.states() == {"threads": "live"}
            time.sleep(0.1)

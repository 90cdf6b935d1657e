"""Deaths of pool processes: what they leave behind, over which job, and the ones that are brought about on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from cluster import deaths, keys, progress
from cluster.deaths import OutOfMemory, Watch, memory_kills
from cluster.ledger import Ledger, Outcome, WorkOrder
from cluster.limits import time_limit
from cluster.nodes import Nodes
from cluster.progress import FETCHING, STORING, WORKING, Progress, Work
from cluster.service import Cluster
from tests.cluster.ledgers import Message, add_node, done, happened, start, states, submit

DEAD = "Worker exited prematurely: signal 9 (SIGKILL) Job: 7."

WORKER = """
import sys, time
from pathlib import Path
from cluster.progress import Progress
folder, lease, job, attempt, phase, limit, step = sys.argv[1:]
own = Progress(Path(folder))
own.begin(lease, job, int(attempt), float(limit))
if phase != "fetching":
    own.enter(phase, float(limit))
if int(step):
    own.step(int(step), "blur")
print("ready", flush=True)
time.sleep(600)
"""


class Processes:
    """Processes of pc-1's pool, which say what they work on and then do nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[subprocess.Popen[str]] = []
        self.by_lease: dict[str, int] = {}

    def start(
        self, message: Message, order: WorkOrder, *, phase: str = WORKING, limit: float = 60.0, step: int = 1
    ) -> subprocess.Popen[str]:
        words = (self._folder, message.lease, order.id, order.attempt, phase, limit, step)
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *map(str, words)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self.started.append(process)
        self.by_lease[message.lease] = process.pid
        return process

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
def folder(cluster: Cluster) -> Path:
    return progress.folder_of(cluster.settings, "pc-1")


@pytest.fixture
def processes(folder: Path) -> Iterator[Processes]:
    found = Processes(folder)
    yield found
    found.end()


@pytest.fixture(autouse=True)
def _nodes(registry: Nodes) -> None:
    add_node(registry, "pc-1")
    add_node(registry, "pc-2")


class Looks:
    """The main process of pc-1's image worker looks at its processes, at times that the test sets."""

    def __init__(self, cluster: Cluster, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
        self._cluster, self._processes = cluster, processes
        self._now = 1000.0
        monkeypatch.setattr(deaths, "time", SimpleNamespace(monotonic=lambda: self._now))
        self._watch = Watch()

    def after(self, seconds: float) -> None:
        self._now += seconds
        self._watch.look(self._cluster, ["pc-1"], self._processes.by_lease)


@pytest.fixture
def looks(cluster: Cluster, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(cluster, processes, monkeypatch)


# -- what a process says of itself -------------------------------------------------------------------------------------


def test_a_process_says_how_far_it_has_got(tmp_path: Path) -> None:
    own = Progress(tmp_path / "work")

    def said() -> Work:
        [(_, work)] = progress.entries(tmp_path / "work")
        return work

    own.between("l1")
    assert (said().lease, said().job) == ("l1", "")
    own.begin("l1", "j1", 3, 600.0)
    assert said() == Work(os.getpid(), "l1", "j1", 3, FETCHING, 600.0)
    assert said().words() == "while the image was fetched from the store"
    own.enter(WORKING, 60.0)
    assert said().words() == "while the image was decoded"
    own.step(2, "blur")
    assert said() == Work(os.getpid(), "l1", "j1", 3, WORKING, 60.0, 2, "blur")
    assert said().words() == "after step 2 (blur) had begun"
    own.enter(STORING, 600.0)
    assert said().words() == "while the result was stored"
    own.between("")
    assert progress.in_hand(tmp_path / "work") == {}


def test_each_thread_has_a_word_of_its_own(tmp_path: Path) -> None:
    progress.own(tmp_path).between("l-main")
    thread = threading.Thread(target=lambda: progress.own(tmp_path).between("l-thread"))
    thread.start()
    thread.join()
    assert progress.in_hand(tmp_path).keys() == {"l-main", "l-thread"}
    assert progress.own(tmp_path) is progress.own(tmp_path)


def test_what_is_torn_is_not_believed(tmp_path: Path) -> None:
    Progress(tmp_path).begin("l1", "j1", 1, 60.0)
    [path] = tmp_path.iterdir()
    path.write_text(path.read_text().rstrip()[:-2])
    assert progress.entries(tmp_path) == []


def test_without_a_place_for_the_file_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    own = Progress(tmp_path / "file" / "work")
    own.begin("l1", "j1", 1, 60.0)
    own.step(1, "blur")
    assert progress.entries(tmp_path / "file" / "work") == []


# -- whose death it was ------------------------------------------------------------------------------------------------


def test_the_job_that_was_in_hand_is_found_after_the_death(
    cluster: Cluster, ledger: Ledger, folder: Path, processes: Processes
) -> None:
    ids = submit(ledger, 3)
    message, orders = start(ledger, "pc-1", *ids)
    process = processes.start(message, orders[1])
    process.kill()
    process.wait()
    cluster.set_node_mode("pc-1", "paused")
    cluster.set_node_mode("pc-2", "paused")
    deaths.report(cluster, "pc-1", message.lease, DEAD)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 1, 0]
    assert ledger.timeline(ids[1])[-1]["detail"] == "its process was ended by SIGKILL, after step 1 (blur) had begun"
    [detail] = [entry["detail"] for entry in ledger.timeline(ids[0]) if entry["event"] == "returned"]
    assert detail.startswith("another image of its message was in hand: its process was ended by SIGKILL")
    assert list(folder.iterdir()) == [], "nothing stays of it"
    deaths.report(cluster, "pc-1", message.lease, DEAD)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 1, 0], "told twice, it counts once"


def test_a_node_that_starts_anew_counts_what_was_in_hand_and_not_what_was_only_claimed(
    cluster: Cluster, ledger: Ledger, folder: Path, processes: Processes
) -> None:
    ids = submit(ledger, 3)
    message, orders = start(ledger, "pc-1", *ids[:2])
    start(ledger, "pc-1", ids[2])
    processes.start(message, orders[0])
    deaths.bury(cluster, "pc-1", "the node was started anew")
    assert states(ledger, ids) == ["queued"] * 3
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [1, 0, 1], "of the last one nothing is known"
    assert list(folder.iterdir()) == []


def test_where_nobody_knows_which_job_it_was_each_runs_alone(cluster: Cluster, ledger: Ledger) -> None:
    ids = submit(ledger, 2)
    message, _ = start(ledger, "pc-1", *ids)
    deaths.report(cluster, "pc-1", message.lease, "Worker exited prematurely: exitcode 3 Job: 7.")
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 0]
    [detail] = [entry["detail"] for entry in ledger.timeline(ids[0]) if entry["event"] == "rescued"]
    assert detail == "its process ended with exit code 3"


def test_a_process_that_the_system_ended_for_want_of_memory(
    cluster: Cluster, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = [7]
    counter = OutOfMemory(lambda: kills[0])
    monkeypatch.setattr(deaths, "out_of_memory", lambda: counter)
    first, second = submit(ledger), submit(ledger)
    messages = [start(ledger, "pc-1", *ids)[0] for ids in (first, second)]
    deaths.report(cluster, "pc-1", messages[0].lease, DEAD)
    kills[0] += 1
    counter.look()
    deaths.report(cluster, "pc-1", messages[1].lease, DEAD)
    details = [
        [entry["detail"] for entry in ledger.timeline(job_id) if entry["event"] == "rescued"]
        for job_id in (*first, *second)
    ]
    assert details == [
        ["its process was ended by SIGKILL"],
        ["out of memory: the system ended its process (SIGKILL)"],
    ]


def test_an_old_kill_for_want_of_memory_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now, kills = [1000.0], [0]
    monkeypatch.setattr(deaths, "time", SimpleNamespace(monotonic=lambda: now[0]))
    counter = OutOfMemory(lambda: kills[0])
    kills[0] = 1
    assert counter.recently()
    for _ in range(20):
        now[0] += 0.5
        counter.look()
    assert not counter.recently()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_systems_counter_is_read_from_the_cgroup(tmp_path: Path) -> None:
    assert memory_kills(tmp_path) == 0
    write(tmp_path / "proc/vmstat", "nr_free_pages 1\noom_kill 9\n")
    assert memory_kills(tmp_path) == 9
    write(tmp_path / "proc/self/cgroup", "0::/user.slice/cumulo.service\n")
    write(tmp_path / "sys/fs/cgroup/user.slice/cumulo.service/memory.events", "max 4\noom 3\noom_kill 2\n")
    assert memory_kills(tmp_path) == 2
    write(tmp_path / "proc/self/cgroup", "4:cpu,cpuacct:/docker/ab\n3:memory:/docker/ab\n")
    write(tmp_path / "sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert memory_kills(tmp_path) == 5


# -- processes that are ended ------------------------------------------------------------------------------------------


def test_a_cancelled_job_frees_its_process_and_the_others_go_back_without_blame(
    cluster: Cluster, ledger: Ledger, processes: Processes, looks: Looks
) -> None:
    ids = submit(ledger, 3)
    message, orders = start(ledger, "pc-1", *ids)
    process = processes.start(message, orders[0])
    looks.after(0.5)
    ledger.cancel(ids[0])
    looks.after(0.5)
    assert process.wait(10) == -signal.SIGKILL
    deaths.report(cluster, "pc-1", message.lease, DEAD)
    views = ledger.views(ids)
    assert [view["lost"] for view in views] == [0, 0, 0]
    assert views[0]["state"] == "cancelled"
    assert [happened(ledger, job_id)[3] for job_id in ids[1:]] == ["returned", "returned"]


def test_a_job_that_was_cancelled_but_is_not_in_hand_costs_no_process(
    ledger: Ledger, processes: Processes, looks: Looks
) -> None:
    ids = submit(ledger, 2)
    message, orders = start(ledger, "pc-1", *ids)
    process = processes.start(message, orders[0])
    ledger.cancel(ids[1])
    for _ in range(4):
        looks.after(0.5)
    assert process.poll() is None


def test_a_cancelled_job_that_has_only_just_begun_is_given_a_moment(
    ledger: Ledger, processes: Processes, looks: Looks
) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    process = processes.start(message, order)
    ledger.cancel(order.id)
    looks.after(0.5)
    assert process.poll() is None, "of a batch of small images each would cost a process"
    looks.after(0.5)
    assert process.wait(10) == -signal.SIGKILL


def test_work_that_was_given_to_another_node_is_ended_here(ledger: Ledger, processes: Processes, looks: Looks) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    process = processes.start(message, order)
    looks.after(0.5)
    ledger.give_back("pc-1", "it was cut off", lost=True)
    start(ledger, "pc-2", order.id)
    looks.after(0.5)
    assert process.wait(10) == -signal.SIGKILL


def test_a_process_that_is_none_of_this_workers_is_left_alone(
    ledger: Ledger, processes: Processes, looks: Looks
) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    process = processes.start(message, order)
    processes.by_lease.clear()
    ledger.cancel(order.id)
    for _ in range(4):
        looks.after(0.5)
    assert process.poll() is None


def test_a_job_that_takes_too_long_is_lost_with_the_limit_in_words(
    cluster: Cluster, ledger: Ledger, processes: Processes, looks: Looks
) -> None:
    ids = submit(ledger, 2)
    message, orders = start(ledger, "pc-1", *ids)
    process = processes.start(message, orders[0], limit=2.0)
    for _ in range(4):
        looks.after(0.5)
    assert process.poll() is None
    for _ in range(2):
        looks.after(0.5)
    assert process.wait(10) == -signal.SIGKILL
    deaths.report(cluster, "pc-1", message.lease, DEAD)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [1, 0]
    [detail] = [entry["detail"] for entry in ledger.timeline(ids[0]) if entry["event"] == "rescued"]
    assert detail == "it took longer than 2 s and was ended, after step 1 (blur) had begun"


def test_time_in_which_the_node_was_frozen_does_not_count(ledger: Ledger, processes: Processes, looks: Looks) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    process = processes.start(message, order, limit=3.0)
    looks.after(0.5)
    looks.after(3600.0)
    assert process.poll() is None


def test_a_job_ended_in_the_moment_when_another_began_blames_nobody(
    cluster: Cluster, ledger: Ledger, processes: Processes, looks: Looks, folder: Path
) -> None:
    ids = submit(ledger, 2)
    message, orders = start(ledger, "pc-1", *ids)
    process = processes.start(message, orders[0], limit=1.0)
    for _ in range(4):
        looks.after(0.5)
    process.wait(10)
    [path] = folder.iterdir()
    path.write_text(path.read_text().replace(ids[0], ids[1]))
    deaths.report(cluster, "pc-1", message.lease, DEAD)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [0, 0]


def test_a_process_that_had_gone_on_to_another_message_when_it_was_ended_blames_nobody(
    cluster: Cluster, ledger: Ledger, processes: Processes, looks: Looks, folder: Path
) -> None:
    first, [order] = start(ledger, "pc-1", *submit(ledger))
    second, [innocent] = start(ledger, "pc-1", *submit(ledger))
    process = processes.start(first, order)
    looks.after(0.5)
    ledger.cancel(order.id)
    looks.after(0.5)
    process.wait(10)
    [path] = folder.iterdir()
    path.write_text(path.read_text().replace(first.lease, second.lease).replace(order.id, innocent.id))
    deaths.report(cluster, "pc-1", second.lease, DEAD)
    assert ledger.job(innocent.id)["lost"] == 0
    assert "returned" in happened(ledger, innocent.id)


def test_an_attempt_that_was_given_up_is_ended_beside_the_one_that_counts(
    ledger: Ledger, processes: Processes, looks: Looks
) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    old = processes.start(message, order)
    ledger.give_back("pc-1", "it was cut off", lost=True)
    message, [order] = start(ledger, "pc-1", order.id)
    new = processes.start(message, order)
    looks.after(0.5)
    looks.after(0.5)
    assert old.wait(10) == -signal.SIGKILL
    assert new.poll() is None


def test_a_thread_that_takes_too_long_loses_its_jobs_and_goes_on(
    ledger: Ledger, processes: Processes, looks: Looks, folder: Path
) -> None:
    ids = submit(ledger, 2)
    message, orders = start(ledger, "pc-1", *ids)
    own = Progress(folder)
    own.begin(message.lease, ids[0], orders[0].attempt, 1.0)
    processes.by_lease[message.lease] = os.getpid()
    for _ in range(4):
        looks.after(0.5)
    assert [ledger.job(job_id)["lost"] for job_id in ids] == [1, 0]
    assert ledger.commit("pc-1", message.lease, [done(order) for order in orders], take=9, budget=9) == []
    assert "done" not in states(ledger, ids), "what it says afterwards is dropped"


def test_the_last_words_of_a_process_that_went_in_order_are_swept_away(
    ledger: Ledger, processes: Processes, looks: Looks, folder: Path
) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    process = processes.start(message, order)
    process.kill()
    process.wait()
    looks.after(0.5)
    assert len(list(folder.iterdir())) == 1, "its death has not been reported yet"
    ledger.give_back("pc-1", "gone", lost=True)
    looks.after(0.5)
    assert list(folder.iterdir()) == []


# -- how long a job may take -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cost", "speed", "ceiling", "soft"),
    [(0.001, 1.0, 300, 30), (5.0, 1.0, 300, 100), (5.0, 0.5, 300, 200), (100.0, 1.0, 300, 300), (0.001, 1.0, 5, 5)],
)
def test_the_limit_comes_from_the_prediction_between_a_floor_and_the_ceiling(
    cost: float, speed: float, ceiling: float, soft: float
) -> None:
    limit = time_limit(cost, speed, ceiling)
    assert (limit.soft, limit.hard) == (soft, 3 * soft)


def test_an_outcome_that_comes_too_late_is_dropped(ledger: Ledger, server: redis.Redis) -> None:
    message, [order] = start(ledger, "pc-1", *submit(ledger))
    ledger.cancel(order.id)
    assert ledger.still_held({(order.id, order.attempt): message.lease}) == set()
    ledger.commit("pc-1", message.lease, [Outcome(order.id, order.attempt, "done", 0.1)])
    assert ledger.job(order.id)["state"] == "cancelled"
    assert server.zcard(keys.running("pc-1")) == 0

"""The drill: what it plans, what it touches, and that its verdict notices whatever went wrong.

Here the nodes are played by the test, on a real server with a real store; the real ones are in tests/integration.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from PIL import Image

from cluster import drill, keys, progress
from cluster.cli import main
from cluster.drill import CHAOS, ROUNDS, Exercise, Rescue, Round, leftovers, recovery, rescues
from cluster.faults import FAULTS, Fault, NotPossible, Planned, Site, draw, send
from cluster.lease import perform
from cluster.ledger import Outcome, WorkOrder
from cluster.limits import TimeLimit
from cluster.pictures import PIPELINES, pictures
from cluster.service import Cluster
from tests.cluster.ledgers import add_node

NODE = "pc-1"
PATIENCE = 20.0


# -- pictures and plans ---------------------------------------------------------------------------------------------


def test_pictures_are_all_different_and_the_same_for_a_seed() -> None:
    made = pictures(20, seed=7)
    assert len({picture.data for picture in made}) == 20
    assert len({picture.name for picture in made}) == 20
    assert {picture.pipeline for picture in made} == set(PIPELINES)
    assert pictures(20, seed=7) == made
    assert {picture.data for picture in pictures(5, seed=8)}.isdisjoint(picture.data for picture in made)


def test_what_is_expected_of_a_picture_is_its_own(tmp_path: Path) -> None:
    first, second = (picture for picture in pictures(10, seed=1) if picture.pipeline == ("sepia",))
    assert first.expected() == first.expected()
    assert first.expected() != second.expected()
    (tmp_path / "result.jpg").write_bytes(first.expected())
    with Image.open(tmp_path / "result.jpg") as result:
        assert result.format == "JPEG"


def test_a_plan_at_random_has_everything_in_it_and_is_the_same_for_a_seed() -> None:
    nodes = ["pc-1", "pc-2", "pc-3"]
    for seed in range(20):
        plan = draw(random.Random(seed), nodes, 60.0)
        assert plan == draw(random.Random(seed), nodes, 60.0)
        assert {one.fault.kind for one in plan} == set(FAULTS)
        assert [one.at for one in plan] == sorted(one.at for one in plan)
        assert all(0 <= one.at <= 60 for one in plan)
        assert all((one.fault.node in nodes) == (one.fault.kind in ("kill", "freeze", "child")) for one in plan)
        assert all(one.fault.seconds == 10 for one in plan if one.fault.kind == "freeze")
    assert len(draw(random.Random(1), nodes, 120.0)) == 20
    assert draw(random.Random(1), nodes, 60.0) != draw(random.Random(2), nodes, 60.0)


def test_every_kind_of_fault_has_a_round() -> None:
    assert set(ROUNDS) == set(FAULTS)
    assert {str(Fault(kind, "pc-1", 2.5)) for kind in FAULTS} == {
        "kill -9 of pc-1, away for 2.5 s",
        "pc-1 frozen for 2.5 s",
        "kill -9 of Redis, away for 2.5 s",
        "kill -9 of an image process of pc-1",
        "restart of every node, one after the other",
    }


# -- whose processes ------------------------------------------------------------------------------------------------

SLEEP = "import sys, time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process that looks like the Celery worker of that name, with that Redis in its environment."""
    started = []

    def run(name: str, redis_url: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "CUMULO_REDIS_URL": redis_url}
        process = subprocess.Popen(
            [sys.executable, "-c", SLEEP, "-n", name], env=env, stdout=subprocess.PIPE, process_group=0
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def test_only_processes_of_this_cluster_are_ever_touched(
    cluster: Cluster, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    site = Site(cluster, os.getpid())
    other = start(f"images@{NODE}", "redis://127.0.0.1:1/0")
    assert site.node_processes(NODE) == [], "it works for another cluster"
    own = start(f"images@{NODE}", cluster.settings.redis_url)
    monitor = start(f"monitor@{NODE}", cluster.settings.redis_url)
    assert [process.pid for process in site.node_processes(NODE)] == [own.pid, monitor.pid]
    assert Site(cluster, other.pid).node_processes(NODE) == [], "somebody else has started it"
    assert site.node_processes("pc-2") == []
    with pytest.raises(NotPossible, match="pc-2"):
        Fault("kill", "pc-2").on(site)

    steps = Fault("kill", NODE).on(site)
    next(steps, None)
    assert own.wait(PATIENCE) == monitor.wait(PATIENCE) == -signal.SIGKILL
    assert other.poll() is None


def test_a_redis_that_somebody_else_started_is_left_alone(cluster: Cluster) -> None:
    with pytest.raises(NotPossible, match="not started by this cluster"):
        Site(cluster, 2**22).server()
    cluster.ping()


def test_a_frozen_node_goes_on_when_the_drill_is_broken_off(
    cluster: Cluster, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    own = start(f"images@{NODE}", cluster.settings.redis_url)
    process = psutil.Process(own.pid)
    steps: Any = Fault("freeze", NODE, 600.0).on(Site(cluster, os.getpid()))
    next(steps)
    eventually(lambda: process.status() == psutil.STATUS_STOPPED)
    steps.close()
    eventually(lambda: process.status() != psutil.STATUS_STOPPED)
    assert own.poll() is None


def test_a_signal_goes_only_to_a_process_that_leads_its_group() -> None:
    member = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        assert not send(psutil.Process(member.pid), signal.SIGKILL), "its group is that of the tests"
    finally:
        member.kill()
        member.wait()


# -- the verdict ----------------------------------------------------------------------------------------------------


class Played(Site):
    """One node, whose work the test does itself; `after` may spoil it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        super().__init__(cluster, os.getpid())
        self._own = progress.Progress(folder)
        self._after: Callable[[Cluster, WorkOrder], None] = lambda *_: None

    def work(self, cluster: Cluster, order: WorkOrder) -> Outcome:
        return perform(cluster, order, TimeLimit(60.0, 180.0), self._own)

    def nodes(self) -> list[str]:
        return [NODE]

    def tick(self) -> None:
        cluster = self.cluster
        cluster.registry.keep_alive(NODE)
        cluster.registry.sample(NODE, {})
        for lease in cluster.redis.zrange(keys.waiting(NODE), 0, -1):
            ids = cluster.redis.smembers(keys.lease(lease))
            attempts = {job_id: int(cluster.redis.hget(keys.job(job_id), "attempt")) for job_id in ids}
            for order in cluster.ledger.claim(NODE, lease, attempts):
                cluster.ledger.commit(NODE, lease, [self.work(cluster, order)])
                self._after(cluster, order)
        cluster.dispatch()


@pytest.fixture
def site(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Played:
    monkeypatch.setattr(drill, "STALLED", 1.0)
    monkeypatch.setattr(drill, "SETTLED", 0.5)
    monkeypatch.setattr("cluster.pictures.SIZES", ((200, 150), (320, 240)))
    add_node(cluster.registry, NODE)
    return Played(cluster, tmp_path)


def exercise(site: Site, *plan: Planned) -> Round:
    said: list[str] = []
    found = Exercise(site, "test", pictures(8, seed=3), plan, spread=0.3, say=said.append).run()
    assert said
    return found


def spoil(site: Played, how: Callable[[Cluster, WorkOrder], None], name: str = "drill-0003.jpg") -> None:
    def after(cluster: Cluster, order: WorkOrder) -> None:
        if order.name == name:
            how(cluster, order)

    site._after = after


def test_a_round_in_which_all_is_well(site: Played) -> None:
    found = exercise(site)
    assert found.held, found.problems
    assert (found.jobs, found.results, found.duplicates, found.lost, found.wrong) == (8, 8, 0, 0, 0)
    assert found.recovered is None


def test_wrong_pixels_are_noticed(site: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = site.work

    def work(cluster: Cluster, order: WorkOrder) -> Outcome:
        if order.name == "drill-0003.jpg":
            order = WorkOrder(**{**{name: getattr(order, name) for name in order.__slots__}, "quality": 50})
        return honest(cluster, order)

    monkeypatch.setattr(site, "work", work)
    found = exercise(site)
    assert (found.results, found.wrong, found.held) == (8, 1, False)


def test_a_stored_result_that_is_not_what_the_ledger_says_is_noticed(site: Played) -> None:
    def overwrite(cluster: Cluster, order: WorkOrder) -> None:
        result = cluster.job_blob(order.id, "result")["sha256"]
        cluster.blob_path(result).write_bytes(b"something else")

    spoil(site, overwrite)
    found = exercise(site)
    assert (found.results, found.wrong, found.held) == (8, 1, False)


def test_a_second_commit_is_noticed(site: Played) -> None:
    def again(cluster: Cluster, order: WorkOrder) -> None:
        cluster.redis.rpush(keys.timeline(order.id), cluster.redis.lindex(keys.timeline(order.id), -1))

    spoil(site, again)
    found = exercise(site)
    assert (found.results, found.duplicates, found.held) == (8, 1, False)


def test_a_lost_record_is_noticed(site: Played) -> None:
    spoil(site, lambda cluster, order: cluster.redis.delete(keys.job(order.id)))
    found = exercise(site)
    assert (found.results, found.lost, found.held) == (7, 1, False)
    assert any("no record of job" in problem for problem in found.problems)


def test_a_job_that_nobody_finishes_is_lost(site: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = site.cluster.ledger.commit

    def forget(node: str, lease: str, outcomes: list[Any], **options: Any) -> Any:
        kept = [one for one in outcomes if site.cluster.ledger.record(one.id)["name"] != "drill-0003.jpg"]
        return commit(node, lease, kept, **options) if kept else []

    monkeypatch.setattr(site.cluster.ledger, "commit", forget)
    found = exercise(site)
    assert (found.results, found.lost, found.held) == (7, 1, False)
    assert f"{NODE} still has 1 jobs bound" in found.problems
    assert any("is running" in problem for problem in found.problems)
    assert any(problem.startswith("batch ") for problem in found.problems)


def test_a_lease_that_does_not_end_is_noticed(site: Played) -> None:
    spoil(site, lambda cluster, _: cluster.redis.zadd(keys.running(NODE), {"l-stray": 1}))
    found = exercise(site)
    assert found.problems == [f"{NODE} still has 1 leases running"]
    assert not found.held


def test_a_batch_that_counts_wrongly_is_noticed(site: Played) -> None:
    def miscount(cluster: Cluster, order: WorkOrder) -> None:
        cluster.redis.hincrby(keys.batch(cluster.ledger.record(order.id)["batch"]), "failed", 1)

    spoil(site, miscount)
    [problem] = exercise(site).problems
    assert "'failed': 1" in problem


def test_a_fault_that_came_too_late_is_no_proof(site: Played) -> None:
    found = exercise(site, Planned(0.0, Fault("kill")))
    assert not found.held
    assert found.problems == ["all pictures were done before anything could be broken: give it more (--jobs)"]


def test_a_restart_that_interrupts_a_job_is_noticed() -> None:
    jobs = [{"lost": 0}, {"lost": 1}]
    assert drill.interrupted(jobs, [active("rolling", None, 1.0)]) == ["the restarts interrupted 1 jobs"]
    assert drill.interrupted(jobs[:1], [active("rolling", None, 1.0)]) == []
    assert drill.interrupted(jobs, [active("rolling", None, 1.0), active("kill", "pc-1", 2.0)]) == []


def test_everything_that_is_left_is_named(cluster: Cluster) -> None:
    add_node(cluster.registry, NODE)
    assert leftovers(cluster, [NODE]) == []
    cluster.redis.zadd(keys.BACKLOG, {"j1": 1})
    cluster.redis.hset(keys.node_jobs(NODE), "j2", "l2")
    cluster.redis.zadd(keys.waiting(NODE), {"l2": 1})
    cluster.redis.hset(keys.worker(NODE), "work", 5)
    assert leftovers(cluster, [NODE]) == [
        "1 jobs wait",
        f"{NODE} still has 1 jobs bound",
        f"{NODE} still has 1 leases waiting",
        f"{NODE} still has 5 units of predicted work",
    ]
    assert leftovers(cluster, []) == [], "a cluster that others use as well"


# -- how long it took -----------------------------------------------------------------------------------------------


def active(kind: str, node: str | None, began: float, seconds: float = 0.0) -> Any:
    return drill._Active(Fault(kind, node, seconds), began, iter(()))


def told(*entries: tuple[float, str, str], state: str = "done") -> dict[str, Any]:
    timeline = [{"at": at, "event": event, "node": node, "detail": f"{node} died"} for at, event, node in entries]
    return {"state": state, "started_at": 107.5, "finished_at": 108.0, "timeline": timeline}


def test_a_rescue_is_told_in_its_parts() -> None:
    job = told(
        (100.0, "started", "pc-1"), (106.0, "rescued", "pc-1"), (107.25, "taken", "pc-2"), (108.0, "done", "pc-2")
    )
    [found] = rescues(
        job, [active("kill", "pc-2", 100.5), active("freeze", "pc-1", 90.0), active("kill", "pc-1", 101.0)]
    )
    assert found == Rescue("kill", detected=5.0, waited=1.25, work=0.5, total=7.0, why="pc-1 died")


def test_what_no_fault_of_ours_did_is_no_rescue() -> None:
    job = told((100.0, "started", "pc-1"), (106.0, "rescued", "pc-1"), (107.0, "started", "pc-2"))
    assert rescues(job, [active("kill", "pc-2", 101.0)]) == []
    assert rescues(job, [active("kill", "pc-1", 106.5)]) == []
    assert rescues({**job, "state": "running"}, [active("kill", "pc-1", 101.0)]) == []
    returned = told((100.0, "assigned", "pc-1"), (102.0, "returned", "pc-1"), (103.0, "started", "pc-2"))
    assert rescues(returned, [active("kill", "pc-1", 101.0)]) == []


def test_the_time_to_recover_is_that_of_the_first_result_that_was_delayed() -> None:
    found = [
        Rescue("kill", 5.0, 0.1, 0.2, 7.0, ""),
        Rescue("kill", 5.0, 0.1, 0.2, 5.3, ""),
        Rescue("child", 0.1, 0, 0.1, 0.2, ""),
    ]
    assert recovery([active("kill", "pc-1", 100.0), active("child", "pc-2", 103.0)], found, []) == 5.3
    assert recovery([active("redis", None, 100.0, seconds=3.0)], [], [99.0, 100.1, 104.5, 106.0]) == 4.5
    assert recovery([active("rolling", None, 100.0)], [], [101.0]) is None
    assert recovery([], [], [101.0]) is None


# -- the command ----------------------------------------------------------------------------------------------------


def test_an_unknown_round_is_refused() -> None:
    result = CliRunner().invoke(main, ["drill", "--rounds", "kill,flood"])
    assert result.exit_code == 2
    assert "flood" in result.output
    assert CHAOS in result.output


def test_chaos_is_not_let_loose_on_a_running_cluster() -> None:
    result = CliRunner().invoke(main, ["drill", "--here", "--rounds", CHAOS])
    assert result.exit_code == 2
    assert "needs a cluster of its own" in result.output


def test_here_needs_a_running_cluster() -> None:
    result = CliRunner().invoke(main, ["drill", "--here"])
    assert result.exit_code == 1
    assert "without --here" in result.output


def test_what_did_not_hold_fails_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Own:
        folder, keep = tmp_path, False

        def __enter__(self) -> Own:
            return self

        def __exit__(self, *_: object) -> None: ...

    own = Own()
    found = {
        "kill": Round("kill", jobs=5, results=5, recovered=5.25),
        "redis": Round("redis", jobs=5, results=4, lost=1, problems=["job j1 is running"]),
        "child": Round("child", skipped="no child here"),
    }
    monkeypatch.setattr("cluster.cli.drill.own_cluster", lambda nodes: own)
    monkeypatch.setattr("cluster.cli.drill.run_round", lambda site, name, *_, **__: found[name])
    good = CliRunner().invoke(main, ["drill", "--rounds", "kill,child", "--seed", "5"])
    assert good.exit_code == 0
    assert "5.2 s" in good.output
    assert "skipped: no child here" in good.output
    assert "--seed 5" in good.output
    assert not own.keep
    result = CliRunner().invoke(main, ["drill", "--rounds", "kill,redis"])
    assert result.exit_code == 1
    assert own.keep, "its logs are wanted now"
    assert "redis: job j1 is running" in result.output
    told = CliRunner().invoke(main, ["drill", "--rounds", "kill,redis", "--json"])
    assert told.exit_code == 1
    answer = json.loads(told.stdout)
    assert [one["held"] for one in answer["rounds"]] == [True, False]
    assert not answer["held"]

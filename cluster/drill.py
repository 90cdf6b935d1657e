"""Breaks a cluster on purpose while it works on real pictures, and says whether anything was lost, doubled or wrong."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kombu.exceptions import OperationalError

import filters
from cluster import keys, programs
from cluster.connection import reported
from cluster.cores import usable_cpus
from cluster.deaths import STARTED_ANEW
from cluster.errors import ClusterError, ClusterUnavailable, NotFound
from cluster.faults import SERVER, Fault, NotPossible, Planned, Site, draw
from cluster.home import Running
from cluster.network import free_port
from cluster.pictures import Picture, pictures
from cluster.service import Cluster
from cluster.settings import environment, load_settings
from cluster.supervisor import StartFailed, Supervisor

PORT = 6490  # the first one tried for a server of the drill's own
NODE = "drill"  # nodes are drill-1, drill-2, ...
MOST_LOST = 20  # a job that the drill has killed three times is no poison
PORTIONS = 10  # in which the jobs come, so that some are under way whenever something breaks
STALLED = 90.0  # seconds without a result, or anything broken, after which what is missing counts as lost
SETTLED = 20.0  # seconds for the last leases to end
TICK = 0.05

Say = Callable[[str], None]


# -- the cluster ----------------------------------------------------------------------------------------------------


class OwnCluster(Site):
    """Valkey, nodes and a monitor for each, in `folder`, started and tended by this process. Needs no web app.

    One per process: Celery's client reads its settings once.
    """

    def __init__(self, folder: Path, nodes: int) -> None:
        port = free_port("127.0.0.1", PORT)
        password = secrets.token_urlsafe(24)
        redis_url = f"redis://:{password}@127.0.0.1:{port}/0"
        store = folder / "images"
        _speak_to(redis_url=redis_url, data=folder, store=store, max_lost=MOST_LOST)
        super().__init__(Cluster(load_settings()), os.getpid())
        self.folder = folder
        self.keep = False
        logs = folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.names = [plan.name for plan in programs.plan_nodes(nodes, NODE)]
        found = [programs.redis_server(folder / "valkey", "127.0.0.1", port, password, self.answers)]
        for plan in programs.plan_nodes(nodes, NODE):
            found += [
                programs.image_worker(plan, redis_url, folder, str(store), partial(self.is_live, plan.name)),
                programs.monitor(plan.name, [plan.name], redis_url, folder, folder / "run"),
            ]
        self._supervisor = Supervisor(found, logs)

    def __enter__(self) -> OwnCluster:
        """Raises ClusterError, which names the program that did not start and its log."""
        try:
            self._supervisor.start()
        except StartFailed as error:
            raise ClusterError(str(error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._supervisor.stop()
        self.cluster.redis.close()

    def nodes(self) -> list[str]:
        return self.names

    def tick(self) -> None:
        held = {part for part, count in self._held.items() if count}
        self._supervisor.tend(
            [name for part in held for name in ([part] if part == SERVER else [f"images-{part}", f"monitor-{part}"])]
        )


def _speak_to(**settings: object) -> None:
    """Celery's client in this process will reach that cluster: it reads its settings from the environment."""
    os.environ.update(environment(**settings))


@contextlib.contextmanager
def own_cluster(nodes: int) -> Iterator[OwnCluster]:
    """A cluster in a temporary folder, removed at the end unless something went wrong: then its logs are wanted."""
    folder = Path(tempfile.mkdtemp(prefix="cumulo-drill-"))
    keep = True
    try:
        with OwnCluster(folder, nodes) as site:
            yield site
        keep = site.keep
    except (KeyboardInterrupt, SystemExit):
        keep = False  # broken off by somebody
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def running_cluster(running: Running, data: Path) -> Site:
    """The cluster of this PC that `cumulo up` runs: only the processes that it has started are ever touched."""
    _speak_to(redis_url=running.redis_url, data=data)
    return Site(Cluster(load_settings()), running.pid)


# -- one round ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rescue:
    """One job that was given to another node (or process) because of a fault; seconds."""

    fault: str
    detected: float  # from the fault until the job was taken from the dead
    waited: float  # from there until somebody worked on it
    work: float  # of the attempt that gave the result
    total: float  # from the fault to the result
    why: str  # as the job's timeline says it


@dataclass(slots=True)
class Round:
    """What one round found. `held` is the verdict."""

    name: str
    faults: list[str] = field(default_factory=list)  # in words, with the seconds since the work had begun
    jobs: int = 0
    results: int = 0
    duplicates: int = 0
    lost: int = 0
    wrong: int = 0
    recovered: float | None = None  # seconds from the first fault to the first result that it had delayed
    rescues: list[Rescue] = field(default_factory=list)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    skipped: str = ""  # why it could not be had

    @property
    def held(self) -> bool:
        return not self.problems and self.results == self.jobs and not (self.duplicates or self.lost or self.wrong)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "held": self.held}


@dataclass(slots=True)
class _Active:
    fault: Fault
    began: float  # by the server's clock
    steps: Iterator[None]


class Exercise:
    """Pictures given to the cluster in portions over `spread` seconds, and faults that come as planned meanwhile.

    With `alone` nobody else uses the cluster, so that nothing at all may be left in it at the end.
    """

    def __init__(
        self,
        site: Site,
        name: str,
        pictures: Sequence[Picture],
        plan: Sequence[Planned],
        spread: float,
        say: Say,
        *,
        alone: bool = True,
    ) -> None:
        self._site = site
        self._cluster = site.cluster
        self._alone = alone
        self._say = say
        self._plan = list(plan)
        self._planned = bool(plan)
        size = -(-len(pictures) // PORTIONS)
        self._portions = [
            (spread * at / PORTIONS, pictures[at * size : (at + 1) * size])
            for at in range(PORTIONS)
            if pictures[at * size : (at + 1) * size]
        ]
        self._retry_at = 0.0
        self._given: dict[str, Picture] = {}  # by job id
        self._batches: dict[str, int] = {}
        self._active: list[_Active] = []
        self._done: list[_Active] = []
        self._finished = 0
        self.round = Round(name, jobs=len(pictures))

    def run(self) -> Round:
        began = time.monotonic()
        try:
            self._work()
        finally:
            for one in self._active:
                one.steps.close()  # type: ignore[attr-defined]
        self._await_nodes()
        self.round.seconds = time.monotonic() - began
        self._judge()
        return self.round

    # -- while it works -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        offset = self._cluster.registry.clock() - time.time()
        begin: float | None = None  # when the first picture was being worked on
        alive_at = looked_at = time.monotonic()
        self._submit()
        while True:
            self._site.tick()
            now = time.monotonic()
            if now - looked_at > 0.25:
                looked_at = now
                if self._look(begin is not None):
                    begin = begin or now
                    alive_at = now
            if begin is not None:
                if self._portions and now - begin >= self._portions[0][0]:
                    self._submit()
                while self._plan and now - begin >= self._plan[0].at:
                    if not self._start(self._plan[0].fault, offset, now - begin):
                        break
                    self._plan.pop(0)
                    alive_at = now
            for one in list(self._active):
                if self._ended(one):
                    self._active.remove(one)
                    self._done.append(one)
                    alive_at = now
            if not (self._portions or self._plan or self._active) and self._finished == len(self._given):
                return
            if now - alive_at > STALLED:
                return
            time.sleep(TICK)

    def _submit(self) -> None:
        """Gives the next portion; what the cluster did not accept is offered again, as a client would."""
        if time.monotonic() < self._retry_at:
            return
        at, pictures = self._portions[0]
        for pipeline in dict.fromkeys(picture.pipeline for picture in pictures):
            group = [picture for picture in pictures if picture.pipeline == pipeline]
            try:
                uploads = [self._cluster.receive(io.BytesIO(one.data), one.name) for one in group]
                batch, ids = self._cluster.record(uploads, filters.parse_pipeline(pipeline), submitter="drill")
            except (ClusterError, OperationalError):
                self._retry_at = time.monotonic() + 0.5
                return
            self._given.update(zip(ids, group, strict=True))
            self._batches[batch] = len(ids)
            pictures = [picture for picture in pictures if picture.pipeline != pipeline]
            self._portions[0] = (at, pictures)
        self._portions.pop(0)

    def _look(self, begun: bool) -> bool:
        """Whether anything went on: a new result, or the first picture in somebody's hands."""
        try:
            states = self._states()
        except ClusterUnavailable:
            self._report("waiting for Redis")
            return False
        finished = sum(state in keys.FINISHED for state in states)
        went_on = finished > self._finished or (not begun and "running" in states)
        self._finished = finished
        self._report("; ".join(str(one.fault) for one in self._active) or "all well")
        return went_on

    def _report(self, what: str) -> None:
        self._say(f"{self.round.name}: {self._finished} of {self.round.jobs} done · {what}")

    def _states(self) -> list[str | None]:
        with reported():
            pipe = self._cluster.redis.pipeline(transaction=False)
            for job_id in self._given:
                pipe.hget(keys.job(job_id), "state")
            return list(pipe.execute())

    def _start(self, fault: Fault, offset: float, at: float) -> bool:
        """False if it is not possible now: it is tried again, until all pictures are done."""
        try:
            if fault.kind not in ("redis", "rolling") and fault.node is None:
                fault = Fault(fault.kind, self._site.busiest(self._site.nodes()), fault.seconds, fault.choice)
            steps = fault.on(self._site)
            began = time.time() + offset
            next(steps, None)
        except (NotPossible, ClusterUnavailable):
            return not self._portions and self._finished == len(self._given)  # then it comes to nothing
        self._active.append(_Active(fault, began, steps))
        self.round.faults.append(f"{at:.1f} s: {fault}")
        return True

    @staticmethod
    def _ended(one: _Active) -> bool:
        try:
            next(one.steps)
        except StopIteration:
            return True
        return False

    def _await_nodes(self) -> None:
        """Every node that was harmed works again, and in a cluster of our own nothing is bound to it any more."""
        until = time.monotonic() + STALLED
        while missing := [name for name in self._site.nodes() if not self._site.is_live(name)]:
            if time.monotonic() > until:
                self.round.problems.append(f"not back: {', '.join(missing)}")
                return
            self._site.tick()
            time.sleep(TICK)

    # -- the verdict --------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        found = self.round
        if self._planned and not found.faults:
            found.problems.append("all pictures were done before anything could be broken: give it more (--jobs)")
        jobs = []
        for job_id in self._given:
            try:
                jobs.append(self._cluster.job(job_id))
            except NotFound:
                found.problems.append(f"there is no record of job {job_id}, which was accepted")
        for job in jobs:
            commits = sum(entry["event"] == "done" for entry in job["timeline"])
            found.results += commits > 0
            found.duplicates += max(0, commits - 1)
            if job["state"] != "done":
                found.problems.append(f"job {job['id']} is {job['state']}" + (f": {job['error']}" * bool(job["error"])))
        found.lost = found.jobs - found.results
        with ThreadPoolExecutor(len(usable_cpus())) as pool:
            found.wrong = sum(pool.map(self._is_wrong, [job for job in jobs if job["state"] == "done"]))
        found.problems += interrupted(jobs, self._done) + self._left()
        found.rescues = [rescue for job in jobs for rescue in rescues(job, self._done)]
        found.recovered = recovery(
            self._done, found.rescues, [job["finished_at"] for job in jobs if job["finished_at"]]
        )

    def _is_wrong(self, job: dict[str, Any]) -> bool:
        expected = self._given[job["id"]].expected()
        if job["result"]["sha256"] != hashlib.sha256(expected).hexdigest():
            return True
        return self._cluster.store.get(job["result"]["sha256"]) != expected

    def _left(self) -> list[str]:
        """What the ledger still holds of this round, in words. Leases end a moment after their last commit."""
        until = time.monotonic() + SETTLED
        while (
            left := leftovers(self._cluster, self._site.nodes() if self._alone else ())
        ) and time.monotonic() < until:
            self._site.tick()
            time.sleep(TICK)
        return left + wrong_counts(self._cluster, self._batches)


def interrupted(jobs: Sequence[dict[str, Any]], faults: Sequence[_Active]) -> list[str]:
    """A restart in good order lets every job finish, or hands it back before it has begun."""
    hit = sum(job["lost"] > 0 for job in jobs)
    only_restarts = {one.fault.kind for one in faults} == {"rolling"}
    return [f"the restarts interrupted {hit} jobs"] if hit and only_restarts else []


def rescues(job: dict[str, Any], faults: Sequence[_Active]) -> list[Rescue]:
    """What the job's timeline says of being taken from a dead process, matched with the fault that did it."""
    if job["state"] != "done":
        return []
    found = []
    for at, entry in enumerate(job["timeline"]):
        guilty = [one for one in faults if one.fault.node == entry["node"] and one.began <= entry["at"]]
        again = [later["at"] for later in job["timeline"][at:] if later["event"] in ("started", "taken")]
        # What the dead had only claimed goes back without blame, and by another word.
        taken = entry["event"] == "rescued" or (entry["event"] == "returned" and STARTED_ANEW in entry["detail"])
        if taken and guilty and again:
            fault = max(guilty, key=lambda one: one.began)
            found.append(
                Rescue(
                    fault.fault.kind,
                    entry["at"] - fault.began,
                    again[0] - entry["at"],
                    job["finished_at"] - job["started_at"],
                    job["finished_at"] - fault.began,
                    entry["detail"],
                )
            )
    return found


def recovery(faults: Sequence[_Active], found: Sequence[Rescue], finished: Sequence[float]) -> float | None:
    """Seconds from the first fault to the first result that it had delayed; None where it delayed none."""
    if not faults:
        return None
    first = min(faults, key=lambda one: one.began)
    if first.fault.kind == "redis":
        back = first.began + first.fault.seconds
        return min((at - first.began for at in finished if at >= back), default=None)
    return min((one.total for one in found if one.fault == first.fault.kind), default=None)


def leftovers(cluster: Cluster, nodes: Sequence[str]) -> list[str]:
    """What the ledger still holds for these nodes, and waiting, in words; nothing once all work is over."""
    if not nodes:
        return []
    with reported():
        pipe = cluster.redis.pipeline(transaction=False)
        pipe.zcard(keys.BACKLOG)
        for node in nodes:
            pipe.hlen(keys.node_jobs(node))
            pipe.zcard(keys.waiting(node))
            pipe.zcard(keys.running(node))
            pipe.hget(keys.worker(node), "work")
        backlog, *counts = pipe.execute()
    left = [f"{backlog} jobs wait"] if backlog else []
    for at, node in enumerate(nodes):
        words = ("jobs bound", "leases waiting", "leases running", "units of predicted work")
        for count, what in zip(counts[4 * at : 4 * at + 4], words, strict=True):
            if int(count or 0):
                left.append(f"{node} still has {count} {what}")
    return left


def wrong_counts(cluster: Cluster, batches: dict[str, int]) -> list[str]:
    """Where a batch's own counts differ from what was given, in words."""
    wrong = []
    for batch, size in batches.items():
        with reported():
            record = cluster.redis.hgetall(keys.batch(batch))
            finished = cluster.redis.zcard(keys.batch_finished(batch))
        counts = {state: int(record.get(state, 0)) for state in keys.JOB_STATES}
        expected = {**dict.fromkeys(keys.JOB_STATES, 0), "done": size}
        if counts != expected or int(record.get("total", 0)) != size:
            wrong.append(f"batch {batch} of {size} counts {counts}")
        if finished != size:
            wrong.append(f"batch {batch} of {size} lists {finished} as finished")
    return wrong


# -- all rounds -----------------------------------------------------------------------------------------------------

AWAY = 10.0  # seconds that a killed or frozen node is away: its work must not wait for it
SERVER_AWAY = 3.0
ROUNDS: dict[str, tuple[Planned, ...]] = {
    "kill": (Planned(0.0, Fault("kill", seconds=AWAY)),),
    "freeze": (Planned(0.0, Fault("freeze", seconds=AWAY)),),
    "redis": (Planned(0.0, Fault("redis", seconds=SERVER_AWAY)),),
    "child": (Planned(0.0, Fault("child")),),
    "rolling": (Planned(0.0, Fault("rolling")),),
}
CHAOS = "chaos"  # all of them at random, overlapping
SPREAD = {"rolling": 20.0}  # seconds over which a round's pictures come
USUAL_SPREAD = 6.0
CHAOS_SECONDS = 0.15  # for each picture


def run_round(site: Site, name: str, jobs: int, seed: int, say: Say, *, alone: bool = True) -> Round:
    """One round by name, one of ROUNDS or CHAOS. Equal seeds give equal pictures and equal plans."""
    rng = random.Random(f"{seed} {name}")  # noqa: S311 - to be repeated, no secret
    if name == CHAOS:
        spread = max(20.0, CHAOS_SECONDS * jobs)
        plan: Sequence[Planned] = draw(rng, site.nodes(), spread)
    else:
        spread, plan = SPREAD.get(name, USUAL_SPREAD), ROUNDS[name]
        if name == "redis":
            try:
                site.server()
            except NotPossible as error:
                return Round(name, skipped=error.detail)
    return Exercise(site, name, pictures(jobs, rng.randrange(2**32)), plan, spread, say, alone=alone).run()

"""What can go wrong with a cluster's processes, done on purpose.

A fault is a generator: it does its harm, yields while it waits, and has undone what can be undone when it ends or is
closed. Whoever runs it calls `next` a few times a second, so several faults can overlap.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import psutil

from cluster.connection import reported
from cluster.errors import ClusterError, ClusterUnavailable
from cluster.service import Cluster
from cluster.settings import PREFIX

SERVER = "valkey"  # the name under which the supervisor knows the server
PATIENCE = 60.0  # seconds for a node to be live again
FAULTS = ("kill", "freeze", "redis", "child", "rolling")


class NotPossible(ClusterError):
    """This fault cannot be had on this cluster, or not now."""


class Site:
    """A cluster whose processes on this PC may be harmed: those that the process `parent` has started for it.

    Every process is looked up anew before it is touched, by its parent, its command line and its environment; psutil
    then sees to it that a process id which was given to another process meanwhile is not mistaken for it.
    """

    def __init__(self, cluster: Cluster, parent: int) -> None:
        self.cluster = cluster
        self._parent = parent
        self._held: Counter[str] = Counter()

    # -- whose processes -----------------------------------------------------------------------------------------

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._parent).children()
        except psutil.NoSuchProcess:
            return []

    def _worker(self, name: str) -> psutil.Process | None:
        """The Celery worker of that name (`images@pc-1`), None while it is not there."""
        for process in self._children():
            with contextlib.suppress(psutil.Error, OSError):
                if (
                    name in process.cmdline()
                    and process.environ().get(PREFIX + "REDIS_URL") == self.cluster.settings.redis_url
                ):
                    return process
        return None

    def node_processes(self, node: str) -> list[psutil.Process]:
        """The leaders of the node's process groups: its image worker, and its monitor where it has one of its own."""
        found = (self._worker(f"images@{node}"), self._worker(f"monitor@{node}"))
        return [process for process in found if process is not None]

    def pool(self, node: str) -> list[psutil.Process]:
        """The processes of the node that work on images."""
        worker = self._worker(f"images@{node}")
        if worker is None:
            return []
        with contextlib.suppress(psutil.Error):
            return [child for child in worker.children() if child.status() != psutil.STATUS_ZOMBIE]
        return []

    def server(self) -> psutil.Process:
        """Raises NotPossible where the server is not a process of this cluster."""
        with reported():
            pid = int(self.cluster.redis.info("server")["process_id"])
        for process in self._children():
            if process.pid == pid:
                return process
        raise NotPossible("its Redis was not started by this cluster")

    def nodes(self) -> list[str]:
        """The nodes whose processes are ours, by name."""
        rows = self.cluster.registry.rows()
        return [row.id for row in rows if self._worker(f"images@{row.id}")]

    # -- how they are -------------------------------------------------------------------------------------------

    def answers(self) -> bool:
        """Whether Redis does."""
        try:
            self.cluster.ping()
        except ClusterUnavailable:
            return False
        return True

    def is_live(self, node: str) -> bool:
        try:
            rows = self.cluster.registry.rows()
        except ClusterUnavailable:
            return False
        return any(row.id == node and row.state == "live" for row in rows)

    def busiest(self, nodes: Sequence[str]) -> str:
        """The node with the most messages. Raises NotPossible while none works."""
        rows = [row for row in self.cluster.registry.rows() if row.id in nodes and row.running]
        if not rows:
            raise NotPossible("no node works on anything yet")
        return max(rows, key=lambda row: (row.running + row.waiting, row.work)).id

    # -- who brings them back -----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def held(self, part: str) -> Iterator[None]:
        """While this lasts, that node (or SERVER) is not brought back, where we are the one who does it."""
        self._held[part] += 1
        try:
            yield
        finally:
            self._held[part] -= 1

    def tick(self) -> None:
        """To be called a few times a second: whoever is dead is brought back. `cumulo up` does that by itself."""


def send(process: psutil.Process, number: signal.Signals) -> bool:
    """The signal to a process group whose leader is that process; False if it is gone."""
    try:
        if not process.is_running() or os.getpgid(process.pid) != process.pid:
            return False
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError, psutil.Error):
        return False
    return True


def _pause(seconds: float) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def _until(holds: Callable[[], object], seconds: float = PATIENCE) -> Iterator[None]:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not holds():
        yield


@dataclass(frozen=True, slots=True)
class Fault:
    """`kind` is one of FAULTS; `node` None means the busiest one. `seconds` is how long it lasts, where it lasts.

    `choice` picks among a node's processes.
    """

    kind: str
    node: str | None = None
    seconds: float = 0.0
    choice: int = 0

    def __str__(self) -> str:
        node = self.node or "the busiest node"
        return {
            "kill": f"kill -9 of {node}, away for {self.seconds:g} s",
            "freeze": f"{node} frozen for {self.seconds:g} s",
            "redis": f"kill -9 of Redis, away for {self.seconds:g} s",
            "child": f"kill -9 of an image process of {node}",
            "rolling": "restart of every node, one after the other",
        }[self.kind]

    def on(self, site: Site) -> Iterator[None]:
        """Does it. Raises NotPossible before anything was done."""
        if self.kind == "redis":
            return _kill_server(site, self.seconds)
        if self.kind == "rolling":
            return _restart_all(site, site.nodes())
        if self.node is None:
            raise ValueError(f"{self.kind}: which node?")
        if self.kind == "child":
            return _kill_child(site, self.node, self.choice)
        processes = site.node_processes(self.node)
        if not processes:
            raise NotPossible(f"{self.node} has no process at the moment")
        act = _kill if self.kind == "kill" else _freeze
        return act(site, self.node, processes, self.seconds)


def _kill(site: Site, node: str, processes: Sequence[psutil.Process], away: float) -> Iterator[None]:
    with site.held(node):
        for process in processes:
            send(process, signal.SIGKILL)
        yield from _pause(away)
    yield from _until(lambda: site.is_live(node))


def _freeze(site: Site, node: str, processes: Sequence[psutil.Process], seconds: float) -> Iterator[None]:
    try:
        for process in processes:
            send(process, signal.SIGSTOP)
        yield from _pause(seconds)
    finally:
        for process in processes:
            send(process, signal.SIGCONT)
    yield from _until(lambda: site.is_live(node))


def _kill_server(site: Site, away: float) -> Iterator[None]:
    server = site.server()
    with site.held(SERVER):
        _kill_one(server)
        yield from _pause(away)
    yield from _until(site.answers)


def _kill_child(site: Site, node: str, choice: int) -> Iterator[None]:
    pool = site.pool(node)
    if not pool:
        raise NotPossible(f"{node} has no image process at the moment")
    _kill_one(pool[choice % len(pool)])
    yield


def _kill_one(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        raise NotPossible(f"process {process.pid} has just ended by itself") from None


def _restart_all(site: Site, nodes: Sequence[str]) -> Iterator[None]:
    """As an operator would: each is asked to end, finishes what it has in hand, and is live again before the next."""
    for node in nodes:
        yield from _until(partial(site.node_processes, node))
        asked = site.node_processes(node)
        for process in asked:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        yield from _until(partial(_is_back, site, node, {process.pid for process in asked}))


def _is_back(site: Site, node: str, former: set[int]) -> bool:
    """Live, and with other processes than those."""
    return site.is_live(node) and former.isdisjoint(process.pid for process in site.node_processes(node))


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault and when it comes, in seconds after the work has begun."""

    at: float
    fault: Fault


def draw(rng: random.Random, nodes: Sequence[str], seconds: float, every: float = 6.0) -> list[Planned]:
    """Faults at random over that time, about one `every` so many seconds, each kind at least once; they may overlap."""
    count = max(len(FAULTS), round(seconds / every))
    kinds = [*FAULTS, *rng.choices(("kill", "freeze", "child", "redis"), (3, 3, 3, 1), k=count - len(FAULTS))]
    planned = []
    for kind in kinds:
        length = {"kill": rng.uniform(0, 12), "freeze": 10.0, "redis": rng.uniform(0, 4)}.get(kind, 0.0)
        node = rng.choice(list(nodes)) if kind in ("kill", "freeze", "child") else None
        fault = Fault(kind, node, round(length, 1), rng.randrange(64))
        planned.append(Planned(round(rng.uniform(0, seconds), 1), fault))
    return sorted(planned, key=lambda one: one.at)

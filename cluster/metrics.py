"""What psutil says of this PC, as shares of what each node may use."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from cluster.service import Cluster

UNKNOWN_LINK_MBIT = 100
CHILDREN_SECONDS = 3.0  # how long a list of child processes is kept: walking /proc costs more than reading it


@dataclass(slots=True)
class _Tree:
    """CPU time of a worker's process tree."""

    pid: int
    listed_at: float = float("-inf")
    processes: dict[int, psutil.Process] = field(default_factory=dict)
    seen: dict[int, float] = field(default_factory=dict)

    def used(self, now: float) -> float:
        """CPU seconds that the tree used since the last call."""
        if now - self.listed_at > CHILDREN_SECONDS:
            self._list()
            self.listed_at = now
        used = 0.0
        for pid, process in list(self.processes.items()):
            try:
                times = process.cpu_times()
            except psutil.Error:
                del self.processes[pid]
                self.seen.pop(pid, None)
                self.listed_at = float("-inf")  # a child went: look for its successor next time
                continue
            total = times.user + times.system
            used += max(0.0, total - self.seen.get(pid, total))
            self.seen[pid] = total
        return used

    def _list(self) -> None:
        try:
            root = psutil.Process(self.pid)
            found = [root, *root.children(recursive=True)]
        except psutil.Error:
            found = []
        self.processes = {process.pid: self.processes.get(process.pid, process) for process in found}


class Sampler:
    """Keeps the counters between samples; one per process. The first sample after the start covers no time."""

    def __init__(self, data: str) -> None:
        self._data = data
        self._trees: dict[int, _Tree] = {}
        self._busy = self._cpu_times()
        self._net = psutil.net_io_counters(pernic=True)
        self._at = time.monotonic()

    @staticmethod
    def _cpu_times() -> list[tuple[float, float]]:
        """(busy, total) seconds of every core."""
        rows = []
        for times in psutil.cpu_times(percpu=True):
            # guest time is contained in user time already
            total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
            rows.append((total - times.idle - getattr(times, "iowait", 0.0), total))
        return rows

    def sample(self, nodes: dict[str, tuple[int, list[int]]]) -> dict[str, dict[str, Any]]:
        """Samples of the given nodes of this PC; `nodes` maps a name to (worker's pid, its cores)."""
        now = time.monotonic()
        window = max(now - self._at, 1e-3)
        busy = self._cpu_times()
        per_core = [
            100.0 * max(0.0, new[0] - old[0]) / max(new[1] - old[1], 1e-6)
            for new, old in zip(busy, self._busy, strict=False)
        ]
        network, network_bytes = self._network(window)
        memory = psutil.virtual_memory()
        shared = {
            "memory_usage": memory.percent,
            "memory_free": memory.available,
            "disk_usage": psutil.disk_usage(self._data).percent,
            "network_usage": round(network, 2),
            "network_bytes": int(network_bytes),
            "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else 0.0,
        }
        used = {name: self._tree(pid).used(now) / window for name, (pid, _) in nodes.items()}
        pids = {pid for pid, _ in nodes.values()}
        self._trees = {pid: tree for pid, tree in self._trees.items() if pid in pids}
        self._busy, self._at = busy, now

        samples = {}
        for name, (_, cpus) in nodes.items():
            mine = [per_core[cpu] for cpu in cpus if cpu < len(per_core)] or per_core
            # What every node of this PC uses on these cores is Cúmulo's own load, never foreign.
            ours = sum(
                used[other] * len(set(cpus) & set(theirs)) / max(1, len(theirs)) for other, (_, theirs) in nodes.items()
            )
            samples[name] = {
                **shared,
                "cpu_usage": round(sum(mine) / len(mine), 2),
                "own_cpu": round(min(100.0, 100.0 * used[name] / len(mine)), 2),
                "cumulo_cpu": round(min(100.0, 100.0 * ours / len(mine)), 2),
                "per_core": json.dumps([round(value, 1) for value in mine]),
            }
        return samples

    def _tree(self, pid: int) -> _Tree:
        return self._trees.setdefault(pid, _Tree(pid))

    def _network(self, window: float) -> tuple[float, float]:
        """The busiest interface: (percent of its speed, bytes per second), the larger of in and out."""
        counters = psutil.net_io_counters(pernic=True)
        links = psutil.net_if_stats()
        share, rate = 0.0, 0.0
        for name, new in counters.items():
            old = self._net.get(name)
            link = links.get(name)
            if old is None or link is None or not link.isup or name.startswith("lo"):
                continue
            moved = max(new.bytes_recv - old.bytes_recv, new.bytes_sent - old.bytes_sent, 0) / window
            capacity = (link.speed or UNKNOWN_LINK_MBIT) * 1e6 / 8
            if moved / capacity >= share:
                share, rate = moved / capacity, moved
        self._net = counters
        return min(100.0, 100.0 * share), rate


@lru_cache(maxsize=1)
def sampler(pid: int, data: str) -> Sampler:
    """This process's sampler; by process id because counters must not be shared through fork."""
    return Sampler(data)


def write_samples(cluster: Cluster, names: tuple[str, ...]) -> None:
    """Samples those of the named nodes whose worker has registered, and writes them."""
    known = {name: found for name in names if (found := cluster.registry.process_of(name))}
    data = cluster.settings.data
    samples = sampler(os.getpid(), str(data if data.exists() else data.anchor)).sample(known)
    skew = round(clock_skew(cluster), 3) if samples else 0.0
    for name, fields in samples.items():
        point = ",".join(str(fields[key]) for key in ("cpu_usage", "memory_usage", "disk_usage", "network_usage"))
        more = {"interval": cluster.settings.sample_interval, "clock_skew": skew}
        cluster.registry.sample(name, {**fields, **more}, point)


def clock_skew(cluster: Cluster) -> float:
    """Seconds that this PC's clock is ahead of the server's. Nothing depends on it; people read log files by it."""
    before = time.time()
    server = cluster.registry.clock()
    return (before + time.time()) / 2 - server


def sample_all(cluster: Cluster) -> None:
    write_samples(cluster, cluster.settings.monitored)

"""The nodes: what they report, which of them live, and the view of them that the policies get."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import redis

from cluster import keys
from cluster.connection import Scripts, reported, server_time
from cluster.errors import Conflict, NameTaken, UnknownNode
from cluster.ledger import UNITS, waiting_job
from cluster.scheduling import Node, State, Weights
from cluster.scheduling.decide import FEW
from cluster.scheduling.state import DEFAULT_WEIGHTS

STALE = 3.0  # seconds, or as many sampling intervals if that is longer
OFFLINE = 5.0
ALIVE_MS = 3000
MODES = ("active", "paused", "draining")
NAME_SECONDS = ALIVE_MS / 1000 + 0.5
"""After that a node's name is free if the process that held it is dead."""

_START = secrets.token_hex(4)  # PCs may share a host name, and containers process ids

POLICY_FIELDS = (
    "kind mode cpu_usage memory_usage disk_usage network_usage own_cpu cumulo_cpu memory_free cores speed "
    "last_heartbeat interval work failures failed_at"
).split()
"""What decisions need: read many times a second, so no more than that."""

ALL_FIELDS = [
    *POLICY_FIELDS,
    *"worker_id network_bytes concurrency host ip port load per_core tasks_processed version clock_skew".split(),
]


@dataclass(frozen=True)
class Row:
    """One node as Redis has it at the moment `now` (epoch seconds, the server's); `values` are those of `names`."""

    id: str
    waiting: int
    running: int
    jobs: int
    alive: bool
    active: bool
    now: float
    names: Sequence[str]
    values: Sequence[str | None]

    @cached_property
    def fields(self) -> Mapping[str, str]:
        return {name: value or "" for name, value in zip(self.names, self.values, strict=True)}

    def number(self, name: str, default: float = 0.0) -> float:
        try:
            value = float(self.fields.get(name) or default)
        except ValueError:
            return default
        return value if value == value and abs(value) != float("inf") else default

    @cached_property
    def standing(self) -> Standing:
        beat, interval = self.number("last_heartbeat"), self.number("interval", 1.0)
        return Standing(beat, min(max(1.0, interval), 60.0), self.fields["kind"], self.fields["mode"] or "active")

    @property
    def age(self) -> float:
        return max(0.0, self.now - self.standing.beat)

    @property
    def patience(self) -> float:
        """A slow sampler is not a dead one: limits are at least that many of its own intervals."""
        return self.standing.patience

    @property
    def state(self) -> str:
        return self.standing.state(self.now, self.active, self.alive)

    @property
    def work(self) -> float:
        """Predicted CPU seconds, at speed 1, of the jobs bound here."""
        return max(0.0, self.number("work")) / UNITS

    def view(self) -> dict[str, Any]:
        """The node as the API shows it."""
        fields = self.fields
        return {
            "worker_id": self.id,
            "state": self.state,
            "kind": fields.get("kind") or "celery",
            "cpu_usage": self.number("cpu_usage"),
            "memory_usage": self.number("memory_usage"),
            "disk_usage": self.number("disk_usage"),
            "network_usage": self.number("network_usage"),
            "own_cpu": self.number("own_cpu"),
            "network_bytes": self.number("network_bytes"),
            "cores": self.number("cores"),
            "concurrency": int(self.number("concurrency")),
            "speed": self.number("speed", 1.0),
            "host": fields.get("host") or "",
            "ip": fields.get("ip") or "",
            "port": int(self.number("port")),
            "load": self.number("load"),
            "per_core": json.loads(fields.get("per_core") or "[]"),
            "tasks_processed": int(self.number("tasks_processed")),
            "running": self.running,
            "waiting": self.waiting,
            "jobs": self.jobs,
            "work": self.work,
            "last_heartbeat": self.number("last_heartbeat"),
            "age": round(self.age, 3),
            "version": fields.get("version") or "",
            "clock_skew": self.number("clock_skew"),
        }

    def for_policy(self) -> Node:
        """The node as the policies see it; figures out of range are brought into it."""
        celery = self.standing.kind == "celery"
        return Node(
            id=self.id,
            cores=max(0.0, min(self.number("cores"), 1024.0)) if celery else 0.0,
            state=self.state if celery else "only watched",
            cpu=_share(self.number("cpu_usage")),
            own=_share(self.number("cumulo_cpu", self.number("own_cpu"))),
            speed=min(max(self.number("speed", 1.0), 0.05), 20.0),
            running=self.running,
            waiting=self.waiting,
            work=self.work,
            sampled_at=self.number("last_heartbeat"),
            memory_free=self.number("memory_free", 1e18),
            memory=_share(self.number("memory_usage")),
            network=_share(self.number("network_usage")),
            disk=_share(self.number("disk_usage")),
            failures=max(0, int(self.number("failures"))),
            failed_at=self.number("failed_at"),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """What a node's state depends on besides time: its last sample, how long one waits for the next, kind and mode."""

    beat: float
    patience: float
    kind: str
    mode: str

    def state(self, now: float, active: bool, alive: bool) -> str:
        age = now - self.beat
        if age > OFFLINE * self.patience or self.mode == "stopped":
            return "offline"
        if self.kind != "watched" and (not active or not alive):
            return "offline"
        if age > STALE * self.patience:
            return "stale"
        return "live" if self.mode == "active" else self.mode

    def due(self, now: float) -> float:
        """When it will be stale, or offline, if no sample comes; infinity once it is."""
        for limit in (STALE, OFFLINE):
            if now - self.beat <= limit * self.patience:
                return self.beat + limit * self.patience
        return float("inf")


@dataclass(frozen=True, slots=True)
class View:
    """The active nodes at one `version` of them, as the policies see them. Never changed, so threads may share it."""

    version: int = -1
    standings: Mapping[str, Standing] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()  # those whose image worker gives no sign of life
    due: float = 0.0  # when one of them gets another state only by growing older, epoch seconds
    state: State = field(default_factory=State)

    def updated(self, version: int, now: float, rows: Sequence[Row], silent: frozenset[str]) -> View:
        """The view in which `rows` are new, at the time `now`; those that are not active are gone."""
        fresh = [row for row in rows if row.active]
        changed = {row.id: row.for_policy() for row in fresh}
        gone = {row.id for row in rows if not row.active and row.id in self.standings}
        standings = {name: standing for name, standing in self.standings.items() if name not in gone}
        came = changed.keys() - standings.keys()
        standings.update((row.id, row.standing) for row in fresh)
        grown = now >= self.due
        for name in standings.keys() if grown else (self.silent ^ silent) & standings.keys():
            if name not in changed and standings[name].kind == "celery":
                node = self.state.nodes[self.state.position[name]]
                standing = standings[name].state(now, True, name not in silent)
                if node.state != standing:
                    changed[name] = replace(node, state=standing)
        due = min(
            (standings[name].due(now) for name in (standings if grown else changed)),
            default=float("inf"),
        )
        state = self.state
        if came or gone:
            kept = {node.id: node for node in state.nodes if node.id not in gone} | changed
            state = State(tuple(kept[name] for name in sorted(kept)))
        elif changed:
            state = state.with_nodes(list(changed.values()))
        if len(state.nodes) > FEW:
            _ = state.columns  # worked out here, every state made of this one carries it
        return View(version, standings, silent, due if grown else min(due, self.due), state)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one placement needs, read in one step. `now` is epoch seconds on the server's clock."""

    now: float
    policy: str
    state: State

    @property
    def cores(self) -> float:
        """Cores of the nodes that work."""
        return sum(node.cores for node in self.state.nodes if node.state == "live")


def _weights(text: str) -> Weights:
    """As an operator set them; the default where nobody did, or where they are of another version."""
    try:
        return Weights(**json.loads(text)) if text else DEFAULT_WEIGHTS
    except (TypeError, ValueError):
        return DEFAULT_WEIGHTS


def _share(percent: float) -> float:
    return min(max(percent, 0.0), 100.0) / 100.0


def _me() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}, {_START}"


class Nodes:
    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._redis = client
        self._scripts = scripts
        self._view = View()

    def snapshot(self) -> Snapshot:
        """The active nodes by name, with what decisions need. Of them only those are read that have changed since the
        last snapshot of this process."""
        known = self._view
        while True:
            now, version, backlog, since, policy, turn, weights, adapted, head, active, silent, changed = (
                self._scripts.run("snapshot", known.version, *POLICY_FIELDS)
            )
            at = float(now)
            quiet = frozenset(silent)
            rows = [
                Row(name, waiting, running, 0, name not in quiet, bool(is_active), at, POLICY_FIELDS, values)
                for name, is_active, waiting, running, *values in changed
            ]
            view = known.updated(version, at, rows, quiet)
            if len(view.standings) == active:
                break
            known = View()  # one left without a trace: all of them anew
        if version >= self._view.version or known.version < 0:
            self._view = view
        state = view.state.but(
            backlog=backlog,
            turn=int(turn),
            head=(waiting_job(head[0], head[1:]),) if head else (),
            weights=_weights(weights),
            adapted=adapted,
            waiting_since=float(since),
        )
        return Snapshot(at, policy, state)

    def rows(self) -> list[Row]:
        """Every known node with all there is, by name."""
        now, found = self._scripts.run("nodes", *ALL_FIELDS)
        at = float(now)
        rows = [
            Row(name, waiting, running, jobs, bool(alive), bool(active), at, ALL_FIELDS, values)
            for name, active, alive, waiting, running, jobs, *values in found
        ]
        return sorted(rows, key=lambda row: row.id)

    def row(self, node: str) -> Row:
        for row in self.rows():
            if row.id == node:
                return row
        raise UnknownNode(f"there is no node {node!r}")

    def sample(self, node: str, fields: Mapping[str, object], point: str = "") -> float:
        """Writes a sample; the time is the server's. `point` is its line in the history, without the time."""
        flat = [str(part) for pair in fields.items() for part in pair]
        return float(self._scripts.run("sample", node, point, *flat))

    def register(self, node: str, fields: Mapping[str, object]) -> None:
        """A worker of this node has started. A node that was stopped works again; paused and draining stay so.

        Raises NameTaken as `keep_alive` does.
        """
        self.keep_alive(node, starting=True)
        self._scripts.run("start", node)
        self.sample(node, {"worker_id": node, "kind": "celery", **fields})

    def is_calibrated(self, node: str) -> bool:
        """Whether the node has measured itself once; what it is worth has been learned since."""
        with reported():
            return bool(self._redis.hexists(keys.worker(node), "calibrated"))

    def calibrated(self, node: str, speed: float) -> None:
        """What the node has found: the speed of one of its cores."""
        with reported():
            self._redis.hset(keys.worker(node), mapping={"calibrated": speed, "speed": speed})

    def process_of(self, node: str) -> tuple[int, list[int]] | None:
        """(pid, cores) of the node's image worker, None before it has registered."""
        with reported():
            pid, cpus = self._redis.hmget(keys.worker(node), "pid", "cpus")
        return (int(pid), json.loads(cpus)) if pid and cpus else None

    def keep_alive(self, node: str, *, starting: bool = False) -> float:
        """Renews the liveness key; returns the epoch seconds of the node's last sample, 0 if none.

        Raises NameTaken while another process holds the name. One that has said goodbye gives way to one that starts.
        """
        holder, sampled_at = self._scripts.run("hold", node, _me(), ALIVE_MS, "1" if starting else "0")
        if holder:
            raise NameTaken(
                f"a node named {node} runs already ({holder.rpartition(', ')[0]}); choose another name with --name "
                "or CUMULO_NODE"
            )
        return float(sampled_at)

    def refuse_taken(self, nodes: Sequence[str]) -> None:
        """Raises NameTaken if one of the nodes runs. Of one that was killed it waits until it is known to be dead."""
        until = time.monotonic() + NAME_SECONDS
        while taken := [row for row in self.rows() if row.id in nodes and row.state != "offline"]:
            if time.monotonic() > until:
                row = taken[0]
                raise NameTaken(
                    f"a node named {row.id} is {row.state} on {row.fields['host']}; choose another name with --name "
                    "or CUMULO_NODE"
                )
            time.sleep(0.1)

    def holds(self, node: str) -> bool:
        """Whether nobody else holds the node's name."""
        with reported():
            return self._redis.get(keys.alive(node)) in (None, _me())

    def clock(self) -> float:
        """The server's time, epoch seconds."""
        return server_time(self._redis)

    def stop(self, node: str) -> None:
        """The node says goodbye: it gets nothing more and shows as offline at once.

        While it gives signs of life it may finish what it has in hand; without them its jobs are given to others.
        """
        self._scripts.run("stop", node, _me(), ALIVE_MS)

    def gone(self, node: str) -> None:
        """The last process of a stopped node has ended."""
        self._scripts.run("leave", node, _me())

    def mark_offline(self, node: str, why: str, *, patience: float = 1.0) -> bool:
        """Takes the node off the active set if it still looks dead; True if it went."""
        return bool(self._scripts.run("offline", node, OFFLINE * patience, why))

    def set_mode(self, node: str, mode: str) -> None:
        """What an operator wants of it; the mode that it has already is no change. Raises UnknownNode, Conflict."""
        row = self.row(node)
        if row.fields.get("kind") == "watched":
            raise Conflict(f"node {node} is only watched: it never gets work")
        # The script looks again: the node may say goodbye, or be forgotten, at this moment.
        before = "stopped" if row.state == "offline" else self._scripts.run("mode", node, mode)
        if not before:
            raise UnknownNode(f"there is no node {node!r}")
        if before == "stopped":
            raise Conflict(f"node {node} is offline; start it first")

    def forget(self, node: str) -> None:
        answer = int(self._scripts.run("forget", node))
        if answer < 0:
            raise UnknownNode(f"there is no node {node!r}")
        if answer == 0:
            raise Conflict(f"node {node} is not offline; stop it first")

    def history(self, node: str, seconds: int) -> list[dict[str, float]]:
        """Samples of the last `seconds` (10 minutes at most), oldest first; percent."""
        self.row(node)
        with reported():
            lines = self._redis.lrange(keys.history(node), 0, 599)
        now = self.clock()
        points = []
        for line in reversed(lines):
            t, cpu, memory, disk, network = json.loads(line)
            if t >= now - seconds:
                points.append({"t": t, "cpu": cpu, "memory": memory, "disk": disk, "network": network})
        return points

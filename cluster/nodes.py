"""The nodes: what they report, which of them live, and the view of them that the policies get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import redis

from cluster import keys
from cluster.connection import Scripts, reported
from cluster.errors import Conflict, UnknownNode
from cluster.ledger import UNITS, waiting_job
from cluster.scheduling import Job, Node, State, Weights
from cluster.scheduling.state import DEFAULT_WEIGHTS

STALE = 3.0  # seconds, or as many sampling intervals if that is longer
OFFLINE = 5.0
ALIVE_MS = 3000
FAREWELL = 60  # seconds
MODES = ("active", "paused", "draining")

POLICY_FIELDS = (
    "kind mode cpu_usage memory_usage disk_usage network_usage own_cpu cumulo_cpu memory_free cores speed "
    "last_heartbeat interval work failures failed_at"
).split()
"""What decisions need: read many times a second, so no more than that."""

ALL_FIELDS = [
    *POLICY_FIELDS,
    *"worker_id network_bytes concurrency host ip port load per_core tasks_processed version".split(),
]


@dataclass(frozen=True)
class Row:
    """One node as Redis has it at the moment `now` (epoch seconds, the server's); `values` are those of `names`."""

    id: str
    waiting: int
    running: int
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
            "work": self.work,
            "last_heartbeat": self.number("last_heartbeat"),
            "age": round(self.age, 3),
            "version": fields.get("version") or "",
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


class Reading:
    """Rows as the nodes that the policies see. Most figures stay the same between two placements: they are kept."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Sequence[str | None], Standing, Node]] = {}

    def node(self, row: Row) -> Node:
        known = self._known.get(row.id)
        if known is None or known[0] != row.values:
            node = row.for_policy()
            self._known[row.id] = row.values, row.standing, node
            return node
        _, standing, node = known
        state = standing.state(row.now, row.active, row.alive) if standing.kind == "celery" else node.state
        if (node.state, node.running, node.waiting) != (state, row.running, row.waiting):
            node = replace(node, state=state, running=row.running, waiting=row.waiting)
            self._known[row.id] = row.values, standing, node
        return node


@dataclass(frozen=True)
class Snapshot:
    """All that one placement needs, read in one step."""

    now: float
    backlog: int
    policy: str
    turn: int
    rows: tuple[Row, ...]
    reading: Reading
    weights: Weights = DEFAULT_WEIGHTS
    adapted: str = ""
    head: tuple[Job, ...] = ()  # the first job of the backlog, if there is one

    @cached_property
    def state(self) -> State:
        nodes = tuple(map(self.reading.node, self.rows))
        return State(nodes, self.backlog, self.turn, self.head, self.weights, self.adapted)

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


class Nodes:
    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._redis = client
        self._scripts = scripts
        self._reading = Reading()

    def snapshot(self, *, all_known: bool = False) -> Snapshot:
        """The active nodes with what decisions need of them, or every known one with all there is; by name."""
        which, fields = (keys.KNOWN, ALL_FIELDS) if all_known else (keys.ACTIVE, POLICY_FIELDS)
        now, backlog, policy, turn, weights, adapted, head, found, alive, active = self._scripts.run(
            "snapshot", which, *fields
        )
        live, at = set(active), float(now)
        rows = [
            Row(node, waiting, running, sign is not None, not all_known or node in live, at, fields, row)
            for (*row, node, waiting, running), sign in zip(found, alive, strict=True)
        ]
        rows.sort(key=lambda row: row.id)
        return Snapshot(
            at,
            int(backlog),
            policy,
            int(turn),
            tuple(rows),
            self._reading,
            _weights(weights),
            adapted,
            (waiting_job(head[0], head[1:]),) if head else (),
        )

    def row(self, node: str) -> Row:
        for row in self.snapshot(all_known=True).rows:
            if row.id == node:
                return row
        raise UnknownNode(f"there is no node {node!r}")

    def sample(self, node: str, fields: Mapping[str, object], point: str = "") -> float:
        """Writes a sample; the time is the server's. `point` is its line in the history, without the time."""
        flat = [str(part) for pair in fields.items() for part in pair]
        return float(self._scripts.run("sample", node, point, *flat))

    def register(self, node: str, fields: Mapping[str, object]) -> None:
        """A worker of this node has started. A node that was stopped works again; paused stays paused."""
        with reported():
            self.keep_alive(node)
            if self._redis.hget(keys.worker(node), "mode") in (None, "stopped"):
                self._redis.hset(keys.worker(node), "mode", "active")
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

    def keep_alive(self, node: str) -> float:
        """Renews the liveness key; returns the epoch seconds of the node's last sample, 0 if none."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(keys.alive(node), "1", px=ALIVE_MS)
            pipe.hget(keys.worker(node), "last_heartbeat")
            return float(pipe.execute()[1] or 0)

    def clock(self) -> float:
        """The server's time, epoch seconds."""
        with reported():
            seconds, micros = self._redis.time()
        return float(seconds) + float(micros) / 1e6

    def stop(self, node: str) -> None:
        """The node says goodbye: it gets nothing more and shows as offline at once.

        It may finish what it has in hand for a minute; after that its jobs are given to others.
        """
        self._scripts.run("mode", node, "stopped", "stopped")
        with reported():
            self._redis.set(keys.alive(node), "1", ex=FAREWELL)
            self._redis.srem(keys.ACTIVE, node)

    def gone(self, node: str) -> None:
        """The last process of a stopped node has ended."""
        with reported():
            self._redis.delete(keys.alive(node))

    def mark_offline(self, node: str, why: str, *, patience: float = 1.0) -> bool:
        """Takes the node off the active set if it still looks dead; True if it went."""
        return bool(self._scripts.run("offline", node, OFFLINE * patience, why))

    def set_mode(self, node: str, mode: str) -> None:
        row = self.row(node)
        if row.fields.get("kind") == "watched":
            raise Conflict(f"node {node} is only watched: it never gets work")
        if row.fields.get("mode") == "stopped":
            raise Conflict(f"node {node} is offline; start it first")
        self._scripts.run("mode", node, mode, "live" if mode == "active" else mode)

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

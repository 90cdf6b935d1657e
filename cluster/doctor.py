"""What `cumulo doctor` looks at, and what it says about it. `gather` reads, `examine` judges and touches nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import httpx
import psutil
from redis.exceptions import RedisError

from cluster import keys
from cluster.errors import ClusterError
from cluster.home import Running
from cluster.service import BLOBS, Cluster
from cluster.version import __version__

Level = Literal["ok", "warning", "problem"]

OLDEST_REDIS = (6, 2)
CLOCK = 2.0  # seconds of skew that confuse whoever compares log files
FULL = 0.9  # share of Redis's memory limit
LOW_DISK, NO_DISK = 2 * 2**30, 256 * 2**20  # bytes
LEADER_SECONDS = 3.0  # to wait for one
TIMEOUT = 5.0  # seconds for a page to answer


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on the volume of a folder that the cluster uses; bytes."""

    what: str
    path: str
    free: int


@dataclass(frozen=True, slots=True)
class Page:
    """A web page that should answer; `error` is empty where it did."""

    what: str
    url: str
    error: str = ""


@dataclass(frozen=True)
class Facts:
    """What was found. Without `server`, Redis did not answer, and `trouble` says why."""

    redis: str  # its address, without password
    trouble: str = ""
    server: Mapping[str, Any] = field(default_factory=dict)  # INFO
    nodes: Sequence[Mapping[str, Any]] = ()  # as the API shows them
    leader: str = ""
    backlog: int = 0
    queues: Mapping[str, int] = field(default_factory=dict)  # messages in the queue of each node that has any
    disks: Sequence[Disk] = ()
    pages: Sequence[Page] = ()
    version: str = __version__
    started_here: bool = True  # `cumulo up` runs from the data folder


@dataclass(frozen=True, slots=True)
class Finding:
    """One line for people: what was looked at, how it is, and what to do about it."""

    check: str
    level: Level
    found: str
    advice: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


# -- judging --------------------------------------------------------------------------------------------------------


def examine(facts: Facts) -> list[Finding]:
    found = [*_disks(facts), *_pages(facts)]
    if not facts.server:
        start = "look at logs/valkey.log in the data folder, and whether `cumulo up` still runs"
        if not facts.started_here:
            start = "start it: `cumulo up` brings its own, or give the address of yours in CUMULO_REDIS_URL"
        return [Finding("Redis", "problem", f"{facts.redis}: {facts.trouble}", start), *found]
    checks = (_version, _persistence, _eviction, _memory, _nodes, _leader, _clocks, _versions, _backlog, _queues)
    return [finding for check in checks for finding in check(facts)] + found


def _version(facts: Facts) -> Iterator[Finding]:
    # Valkey says in redis_version with which Redis it is compatible.
    text = str(facts.server.get("redis_version", ""))
    own = facts.server.get("valkey_version")
    name = f"Valkey {own}" if own else f"Redis {text}"
    numbers = tuple(map(int, re.findall(r"\d+", text)[:2]))
    if numbers < OLDEST_REDIS:
        yield Finding("Redis version", "problem", name, "Cúmulo needs Redis 6.2 or newer, or Valkey: update the server")
    else:
        yield Finding("Redis version", "ok", f"{name} at {facts.redis}")


def _persistence(facts: Facts) -> Iterator[Finding]:
    server = facts.server
    if int(server.get("loading", 0)):
        yield Finding("persistence", "warning", "Redis is still reading its file", "wait until it has loaded")
    if not int(server.get("aof_enabled", 0)):
        yield Finding(
            "persistence",
            "problem",
            "no append-only file: if Redis dies, jobs that were accepted are lost",
            "run `redis-cli config set appendonly yes`, and write it into redis.conf",
        )
        return
    failed = [
        name
        for name, field_name in (("write", "aof_last_write_status"), ("rewrite", "aof_last_bgrewrite_status"))
        if server.get(field_name, "ok") != "ok"
    ]
    if failed:
        yield Finding(
            "persistence",
            "problem",
            f"the last {' and '.join(failed)} of the append-only file failed",
            "look at the server's log; most often its disk is full",
        )
    else:
        yield Finding("persistence", "ok", "append-only file, last write ok")


def _eviction(facts: Facts) -> Iterator[Finding]:
    policy = str(facts.server.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        yield Finding(
            "eviction policy",
            "problem",
            f"{policy}: Redis may throw jobs away when its memory is full",
            "run `redis-cli config set maxmemory-policy noeviction`, and write it into redis.conf",
        )
    else:
        yield Finding("eviction policy", "ok", policy)


def _memory(facts: Facts) -> Iterator[Finding]:
    used, most = int(facts.server.get("used_memory", 0)), int(facts.server.get("maxmemory", 0))
    if not most:
        yield Finding("memory", "ok", f"Redis uses {size(used)}, without a limit of its own")
    elif used >= FULL * most:
        yield Finding(
            "memory",
            "problem" if used >= most else "warning",
            f"Redis uses {size(used)} of {size(most)}: at the limit nothing more is accepted",
            "raise `maxmemory`, or keep finished jobs for a shorter time",
        )
    else:
        yield Finding("memory", "ok", f"Redis uses {size(used)} of {size(most)}")


def _workers(facts: Facts) -> list[Mapping[str, Any]]:
    """Nodes that can work; machines that are only watched are none."""
    return [node for node in facts.nodes if node["kind"] == "celery"]


def _named(nodes: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(node["worker_id"]) for node in nodes)


def _nodes(facts: Facts) -> Iterator[Finding]:
    by_state: dict[str, list[Mapping[str, Any]]] = {}
    for node in _workers(facts):
        by_state.setdefault(node["state"], []).append(node)
    if live := by_state.get("live"):
        cores = sum(node["cores"] for node in live)
        yield Finding("nodes", "ok", f"{len(live)} live with {cores:g} cores: {_named(live)}")
    else:
        resumable = by_state.get("paused") or by_state.get("draining")
        yield Finding(
            "nodes",
            "problem",
            "no node is live: nothing is processed",
            f"resume {_named(resumable)} on the Cluster page" if resumable else "start one: `cumulo worker`",
        )
    if stale := by_state.get("stale"):
        yield Finding(
            "nodes",
            "warning",
            f"no recent sample of {_named(stale)}",
            "is its monitor running, and the PC neither asleep nor cut off?",
        )
    if offline := by_state.get("offline"):
        yield Finding(
            "nodes",
            "warning",
            f"offline: {_named(offline)}",
            "start `cumulo worker` there, or forget the node (DELETE /api/v1/nodes/ID)",
        )
    full = [node for node in _workers(facts) if node["state"] != "offline" and node["disk_usage"] >= 97]
    if full:
        yield Finding("nodes", "warning", f"the disk is nearly full on {_named(full)}", "make room there")


def _leader(facts: Facts) -> Iterator[Finding]:
    if facts.leader:
        yield Finding("leader", "ok", f"the monitor {facts.leader} does the chores")
    elif any(node["state"] != "offline" for node in _workers(facts)):
        yield Finding(
            "leader",
            "problem",
            "no monitor does the cluster's chores: the work of a node that dies would wait for ever",
            "run one beside a node: `cumulo worker` does, or "
            "`celery -A cluster worker -n monitor@PC -Q monitor.PC -P solo -B`",
        )


def _clocks(facts: Facts) -> Iterator[Finding]:
    known = [node for node in _workers(facts) if node["state"] != "offline"]
    wrong = [node for node in known if abs(node["clock_skew"]) > CLOCK]
    if wrong:
        how = ", ".join(f"{node['worker_id']} by {node['clock_skew']:+.1f} s" for node in wrong)
        yield Finding(
            "clocks",
            "warning",
            f"differ from that of Redis: {how}",
            "set them by NTP (`timedatectl set-ntp true`); work is not affected, but log files will not fit together",
        )
    elif known:
        worst = max(abs(node["clock_skew"]) for node in known)
        yield Finding("clocks", "ok", f"all within {worst:.2f} s of that of Redis")


def _versions(facts: Facts) -> Iterator[Finding]:
    known = [node for node in _workers(facts) if node["state"] != "offline"]
    other = [node for node in known if node["version"] != facts.version]
    if other:
        how = ", ".join(f"{node['worker_id']} {node['version'] or 'unknown'}" for node in other)
        yield Finding(
            "versions",
            "warning",
            f"here {facts.version}; {how}",
            "install the same version of Cúmulo everywhere and restart the nodes one by one",
        )
    elif known:
        yield Finding("versions", "ok", f"{facts.version} everywhere")


def _backlog(facts: Facts) -> Iterator[Finding]:
    if facts.backlog and not any(node["state"] == "live" for node in _workers(facts)):
        yield Finding(
            "backlog", "problem", f"{facts.backlog} jobs wait and nobody works on them", "start or resume a node"
        )
    else:
        yield Finding("backlog", "ok", f"{facts.backlog} jobs wait")


def _queues(facts: Facts) -> Iterator[Finding]:
    at_work = {node["worker_id"] for node in _workers(facts) if node["state"] != "offline"}
    for node, count in sorted(facts.queues.items()):
        if node not in at_work:
            yield Finding(
                "queues",
                "warning",
                f"{count} messages for {node}, where nobody reads them; their jobs were given to others",
                f"they are dropped when {node} comes back; if it never does: `redis-cli del {keys.queue(node)}`",
            )


def _disks(facts: Facts) -> Iterator[Finding]:
    for disk in facts.disks:
        text = f"{size(disk.free)} free for {disk.what} ({disk.path})"
        if disk.free < LOW_DISK:
            level: Level = "problem" if disk.free < NO_DISK else "warning"
            yield Finding("disk", level, text, "make room, or move the folder to a larger disk (CUMULO_DATA)")
        else:
            yield Finding("disk", "ok", text)


def _pages(facts: Facts) -> Iterator[Finding]:
    for page in facts.pages:
        if page.error:
            log = "flower" if page.what == "Flower" else "web"
            level: Level = "warning" if page.what == "Flower" else "problem"  # images need no Flower
            yield Finding(page.what, level, f"{page.url}: {page.error}", f"look at logs/{log}.log in the data folder")
        else:
            yield Finding(page.what, "ok", f"{page.url} answers")


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


# -- gathering ------------------------------------------------------------------------------------------------------


def gather(cluster: Cluster, running: Running | None) -> Facts:
    """Reads what can be read; `running` is the cluster that `cumulo up` runs from the data folder, if it does."""
    settings = cluster.settings
    data = settings.data.absolute()
    disks, pages = [_disk("the data folder", data)], []
    if running is not None:
        pages.append(_page("web page", running.url, "/readyz"))
    if flower := (running.flower_url if running is not None else settings.flower_url):
        pages.append(_page("Flower", flower, "/healthcheck"))
    redis = re.sub(r"//.*@", "//", settings.redis_url)
    try:
        server = cluster.redis.info()
        nodes = cluster.nodes()
        store = settings.store or cluster.redis.hget(keys.CLUSTER, "store_path") or ""
        leader = _leader_now(cluster)
        backlog = cluster.redis.zcard(keys.BACKLOG)
        queues = _queue_lengths(cluster)
    except (ClusterError, RedisError) as error:
        trouble = error.detail if isinstance(error, ClusterError) else str(error)
        return Facts(redis, trouble, disks=disks, pages=pages, started_here=running is not None)
    if store and not store.startswith("http") and Path(store) != data / BLOBS and Path(store).is_dir():
        disks.append(_disk("images", Path(store)))
    return Facts(redis, "", server, nodes, leader, backlog, queues, disks, pages, started_here=running is not None)


def _leader_now(cluster: Cluster) -> str:
    """The lease lasts 2 s and is renewed every second: one look may fall between two leaders."""
    until = time.monotonic() + LEADER_SECONDS
    while not (leader := str(cluster.redis.get(keys.LEADER) or "")) and time.monotonic() < until:
        time.sleep(0.1)
    return leader


def _queue_lengths(cluster: Cluster) -> dict[str, int]:
    """Also those of nodes that were forgotten: that is why all names are looked through."""
    prefix = keys.queue("")
    names = list(cluster.redis.scan_iter(match=f"{prefix}*", count=2000))
    pipe = cluster.redis.pipeline(transaction=False)
    for name in names:
        pipe.llen(name)
    return {name.removeprefix(prefix): count for name, count in zip(names, pipe.execute(), strict=True) if count}


def _disk(what: str, path: Path) -> Disk:
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    return Disk(what, str(path), psutil.disk_usage(str(there)).free)


def _page(what: str, url: str, path: str) -> Page:
    try:
        response = httpx.get(url + path, timeout=TIMEOUT)
    except httpx.HTTPError as error:
        return Page(what, url, f"does not answer ({error})")
    return Page(what, url, "" if response.is_success else f"answers {response.status_code}")

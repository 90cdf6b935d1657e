"""The programs that make up a cluster on this PC, as the supervisor starts them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from cluster import keys, valkey
from cluster.cores import usable_cpus
from cluster.settings import environment
from cluster.supervisor import Program

# Redis first and last; what people see comes when the rest stands and goes first.
STAGE_REDIS, STAGE_NODES, STAGE_MONITOR, STAGE_FLOWER, STAGE_WEB = range(5)


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node on this PC: the cores it is pinned to (none: all that this process may use) and its processes."""

    name: str
    cpus: tuple[int, ...]
    concurrency: int


def plan_nodes(count: int, host: str) -> list[NodePlan]:
    """Disjoint cores while there are enough; more nodes than cores share them all, one process each."""
    cpus = usable_cpus()
    names = [f"{host}-{number}" for number in range(1, count + 1)]
    if count > len(cpus):
        return [NodePlan(name, (), 1) for name in names]
    cuts = [len(cpus) * number // count for number in range(count + 1)]
    parts = [tuple(cpus[low:high]) for low, high in pairwise(cuts)]
    return [NodePlan(name, part, len(part)) for name, part in zip(names, parts, strict=True)]


def _celery(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "cluster", *arguments]


def redis_server(folder: Path, bind: str, port: int, password: str, ready: Callable[[], bool]) -> Program:
    return Program("valkey", STAGE_REDIS, valkey.server_command(folder, bind, port, password), ready=ready, grace=15)


def image_worker(plan: NodePlan, redis_url: str, data: Path, store: str, ready: Callable[[], bool] | None) -> Program:
    """The node's Celery worker for images. Its grace covers the longest image that it may have in hand."""
    return Program(
        f"images-{plan.name}",
        STAGE_NODES,
        _celery(
            "worker",
            "-n",
            f"images@{plan.name}",
            "-Q",
            keys.queue(plan.name),
            "-c",
            str(plan.concurrency),
            "-l",
            "info",
            "--without-mingle",
            "--without-gossip",
        ),
        env=environment(redis_url=redis_url, node=plan.name, data=data, store=store, concurrency=plan.concurrency),
        cpus=plan.cpus,
        ready=ready,
        grace=60,
    )


def monitor(name: str, nodes: Sequence[str], redis_url: str, data: Path, run: Path) -> Program:
    """The PC's monitor with its own beat: samples the nodes every second and does chores when it leads."""
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    schedule = run / f"beat-{name}"
    for stale in run.glob(f"beat-{name}*"):
        stale.unlink()  # the schedule never changes; a file torn by a power cut would stop beat
    return Program(
        f"monitor-{name}",
        STAGE_MONITOR,
        _celery(
            "worker",
            "-n",
            f"monitor@{name}",
            "-Q",
            keys.monitor_queue(name),
            "-P",
            "solo",
            "-B",
            "-s",
            str(schedule),
            "-l",
            "info",
            "--without-mingle",
            "--without-gossip",
        ),
        env=environment(redis_url=redis_url, node=name, nodes=",".join(nodes), data=data),
        grace=10,
    )


def flower(redis_url: str, data: Path, address: str, port: int, password: str, cookie_secret: str) -> Program:
    return Program(
        "flower",
        STAGE_FLOWER,
        _celery("flower", f"--address={address}", f"--port={port}", "--purge_offline_workers=60"),
        env={
            **environment(redis_url=redis_url, data=data),
            "FLOWER_BASIC_AUTH": f"cumulo:{password}",
            "FLOWER_COOKIE_SECRET": cookie_secret,
        },
        grace=5,
    )


def web(bind: str, port: int, env: Mapping[str, str], ready: Callable[[], bool]) -> Program:
    return Program(
        "web",
        STAGE_WEB,
        [
            sys.executable,
            "-m",
            "gunicorn",
            "-c",
            "python:webapp.gunicorn_conf",
            "--bind",
            f"{bind}:{port}",
            "webapp.wsgi:app",
        ],
        env=env,
        ready=ready,
        grace=10,
    )

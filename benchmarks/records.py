"""Listing, searching and opening a job with 100,000 job records, through the web app, by one client.

The records are written through the ledger's own scripts: 20 filters, 10 nodes, one job in a hundred failed, 5,000 old
photos of one name. No worker runs, so that nothing changes meanwhile.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from cluster.connection import Scripts, connect
from cluster.ledger import Ledger, NewJob, Outcome, WorkOrder, new_id
from cluster.nodes import Nodes
from cluster.settings import environment
from tests.servers import running_valkey, unused_port

RECORDS = 100_000
ROUNDS = 300
WANTED = 50  # ms, p99
BATCH = 500
CHUNK = 10
FILTERS = [f"filter-{number}" for number in range(20)]
NODES = [f"pc-{number}" for number in range(10)]
FACTS = {"width": 1600, "height": 1250, "format": "jpeg"}


def name_of(number: int, count: int) -> str:
    """Most are a camera's; of one holiday there are many, all of them old, and of another a few in between."""
    if number < count // 20:
        return f"Holiday {number:05}.jpg"
    return f"wedding-{number}.jpg" if number % 1000 == 0 else f"IMG_{number:06}.JPG"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def ended(order: WorkOrder, dice: random.Random) -> Outcome:
    if dice.random() < 0.01:
        error = {"type": "broken-image", "detail": "the image is cut short", "step": 1}
        return Outcome(order.id, order.attempt, "failed", 0.02, error=error)
    result = {"sha256": sha("result" + order.id), "bytes": 2_400_000, **FACTS}
    small = {"thumbnail": sha("thumbnail" + order.id), "thumbnail_bytes": 9000, "thumbnail_format": "jpeg"}
    return Outcome(order.id, order.attempt, "done", 0.05, result={**result, **small}, cpu=0.04)


def explained(node: str) -> dict[str, Any]:
    facts = {
        "score": 1.0051,
        "sample_age": 0.41,
        "in_flight": 1,
        "slots": 5.0,
        "cores": 4.0,
        "cpu_usage": 12.5,
        "held": None,
    }
    candidates = [{"node": name, **facts} for name in (node, *NODES[:4])]
    reason = f"{node} has the least predicted CPU"
    return {"policy": "least-cpu", "node": node, "reason": reason, "decided_at": time.time(), "candidates": candidates}


def write(ledger: Ledger, count: int) -> list[str]:
    """Records the jobs and lets all but the last batch live a whole life; returns their ids."""
    dice = random.Random(1)
    ids: list[str] = []
    for start in range(0, count, BATCH):
        pipeline = [{"filter": name, "radius": 4} for name in dice.sample(FILTERS, dice.choice((1, 1, 2)))]
        jobs = [
            NewJob(
                name_of(at, count), {"sha256": sha(str(at)), "bytes": 2_500_000, **FACTS}, 0.05, 1e7, "jpeg>jpeg", 2.0
            )
            for at in range(start, min(start + BATCH, count))
        ]
        _, new = ledger.submit(
            jobs, pipeline=pipeline, format=None, quality=None, priority=0, submitter="operator", max_backlog=count
        )
        ids += new
        for at in range(0, len(new) if start + BATCH < count else 0, CHUNK):
            node, lease = dice.choice(NODES), new_id("l")
            attempts = ledger.bind(node, lease, new[at : at + CHUNK], explained(node), None)
            assert isinstance(attempts, dict)
            ledger.commit(node, lease, [ended(order, dice) for order in ledger.claim(node, lease, attempts)])
    return ids


@contextlib.contextmanager
def web_app(folder: Path, redis_url: str) -> Iterator[httpx.Client]:
    """The web app as `cumulo up` starts it, on that server."""
    token, port = secrets.token_hex(8), unused_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf"),
            *("--bind", f"127.0.0.1:{port}", "webapp.wsgi:app"),
        ],
        env={**os.environ, **environment(redis_url=redis_url, data=folder, token=token)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as client:
            until = time.monotonic() + 30
            while True:
                with contextlib.suppress(httpx.TransportError):
                    client.get("policy").raise_for_status()
                    break
                if time.monotonic() > until:
                    raise RuntimeError("the web app did not come up")
                time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait()


def get(client: httpx.Client, path: str, **params: Any) -> Any:
    response = client.get(path, params=params)
    response.raise_for_status()
    return response.json()


def questions(client: httpx.Client, ids: list[str], dice: random.Random) -> dict[str, Callable[[], Any]]:
    """What is measured, by its name in the table; each answers with a page of 50, or a job."""

    def page(**params: Any) -> Callable[[], Any]:
        return lambda: get(client, "jobs", **params)

    middle, later = (get(client, f"jobs/{ids[len(ids) * part // 4]}")["created_at"] for part in (2, 3))
    return {
        "newest": page(),
        "newest, 500 a page": page(limit=500),
        "a page in the middle": lambda: get(client, "jobs", cursor=dice.randrange(100, len(ids))),
        "state": lambda: get(client, "jobs", state=dice.choice(("done", "failed", "queued"))),
        "node": lambda: get(client, "jobs", node=dice.choice(NODES)),
        "filter": lambda: get(client, "jobs", filter=dice.choice(FILTERS)),
        "time": page(since=middle, until=later),
        "state, node and filter": lambda: get(
            client, "jobs", state="done", node=dice.choice(NODES), filter=dice.choice(FILTERS)
        ),
        "failed on one node, within a time": lambda: get(
            client, "jobs", state="failed", node=dice.choice(NODES), since=middle, until=later
        ),
        "name, one hit": lambda: get(client, "jobs", q=f"img_{dice.randrange(len(ids) // 20, len(ids)):06}"),
        "name, a hundred hits": page(q="wedding"),
        "name, nearly every job": page(q="img_"),
        "name, 5,000 of the oldest": page(q="holiday"),
        "name, no hit": page(q="nothing"),
        "name, state and filter": lambda: get(client, "jobs", q="img_0", state="failed", filter=dice.choice(FILTERS)),
        "open a job": lambda: get(client, f"jobs/{dice.choice(ids)}"),
    }


def main(count: int = RECORDS, rounds: int = ROUNDS) -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as text:
        folder = Path(text)
        with running_valkey(folder / "valkey") as url, contextlib.closing(connect(url)) as server:
            registry = Nodes(server, Scripts(server))
            for node in NODES:
                registry.register(node, {"cores": 4, "concurrency": 4, "pid": 1, "cpus": [0], "speed": 1.0})
            before, begin = server.info("memory")["used_memory"], time.perf_counter()
            ids = write(Ledger(server, Scripts(server)), count)
            size = (server.info("memory")["used_memory"] - before) / 1e6
            print(f"{count} records in {time.perf_counter() - begin:.0f} s, {size:.0f} MB; {rounds} requests each\n")
            with web_app(folder / "data", url) as client:
                print(f"| what | p50 ms | p99 ms (wanted: {WANTED}) | of it Redis, mean ms |")
                print("|---|---|---|---|")
                for what, ask in questions(client, ids, random.Random(2)).items():
                    for _ in range(5):
                        ask()
                    server.config_resetstat()
                    times = [_milliseconds(ask) for _ in range(rounds)]
                    commands = server.info("commandstats").values()
                    spent = sum(command["usec"] for command in commands) / 1000.0 / rounds
                    p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
                    print(f"| {what} | {p50:.1f} | {p99:.1f} | {spent:.2f} |", flush=True)


def _milliseconds(ask: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    ask()
    return 1000.0 * (time.perf_counter() - begin)

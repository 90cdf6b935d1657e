"""What a placement costs: the pure decision, and one whole binding with Redis, by 16 dispatchers on 100 nodes.

A binding reads the job, reads all nodes, decides, and binds with the explanation, as the router does for each message.
The dispatchers work at random moments, together at the given rate. `above` is what the binding took beyond the median
time of a PING by an idle client.
"""

from __future__ import annotations

import gc
import multiprocessing
import random
import statistics
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

from cluster.ledger import NewJob
from cluster.scheduling import POLICIES, Job, Node, State, decide
from cluster.service import Cluster
from cluster.settings import load_settings
from tests.servers import running_valkey

NODES = 100
DISPATCHERS = 16
RATES = (50, 200, 400)  # bindings a second, all together
SECONDS = 8.0
IMAGE = {"sha256": "ab" * 32, "bytes": 10, "width": 4, "height": 3, "format": "jpeg"}


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def decisions() -> None:
    print(
        "| `decide`, microseconds (median of 300) | " + " | ".join(f"{count} nodes" for count in (10, 100, 1000)) + " |"
    )
    print("|---|---|---|---|")
    rng = random.Random(1)
    job = Job("job", 1.0)
    for explain in (True, False):
        for policy in POLICIES:
            cells = []
            for count in (10, 100, 1000):
                nodes = tuple(
                    Node(
                        f"pc-{number}",
                        rng.choice([1, 2, 4, 8]),
                        cpu=rng.random() * 0.8,
                        speed=rng.uniform(0.5, 2),
                        running=rng.randint(0, 4),
                    )
                    for number in range(count)
                )
                state = State(nodes, backlog=10)
                times = []
                for draw in range(301):
                    begin = time.perf_counter()
                    decide(policy, state, job, 0.0, draw / 301, explain=explain)
                    times.append(time.perf_counter() - begin)
                cells.append(f"{statistics.median(times[1:]) * 1e6:.0f}")
            name = f"{policy}, with its explanation" if explain else policy
            print(f"| {name} | {' | '.join(cells)} |")


def dispatcher(url: str, seed: int, pause: float, go: Event, times: multiprocessing.SimpleQueue[list[float]]) -> None:
    cluster = Cluster(load_settings(redis_url=url))
    rng = random.Random(seed)
    found = []
    options = {"pipeline": [], "format": None, "quality": None, "priority": 0, "submitter": "", "max_backlog": 10**6}

    def bind() -> float:
        _, ids = cluster.ledger.submit([NewJob("photo.jpg", IMAGE, 0.1, 0.0)], **options)
        begin = time.perf_counter()
        placed = cluster.placer.place(ids, need_room=True)
        seconds = time.perf_counter() - begin
        cluster.ledger.cancel(ids[0])
        cluster.ledger.return_waiting(placed.node, placed.lease)
        return seconds

    bind()  # loads the scripts and numpy
    gc.freeze()  # as web and worker processes do once they have started
    go.wait()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(rng.expovariate(1 / pause))  # first of all: they would all bind at the starting gun
        found.append(bind())
    times.put(found)


def bindings() -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder, running_valkey(Path(folder)) as url:
        cluster = Cluster(load_settings(redis_url=url))
        for number in range(NODES):
            name = f"pc-{number:03}"
            fields = {
                "cores": 1 + number % 8,
                "speed": 0.5 + number % 4 / 2,
                "host": name,
                "ip": "192.0.2.1",
                "port": 0,
            }
            cluster.registry.register(name, fields)
            cluster.registry.sample(name, {"cpu_usage": number % 70, "memory_free": 8e9, "per_core": "[1, 2, 3, 4]"})
            cluster.redis.set(f"worker:{name}:alive", "1", ex=600)
            cluster.redis.hset(f"worker:{name}", "interval", 60)  # no monitor: they must not become stale
        print("\n| bindings a second | idle PING ms | p50 ms | p99 ms | p99 above ms | wanted |")
        print("|---|---|---|---|---|---|")
        for rate in RATES:
            pings = []
            for _ in range(300):
                begin = time.perf_counter()
                cluster.redis.ping()
                pings.append(time.perf_counter() - begin)
            idle = statistics.median(pings) * 1e3
            context = multiprocessing.get_context("spawn")
            go, queue = context.Event(), context.SimpleQueue()
            processes = [
                context.Process(target=dispatcher, args=(url, seed, DISPATCHERS / rate, go, queue))
                for seed in range(DISPATCHERS)
            ]
            for process in processes:
                process.start()
            time.sleep(8)  # sixteen Pythons load their modules
            go.set()
            times = [1e3 * value for _ in processes for value in queue.get()]
            for process in processes:
                process.join()
            print(
                f"| {len(times) / SECONDS:.0f} | {idle:.2f} | {quantile(times, 0.5):.2f} | {quantile(times, 0.99):.2f} "
                f"| **{quantile(times, 0.99) - idle:.2f}** | 3.00 |",
                flush=True,
            )
        cluster.redis.close()


def main() -> None:
    decisions()
    bindings()

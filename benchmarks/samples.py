"""How old the newest sample of each node is while every core is busy with images for 30 s."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path

import redis

from benchmarks import photos
from benchmarks.running import cluster

SECONDS = 30.0
EVERY = 0.02


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder, cluster(nodes=2) as running:
        photos.make(Path(folder) / "in", 150, 4000, 3000)
        server = redis.Redis.from_url(running.redis_url, decode_responses=True)
        nodes = sorted(server.smembers("workers:active"))
        work = subprocess.Popen(
            running.apply(f"{folder}/in", "-f", "blur:radius=3", "-f", "edges", "-o", f"{folder}/out"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not server.zcard("jobs:running"):
            time.sleep(EVERY)
        ages: list[float] = []
        busy: list[float] = []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and work.poll() is None:
            now = server.time()
            for node in nodes:
                beat, cpu = server.hmget(f"worker:{node}", "last_heartbeat", "cpu_usage")
                ages.append(now[0] + now[1] / 1e6 - float(beat))
                busy.append(float(cpu))
            time.sleep(EVERY)
        lasted = SECONDS - max(0.0, until - time.monotonic())
        work.terminate()
        work.wait()
        ages.sort()
        print(f"{len(nodes)} nodes, {lasted:.0f} s with images on every core, mean CPU {sum(busy) / len(busy):.0f} %\n")
        print("| age of the newest sample | seconds | wanted |")
        print("|---|---|---|")
        print(f"| median | {ages[len(ages) // 2]:.2f} | |")
        print(f"| p99 | {ages[int(len(ages) * 0.99)]:.2f} | 1.20 |")
        print(f"| oldest | {ages[-1]:.2f} | 2.00 |")

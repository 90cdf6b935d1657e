"""Single photos while a batch of 2000 runs, and how long a process is idle between two jobs.

Two nodes of one process each. Every 0.4 s a single photo is sent over HTTP while `cumulo apply` works on 2000: how long
it waits until its work begins, against the longest single job of the batch. The hand-off is the time from the end of
a job to the beginning of the next on the same node, while there is a backlog.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import httpx
import redis

from benchmarks import photos
from benchmarks.running import cluster

COUNT = 2000
EVERY = 0.4
SIZES = ((800, 600), (1200, 900), (1600, 1200), (2000, 1500))


def batch(folder: Path) -> Path:
    """2000 files: hard links to 80 photos of four sizes."""
    made = [path for width, height in SIZES for path in photos.make(folder / "made", 20, width, height, seed=width)]
    (folder / "batch").mkdir()
    for number in range(COUNT):
        os.link(made[number * 7 % len(made)], folder / "batch" / f"photo-{number:04}.jpg")
    return folder / "batch"


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as name, cluster(nodes=2) as running:
        folder = Path(name)
        files = batch(folder)
        single = photos.make(folder / "single", 1, 1600, 1200, seed=9)[0].read_bytes()
        server = redis.Redis.from_url(running.redis_url, decode_responses=True)
        http = httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {running.token}"}, timeout=30)
        command = running.apply(str(files), "-f", "blur:radius=2", "-f", "sepia", "-o", f"{folder}/out")
        work = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while server.zcard("backlog") < 50:
            time.sleep(0.05)
        singles = []
        while work.poll() is None and server.zcard("backlog") > 20:
            answer = http.post("/api/v1/jobs", files={"image": ("one.jpg", single)}, data={"filter": "sepia"})
            singles.append(answer.raise_for_status().json()["jobs"][0]["id"])
            time.sleep(EVERY)
        work.wait()
        ended_backlog = float(server.hget(f"job:{singles[-1]}", "finished_at") or 0)
        waits = []
        spans: dict[str, list[tuple[float, float]]] = {}
        for job_id in server.zrange("jobs:done", 0, -1):
            created, started, finished, node = map(
                str, server.hmget(f"job:{job_id}", "created_at", "started_at", "finished_at", "node")
            )
            spans.setdefault(node, []).append((float(started), float(finished)))
            if job_id in singles:
                waits.append(float(started) - float(created))
        gaps = []
        walls = [float(entry["wall"]) for _, entry in server.xrange("trace") if entry.get("kind") == "job"]
        longest = quantile(walls, 1.0)
        for one in spans.values():
            one.sort()
            # Jobs of one take are committed together: only the last of them ends when it is recorded.
            for (_, finished), (following, _) in pairwise(one):
                if finished <= following < ended_backlog:
                    gaps.append(following - finished)
        print(f"{COUNT} photos of 0.5 to 3 MP, {len(waits)} single photos between them; milliseconds\n")
        print("| | p50 | p99 | wanted |")
        print("|---|---|---|---|")
        wait = [f"{1e3 * quantile(waits, share):.0f}" for share in (0.5, 0.99)]
        limit = f"{1500 * longest:.0f} (1.5 x the longest job, {1000 * longest:.0f})"
        print(f"| a single photo waits for its start | {wait[0]} | **{wait[1]}** | {limit} |")
        idle = [f"{1e3 * quantile(gaps, share):.2f}" for share in (0.5, 0.99)]
        print(f"| hand-off ({len(gaps)} of them) | **{idle[0]}** | {idle[1]} | p50 3.00 |")
        server.close()
        http.close()


if __name__ == "__main__":
    main()

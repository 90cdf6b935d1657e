"""20,000 tiny jobs through a real cluster: what the web app, the nodes and Redis need, and what is left of it.

The last 500 jobs are kept, and none for longer than half a minute. At the end everything has been deleted.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

import httpx
import psutil
import redis
from PIL import Image

from benchmarks.running import Running, cluster

JOBS = 20_000
AT_ONCE = 250  # images in one request, and unfinished jobs at which the next one waits
MARKS = 10
KEEP_JOBS = 500
KEEP_SECONDS = 30
STREAMS = ("events", "trace")  # filled up to a number of entries, which takes up to 20,000 jobs
PARTS = {"valkey-server": "Redis", "gunicorn": "web app", "images@": "node", "monitor@": "monitor"}


def pictures() -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Tiny images, every one another, as fields of a form."""
    number = 0
    while True:
        file = io.BytesIO()
        colour = (number % 256, number // 256 % 256, 128)
        Image.new("RGB", (24, 16), colour).save(file, "png")
        yield "image", (f"tiny-{number}.png", file.getvalue())
        number += 1


def megabytes(root: psutil.Process) -> dict[str, float]:
    """Memory of the cluster's programs; what processes share counts once, by its share in each."""
    found: dict[str, float] = defaultdict(float)
    for process in root.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = " ".join(process.cmdline())
            part = next((name for word, name in PARTS.items() if word in line), None)
            if part:
                memory = process.memory_full_info()
                found[part] += getattr(memory, "pss", memory.uss) / 1e6
    return found


class Watch:
    """Prints a line of the table, and knows the lines before."""

    def __init__(self, running: Running) -> None:
        self._root = psutil.Process(running.pid)
        self.server = redis.Redis.from_url(running.redis_url, decode_responses=True)
        print(
            "| jobs done | web app MB | node MB | monitor MB | Redis MB | jobs in Redis MB | streams MB | jobs kept "
            "| lasting keys |"
        )
        print("|---|---|---|---|---|---|---|---|---|", flush=True)

    def line(self, what: str) -> None:
        memory = megabytes(self._root)
        columns = [f"{memory[part]:.0f}" for part in ("web app", "node", "monitor", "Redis")]
        streams = sum(self.server.memory_usage(key, samples=0) or 0 for key in STREAMS)
        columns += [f"{(self.server.info('memory')['used_memory'] - streams) / 1e6:.1f}", f"{streams / 1e6:.1f}"]
        columns += [str(self.server.zcard("jobs:all")), str(self._keys_for_good())]
        print(f"| {what} | {' | '.join(columns)} |", flush=True)

    def _keys_for_good(self) -> int:
        """Those with a life span of their own, such as Celery's answers, go without anybody's doing."""
        found = self.server.info("keyspace")["db0"]
        return int(found["keys"]) - int(found["expires"])


def main(count: int = JOBS) -> None:
    settings = {"keep_jobs": KEEP_JOBS, "keep_days": KEEP_SECONDS / 86400, "keep_unused": 5}
    with (
        cluster(nodes=1, **settings) as running,
        httpx.Client(
            base_url=f"{running.url}/api/v1/", headers={"Authorization": f"Bearer {running.token}"}, timeout=60
        ) as client,
    ):
        watch = Watch(running)
        files = pictures()
        _send(client, list(islice(files, AT_ONCE)))  # every program has imported what it needs
        _await(watch.server, 0)
        _await_deleted(watch.server)
        watch.line("0")
        at_once = min(AT_ONCE, max(1, count // MARKS))
        done, begin = 0, time.perf_counter()
        while done < count:
            _send(client, list(islice(files, at_once)))
            done += at_once
            _await(watch.server, at_once)
            if done % (count // MARKS) < at_once:
                watch.line(f"{done}")
        _await(watch.server, 0)
        print(f"\n{count / (time.perf_counter() - begin):.0f} jobs/s; then, {KEEP_SECONDS} s after the last:\n")
        _await_deleted(watch.server)
        watch.line("all deleted")
        left = sum(1 for path in (running.data / "blobs").glob("??/*") if path.is_file())
        print(f"\nFiles left in the store: {left}")
        watch.server.close()


def _send(client: httpx.Client, files: list[tuple[str, tuple[str, bytes]]]) -> None:
    client.post("jobs", files=files, data={"filter": "sepia"}).raise_for_status()


def _await(server: redis.Redis, unfinished: int) -> None:
    """Until no more jobs than that are unfinished."""
    while sum(map(int, server.hvals("submitters"))) > unfinished:
        time.sleep(0.05)


def _await_deleted(server: redis.Redis) -> None:
    while server.zcard("jobs:all") or server.zcard("blobs:unused"):
        time.sleep(0.5)

"""300 real photo jobs on three unlike nodes, one of them with another program on its core: how long until all are done.

The same photos and filters through three ways of sharing them out, one after the other in each round: Cúmulo under
`least-cpu`; Celery's one default queue (prefetch 1); and the original report's rule, each task bound at submission to
the node with the lowest sampled CPU. All use the same image code, the same cores and processes, and the same store.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import redis

from benchmarks import photos
from cluster.cores import usable_cpus
from cluster.storage import FolderStore
from tests.integration.clusters import Plain, cpu_burner

JOBS = 300
ROUNDS = 5
PIPELINES = (["blur:radius=2"], ["sepia"], ["edges", "gray"], ["pixelate:block=12"], ["negative", "blur:radius=5"])
SIZES = ((800, 600), (1600, 1200), (2000, 1500))
PLAIN = [sys.executable, "-m", "celery", "-A", "benchmarks.plain_tasks"]

SUBMIT = """
import json, sys, time
from pathlib import Path
import filters
from cluster.celery import app
from cluster.runtime import current
given = json.load(sys.stdin)
cluster = current()
uploads = [[cluster.receive(open(file, "rb"), Path(file).name) for file in files] for _, files in given]
app.amqp
app.connection().ensure_connection()
begin = time.time()
for (pipeline, _), images in zip(given, uploads):
    cluster.submit(images, filters.parse_pipeline(pipeline))
print(json.dumps(begin))
"""

SHARED = """
import json, sys, time
from benchmarks.plain_tasks import app, process
given = json.load(sys.stdin)
app.amqp
app.connection().ensure_connection()
begin = time.time()
answers = [process.apply_async(args=one[:3], queue="celery") for one in given]
for answer in answers:
    answer.get(timeout=300, interval=0.02)
print(json.dumps([begin, time.time()]))
"""

REPORTS_RULE = """
import json, os, sys, time
import redis
from benchmarks.plain_tasks import app, process
given = json.load(sys.stdin)
server = redis.Redis.from_url(os.environ["CUMULO_REDIS_URL"], decode_responses=True)
nodes = sorted(server.smembers("workers:active"))
app.amqp
app.connection().ensure_connection()

def least_cpu():
    pipe = server.pipeline(transaction=False)
    for node in nodes:
        pipe.hget("worker:" + node, "cpu_usage")
    return min(zip(map(float, pipe.execute()), nodes))[1]

begin = time.time()
answers = [process.apply_async(args=one[:3], queue="plain." + least_cpu()) for one in given]
for answer in answers:
    answer.get(timeout=300, interval=0.02)
print(json.dumps([begin, time.time()]))
"""


class Lab:
    """Three nodes: one alone on its core, one that shares its core with another program, one of two on both cores."""

    def __init__(self, plain: Plain) -> None:
        self.plain = plain
        first, second = usable_cpus()[:2]
        self.nodes = {"alone": ([second], 1), "shared": ([first], 1), "wide": ([first, second], 2)}
        for node, (cpus, processes) in self.nodes.items():
            plain.image_worker(node, "-c", str(processes), cpus=cpus)
            for kind, queue in (("queue", "celery"), ("rule", f"plain.{node}")):
                command = [*PLAIN, "worker", "-n", f"{kind}@{node}", "-Q", queue, "-c", str(processes)]
                plain.run(f"{kind}-{node}", command, cpus, node=node)
        plain.monitor("pc", *self.nodes)
        plain.await_live(*self.nodes)
        self.server = redis.Redis.from_url(plain.redis_url, decode_responses=True)

    def forget_results(self, inputs: set[str]) -> None:
        for path in (self.plain.folder / "images").glob("??/*"):
            if path.name not in inputs:
                path.unlink()

    def ours(self, work: list[tuple[list[str], list[str]]]) -> tuple[float, Counter[str]]:
        before = self.server.zcard("jobs:done")
        begin = self.plain.python(SUBMIT, work)
        while self.server.zcard("jobs:done") < before + JOBS:
            time.sleep(0.01)
        ids = self.server.zrevrange("jobs:all", 0, JOBS - 1)
        nodes = Counter(self.server.hget(f"job:{job_id}", "node") for job_id in ids)
        return time.time() - begin, nodes


def main(rounds: int = ROUNDS) -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder, Plain(Path(folder)) as plain:
        lab = Lab(plain)
        paths = [
            path
            for width, height in SIZES
            for path in photos.make(Path(folder) / "photos", JOBS // len(SIZES), width, height, seed=width)
        ]
        work = [
            (pipeline, [str(path) for path in paths[at :: len(PIPELINES)]]) for at, pipeline in enumerate(PIPELINES)
        ]
        store = FolderStore(Path(folder) / "images")
        plain_work = [
            (str(store.root), store.put(Path(file).read_bytes()), json.dumps(pipeline))
            for pipeline, files in work
            for file in files
        ]
        inputs = {sha256 for _, sha256, _ in plain_work}
        times: dict[str, list[float]] = {"least-cpu": [], "shared queue": [], "report's rule": []}
        with cpu_burner(Path(folder), usable_cpus()[0]):
            lab.ours(work)  # warm caches, costs and speeds are learned
            for number in range(rounds):
                ways = ["least-cpu", "shared queue", "report's rule"]
                for way in ways[number % 3 :] + ways[: number % 3]:
                    lab.forget_results(inputs)
                    time.sleep(2.5)  # the samples show an idle cluster again
                    if way == "least-cpu":
                        seconds, nodes = lab.ours(work)
                    else:
                        begin, end = plain.python(SHARED if way == "shared queue" else REPORTS_RULE, plain_work)
                        seconds = end - begin
                    times[way].append(seconds)
        print(f"{JOBS} photos of 0.5 to 3 MP, five pipelines, {rounds} rounds; seconds until all are done\n")
        print("| way | median s | least-cpu over it (median of the rounds) | wanted |")
        print("|---|---|---|---|")
        for way, wanted in (("least-cpu", ""), ("shared queue", "1.00"), ("report's rule", "0.70")):
            ratios = [ours / theirs for ours, theirs in zip(times["least-cpu"], times[way], strict=True)]
            shown = f"**{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f})" if wanted else ""
            print(f"| {way} | {statistics.median(times[way]):.1f} | {shown} | {wanted} |")
        print(f"\nUnder least-cpu the last round's images went to {dict(nodes)}.")
        lab.server.close()


if __name__ == "__main__":
    main()

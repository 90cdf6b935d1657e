"""`cumulo apply` against `multiprocessing.Pool` with the same filter code, as whole commands, paired in one run.

Sepia on 200 photos of 2 MP and on 400 of 0.1 MP. Each round runs both, in turn first; the figure is the median of
the rounds' ratios (images/s of Cúmulo over images/s of the pool). Stored images are removed between rounds.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import photos
from benchmarks.running import Running, cluster, timed
from cluster.cores import usable_cpus

SETS = (("200 photos of 2 MP", 200, 1600, 1250, 0.92), ("400 photos of 0.1 MP", 400, 400, 250, 0.85))
ROUNDS = 5


def one_round(running: Running, folder: Path, out: Path, pool_first: bool) -> tuple[float, float]:
    """Seconds of (Cúmulo, pool)."""
    running.forget_images()
    ours = running.apply(str(folder), "-f", "sepia", "-o", str(out / "ours"))
    pool = [
        *(sys.executable, "-m", "benchmarks.pool"),
        *(str(folder), str(out / "pool"), "sepia", str(len(usable_cpus()))),
    ]
    if pool_first:
        theirs = timed(pool)
        return timed(ours), theirs
    mine = timed(ours)
    return mine, timed(pool)


def with_byte_code(folder: str) -> None:
    """Commands find their modules compiled, as in an installed wheel, whatever the environment says."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder


def main(rounds: int = ROUNDS) -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder, tempfile.TemporaryDirectory() as byte_code:
        with_byte_code(byte_code)
        measure(Path(folder), rounds)


def measure(folder: Path, rounds: int) -> None:
    with cluster(nodes=1) as running:
        print(f"{len(usable_cpus())} cores, {rounds} rounds; whole commands, images/s; median and range of the ratio\n")
        print("| images | Cúmulo | Pool | ratio | wanted |")
        print("|---|---|---|---|---|")
        for title, count, width, height, wanted in SETS:
            source = folder / title.replace(" ", "-")
            photos.make(source, count, width, height)
            one_round(running, source, folder, pool_first=False)  # warm caches
            pairs = [one_round(running, source, folder, number % 2 == 0) for number in range(rounds)]
            ratios = [pool / ours for ours, pool in pairs]
            print(
                f"| {title} | {count / statistics.median(ours for ours, _ in pairs):.0f} "
                f"| {count / statistics.median(pool for _, pool in pairs):.0f} "
                f"| **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) | {wanted:.2f} |",
                flush=True,
            )

"""`cumulo apply` against other ways to use all cores, as whole commands, paired in one run.

Sepia on 200 photos of 2 MP: against our own filters in a bare `multiprocessing.Pool`, plain Pillow in one, and
GraphicsMagick's `gm mogrify` by xargs; on 400 photos of 0.1 MP against our own filters in a Pool. In each round every
command has one turn, each round another one first; the figure is the median of the rounds' ratios (images/s of Cúmulo
over theirs). Stored images are removed between rounds.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import photos
from benchmarks.plain_pool import QUALITY, SEPIA
from benchmarks.running import Running, cluster, timed
from cluster.cores import usable_cpus

ROUNDS = 5
AT_ONCE = 10
"""Files that xargs gives to one `gm mogrify`."""

OWN, PLAIN, MOGRIFY = "our filters in a Pool", "plain Pillow in a Pool", "gm mogrify by xargs"


@dataclass(frozen=True)
class Set:
    """`wanted` is the ratio that each command is wanted to have."""

    title: str
    count: int
    width: int
    height: int
    wanted: Mapping[str, float]


SETS = (
    Set("200 photos of 2 MP", 200, 1600, 1250, {OWN: 0.92, PLAIN: 1.4, MOGRIFY: 2.0}),
    Set("400 photos of 0.1 MP", 400, 400, 250, {OWN: 0.85}),
)


def own(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.pool", str(source), str(out), "sepia", str(len(usable_cpus()))]


def plain(source: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "benchmarks.plain_pool", str(source), str(out), str(len(usable_cpus()))]


def mogrify(source: Path, out: Path) -> list[str]:
    matrix = ",".join(f"{value:g}" for row in SEPIA for value in row)
    program = (
        f"gm mogrify -output-directory {out} -recolor {matrix} -quality {QUALITY} -sampling-factor 2x2"
        " -define jpeg:optimize-coding=false"
    )
    files = f"cd {source} && find . -type f -print0"  # the names are put behind the folder as they are
    return ["sh", "-c", f"{files} | OMP_NUM_THREADS=1 xargs -0 -P {len(usable_cpus())} -n {AT_ONCE} {program}"]


COMMANDS: Mapping[str, Callable[[Path, Path], list[str]]] = {OWN: own, PLAIN: plain, MOGRIFY: mogrify}


def one_round(running: Running, source: Path, out: Path, others: list[str], first: int) -> dict[str, float]:
    """Seconds by command; that number of the list has the first turn."""
    seconds = {}
    names = ["Cúmulo", *others]
    for name in names[first:] + names[:first]:
        into = out / name.replace(" ", "-")
        into.mkdir(exist_ok=True)
        if name == "Cúmulo":
            running.forget_images()
            seconds[name] = timed(running.apply(str(source), "-f", "sepia", "-o", str(into)))
        else:
            seconds[name] = timed(COMMANDS[name](source, into))
    return seconds


def main(rounds: int = ROUNDS) -> None:
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder, cluster(nodes=1) as running:
        print(f"{len(usable_cpus())} cores, {rounds} rounds; whole commands, images/s; median and range of the ratio\n")
        if not shutil.which("gm"):
            print(f"SKIPPED {MOGRIFY}, not installed: apt install graphicsmagick\n")
        print("| images | against | Cúmulo | theirs | ratio | wanted |")
        print("|---|---|---|---|---|---|")
        for each in SETS:
            source = Path(folder) / each.title.replace(" ", "-")
            photos.make(source, each.count, each.width, each.height)
            others = [name for name in each.wanted if name != MOGRIFY or shutil.which("gm")]
            one_round(running, source, Path(folder), others, 0)  # warm caches
            found = [
                one_round(running, source, Path(folder), others, number % (len(others) + 1)) for number in range(rounds)
            ]
            for name in others:
                ratios = [seconds[name] / seconds["Cúmulo"] for seconds in found]
                ours, theirs = (
                    each.count / statistics.median(seconds[who] for seconds in found) for who in ("Cúmulo", name)
                )
                print(
                    f"| {each.title} | {name} | {ours:.0f} | {theirs:.0f} "
                    f"| **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) "
                    f"| {each.wanted[name]:.2f} |",
                    flush=True,
                )

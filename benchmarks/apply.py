"""`cumulo apply` against other ways to use all cores, as whole commands, paired in one run.

Sepia on 200 photos of 2 MP: against our own filters in a bare `multiprocessing.Pool`, plain Pillow in one, and
GraphicsMagick's `gm mogrify` by xargs; on 400 photos of 0.1 MP against our own filters in a Pool. In each round every
command has one turn, each round another one first; the figure is the median of the rounds' ratios (images/s of Cúmulo
over theirs). Stored images are removed between rounds.

make bench ARGS=apply             prints the table
make bench ARGS="apply --write"   and writes it into docs/performance.md
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import document, photos
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


def main(*options: str, rounds: int = ROUNDS) -> None:
    parser = argparse.ArgumentParser(prog='make bench ARGS="apply ..."', add_help=False)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(options)
    load = document.load()
    lines = [
        f"{len(usable_cpus())} cores, {rounds} rounds; whole commands, images a second; median and range of the ratio. "
        + document.circumstances(load),
        "",
        "| images | against | Cúmulo | theirs | ratio | wanted |",
        "|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder,
        with_byte_code(),
        cluster(nodes=1) as running,
    ):
        for each in SETS:
            for line in compared(running, each, Path(folder), rounds):
                lines.append(line)
                print(line, flush=True)
    if not shutil.which("gm"):
        print(f"SKIPPED {MOGRIFY}, not installed: apt install graphicsmagick")
    if chosen.write:
        document.write("apply", "\n".join(lines))


def compared(running: Running, images: Set, folder: Path, rounds: int) -> Iterator[str]:
    """A line of the table for each command."""
    source = folder / images.title.replace(" ", "-")
    photos.real(source, images.count, images.width, images.height)
    others = [name for name in images.wanted if name != MOGRIFY or shutil.which("gm")]
    one_round(running, source, folder, others, 0)  # warm caches
    found = [one_round(running, source, folder, others, number % (len(others) + 1)) for number in range(rounds)]
    for name in others:
        ratios = [seconds[name] / seconds["Cúmulo"] for seconds in found]
        ours, theirs = (images.count / statistics.median(seconds[who] for seconds in found) for who in ("Cúmulo", name))
        yield (
            f"| {images.title} | {name} | {ours:.0f} | {theirs:.0f} "
            f"| **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {images.wanted[name]:.2f} |"
        )


@contextmanager
def with_byte_code() -> Iterator[None]:
    """Commands find their modules compiled, as in an installed wheel, whatever the environment says."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        yield

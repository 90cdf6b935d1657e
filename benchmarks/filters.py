"""Our filters against other libraries and programs: JPEG in, JPEG out, on one core, CPU time, paired in one run.

Nine photographs at 0.3, 2, 12 and 24 MP. In each round every contender (`benchmarks/peers.py`) has one turn with the
same photo and filter, in the next round with the next photo; a figure is the median of the rounds' ratios, ours over
theirs, with the lowest and the highest. The quality is measured as well: what the fast ways differ from `exact`.
Linux; about ten minutes on a quiet machine. `make bench-peers` fetches the photographs and the contenders.

make bench ARGS=filters             prints the tables; `filters --quick`: two sizes, fewer rounds
make bench ARGS="filters --write"   and writes them into docs/performance.md, and draws docs/images/filters.png
"""

from __future__ import annotations

import argparse
import io
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import filters
from benchmarks import document, photos
from benchmarks.document import ROOT
from benchmarks.peers import MORE, SEVEN, Contender, Photo, contenders, one_core

PICTURE = ROOT / "docs/images/filters.png"
RAW = Path(tempfile.gettempdir()) / "cumulo-bench-filters.json"


@dataclass(frozen=True)
class Size:
    """Sides are multiples of 16, so that all agree about the blocks of pixelate; `dear` rounds are for dear peers."""

    name: str
    width: int
    height: int
    rounds: int
    dear: int


SIZES = (
    Size("0.3 MP", 640, 480, 20, 20),
    Size("2 MP", 1632, 1232, 20, 20),
    Size("12 MP", 4000, 3008, 10, 10),
    Size("24 MP", 6000, 4000, 5, 1),
)
QUICK = (Size("2 MP", 1632, 1232, 10, 5), Size("12 MP", 4000, 3008, 5, 2))
JUDGED = ("2 MP", "12 MP")
OURS, FLOOR = "Cúmulo", "floor"

WANTED = {
    "plain Pillow": "0.55 (better 0.50)",
    "OpenCV": "(better 1.0)",
    "libvips": "0.65",
    "GraphicsMagick": "0.20",
    "thumbor": "0.60",
    "thumbor as it is": "0.60",
}
OVER_FLOOR_WANTED = {"negative": 1.1, "sepia": 1.1, "bw": 1.1, "pixelate": 1.1, "gray": 1.3, "edges": 1.3}
PSNR_WANTED, DIFFERING_WANTED = 42.0, 0.001


@dataclass(frozen=True)
class Turn:
    """One image by one contender, in seconds."""

    size: str
    step: str
    round: int
    contender: str
    cpu: float
    wall: float


# -- measuring --------------------------------------------------------------------------------------------------------


def measured(
    sizes: Sequence[Size], photos_of: Mapping[str, Sequence[Photo]], found: Sequence[Contender]
) -> Iterator[Turn]:
    for contender in found:  # imports, tables, the first memory
        for work in contender.works.values():
            work(photos_of[sizes[0].name][0])
    for size in sizes:
        chosen = photos_of[size.name]
        for step in (*SEVEN, *MORE) if size.name in JUDGED else SEVEN:
            able = [contender for contender in found if step in contender.works]
            for number in range(size.rounds):
                first = number % len(able)
                for contender in able[first:] + able[:first]:
                    if number < (size.dear if contender.dear else size.rounds):
                        yield _turn(contender, chosen[number % len(chosen)], size.name, step, number)


def _turn(contender: Contender, photo: Photo, size: str, step: str, number: int) -> Turn:
    work = contender.works[step]
    cpu, wall = contender.cpu(), time.perf_counter()
    work(photo)
    wall = time.perf_counter() - wall
    return Turn(size, step, number, contender.name, contender.cpu() - cpu, wall)


class Figures:
    """Ratios, ours over theirs, round by round; `by` is "cpu" or "wall"."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = {(turn.size, turn.step, turn.contender, turn.round): turn for turn in turns}
        self.sizes = list(dict.fromkeys(turn.size for turn in turns))
        self.contenders = list(dict.fromkeys(turn.contender for turn in turns))
        self.steps = list(dict.fromkeys(turn.step for turn in turns))

    def ratios(self, size: str, step: str, peer: str, by: str = "cpu") -> list[float]:
        """Of the rounds in which both had a turn."""
        pairs = (
            (self._turns[(size, step, OURS, turn.round)], turn)
            for (its_size, its_step, contender, _), turn in self._turns.items()
            if (its_size, its_step, contender) == (size, step, peer)
        )
        return [getattr(ours, by) / getattr(theirs, by) for ours, theirs in pairs]

    def mean(
        self, sizes: Sequence[str], peer: str, by: str = "cpu", steps: Sequence[str] = SEVEN
    ) -> tuple[list[float], int]:
        """Geometric means over the steps that the peer has, round by round, and the number of those steps."""
        able = [step for step in steps if self.ratios(sizes[0], step, peer, by)]
        rows = [self.ratios(size, step, peer, by) for size in sizes for step in able]
        return [statistics.geometric_mean(row) for row in zip(*rows, strict=False)], len(able)

    def milliseconds(self, size: str, step: str, contender: str) -> float:
        """The median CPU time; NaN where it had no turn."""
        times = [
            turn.cpu
            for (its_size, its_step, its_contender, _), turn in self._turns.items()
            if (its_size, its_step, its_contender) == (size, step, contender)
        ]
        return 1000 * statistics.median(times) if times else math.nan


# -- quality ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Quality:
    """Of a result against the exact one: PSNR in dB, or for `bw` the share of pixels that differ."""

    size: str
    step: str
    written: str
    value: float


def quality(size: str, step: str, chosen: Sequence[Photo]) -> Iterator[Quality]:
    """As JPEG of the highest quality, which is the way that is measured here, and as BMP, which loses nothing: the
    worst of the photos."""
    fast = filters.parse_pipeline([step])
    exact = filters.parse_pipeline([{**fast.to_json()[0], "exact": True}])
    for written, best in (("jpeg", 100), ("bmp", None)):
        values = []
        for photo in chosen:
            one, other = (
                np.asarray(Image.open(io.BytesIO(filters.apply(photo.data, each, format=written, quality=best).data)))
                for each in (fast, exact)
            )
            values.append(differing(one, other) if step == "bw" else psnr(one, other))
        yield Quality(size, step, written, max(values) if step == "bw" else min(values))


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of two images of 8 bits; infinite where they are the same."""
    error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2, dtype=np.float64))
    return 10 * math.log10(255**2 / error) if error else math.inf


def differing(one: np.ndarray, other: np.ndarray) -> float:
    """The share of pixels that are white in one and black in the other."""
    return float(np.mean((one >= 128) != (other >= 128)))


# -- tables -----------------------------------------------------------------------------------------------------------


def shown(values: Sequence[float]) -> str:
    """The median and the range."""
    if not values:
        return "-"
    if len(values) == 1:
        return f"**{values[0]:.2f}**"
    return f"**{statistics.median(values):.2f}** ({min(values):.2f} to {max(values):.2f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def means(figures: Figures, by: str = "cpu") -> str:
    """Peers by sizes, and the judged sizes together where both were measured."""
    judged = [size for size in figures.sizes if size in JUDGED]
    head = ["ours over", *figures.sizes, " and ".join(judged), "wanted", "filters that it has"]
    rows = []
    for peer in figures.contenders:
        if peer in (OURS, FLOOR):
            continue
        together, number = figures.mean(judged, peer, by)
        each = (shown(figures.mean([size], peer, by)[0]) for size in figures.sizes)
        rows.append([peer, *each, shown(together), WANTED.get(peer, "") if by == "cpu" else "", f"{number} of 7"])
    return table(head, rows)


def over_floor(figures: Figures) -> str:
    rows = []
    for step in figures.steps:
        ratios = (shown(figures.ratios(size, step, FLOOR)) for size in figures.sizes)
        wanted = OVER_FLOOR_WANTED.get(step)
        rows.append([step, *ratios, f"{wanted:.1f}" if wanted else ""])
    return table(["ours over the floor", *figures.sizes, "wanted"], rows)


def by_filter(figures: Figures, size: str) -> str:
    peers = [name for name in figures.contenders if name not in (OURS, FLOOR)]
    rows = []
    for step in figures.steps:
        own = figures.milliseconds(size, step, OURS)
        if not math.isnan(own):
            rows.append([step, f"{own:.1f}", *(shown(figures.ratios(size, step, peer)) for peer in peers)])
    return table([size, "ours, ms", *(f"over {peer}" for peer in peers)], rows)


def quality_table(found: Sequence[Quality]) -> str:
    values = {(each.step, each.size, each.written): each.value for each in found}
    columns = list(dict.fromkeys((each.size, each.written) for each in found))
    rows = []
    for step in dict.fromkeys(each.step for each in found):
        cells = []
        for size, written in columns:
            value = values[step, size, written]
            cells.append(f"{value:.4%}" if step == "bw" else "same" if math.isinf(value) else f"{value:.1f} dB")
        wanted = f"at most {DIFFERING_WANTED:.1%} differ" if step == "bw" else f"{PSNR_WANTED:.0f} dB"
        rows.append([step, *cells, wanted])
    return table(["against `exact`", *(f"{size}, {written.upper()}" for size, written in columns), "wanted"], rows)


def report(figures: Figures, found: Sequence[Quality], versions: Mapping[str, str], load: float) -> str:
    """All that is printed, as Markdown."""
    with_4 = figures.mean(
        [size for size in figures.sizes if size in JUDGED],
        "plain Pillow",
        steps=[step if step != "blur" else "blur:radius=4" for step in SEVEN],
    )[0]
    peers = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    parts = [
        f"{peers}. {document.circumstances(load)}",
        "Geometric means over the seven filters with their default parameters, CPU time:",
        means(figures),
        f"With a blur of radius 4 instead of 2 the mean over plain Pillow is {shown(with_4)}.",
        "The same in time on the clock (of thumbor with the way there and back):",
        means(figures, "wall"),
        "How far each filter is from decoding and encoding alone, in the mode that the result has:",
        over_floor(figures),
        "Filter by filter, CPU time:",
        *(by_filter(figures, size) for size in figures.sizes),
        "Quality: PSNR against the exact result, as JPEG of quality 100 and as BMP, the worst of the photos:",
        quality_table(found),
    ]
    return "\n\n".join(parts)


def draw(figures: Figures) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    size = JUDGED[-1]
    peers = [name for name in figures.contenders if name not in (OURS, FLOOR)]
    colours = {name: f"C{number}" for number, name in enumerate([OURS, *peers])}
    at = range(len(SEVEN))
    for name in (OURS, *peers):
        over = [figures.milliseconds(size, s, name) / figures.milliseconds(size, s, FLOOR) for s in SEVEN]
        marker, area, layer = ("D", 70, 2) if name == OURS else ("o", 35, 3)
        left.scatter(over, at, area, color=colours[name], marker=marker, label=name, zorder=layer)
    left.set_yticks(at, SEVEN)
    left.invert_yaxis()
    left.axvline(1.0, color="black", linewidth=1)
    left.grid(axis="y", alpha=0.3)
    left.set(xscale="log", xlabel="CPU time over decoding and encoding alone", title=f"a photo of {size}")
    left.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    figure.legend(loc="outside lower center", ncols=len(colours), fontsize="small", columnspacing=1.0)
    medians = [statistics.median(figures.mean(JUDGED, peer)[0]) for peer in peers]
    bars = right.barh(peers, medians, color=[colours[peer] for peer in peers])
    right.bar_label(bars, fmt="%.2f", padding=3)
    right.invert_yaxis()
    right.axvline(1.0, color="black", linewidth=1)
    right.margins(x=0.15)
    right.set(xlabel="our CPU time over theirs", title="mean over the filters, 2 and 12 MP")
    figure.savefig(PICTURE, dpi=100)


# -- the command ------------------------------------------------------------------------------------------------------


def main(*options: str) -> None:
    parser = argparse.ArgumentParser(prog='make bench ARGS="filters ..."', add_help=False)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(options)
    sizes = QUICK if chosen.quick else SIZES
    load = document.load()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as name, one_core():
        folder = Path(name)
        photos_of = {
            size.name: [
                Photo.read(path) for path in photos.real(folder, len(photos.PHOTOGRAPHS), size.width, size.height)
            ]
            for size in sizes
        }
        with contenders(folder) as able:
            versions = {contender.name: contender.version for contender in able}
            turns = list(measured(sizes, photos_of, able))
        qualities = [each for size in JUDGED for step in SEVEN for each in quality(size, step, photos_of[size])]
    figures = Figures(turns)
    section = report(figures, qualities, versions, load)
    print(f"\n{section}\n\n{time.perf_counter() - begin:.0f} s in all; every turn is in {RAW}")
    raw = {"versions": versions, "load": load}
    raw |= {"turns": list(map(asdict, turns)), "quality": list(map(asdict, qualities))}
    RAW.write_text(json.dumps(raw, indent=1))
    if chosen.write:
        document.write("filters", section)
        draw(figures)

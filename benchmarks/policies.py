"""The policies on simulated clusters: response times over those of an ideal shared queue with perfect knowledge.

10 unlike nodes and 100, other people's programs on them, photos of mostly 2 to 12 MP; predicted costs are off by 20 %.
Every figure is the mean over 20 seeds on which nothing was tuned. `docs/images/policies.png` is drawn anew.
"""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cluster.scheduling.policies import FIXED
from cluster.scheduling.simulator import IDEAL
from cluster.scheduling.workload import Setup
from cluster.simulation import Outcome, run_all

SEEDS = range(1000, 1020)
PICTURE = Path(__file__).parents[1] / "docs/images/policies.png"

TEN = Setup(nodes=10, load=0.8, jobs=12_000)
HUNDRED = Setup(nodes=100, load=0.8, jobs=10_000)
BURST = Setup(nodes=10, jobs=2000, burst=True)
INTERVALS = (0.5, 1.0, 5.0)
CELERY = ("celery", "celery-prefetch-4", "celery-acks-late")
OURS = ("least-cpu", "predictive")
COMPARED = (*OURS, "ideal-hand-off", *CELERY, "report")
OTHERS = tuple(name for name in FIXED if name not in OURS)

WANTED = {
    (0.6, 10, "least-cpu"): "1.05 / 1.05",
    (0.8, 10, "least-cpu"): "1.05 / 1.05",
    (0.95, 10, "least-cpu"): "1.05 / 1.05",
    (0.8, 100, "least-cpu"): "1.05 / 1.10",
    (0.8, 10, "predictive"): "1.03 / 1.00",
    (0.8, 100, "predictive"): "1.08 / -",
}
BURSTS_WANTED = {("predictive", 0.2): "1.02 / 1.20"}

Ratios = dict[tuple[Setup, str], tuple[float, float]]


def seeded(setup: Setup, policies: Sequence[str]) -> Iterator[tuple[Setup, str]]:
    for seed in SEEDS:
        for policy in policies:
            yield replace(setup, seed=seed), policy


def ratios(tasks: Sequence[tuple[Setup, str]]) -> Ratios:
    """For each setup without its seed, and policy: the mean over the seeds of mean and p99 over the ideal's."""
    found = {(outcome.setup, outcome.policy): outcome for outcome in run_all(tasks)}
    values: dict[tuple[Setup, str], list[tuple[float, float]]] = {}
    for (setup, policy), outcome in found.items():
        ideal = found[setup, IDEAL]
        values.setdefault((replace(setup, seed=0), policy), []).append(
            (outcome.mean / ideal.mean, outcome.p99 / ideal.p99)
        )
    return {
        key: (statistics.mean(mean for mean, _ in pairs), statistics.mean(p99 for _, p99 in pairs))
        for key, pairs in values.items()
    }


def response_times() -> Ratios:
    tasks = [
        *seeded(replace(TEN, load=0.6), (IDEAL, *COMPARED)),
        *seeded(TEN, (IDEAL, *COMPARED, *OTHERS)),
        *seeded(replace(TEN, load=0.95), (IDEAL, *COMPARED)),
        *seeded(HUNDRED, (IDEAL, *COMPARED)),
    ]
    found = ratios(tasks)
    print("| nodes | load | policy | mean / ideal | p99 / ideal | wanted |")
    print("|---|---|---|---|---|---|")
    for (setup, policy), (mean, p99) in found.items():
        if policy != IDEAL:
            wanted = WANTED.get((setup.load, setup.nodes, policy), "")
            print(f"| {setup.nodes} | {setup.load:.0%} | {policy} | **{mean:.3f}** | **{p99:.3f}** | {wanted} |")
    for policy in OURS:
        times = [
            (found[key, "report"][0] / found[key, policy][0], found[key, "report"][1] / found[key, policy][1])
            for key in {setup for setup, _ in found}
        ]
        least = min(min(pair) for pair in times)
        print(
            f"\nThe report's rule takes at least {least:.0f} times as long as `{policy}` in mean and p99 (wanted: 10)."
        )
    return found


def stale_samples() -> None:
    found = ratios(
        [task for every in INTERVALS for task in seeded(replace(TEN, sample_interval=every), (IDEAL, *OURS))]
    )
    print("\n| samples every | policy | mean / ideal | p99 / ideal | change of the mean against 1 s | wanted |")
    print("|---|---|---|---|---|---|")
    for (setup, policy), (mean, p99) in found.items():
        if policy != IDEAL:
            change = mean / found[replace(TEN, seed=0), policy][0] - 1.0
            wanted = "1 %" if policy == "least-cpu" else ""
            print(f"| {setup.sample_interval:g} s | {policy} | {mean:.3f} | {p99:.3f} | {change:+.1%} | {wanted} |")


def hand_offs() -> None:
    delays = (0.0, 0.0005, 0.002, 0.005)
    found = ratios(
        [
            task
            for delay in delays
            for task in seeded(
                replace(TEN, load=0.95, jobs=8000, hand_off=delay), (IDEAL, "least-cpu", "ideal-hand-off")
            )
        ]
    )
    print("\n| hand-off, at 95 % load | policy | mean / ideal | p99 / ideal |")
    print("|---|---|---|---|")
    for (setup, policy), (mean, p99) in found.items():
        if policy != IDEAL:
            print(f"| {setup.hand_off * 1000:g} ms | {policy} | {mean:.3f} | {p99:.3f} |")


def bursts() -> dict[str, list[float]]:
    tasks = [
        *seeded(BURST, (IDEAL, "predictive", "least-cpu", "celery", "celery-acks-late", "report")),
        *seeded(replace(BURST, error=0.0), ("predictive",)),
    ]
    outcomes: dict[tuple[str, float], list[Outcome]] = {}
    for outcome in run_all(tasks):
        outcomes.setdefault((outcome.policy, outcome.setup.error), []).append(outcome)
    print("\n| burst of 2000 on 10 nodes | predicted costs | makespan / bound, mean | worst | wanted |")
    print("|---|---|---|---|---|")
    found = {}
    for (policy, error), runs in outcomes.items():
        over = [run.makespan / run.bound for run in runs]
        how = f"off by {error:.0%}" if error else "exact"
        wanted = BURSTS_WANTED.get((policy, error), "")
        print(f"| {policy} | {how} | **{statistics.mean(over):.3f}** | {max(over):.3f} | {wanted} |", flush=True)
        if error:
            found[policy] = over
    return found


def draw(found: Ratios, makespans: dict[str, list[float]]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    rows = {policy: pair for (setup, policy), pair in found.items() if setup == replace(TEN, seed=0)}
    names = sorted((name for name in rows if name != IDEAL), key=lambda name: rows[name][0])
    for offset, label, column in ((-0.2, "mean", 0), (0.2, "p99", 1)):
        left.barh([at + offset for at in range(len(names))], [rows[name][column] for name in names], 0.4, label=label)
    left.set_yticks(range(len(names)), names)
    left.set(xscale="log", xlabel="response time over the ideal's", title="10 unlike nodes, 80 % load")
    left.axvline(1.0, color="black", linewidth=1)
    left.invert_yaxis()
    left.legend()
    names = sorted(makespans, key=lambda name: statistics.mean(makespans[name]))
    right.boxplot([makespans[name] for name in reversed(names)], orientation="horizontal", whis=(0, 100))
    right.set_yticks(range(1, len(names) + 1), list(reversed(names)))
    right.set(xscale="log", xlabel="makespan over the lower bound", title="a burst of 2000 on 10 nodes")
    for axes in (left, right):
        axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    figure.savefig(PICTURE, dpi=100)


def main() -> None:
    print(f"Seeds {SEEDS[0]} to {SEEDS[-1]}; {TEN.jobs} jobs a run on 10 nodes, {HUNDRED.jobs} on 100.\n", flush=True)
    found = response_times()
    stale_samples()
    hand_offs()
    makespans = bursts()
    if importlib.util.find_spec("matplotlib") is None:
        print("\nNo picture: matplotlib is missing.")
    else:
        draw(found, makespans)

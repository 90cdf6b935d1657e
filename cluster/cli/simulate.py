"""`cumulo simulate`"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table

from cluster.cli.common import console, json_option, plain_errors, print_json
from cluster.errors import ClusterError
from cluster.scheduling.policies import FIXED
from cluster.scheduling.simulator import BASELINES, IDEAL
from cluster.scheduling.workload import Setup, jobs_in
from cluster.simulation import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Sequence

JOBS = 20_000
MOST_JOBS = 10_000_000
MOST_NODES = 10_000
LONG_RUN = 50_000  # jobs, from which on a progress bar is worth its lines
COMPARED = ("least-cpu", "predictive", "celery")


def _share(_: click.Context, __: click.Parameter, load: float) -> float:
    if not 0.0 < load < 1.0:
        raise click.BadParameter("it must lie between 0 and 1: at 1 or more the jobs pile up without end")
    return load


@click.command("simulate")
@click.option("--nodes", type=click.IntRange(1, MOST_NODES), default=10, show_default=True, help="PCs, all unlike.")
@click.option(
    "--load",
    type=float,
    default=0.8,
    show_default=True,
    callback=_share,
    help="Share of the cluster's capacity that the arriving jobs need.",
)
@click.option(
    "--policy",
    "policies",
    type=click.Choice([*FIXED, *BASELINES]),
    multiple=True,
    metavar="NAME",
    help=f"May be repeated. One of {', '.join(FIXED)}; or, to compare with, {', '.join(BASELINES)} "
    f"(default: {', '.join(COMPARED)}).",
)
@click.option("--jobs", type=click.IntRange(1, MOST_JOBS), help=f"How many jobs arrive (default: {JOBS}).")
@click.option("--hours", type=click.FloatRange(0, 1000, min_open=True), help="Simulated hours, instead of --jobs.")
@click.option("--burst", type=click.IntRange(1, MOST_JOBS), help="That many jobs, all at once, instead of --jobs.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Equal seeds give equal results.")
@click.option(
    "--sample-interval",
    type=click.FloatRange(0.05, 600),
    default=1.0,
    show_default=True,
    help="Seconds between two samples of a node.",
)
@click.option(
    "--foreign/--no-foreign", default=True, show_default=True, help="Other people's programs run on the nodes, or not."
)
@click.option("--failures", is_flag=True, help="Nodes die, about every ten minutes each, and come back in a minute.")
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write a picture of the response times, PNG or SVG."
)
@json_option
@plain_errors
def command(
    nodes: int,
    load: float,
    policies: tuple[str, ...],
    jobs: int | None,
    hours: float | None,
    burst: int | None,
    seed: int,
    sample_interval: float,
    foreign: bool,
    failures: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Try the policies on a simulated cluster of unlike PCs.

    The same code decides here as on a real cluster. Each policy is compared with an ideal that no real cluster
    reaches: one queue, perfect knowledge, no delay.

    Example: cumulo simulate --nodes 50 --load 0.9 --policy least-cpu --policy predictive
    """
    if sum(given is not None for given in (jobs, hours, burst)) > 1:
        raise click.UsageError("Choose one of --jobs, --hours and --burst.")
    if plot is not None:
        _need_matplotlib()
    if hours is not None:
        jobs = jobs_in(hours, nodes, load, seed, foreign=foreign)
        if jobs > MOST_JOBS:
            raise click.BadParameter(f"these are {jobs} jobs, and {MOST_JOBS} are the most", param_hint="--hours")
    setup = Setup(
        nodes=nodes,
        load=load,
        jobs=burst or jobs or JOBS,
        burst=burst is not None,
        seed=seed,
        sample_interval=sample_interval,
        foreign=foreign,
        failures=failures,
    )
    names = list(dict.fromkeys(name for name in policies or COMPARED if name != IDEAL))
    outcomes = _run([(setup, name) for name in (IDEAL, *names)])
    if plot is not None:
        draw(outcomes, plot)
    if as_json:
        print_json([_with_ratios(outcome, outcomes[0]) for outcome in outcomes])
    else:
        _print(outcomes)


def _run(tasks: Sequence[tuple[Setup, str]]) -> list[Outcome]:
    total = sum(setup.jobs for setup, _ in tasks)
    if total < LONG_RUN or not sys.stderr.isatty():
        return run_all(tasks)
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("jobs", total=total)
        return run_all(tasks, lambda ended: progress.update(bar, completed=ended))


def _with_ratios(outcome: Outcome, ideal: Outcome) -> dict[str, object]:
    return {
        **outcome.to_json(),
        "mean_ratio": round(outcome.mean / ideal.mean, 4),
        "p99_ratio": round(outcome.p99 / ideal.p99, 4),
        "makespan_ratio": round(outcome.makespan / outcome.bound, 4),
    }


def _print(outcomes: Sequence[Outcome]) -> None:
    ideal = outcomes[0]
    setup = ideal.setup
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("policy")
    names = ["mean s", "p50 s", "p95 s", "p99 s", "mean / ideal", "p99 / ideal"]
    if setup.burst:
        names += ["all done s", "/ bound"]
    for name in names:
        table.add_column(name, justify="right")
    for outcome in outcomes:
        row = [f"{value:.3f}" for value in (outcome.mean, outcome.p50, outcome.p95, outcome.p99)]
        row += [f"{outcome.mean / ideal.mean:.2f}", f"{outcome.p99 / ideal.p99:.2f}"]
        if setup.burst:
            row += [f"{outcome.makespan:.2f}", f"{outcome.makespan / outcome.bound:.3f}"]
        table.add_row(outcome.policy, *row)
    what = "at once" if setup.burst else f"at {setup.load:.0%} load"
    count = f"{setup.nodes} node{'s' if setup.nodes > 1 else ''}"
    console().print(f"{setup.jobs} jobs {what} on {count}, {ideal.makespan:.0f} s, seed {setup.seed}")
    console().print(table)


def _need_matplotlib() -> None:
    if importlib.util.find_spec("matplotlib") is None:
        raise ClusterError("--plot needs matplotlib: pip install 'cumulo[plot]'")


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """The share of jobs that took longer than so many seconds, one line for each policy. Raises ClusterError."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for outcome in outcomes:
        response = np.sort(outcome.response)
        longer = 1.0 - np.arange(len(response)) / len(response)
        [line] = axes.plot(response, longer, label=outcome.policy)
        if outcome.policy == IDEAL:
            line.set(color="black", linestyle="--")
    axes.set(xscale="log", yscale="log", xlabel="response time in seconds", ylabel="share of jobs that took longer")
    axes.set_ylim(bottom=1e-3)
    axes.grid(alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ClusterError(f"the plot cannot be written to {path}: {error}") from error

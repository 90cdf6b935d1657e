"""`cumulo replay`"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from cluster.cli.common import cluster_here, console, data_option, json_option, plain_errors, print_json
from cluster.errors import UnknownPolicy
from cluster.scheduling import ADAPTIVE, DEFAULT_POLICY, FIXED
from cluster.settings import load_settings

if TYPE_CHECKING:
    import redis

    from cluster.scheduling.replay import Row

FEWEST = 20  # jobs; figures of fewer would only mislead
LONGEST = 120  # minutes; the trace knows the nodes for that long
NOTABLE = 0.02  # of the mean response: what is closer is no difference


@click.command("replay")
@click.option("--policy", "policies", multiple=True, metavar="NAME", help="A policy to try; repeat it (default: all).")
@click.option(
    "--minutes",
    type=click.FloatRange(1, LONGEST),
    default=60,
    show_default=True,
    help="How much of the past to replay.",
)
@click.option("--redis", "redis_url", help="Address of the cluster's Redis (default: CUMULO_REDIS_URL, or this PC's).")
@data_option
@json_option
@plain_errors
def command(policies: tuple[str, ...], minutes: float, redis_url: str | None, data: Path | None, as_json: bool) -> None:
    """Show what another policy would have done with the work of the last hour, by simulation.

    Example: cumulo replay --policy least-cpu --minutes 30
    """
    for name in policies:
        check(name)
    from cluster.connection import connect  # late, like the simulator: a wrong name is told at once

    report = replay(connect(find_redis(redis_url, data)), policies, minutes)
    if as_json:
        print_json(report.to_json())
    else:
        show(report)


def check(name: str) -> None:
    """Raises UnknownPolicy unless it is a policy that can be replayed."""
    if name == ADAPTIVE:
        raise UnknownPolicy(f"adaptive only follows other policies; replay one of {', '.join(FIXED)}")
    if name not in FIXED:
        raise UnknownPolicy(f"there is no policy {name!r}; there are {', '.join(FIXED)}")


def find_redis(given: str | None, data: Path | None) -> str:
    """The address given, that of CUMULO_REDIS_URL, or that of the cluster on this PC. Raises ClusterError."""
    if given:
        return load_settings(redis_url=given).redis_url
    if os.environ.get("CUMULO_REDIS_URL") and data is None:
        return load_settings().redis_url
    return cluster_here(data, "give the address of its Redis with --redis or CUMULO_REDIS_URL").redis_url


@dataclass(frozen=True)
class Report:
    """`present` is the policy whose decisions count now; `rows` are empty where the trace holds too little."""

    minutes: float
    jobs: int
    present: str
    sentence: str
    rows: Sequence[Row] = field(default=())

    def to_json(self) -> dict[str, Any]:
        return {
            "minutes": self.minutes,
            "jobs": self.jobs,
            "present": self.present,
            "recorded": self.rows[0].to_json() if self.rows else None,
            "policies": [row.to_json() for row in self.rows[1:]],
            "sentence": self.sentence,
        }


def replay(client: redis.Redis, policies: Sequence[str], minutes: float) -> Report:
    """Raises ClusterUnavailable."""
    from cluster import keys, trace
    from cluster.connection import reported
    from cluster.scheduling.replay import compare

    with reported():
        policy, adapted = client.mget(keys.POLICY, keys.ADAPTED)
    present = (adapted if policy == ADAPTIVE else policy) or DEFAULT_POLICY
    if present not in FIXED:  # of another version
        present = DEFAULT_POLICY
    recording = trace.read(client, minutes * 60.0)
    jobs = len(recording.jobs)
    if jobs < FEWEST:
        words = f"Only {jobs} jobs" if jobs > 1 else ("Only one job" if jobs else "No job")
        sentence = (
            f"{words} ended in the last {minutes:g} minutes: too little to compare policies by; "
            f"{FEWEST} are needed, or more --minutes."
        )
        return Report(minutes, jobs, present, sentence)
    try:
        rows = compare(recording, list(dict.fromkeys((present, *(policies or FIXED)))))
    except ValueError as error:
        return Report(minutes, jobs, present, f"Nothing can be replayed yet: {error}.")
    return Report(minutes, jobs, present, verdict(rows[1:], present), rows)


def verdict(rows: Sequence[Row], present: str) -> str:
    """Which policy would have been best, and by how much."""
    now = next(row for row in rows if row.policy == present)
    best = min(rows, key=lambda row: (row.mean, row.policy != present))
    if best is now or best.mean > (1.0 - NOTABLE) * now.mean:
        others = [row for row in rows if row is not now]
        if not others:
            return f"{present} is the policy in force; name another with --policy to compare it with."
        second = min(others, key=lambda row: row.mean)
        gap = second.mean / now.mean - 1.0
        if gap < NOTABLE:
            return f"{present}, the policy in force, is as good as any: {second.policy} would have been about the same."
        return (
            f"{present}, the policy in force, is the best: with {second.policy}, the next, "
            f"the mean response would have been {gap:.0%} longer."
        )
    tail = best.p99 / now.p99 - 1.0
    return (
        f"{best.policy} would have been the best: mean response {seconds(best.mean)} instead of {seconds(now.mean)} "
        f"with {present}, the policy in force ({1.0 - best.mean / now.mean:.0%} less), "
        f"99th percentile {abs(tail):.0%} {'longer' if tail > 0 else 'shorter'}."
    )


def seconds(value: float) -> str:
    return f"{value:.0f} s" if value >= 100 else f"{value:.3g} s"


def show(report: Report) -> None:
    if report.rows:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("policy", "jobs", "mean", "median", "99 %", "makespan"):
            table.add_column(name, justify="left" if name == "policy" else "right")
        order = sorted(report.rows[1:], key=lambda row: (row.policy != report.present, row.mean))
        for row in (report.rows[0], *order):
            note = {report.rows[0].policy: " (what happened)", report.present: " (in force)"}.get(row.policy, "")
            figures = [seconds(value) for value in (row.mean, row.p50, row.p99, row.makespan)]
            table.add_row(row.policy + note, str(row.jobs), *figures)
        out = console()
        out.print(table)
        out.print(
            "\nSeconds from a job's arrival to its end. All but the first row are simulated: "
            "compare them with each other.\n",
            markup=False,
        )
    click.echo(report.sentence)

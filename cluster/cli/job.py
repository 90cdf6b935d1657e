"""`cumulo job`"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.api import Api
from cluster.cli.common import console, data_option, find_cluster, json_option, plain_errors, print_json


@click.command("job")
@click.argument("job_id", metavar="ID")
@data_option
@json_option
@plain_errors
def command(job_id: str, data: Path | None, as_json: bool) -> None:
    """Show one job: its state, its timeline, and why it ran on that node.

    Example: cumulo job j3f2a...
    """
    job = Api(find_cluster(data)).get(f"jobs/{quote(job_id, safe='')}")
    if as_json:
        print_json(job)
        return
    show(job, console())


def show(job: dict[str, Any], out: Console) -> None:
    where = f" on {job['node']}" if job["node"] else ""
    out.print(f"[bold]{escape(job['name'])}[/]  {job['state']}{where}  [dim]{job['id']}[/]")
    steps = ", ".join(
        " ".join([step["filter"], *(f"{name}={value}" for name, value in step.items() if name != "filter")])
        for step in job["pipeline"]
    )
    out.print(f"pipeline   {escape(steps)}")
    image = job["input"]
    out.print(f"input      {image['width']} x {image['height']} {image['format']}, {image['bytes'] / 1024:.0f} KiB")
    out.print(f"           SHA-256 {image['sha256']}")
    if result := job["result"]:
        out.print(
            f"result     {result['width']} x {result['height']} {result['format']}, {result['bytes'] / 1024:.0f} KiB"
        )
    if error := job["error"]:
        step = f" (step {error['step']})" if error.get("step") else ""
        ended = f", {error['signal']}" if error.get("signal") and error["signal"] not in error["detail"] else ""
        out.print(f"[red]error      {escape(error['detail'])}{step}{ended}[/]")
    out.print()
    _timeline(job, out)
    if job["placement"]:
        out.print()
        _placement(job["placement"], out)


def _timeline(job: dict[str, Any], out: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("when", "what", "node", "attempt", ""):
        table.add_column(name, justify="right" if name == "attempt" else "left")
    begin = job["created_at"]
    for event in job["timeline"]:
        offset = event["at"] - begin
        when = time.strftime("%H:%M:%S", time.localtime(event["at"])) if not offset else f"+{offset:.3f} s"
        attempt = str(event["attempt"]) if event["attempt"] else ""
        table.add_row(when, event["event"], event["node"], attempt, escape(event["detail"]))
    out.print(table)


def _placement(placement: dict[str, Any], out: Console) -> None:
    out.print(f"[bold]Why {placement['node']}[/]: {escape(placement['reason'])}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("candidate")
    for name in ("score", "cpu %", "in flight", "slots", "sample age"):
        table.add_column(name, justify="right")
    table.add_column("held against it")
    for candidate in placement["candidates"]:
        score = candidate["score"]
        table.add_row(
            candidate["node"],
            "" if score is None else f"{score:.2f}",
            f"{candidate['cpu_usage']:.0f}",
            str(candidate["in_flight"]),
            f"{candidate['slots']:g}",
            f"{candidate['sample_age']:.2f} s",
            candidate["held"] or "",
        )
    out.print(table)

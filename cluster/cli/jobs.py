"""`cumulo jobs`"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.api import Api
from cluster.cli.common import console, data_option, find_cluster, json_option, plain_errors, print_json
from cluster.keys import JOB_STATES

PAGE = 500  # what the API gives at once
WIDE = 140  # columns of a terminal
MOST = 30  # of them for a name
STATE_COLOURS = {"done": "green", "running": "cyan", "failed": "red", "quarantined": "red", "cancelled": "yellow"}


@click.command("jobs")
@click.option("--state", type=click.Choice(JOB_STATES), help="Only jobs in this state.")
@click.option("--node", help="Only jobs that are, or were last, on this node.")
@click.option("--filter", help="Only jobs with this filter in their pipeline.")
@click.option("--q", help="Only images whose file name begins like this.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most.")
@data_option
@json_option
@plain_errors
def command(
    state: str | None,
    node: str | None,
    filter: str | None,
    q: str | None,
    limit: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """List jobs, newest first.

    Example: cumulo jobs --state failed --limit 20
    """
    wanted = {"state": state, "node": node, "filter": filter, "q": q}
    given = {name: value for name, value in wanted.items() if value is not None}
    found, more = fetch(Api(find_cluster(data)), given, limit)
    if as_json:
        print_json(found)
    elif found:
        show(found, console())
        if more:
            click.echo(f"There are more: `--limit {2 * limit}` shows up to {2 * limit}.", err=True)
    else:
        click.echo("No such job." if given else "No job yet: `cumulo apply` submits images.")


def fetch(api: Api, wanted: dict[str, str], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """Up to `limit` jobs, and whether there may be more. A page can be short, even empty, and not the last."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.get("jobs", **wanted, **cursor, limit=min(PAGE, limit - len(found)))
        found += page["items"]
        if page["next"] is None or len(found) >= limit:
            return found, page["next"] is not None
        cursor = {"cursor": page["next"]}


def show(jobs: Sequence[dict[str, Any]], out: Console) -> None:
    """Ids are never cut, because other commands take them; a narrow terminal leaves out what there is no room for.

    On a wide one the words of an error are what is cut.
    """
    wide = out.width >= WIDE
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("job", no_wrap=True, min_width=max(len(job["id"]) for job in jobs))
    table.add_column("state", no_wrap=True, min_width=max(len(job["state"]) for job in jobs))
    for name, texts in (("node", [job["node"] or "" for job in jobs]), ("image", [job["name"] for job in jobs])):
        table.add_column(name, no_wrap=True, min_width=min(MOST, max(map(len, texts))) if wide else None)
    if wide:
        for name, width in (("attempt", 7), ("submitted", 14), ("took", 8)):
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        table.add_column("", no_wrap=True)
    for job in jobs:
        state = job["state"]
        took = job["finished_at"] - job["started_at"] if job["finished_at"] and job["started_at"] else None
        more = (
            str(job["attempt"]),
            time.strftime("%m-%d %H:%M:%S", time.localtime(job["created_at"])),
            "" if took is None else f"{took:.2f} s",
            escape(job["error"]["detail"]) if job["error"] else "",
        )
        table.add_row(
            job["id"],
            f"[{STATE_COLOURS.get(state, 'default')}]{state}[/]",
            job["node"] or "",
            escape(job["name"]),
            *(more if wide else ()),
        )
    out.print(table)

"""`cumulo nodes`"""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from cluster.api import Api
from cluster.cli.common import (
    bar_colour,
    console,
    data_option,
    find_cluster,
    json_option,
    plain_errors,
    print_json,
)

STATE_COLOURS = {"live": "green", "stale": "yellow", "paused": "cyan", "draining": "cyan", "offline": "red"}


@click.command("nodes")
@data_option
@json_option
@plain_errors
def command(data: Path | None, as_json: bool) -> None:
    """Show the nodes: what each PC is doing now.

    Example: cumulo nodes
    """
    nodes = Api(find_cluster(data)).get("nodes")["items"]
    if as_json:
        print_json(nodes)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("node", "state"):
        table.add_column(name)
    for name in ("cpu %", "memory %", "disk %", "network %", "cores", "running", "waiting", "processed", "seen"):
        table.add_column(name, justify="right")
    for node in nodes:
        shares = [
            f"[{bar_colour(node[field])}]{node[field]:.0f}[/]"
            for field in ("cpu_usage", "memory_usage", "disk_usage", "network_usage")
        ]
        state = node["state"]
        table.add_row(
            node["worker_id"],
            f"[{STATE_COLOURS[state]}]{state}[/]",
            *shares,
            f"{node['cores']:g}",
            str(node["running"]),
            str(node["waiting"]),
            str(node["tasks_processed"]),
            f"{node['age']:.1f} s ago",
        )
    console().print(table if nodes else "No node yet: start one with `cumulo worker`.")

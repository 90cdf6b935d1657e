"""`cumulo pause`"""

from __future__ import annotations

from pathlib import Path

import click

from cluster.api import Api
from cluster.cli.common import data_option, find_cluster, plain_errors
from cluster.cli.operate import change_node


@click.command("pause")
@click.argument("node", metavar="ID")
@data_option
@plain_errors
def command(node: str, data: Path | None) -> None:
    """Give a node no new work. It does what it has, and stays paused when its PC restarts.

    Example: cumulo pause pc-kevin
    """
    _, before = change_node(Api(find_cluster(data)), node, "pause")
    if before == "paused":
        click.echo(f"{node} is paused, as it was.")
    else:
        click.echo(f"{node} is paused: it gets no new images until `cumulo resume {node}`.")

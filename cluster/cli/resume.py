"""`cumulo resume`"""

from __future__ import annotations

from pathlib import Path

import click

from cluster.api import Api
from cluster.cli.common import data_option, find_cluster, plain_errors
from cluster.cli.operate import change_node


@click.command("resume")
@click.argument("node", metavar="ID")
@data_option
@plain_errors
def command(node: str, data: Path | None) -> None:
    """Let a paused or draining node work again.

    Example: cumulo resume pc-kevin
    """
    found, before = change_node(Api(find_cluster(data)), node, "resume")
    if before == found["state"]:
        click.echo(f"{node} is {before}, as it was.")
    else:
        click.echo(f"{node} is {found['state']}; it was {before}.")

"""`cumulo drain`"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from cluster.api import Api
from cluster.cli.common import data_option, find_cluster, plain_errors
from cluster.cli.operate import change_node, images
from cluster.errors import ClusterError, Conflict

EVERY = 0.25  # seconds between two looks
INTERRUPTED = 130  # what a shell says of a program that Ctrl-C ended


@click.command("drain")
@click.argument("node", metavar="ID")
@click.option("--no-wait", is_flag=True, help="Return at once, whatever is left on the node.")
@data_option
@plain_errors
def command(node: str, no_wait: bool, data: Path | None) -> None:
    """Empty a node: it gets no new work, what waits there goes to others, what runs is finished.

    Waits until nothing is left on it; then its PC can be switched off. Ctrl-C stops the waiting, not the draining.

    Example: cumulo drain pc-kevin
    """
    api = Api(find_cluster(data))
    found, _ = change_node(api, node, "drain")
    if no_wait:
        click.echo(f"{node} is draining: {images(found['jobs'])} left on it.")
        return
    try:
        _wait(api, node, found)
    except KeyboardInterrupt:
        click.echo(f"{node} goes on draining; `cumulo resume {node}` lets it work again.", err=True)
        sys.exit(INTERRUPTED)
    click.echo(f"{node} is drained: nothing is left on it. Stop it, or let it work again with `cumulo resume {node}`.")


def _wait(api: Api, node: str, found: dict[str, Any]) -> None:
    """Until nothing is left on the node. Raises ClusterError where that cannot be waited for."""
    told = ""
    try:
        while found["jobs"]:
            left = images(found["jobs"])
            if found["state"] == "offline":
                raise Conflict(f"{node} went offline with {left} in hand; the other nodes take them over")
            if found["state"] not in ("draining", "stale"):
                raise Conflict(f"{node} is {found['state']} with {left} left on it: somebody ended the draining")
            told = _tell(f"{node} is draining: {left} left on it", told)
            time.sleep(EVERY)
            try:
                found = api.get(f"nodes/{node}")
            except ClusterError as error:
                raise ClusterError(f"{error.detail}; {node} goes on draining") from error
    finally:
        if told and sys.stderr.isatty():
            click.echo(err=True)


def _tell(line: str, told: str) -> str:
    """Over the last line in a terminal; elsewhere a line of its own whenever it is another."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{line}", nl=False, err=True)
    elif line != told:
        click.echo(line, err=True)
    return line

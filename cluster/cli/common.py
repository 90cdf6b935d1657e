"""What several commands share: finding the cluster, asking its API, and errors as one line."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from cluster.errors import ClusterError
from cluster.home import Home, Running, data_here

if TYPE_CHECKING:
    from rich.console import Console

    import filters

P = ParamSpec("P")
R = TypeVar("R")

PIPE_WIDTH = 160

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Data folder of the cluster (default: CUMULO_DATA, or the user's own).",
)


def plain_errors(function: Callable[P, R]) -> Callable[P, R]:
    """A ClusterError becomes one line and exit code 1, never a traceback."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except ClusterError as error:
            raise click.ClickException(error.detail) from error

    return wrapped


def located(error: filters.FilterError) -> str:
    """What is wrong, with the step that is to blame."""
    return f"step {error.step}: {error.detail}" if error.step else error.detail


def data_folder(data: Path | None) -> Path:
    return (data or data_here()).absolute()


def find_cluster(data: Path | None) -> Running:
    """By CUMULO_URL and CUMULO_TOKEN, else what `cumulo up` left in the data folder. Raises ClusterError."""
    url = os.environ.get("CUMULO_URL", "")
    if url:
        from cluster.settings import load_settings  # late: only the token needs them

        return Running(url.rstrip("/"), load_settings().token.get_secret_value(), "", "", 0)
    return cluster_here(data, "set CUMULO_URL and CUMULO_TOKEN to reach one on another PC")


def cluster_here(data: Path | None, otherwise: str) -> Running:
    """What `cumulo up` left in the data folder. Raises ClusterError, which says what one may do `otherwise`."""
    folder = data_folder(data)
    running = Home(folder).running()
    if running is None:
        raise ClusterError(f"no cluster runs from {folder}: start one with `cumulo up`, or {otherwise}")
    return running


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def console() -> Console:
    """Wide where no terminal says otherwise, so that a table in a file or a pipe keeps its lines."""
    from rich.console import Console  # late: `apply` and `up` print no table

    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


def bar_colour(percent: float) -> str:
    """The report's scale: below 10 % blue, 40 green, 70 yellow, 80 orange, else red."""
    for limit, colour in ((10, "blue"), (40, "green"), (70, "yellow"), (80, "dark_orange")):
        if percent < limit:
            return colour
    return "red"

"""`cumulo policy`"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from cluster.api import Api
from cluster.cli.common import console, data_option, find_cluster, json_option, plain_errors, print_json
from cluster.errors import BadWeights

ALLOWED = "give weights as NAME=NUMBER: cpu, memory, network or disk, from 0 to 1000000, not all of them 0"


@click.command("policy")
@click.argument("name", required=False)
@click.option(
    "--weight",
    "weights",
    multiple=True,
    metavar="NAME=NUMBER",
    help="What `weighted` weighs, such as cpu=2; repeat it.",
)
@data_option
@json_option
@plain_errors
def command(name: str | None, weights: tuple[str, ...], data: Path | None, as_json: bool) -> None:
    """Show the scheduling policy, or switch to the one of that NAME while the cluster runs.

    Example: cumulo policy weighted --weight cpu=2 --weight memory=1
    """
    changes = parse_weights(weights)
    api = Api(find_cluster(data))
    found = before = api.get("policy")
    if name is not None or changes:
        change = {"policy": name or before["policy"], **({"weights": changes} if changes else {})}
        found = api.put("policy", change)
    if as_json:
        print_json(found)
        return
    if found is before:
        _show(found)
    elif found["policy"] == before["policy"]:
        click.echo(f"The policy is {found['policy']}, as it was.")
    else:
        click.echo(f"The policy is now {found['policy']}; it was {before['policy']}.")
    if changes or found is before:
        click.echo("Weights of `weighted`: " + ", ".join(f"{key} {value:g}" for key, value in found["weights"].items()))
    if found["policy"] == "adaptive" or found is before:
        present = "follows" if found["policy"] == "adaptive" else "would begin with"
        click.echo(f"`adaptive` {present} {found['adapted']}.")


def parse_weights(given: Sequence[str]) -> dict[str, float]:
    """`["cpu=2"]` -> `{"cpu": 2.0}`. Raises BadWeights; which names there are, the cluster knows."""
    found = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise BadWeights(f"{text!r} is no weight; {ALLOWED}") from None
        if not math.isfinite(found[name.strip()]):  # JSON has no such number
            raise BadWeights(f"{text!r} is no weight; {ALLOWED}")
    return found


def _show(found: dict[str, Any]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("", "policy", "what it does"):
        table.add_column(column)
    for policy in found["available"]:
        mark = "*" if policy["name"] == found["policy"] else ""
        table.add_row(mark, policy["name"], policy["description"], style="bold" if mark else None)
    console().print(table)
    click.echo()

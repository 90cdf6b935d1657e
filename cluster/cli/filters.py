"""`cumulo filters`"""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

import filters
from cluster.cli.common import console, json_option, print_json


@click.command("filters")
@json_option
def command(as_json: bool) -> None:
    """List the filters, their parameters and other names.

    Example: cumulo filters
    """
    catalog = filters.catalog()
    if as_json:
        print_json([{"name": info.name, "aliases": info.aliases, "schema": info.schema} for info in catalog])
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("filter", "also", "what it does", "parameters"):
        table.add_column(name)
    for info in catalog:
        properties = info.schema["properties"].items()
        parameters = [describe(name, schema) for name, schema in properties if not schema.get("advanced")]
        table.add_row(info.name, ", ".join(info.aliases), info.description["en"], "\n".join(parameters))
    out = console()
    out.print(table)
    out.print("\nUse them as `-f sepia` or `-f blur:radius=4`; several -f make a pipeline.", markup=False)


KINDS = {"asset": "file", "color": "colour"}


def describe(name: str, schema: dict[str, Any]) -> str:
    """`radius=2 (0 to 200)`"""
    if "enum" in schema:
        span = " or ".join(map(str, schema["enum"]))
    else:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        kind = KINDS.get(schema.get("format", ""), str(schema.get("type", "")))
        span = f"{low:g} to {high:g}" if low is not None and high is not None else kind
    return f"{name}={schema.get('default')} ({span})"

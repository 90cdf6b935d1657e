"""`cumulo filters`"""

from __future__ import annotations

import re
from typing import Any

import click
from rich.table import Table

import filters
from cluster.cli.common import console, json_option, located, print_json
from filters.errors import shown


@click.command("filters")
@click.option("--explain", "pipeline", metavar="PIPELINE", help="Print how these steps would be done.")
@click.option("--size", default="4000x3000", show_default=True, help="Of the image that is explained, in pixels.")
@click.option(
    "--input",
    "input_format",
    type=click.Choice(filters.INPUT_FORMATS),
    default="jpeg",
    show_default=True,
    help="Format of the image that is explained.",
)
@json_option
def command(pipeline: str | None, size: str, input_format: str, as_json: bool) -> None:
    """List the filters, their parameters and other names; or explain a pipeline.

    \b
    Example: cumulo filters
    Example: cumulo filters --explain "resize:width=400 | gray | negative"
    """
    if pipeline is not None:
        _explain(pipeline, _size(size), input_format, as_json)
        return
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


KINDS = {"asset": "file", "color": "colour", "string": "text", "boolean": "true or false"}


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text.strip())
    if not found or "0" in found.groups():
        raise click.BadParameter(f"write it like 4000x3000, not {text!r}", param_hint="--size")
    return int(found[1]), int(found[2])


def _explain(text: str, size: tuple[int, int], input_format: str, as_json: bool) -> None:
    """How the planner would do it: what is decoded, each operation with the steps it does, what is written."""
    steps: object = text if text.lstrip().startswith("[") else [step.strip() for step in text.split("|")]
    try:
        pipeline = filters.parse_pipeline(steps)
        is_jpeg = input_format == "jpeg"
        plan = filters.plan(pipeline, size, shrinks=is_jpeg, shrinks_evenly=is_jpeg)
    except filters.FilterError as error:
        raise click.ClickException(located(error)) from error
    written = plan.output.format or filters.same_format(input_format)
    whys = list(plan.notes)
    if is_jpeg and written == "jpeg" and plan.on_planes() is not None:
        whys.append("all of it on the JPEG's own planes where TurboJPEG is installed: no way to RGB and back")
    if as_json:
        print_json(
            {
                "decode": {"luma": plan.luma, "shrink": plan.shrink},
                "operations": [{"steps": stage.steps, "does": stage.text} for stage in plan.stages],
                "output": {"format": written, "size": plan.size},
                "notes": whys,
            }
        )
        return
    scale = f" at 1/{plan.shrink} of its size" if plan.shrink > 1 else ""
    rows = [("decode", "", f"{input_format}, {'luma only' if plan.luma else 'colours'}{scale}")]
    for stage in plan.stages:
        numbers = ", ".join(map(str, stage.steps))
        rows.append((f"{stage.kind}", f"{'steps' if len(stage.steps) > 1 else 'step'} {numbers}", stage.text))
    width, height = plan.size
    rows.append(("write", "", f"{written}, {width} x {height}"))
    table = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        table.add_row(*row)
    out = console()
    out.print(f"{len(pipeline)} steps on an image of {size[0]} x {size[1]} pixels:\n", highlight=False)
    out.print(table)
    if whys:
        out.print("\nWhy:", highlight=False)
    for why in whys:
        out.print(f"- {why}", markup=False, highlight=False)


def describe(name: str, schema: dict[str, Any]) -> str:
    """`radius=2 (0 to 200)`"""
    if "enum" in schema:
        span = " or ".join(map(str, schema["enum"]))
    else:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        type_ = str(schema.get("type", ""))
        kind = KINDS.get(schema.get("format", "")) or KINDS.get(type_, type_)
        span = f"{shown(low)} to {shown(high)}" if low is not None and high is not None else kind
    return f"{name}={schema.get('default')} ({span})"

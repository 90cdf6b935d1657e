"""What to do with uploaded images, as a form says it: the pipeline and the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

import filters
from filters.formats import ALIASES
from webapp import context
from webapp.problems import Problem

FIELDS = ("pipeline", "filter", "format", "quality", "priority", "batch")
EXAMPLE = 'filter=sepia, or pipeline=[{"filter": "blur", "radius": 4}]'
MOST_URGENT = 9


@dataclass(frozen=True, slots=True)
class Order:
    pipeline: filters.Pipeline
    format: str | None
    quality: int | None
    priority: int
    batch: str | None


def read(form: MultiDict[str, str]) -> Order:
    """The order in a form's text fields. Problem 400 or 422, or a FilterError that names the step."""
    unknown = [name for name in form if name not in FIELDS]
    if unknown:
        raise Problem(
            400,
            "unknown-field",
            f"There is no field `{unknown[0]}`; the fields are `image` and `asset` (files) and {_listed(FIELDS)}.",
        )
    for name in FIELDS:
        if name != "filter" and len(form.getlist(name)) > 1:
            raise Problem(400, "repeated-field", f"`{name}` may come once; it came {len(form.getlist(name))} times.")
    return Order(
        pipeline=_pipeline(form),
        format=output_format(form.get("format", "")),
        quality=_whole_number(form, "quality", 1, 100),
        priority=_whole_number(form, "priority", 0, MOST_URGENT) or 0,
        batch=form.get("batch") or None,
    )


def _pipeline(form: MultiDict[str, str]) -> filters.Pipeline:
    steps = [text for text in form.getlist("filter") if text.strip()]
    document = form.get("pipeline", "").strip()
    if steps and document:
        raise Problem(400, "two-pipelines", f"Send `filter` fields or `pipeline`, not both: {EXAMPLE}.")
    if not steps and not document:
        raise Problem(400, "missing-pipeline", f"Say what to do with the image: {EXAMPLE}.")
    return parse(document or steps)


def parse(data: str | Sequence[object]) -> filters.Pipeline:
    return filters.parse_pipeline(data, context.cluster().limits)


def output_format(name: str) -> str | None:
    """The format by its name or file extension, None for none. InvalidOutput where it is not written here."""
    word = name.strip().lower().removeprefix(".")
    format = ALIASES.get(word, word)
    if format and format not in filters.FORMATS:
        raise filters.InvalidOutput(f"there is no output format '{name}'; choose {_listed(filters.FORMATS)}")
    return format or None


def _whole_number(form: MultiDict[str, str], name: str, low: int, high: int) -> int | None:
    text = form.get(name, "").strip()
    if not text:
        return None
    number = int(text) if len(text) <= 9 and text.isdecimal() else -1
    if not low <= number <= high:
        raise Problem(
            422,
            f"invalid-{name}",
            f"`{name}` must be a whole number between {low} and {high}, got {text[:40]!r}.",
        )
    return number


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}"

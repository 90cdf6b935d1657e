"""`@describe`: what a route takes and answers, said beside its code and read by `webapp.openapi`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

Schema = type[BaseModel] | Mapping[str, Any]
"""A model, or a JSON Schema where a model cannot say it."""


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is not JSON."""

    type: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})


BINARY: Mapping[str, Any] = {}
"""The schema of raw bytes, as OpenAPI 3.1 has it."""


@dataclass(frozen=True, slots=True)
class Operation:
    summary: str
    description: str
    answers: Mapping[int, Schema | Media | None]
    problems: Sequence[int]
    query: type[BaseModel] | None
    body: Mapping[str, Schema]


View = TypeVar("View", bound=Callable[..., Any])


def describe(
    summary: str,
    *,
    description: str = "",
    answers: Mapping[int, Schema | Media | None],
    problems: Sequence[int] = (),
    query: type[BaseModel] | None = None,
    body: Mapping[str, Schema] | None = None,
) -> Callable[[View], View]:
    """Describe a view: `answers` by status (None: no content), `problems` the statuses with a document.

    401, and 403 where something is changed, follow from the guard and are not listed; nor is 507 where something is
    changed that needs Redis (503). An answer can also be a
    problem of the same status (401 as HTML or as a document): then the status stands in both.
    """
    operation = Operation(summary, description, answers, problems, query, body or {})

    def attach(view: View) -> View:
        view.__operation__ = operation  # type: ignore[attr-defined]  # functions take attributes; their type does not say so
        return view

    return attach

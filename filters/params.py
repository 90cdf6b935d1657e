"""Kinds of parameters that several filters have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from PIL import ImageColor
from pydantic import AfterValidator, StringConstraints, WithJsonSchema


def _colour(text: str) -> str:
    if text.strip().lower() == "transparent":
        return "#00000000"
    red, green, blue, *alpha = ImageColor.getrgb(text.strip())
    return "#" + bytes((red, green, blue, *alpha)).hex()


Colour = Annotated[
    str,
    AfterValidator(_colour),
    WithJsonSchema({"type": "string", "format": "color", "maxLength": 40}),
]
"""`#rrggbb`, `#rrggbbaa`, a name of CSS such as `white`, or `transparent`; kept as `#rrggbb` or `#rrggbbaa`."""


def _solid(text: str) -> str:
    colour = _colour(text)
    if rgba(colour)[3] < 255:
        raise ValueError("a colour without transparency is needed")
    return colour[:7]


SolidColour = Annotated[
    str,
    AfterValidator(_solid),
    WithJsonSchema({"type": "string", "format": "color", "maxLength": 40, "transparency": False}),
]
"""A `Colour` without transparency; kept as `#rrggbb`."""


Asset = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=255),
    WithJsonSchema({"type": "string", "format": "asset", "maxLength": 255}),
]
"""Another picture that the step needs, by a name that whoever runs the pipeline knows: see `filters.apply`.

A filter has at most one such parameter; its function gets that picture as its third argument.
"""


def is_asset(metadata: Iterable[object]) -> bool:
    """Whether a field with that metadata is an `Asset`."""
    schemas = (kind.json_schema for kind in metadata if isinstance(kind, WithJsonSchema))
    return any(schema is not None and schema.get("format") == "asset" for schema in schemas)


def rgba(colour: str) -> tuple[int, int, int, int]:
    """Red, green, blue and alpha, 0..255, of a colour as `Colour` keeps it."""
    red, green, blue, *alpha = bytes.fromhex(colour[1:])
    return red, green, blue, alpha[0] if alpha else 255

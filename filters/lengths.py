"""Lengths and aspect ratios as parameters have them."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_LENGTH = 65_535
"""Pixels. The largest side that any of the formats can hold, about."""

_RATIO = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)\s*[:x/]\s*(\d{1,5}(?:\.\d{1,3})?)")


def pixels(length: float, whole: int) -> int:
    """A length of 1 or more is in pixels; below that it is a part of `whole`, as in imgproxy and thumbor."""
    return rounded(length * whole if abs(length) < 1 else length)


def rounded(value: float | Fraction) -> int:
    """To the nearest whole number, halves up."""
    return math.floor(value + Fraction(1, 2)) if isinstance(value, Fraction) else math.floor(value + 0.5)


def _ratio(text: str) -> str:
    found = _RATIO.fullmatch(text.strip())
    if not text.strip():
        return ""
    if found is None or not all(map(float, found.groups())):
        raise PydanticCustomError("ratio", "write it like 16:9, or leave it empty")
    return ":".join(found.groups())


Ratio = Annotated[str, AfterValidator(_ratio), WithJsonSchema({"type": "string", "maxLength": 20})]
"""Width to height such as `16:9` or `1.91:1`; empty where any will do."""


def aspect(ratio: str) -> Fraction | None:
    """Width over height of a ratio as `Ratio` keeps it."""
    if not ratio:
        return None
    width, height = ratio.split(":")
    return Fraction(width) / Fraction(height)

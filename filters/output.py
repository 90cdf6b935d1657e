"""How the result is to be written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Keep = Literal["nothing", "copyright", "all"]


@dataclass(frozen=True, slots=True)
class Output:
    """`format` None is the input's, `quality` 1..100 or None for the format's default, `max_bytes` 0 for no limit.

    `keep` says which metadata of the input the result carries.
    """

    format: str | None = None
    quality: int | None = None
    max_bytes: int = 0
    keep: Keep = "nothing"

"""File names: those that arrive, and those that we give."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import filters

LONGEST = 200


def received(name: str | None) -> str:
    """An upload's own name: no folders, nothing unprintable, of a length that every file system takes."""
    last = re.split(r"[/\\]", name or "")[-1]
    clean = "".join(character for character in last if character.isprintable()).strip()
    if len(clean) > LONGEST:
        path = PurePosixPath(clean)
        clean = path.stem[: LONGEST - 10] + path.suffix[:10]
    return clean or "image"


def of_result(name: str, format: str) -> str:
    """The original's name with the extension of what the file is now, safe to save on every system."""
    stem = PurePosixPath(received(name)).stem
    clean = re.sub(r'[\x00-\x1f\x7f<>:"/\\|?*]', "_", stem).strip(" .")
    return (clean or "image") + filters.EXTENSIONS[format]


def unique(name: str, used: set[str]) -> str:
    """`photo.jpg`, then `photo (2).jpg`; upper and lower case count as the same, as on Windows and macOS.

    Adds what it returns to `used`.
    """
    path = PurePosixPath(name)
    number, candidate = 1, name
    while candidate.casefold() in used:
        number += 1
        candidate = f"{path.stem} ({number}){path.suffix}"
    used.add(candidate.casefold())
    return candidate

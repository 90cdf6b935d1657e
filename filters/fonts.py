"""Fonts: the one that ships with Pillow, and those that are installed on this PC."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import cast

from PIL import ImageFont

from filters.errors import InvalidParameter, shown

SUFFIXES = (".ttf", ".otf", ".ttc")

MAX_FILES = 20_000
"""Files of the font folders that are looked at."""

NAMED = 20
"""Fonts that an error names."""


def font(name: str, size: float) -> ImageFont.FreeTypeFont:
    """The installed font of that name, in pixels; Pillow's own, Aileron, for an empty one.

    A name is that of the file without its ending, such as `DejaVuSans-Bold`, in any case, with or without spaces and
    hyphens. It is never a path. InvalidParameter: there is no such font, or it cannot be read.
    """
    if not name:
        return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))
    path = installed().get(_plain(name))
    if path is None:
        names = sorted(path.stem for path in installed().values())
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        there = f"there are {', '.join(names[:NAMED])}{more}" if names else "none is installed"
        raise InvalidParameter(f"there is no font '{shown(name)}' on this PC; {there}; leave it empty for the default")
    try:
        return ImageFont.truetype(path, size)
    except OSError as error:
        raise InvalidParameter(f"the font '{path.stem}' cannot be read on this PC ({error}); choose another") from error


@lru_cache(maxsize=1)
def installed() -> dict[str, Path]:
    """Font files of the system's and the user's folders, by their names in small letters and figures alone."""
    files = (path for folder in _folders() for path in _files(folder))
    fonts: dict[str, Path] = {}
    for path in islice(files, MAX_FILES):
        if path.suffix.lower() in SUFFIXES:
            fonts.setdefault(_plain(path.stem), path)
    return fonts


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " -_")


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            yield Path(parent, file)


def _folders() -> list[Path]:
    """Where the system keeps fonts, the user's first."""
    home = Path.home()
    match sys.platform:
        case "darwin":
            return [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
        case "win32":
            local = Path(os.environ.get("LOCALAPPDATA", home / "AppData/Local"))
            return [local / "Microsoft/Windows/Fonts", Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"]
    mine = os.environ.get("XDG_DATA_HOME") or home / ".local/share"
    system = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [Path(folder) / "fonts" for folder in (mine, *system.split(":"))]

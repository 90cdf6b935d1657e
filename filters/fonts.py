"""Fonts: the one that ships with Pillow, and those that are installed on this PC."""

from __future__ import annotations

import os
import sys
import unicodedata
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

USUAL = (
    "DejaVuSans",
    "LiberationSans-Regular",
    "NotoSans-Regular",
    "Arial",
    "Helvetica",
    "SegoeUI",
    "NotoSansCJK-Regular",
)
"""Where Pillow's own font lacks a letter."""

LETTER = 16
"""Size at which letters are compared."""

NO_LETTER = "\uffff"
"""No letter will ever have this code."""


def font_for(text: str, name: str, size: float) -> ImageFont.FreeTypeFont:
    """The installed font of that name, `size` pixels high.

    A name is that of the file without its ending, such as `DejaVuSans-Bold`, in any case, with or without spaces and
    hyphens. It is never a path. An empty one is Pillow's own font where that has all letters of the text (it has
    those of English), else a usual one that is installed. InvalidParameter: there is no such font, it cannot be read,
    or it lacks a letter.
    """
    if name:
        path = installed().get(_plain(name))
        if path is None:
            raise InvalidParameter(f"there is no font '{shown(name)}' on this PC; {_there()}")
        chosen = _read(path, size)
        lacking = _lacking(chosen, text)
        if lacking:
            raise InvalidParameter(f"the font '{path.stem}' has no letter '{lacking}'; choose another font or text")
        return chosen
    chosen = cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))
    lacking = _lacking(chosen, text)
    if not lacking:
        return chosen
    for usual in USUAL:
        path = installed().get(_plain(usual))
        if path and not _lacking(chosen := _read(path, size), text):
            return chosen
    raise InvalidParameter(f"the default font has no letter '{lacking}'; name a font that has it: {_there()}")


def _read(path: Path, size: float) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(path, size)
    except OSError as error:
        raise InvalidParameter(f"the font '{path.stem}' cannot be read on this PC ({error}); choose another") from error


def _lacking(chosen: ImageFont.FreeTypeFont, text: str) -> str:
    """The first letter of the text that is not in the font, for which it draws what it draws for no letter at all."""
    small = chosen.font_variant(size=LETTER)
    nothing = _drawn(small, NO_LETTER)
    letters = (letter for letter in dict.fromkeys(text) if unicodedata.category(letter)[0] not in "CMZ")
    return next((letter for letter in letters if _drawn(small, letter) == nothing), "")


def _drawn(small: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = small.getmask(letter)
    return mask.size, bytes(mask)


def _there() -> str:
    names = sorted(path.stem for path in installed().values())
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"there are {', '.join(names[:NAMED])}{more}" if names else "none is installed"


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

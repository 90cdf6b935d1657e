"""Figures written into the documentation, each benchmark's between two marks of its own."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
PERFORMANCE = ROOT / "docs/performance.md"
BUSY = 0.5


def write(name: str, section: str) -> None:
    """Replaces what the benchmark of that name has written before."""
    PERFORMANCE.write_text(rewritten(PERFORMANCE.read_text(), name, section))
    print(f"Written: {PERFORMANCE.relative_to(ROOT)}")


def rewritten(document: str, name: str, section: str) -> str:
    """The document with what lies between the marks of that benchmark replaced; ValueError if it has none."""
    begin = f'<!-- make bench ARGS="{name} --write" writes from here -->'
    end = "<!-- to here -->"
    before, mark, rest = document.partition(begin)
    _, closing, after = rest.partition(end)
    if not (mark and closing):
        raise ValueError(f"the document has no {begin} ... {end}")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"


def load() -> float:
    """What else the machine had to do in the last minute, in cores."""
    return os.getloadavg()[0]


def circumstances(load: float) -> str:
    """In words, for the figures of a run that began at that load."""
    rough = ": it was busy, the figures are rough" if load > BUSY else ""
    return f"When the run began, the machine had a load of {load:.1f} on {os.cpu_count()} hardware threads{rough}."

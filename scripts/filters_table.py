"""Writes the table of filters into docs/filters.md from the catalog."""

from __future__ import annotations

from pathlib import Path

import filters
from cluster.cli.filters import describe

PAGE = Path(__file__).parent.parent / "docs" / "filters.md"
BEGIN, END = "<!-- filters -->\n", "<!-- /filters -->"


def table() -> str:
    rows = ["| filter | also | what it does | parameters |", "|---|---|---|---|"]
    for info in filters.catalog():
        own = [
            f"`{describe(name, schema)}`: {schema['description']}"
            for name, schema in info.schema["properties"].items()
            if not schema.get("advanced")
        ]
        also = ", ".join(f"`{alias}`" for alias in info.aliases)
        rows.append(
            f"| `{info.name}` | {also} | {info.description['en']} | {'<br>'.join(own).replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows) + "\n"


def page_with_table(page: str) -> str:
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))

"""Writes the table of settings into docs/operations.md from `cluster.settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic_core import PydanticUndefined

from cluster.settings import PREFIX, Settings

PAGE = Path(__file__).parent.parent / "docs" / "operations.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->"
OWN_WORDS = {
    "data": "the user's data folder",
    "node": "this PC's name",
    "token": "made by `up`",
    "flower_password": "made by `up`",
}


def table() -> str:
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = OWN_WORDS.get(name)
        if default is None:
            value = "" if field.default is PydanticUndefined else field.default
            default = f"`{value}`" if value != "" else "empty"
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(rows) + "\n"


def page_with_table(page: str) -> str:
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))

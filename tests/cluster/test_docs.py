"""What the docs say is what the code does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import filters
from cluster import keys
from cluster.cli import COMMANDS, main
from scripts import filters_table, settings_table

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.es.md")


def commands(page: str) -> list[list[str]]:
    """The words of every line in the page's `sh` blocks, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [words for block in blocks for line in block.splitlines() if (words := shlex.split(line, comments=True))]


def test_the_table_of_settings_is_up_to_date() -> None:
    page = settings_table.PAGE.read_text()
    assert settings_table.page_with_table(page) == page


def test_the_table_of_filters_is_up_to_date() -> None:
    page = filters_table.PAGE.read_text()
    assert filters_table.page_with_table(page) == page


def test_the_pipelines_of_the_page_of_filters_are_understood() -> None:
    page = filters_table.PAGE.read_text()
    for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL):
        assert filters.parse_pipeline(block)
    [explained] = re.findall(r'--explain "(.*?)"', page)
    assert CliRunner().invoke(main, ["filters", "--explain", explained]).exit_code == 0


def test_every_redis_key_is_listed() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    fixed = [value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)]
    made = [
        keys.worker("{id}"),
        keys.history("{id}"),
        keys.node_jobs("{id}"),
        keys.waiting("{id}"),
        keys.running("{id}"),
        keys.alive("{id}"),
        keys.lease("{id}"),
        keys.job("{id}"),
        keys.timeline("{id}"),
        keys.state("{state}"),
        keys.of_node("{id}"),
        keys.with_filter("{name}"),
        keys.blob("{sha256}"),
        keys.batch("{id}"),
        keys.batch_jobs("{id}"),
        keys.batch_finished("{id}"),
        keys.queue("{id}"),
        keys.monitor_queue("{id}"),
    ]
    assert len(fixed) >= 10
    assert [key for key in [*fixed, *made] if f"`{key}`" not in page] == []


@pytest.mark.parametrize("page", READMES)
def test_every_make_target_of_the_readme_exists(page: str) -> None:
    targets = {words[1] for words in commands(page) if words[0] == "make"}
    assert {"up", "test"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


@pytest.mark.parametrize("page", READMES)
def test_every_cumulo_command_of_the_readme_is_understood(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is parsed by the real command with its real options; files need not be there."""
    lines = [words[1:] for words in commands(page) if words[0] == "cumulo"]
    assert {words[0] for words in lines} >= set(COMMANDS) - {"up"}
    for name, *arguments in lines:
        command = main.get_command(click.Context(main), name)
        assert command is not None, name
        for parameter in command.params:
            if isinstance(parameter.type, click.Path):
                monkeypatch.setattr(parameter.type, "exists", False)
        command.make_context(name, list(arguments))


def test_both_readmes_give_the_same_commands() -> None:
    first, second = (
        [
            [word for word in words if "/" not in word and "=" not in word and "@" not in word]
            for words in commands(page)
        ]
        for page in READMES
    )
    assert first == second


def test_links_and_pictures_of_the_docs_exist() -> None:
    pages = [ROOT / name for name in (*READMES, "CHANGELOG.md")] + sorted((ROOT / "docs").glob("*.md"))
    missing = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert missing == []

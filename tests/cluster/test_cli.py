"""The `cumulo` command: help with an example, errors as one line, and `apply --local` on real images."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from rich.console import Console

import filters
from cluster.cli import COMMANDS, main
from cluster.cli.apply import Names, expand
from cluster.cli.common import bar_colour, find_cluster, plain_errors
from cluster.cli.filters import describe
from cluster.cli.job import show
from cluster.errors import ClusterError
from cluster.home import Home, Running

ROOT = Path(__file__).parents[2]


def cumulo(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="cumulo")


def cumulo_process(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """In a process of its own, for a command that starts processes itself."""
    command = [sys.executable, "-c", "from cluster.cli import main; main(prog_name='cumulo')", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


# -- help -----------------------------------------------------------------------------------------------------------


def test_the_help_lists_every_command_in_a_sentence() -> None:
    help = cumulo("--help").output
    for name, sentence in COMMANDS.items():
        assert f"  {name} " in help
        assert sentence in " ".join(help.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = cumulo(name, "--help")
    assert result.exit_code == 0
    assert f"Example: cumulo {name}" in " ".join(result.output.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


def test_an_unknown_command_is_refused() -> None:
    result = cumulo("fly")
    assert result.exit_code == 2
    assert "No such command 'fly'" in result.output


def test_the_command_knows_its_version() -> None:
    assert cumulo("--version").output.startswith("cumulo, version ")


# -- filters --------------------------------------------------------------------------------------------------------


def test_filters_are_listed_with_their_parameters_and_other_names() -> None:
    lines = cumulo("filters").output.splitlines()
    for info in filters.catalog():
        [line] = [line for line in lines if line.startswith(f"{info.name} ")]
        assert all(alias in line for alias in info.aliases)
        for name, schema in info.schema["properties"].items():
            assert any(f"{name}=" in row for row in lines) != bool(schema.get("advanced"))


def test_filters_can_be_had_as_json() -> None:
    found = json.loads(cumulo("filters", "--json").output)
    assert [entry["name"] for entry in found] == [info.name for info in filters.catalog()]
    assert all("properties" in entry["schema"] for entry in found)


def test_a_pipeline_is_explained() -> None:
    lines = cumulo("filters", "--explain", "sepia | negative | negative | negative | gray").output.splitlines()
    assert [line.split()[:3] for line in lines if line[:5] in ("decod", "effec", "table", "matri", "write")] == [
        ["decode", "jpeg,", "colours"],
        ["effect", "step", "1"],
        ["table", "steps", "2,"],
        ["matrix", "step", "5"],
        ["write", "jpeg,", "4000"],
    ]
    assert "- negative, negative, negative: one table" in lines


def test_an_explanation_can_be_had_as_json_for_an_image_of_any_size() -> None:
    found = json.loads(
        cumulo("filters", "--json", "--size", "30x20", "--input", "png", "--explain", '["gray", "negative"]').output
    )
    assert found["operations"] == [{"steps": [1], "does": "gray"}, {"steps": [2], "does": "negative"}]
    assert found["decode"] == {"luma": True, "shrink": 1}
    assert found["output"] == {"format": "png", "size": [30, 20]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--explain", "sepia | blur:radius=-1"), "step 2: blur: radius must be between 0 and 200, got -1"),
        (("--explain", ""), "there is no filter ''"),
        (("--explain", "sepia", "--size", "big"), "write it like 4000x3000, not 'big'"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_words(options: tuple[str, ...], message: str) -> None:
    result = cumulo("filters", *options)
    assert result.exit_code
    assert message in result.output


def test_a_parameter_is_described_by_its_default_and_its_range() -> None:
    assert describe("radius", {"default": 2, "exclusiveMinimum": 0, "maximum": 200}) == "radius=2 (0 to 200)"
    assert describe("operator", {"default": "sobel", "enum": ["sobel", "scharr"]}) == "operator=sobel (sobel or scharr)"
    assert describe("flag", {"default": True, "type": "boolean"}) == "flag=True (true or false)"
    assert describe("image", {"default": "", "type": "string", "format": "asset"}) == "image= (file)"


def test_a_wrong_step_is_named_with_its_number(photos: Path, tmp_path: Path) -> None:
    result = cumulo("apply", photos / "a.png", "-f", "sepia", "-f", "blur:radius=999", "-o", tmp_path, "--local")
    assert result.exit_code == 2
    assert "step 2: blur: radius must be between 0 and 200, got 999" in result.output


# -- finding the cluster --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["nodes"], ["drain", "pc"], ["jobs"], ["job", "j1"], ["retry", "j1"], ["policy"], ["replay"]],
)
def test_without_a_cluster_one_line_says_how_to_start_one(arguments: list[str]) -> None:
    result = cumulo(*arguments)
    assert result.exit_code == 1
    assert "start one with `cumulo up`" in result.output
    assert "Traceback" not in result.output


def test_a_cluster_is_found_by_its_address_or_by_its_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    running = Running("http://127.0.0.1:8000", "token", "redis://localhost", "", os.getpid())
    Home(tmp_path).announce(running)
    assert find_cluster(tmp_path) == running
    monkeypatch.setenv("CUMULO_URL", "http://10.0.0.7:8000/")
    monkeypatch.setenv("CUMULO_TOKEN", "other")
    found = find_cluster(tmp_path)
    assert (found.url, found.token, found.redis_url) == ("http://10.0.0.7:8000", "other", "")


def test_a_cluster_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUMULO_URL", "http://127.0.0.1:1")
    result = cumulo("nodes")
    assert result.exit_code == 1
    assert "no answer from http://127.0.0.1:1" in result.output


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUMULO_CONCURRENCY", "many")
    result = cumulo("worker", "--name", "pc", "--redis", "redis://127.0.0.1:1/0")
    assert result.exit_code == 1
    assert result.output.startswith("Error: CUMULO_CONCURRENCY: ")


def test_a_worker_without_redis_is_one_line() -> None:
    result = cumulo("worker", "--name", "pc", "--redis", "redis://127.0.0.1:1/0")
    assert result.exit_code == 1
    assert result.output.startswith("Error: Redis does not answer")


def test_a_wrong_node_name_is_refused() -> None:
    result = cumulo("worker", "--name", "../pc", "--redis", "redis://127.0.0.1:1/0")
    assert result.exit_code == 1
    assert "is no node name" in result.output


# -- apply ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, color in (("a.png", "teal"), ("b.jpg", "olive"), ("c.webp", "navy")):
        Image.new("RGB", (24, 16), color).save(folder / name)
    return folder


def test_local_images_are_processed_and_keep_their_names_and_formats(photos: Path, tmp_path: Path) -> None:
    ended = cumulo_process("apply", photos, "-f", "sepia", "-f", "blur:radius=1", "-o", tmp_path / "out", "--local")
    assert ended.returncode == 0, ended.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.jpg", "c.webp"]
    expected = filters.apply((photos / "a.png").read_bytes(), ["sepia", "blur:radius=1"]).data
    assert (tmp_path / "out" / "a.png").read_bytes() == expected


def test_a_terminal_gets_a_bar_and_the_names_of_what_failed(photos: Path, tmp_path: Path) -> None:
    (photos / "notes.txt").write_text("no photo")
    screen, terminal = pty.openpty()
    command = [*(sys.executable, "-c", "from cluster.cli import main; main(prog_name='cumulo')"), "apply", str(photos)]
    options = ["-f", "gray", "-o", str(tmp_path / "out"), "--local"]
    with open(screen, "rb", closefd=True, buffering=0) as shown:
        process = subprocess.Popen([*command, *options], cwd=ROOT, stderr=terminal, env={**os.environ, "TERM": "xterm"})
        os.close(terminal)
        text = b""
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while some := shown.read(4096):
                text += some
        assert process.wait() == 1
    count = len(list(photos.iterdir()))
    assert f"{count}/{count}" in text.decode()
    assert "notes.txt: " in text.decode()


def test_a_bad_file_is_named_and_the_others_are_written_all_the_same(photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("this is no image")
    (photos / "torn.png").write_bytes((photos / "a.png").read_bytes()[:60])
    ended = cumulo_process("apply", photos, "-f", "negative", "-o", tmp_path / "out", "--format", "webp", "--local")
    assert ended.returncode == 1
    lines = ended.stderr.splitlines()
    assert any(line.startswith(f"{photos / 'bad.jpg'}: this is not an image") for line in lines)
    assert any(line.startswith(f"{photos / 'torn.png'}: ") and "cut short" in line for line in lines)
    assert lines[-1] == "3 of 5 images done, 2 failed."
    assert "Traceback" not in ended.stderr
    results = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in results] == ["a.webp", "b.webp", "c.webp"]
    assert {filters.inspect(path.read_bytes()).format for path in results} == {"webp"}


def test_a_wrong_filter_is_refused_before_anything_is_written(photos: Path, tmp_path: Path) -> None:
    for step in ("sparkle", "blur:radius=-1", "blur:size=2"):
        result = cumulo("apply", photos, "-f", step, "-o", tmp_path / "out", "--local")
        assert result.exit_code == 2
        assert "Invalid value for -f" in result.output
    assert not (tmp_path / "out").exists()


def test_files_that_are_not_there_and_empty_folders_are_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for given, code in ((photos / "missing.png", 2), (tmp_path / "empty", 1)):
        result = cumulo("apply", given, "-f", "sepia", "-o", tmp_path / "out", "--local")
        assert result.exit_code == code
        assert "Traceback" not in result.output


def test_a_folder_stands_for_its_files(photos: Path, tmp_path: Path) -> None:
    (photos / ".hidden.png").touch()
    (photos / "deeper").mkdir()
    (photos / "deeper" / "d.png").touch()
    single = photos / "b.jpg"
    assert [path.name for path in expand([single, photos])] == ["b.jpg", "a.png", "b.jpg", "c.webp"]


def test_results_of_inputs_with_one_name_are_numbered(tmp_path: Path) -> None:
    names = Names(tmp_path)
    given = ["a.png", "b.png", "a.jpg", "a.png", "a-2.png"]
    found = [names.path(name, "webp").name for name in given]
    assert found == ["a.webp", "b.webp", "a-2.webp", "a-3.webp", "a-2-2.webp"]
    assert len(set(found)) == len(given)
    assert names.path("a.png", "jpeg") == tmp_path / "a.jpg"
    assert names.path("../../etc/passwd", "png").parent == tmp_path


# -- what people see ------------------------------------------------------------------------------------------------


def test_bars_use_the_reports_scale() -> None:
    assert [bar_colour(percent) for percent in (0, 9.9, 10, 39, 40, 69, 70, 79, 80, 100)] == [
        *["blue"] * 2,
        *["green"] * 2,
        *["yellow"] * 2,
        *["dark_orange"] * 2,
        *["red"] * 2,
    ]


def test_a_job_is_shown_with_its_timeline_and_the_reason_for_its_place() -> None:
    job = {
        "id": "j1",
        "name": "photo [1].jpg",
        "state": "failed",
        "node": "pc-1",
        "pipeline": [{"filter": "blur", "radius": 4}],
        "input": {"sha256": "ab12", "width": 40, "height": 30, "format": "jpeg", "bytes": 2048},
        "result": None,
        "error": {"type": "lost", "detail": "it is cut short", "step": 2, "signal": "SIGBUS"},
        "created_at": 1000.0,
        "timeline": [
            {"at": 1000.0, "event": "queued", "node": "", "attempt": 0, "detail": ""},
            {"at": 1000.25, "event": "assigned", "node": "pc-1", "attempt": 1, "detail": "[x]"},
        ],
        "placement": {
            "node": "pc-1",
            "reason": "score 1.02 is the lowest",
            "candidates": [
                {
                    "node": "pc-1",
                    "score": 1.02,
                    "cpu_usage": 12.5,
                    "in_flight": 1,
                    "slots": 5.0,
                    "sample_age": 0.5,
                    "held": None,
                },
                {
                    "node": "pc-2",
                    "score": None,
                    "cpu_usage": 0.0,
                    "in_flight": 0,
                    "slots": 2.0,
                    "sample_age": 9.0,
                    "held": "offline",
                },
            ],
        },
    }
    paper = io.StringIO()
    show(job, Console(file=paper, width=120))
    text = paper.getvalue()
    for words in (
        "photo [1].jpg  failed on pc-1",
        "blur radius=4",
        "40 x 30 jpeg, 2 KiB",
        "SHA-256 ab12",
        "it is cut short (step 2), SIGBUS",
        "+0.250 s",
        "Why pc-1: score 1.02 is the lowest",
        "offline",
    ):
        assert words in text


def test_a_refusal_of_the_cluster_is_never_a_traceback() -> None:
    @plain_errors
    def refuse() -> None:
        raise ClusterError("there is no job 'j1'")

    with pytest.raises(click.ClickException, match="there is no job 'j1'"):
        refuse()

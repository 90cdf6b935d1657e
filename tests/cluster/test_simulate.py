"""`cumulo simulate`: the table, the JSON, the picture, and errors as one line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cluster import simulation
from cluster.cli import main
from cluster.scheduling.workload import Setup
from cluster.simulation import run, run_all


def simulate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["simulate", *map(str, arguments)], prog_name="cumulo")


def test_the_table_compares_each_policy_with_the_ideal() -> None:
    result = simulate("--nodes", 3, "--jobs", 300, "--policy", "least-cpu", "--policy", "report")
    assert result.exit_code == 0, result.output
    title, head, *rows = result.output.splitlines()
    assert title.startswith("300 jobs at 80% load on 3 nodes")
    assert "mean / ideal" in head
    assert [row.split()[0] for row in rows] == ["ideal", "least-cpu", "report"]
    assert rows[0].split()[-2:] == ["1.00", "1.00"]


def test_a_burst_is_compared_with_the_lower_bound() -> None:
    result = simulate("--nodes", 2, "--burst", 100, "--policy", "predictive", "--failures", "--no-foreign")
    _, head, _, row = result.output.splitlines()
    assert head.split()[-2:] == ["/", "bound"]
    assert 1.0 <= float(row.split()[-1]) < 1.3


def test_json_says_everything_and_the_seed_decides() -> None:
    arguments = ["--nodes", "2", "--jobs", "200", "--policy", "celery", "--sample-interval", "0.5", "--json"]
    first, second, other = (simulate(*arguments, "--seed", seed).output for seed in (4, 4, 5))
    assert first == second != other
    ideal, celery = json.loads(first)
    assert (ideal["policy"], celery["policy"]) == ("ideal", "celery")
    assert celery["setup"]["seed"] == 4
    assert sum(celery["jobs_per_node"]) == 200
    assert celery["mean_ratio"] == pytest.approx(celery["mean"] / ideal["mean"], abs=1e-3)


def test_hours_can_be_given_instead_of_jobs() -> None:
    result = simulate("--nodes", 1, "--hours", 0.01, "--load", 0.3, "--policy", "celery", "--json")
    assert json.loads(result.output)[0]["makespan"] == pytest.approx(36, rel=0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--policy", "fastest"], "'fastest' is not one of 'least-cpu'"),
        (["--load", "1"], "between 0 and 1"),
        (["--load", "0"], "between 0 and 1"),
        (["--load", "nan"], "between 0 and 1"),
        (["--nodes", "0"], "0 is not in the range"),
        (["--jobs", "0"], "0 is not in the range"),
        (["--jobs", "5", "--burst", "5"], "one of --jobs, --hours and --burst"),
        (["--nodes", "1000", "--hours", "900"], "are the most"),
        (["--sample-interval", "0"], "not in the range"),
    ],
)
def test_bad_input_is_refused_in_a_line(arguments: list[str], words: str) -> None:
    result = simulate(*arguments)
    assert result.exit_code == 2
    assert words in result.output.splitlines()[-1]


def test_without_matplotlib_a_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = simulate("--jobs", "10", "--plot", tmp_path / "a.png")
    assert result.exit_code == 1
    assert result.output.strip() == "Error: --plot needs matplotlib: pip install 'cumulo[plot]'"


def test_a_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.png"
    result = simulate("--nodes", 2, "--jobs", 200, "--plot", path)
    assert result.exit_code == 0, result.output
    assert path.read_bytes().startswith(b"\x89PNG")
    refused = simulate("--nodes", 2, "--jobs", 20, "--plot", tmp_path / "missing" / "a.png")
    assert refused.exit_code == 1
    assert "cannot be written" in refused.output


def test_several_processes_find_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [(Setup(nodes=2, jobs=1500, seed=seed), policy) for seed in (1, 2) for policy in ("ideal", "least-cpu")]
    monkeypatch.setattr(simulation, "FEW_JOBS", 0)
    monkeypatch.setattr(simulation, "usable_cpus", lambda: [0, 1])
    told: list[int] = []
    for outcome, (setup, policy) in zip(run_all(tasks, told.append), tasks, strict=True):
        assert outcome.to_json() == run(setup, policy).to_json()
    assert told == sorted(told)

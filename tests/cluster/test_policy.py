"""The policy and its weights: `Cluster.set_policy`, and `cumulo policy` through the real API."""

from __future__ import annotations

import json
import math

import pytest
import redis
from click.testing import CliRunner, Result

from cluster import keys
from cluster.cli import main
from cluster.cli.policy import parse_weights
from cluster.errors import BadWeights, UnknownPolicy
from cluster.scheduling import POLICIES, Weights
from cluster.service import Cluster


def policy_events(cluster: Cluster) -> list[str]:
    return [event["policy"] for event in cluster.recent_events() if event["type"] == "policy"]


# -- the cluster ------------------------------------------------------------------------------------------------------


def test_the_policy_comes_with_its_weights_and_what_adaptive_follows(cluster: Cluster, server: redis.Redis) -> None:
    found = cluster.policy()
    assert found["policy"] == found["adapted"] == "least-cpu"
    assert [policy["name"] for policy in found["available"]] == list(POLICIES)
    assert found["weights"] == {"cpu": 0.6, "memory": 0.2, "network": 0.1, "disk": 0.1}
    server.set(keys.ADAPTED, "predictive")
    assert cluster.policy()["adapted"] == "predictive"
    server.set(keys.ADAPTED, "of another version")
    assert cluster.policy()["adapted"] == "least-cpu"


def test_weights_that_are_left_out_keep_their_value(cluster: Cluster) -> None:
    assert cluster.set_policy("weighted", {"cpu": 2, "memory": 1.5})["weights"] == {
        "cpu": 2,
        "memory": 1.5,
        "network": 0.1,
        "disk": 0.1,
    }
    assert cluster.set_policy("weighted", {"disk": 0})["weights"]["cpu"] == 2
    assert cluster.set_policy("least-cpu")["weights"]["cpu"] == 2
    assert cluster.set_policy("least-cpu", {})["weights"]["cpu"] == 2
    assert cluster.registry.snapshot().state.weights == Weights(2, 1.5, 0.1, 0)
    assert policy_events(cluster) == ["least-cpu", "weighted", "weighted"]


@pytest.mark.parametrize(
    "weights",
    [
        {"cpu": -1},
        {"cpu": math.nan},
        {"cpu": math.inf},
        {"cpu": 1e7},
        {"cpu": 0, "memory": 0, "network": 0, "disk": 0},
        {"gpu": 1},
        {"cpu": "much"},
        {"cpu": None},
    ],
)
def test_bad_weights_are_refused_and_change_nothing(cluster: Cluster, weights: dict[str, float]) -> None:
    with pytest.raises(BadWeights, match="cpu, memory, network and disk: numbers from 0 to 1000000"):
        cluster.set_policy("weighted", weights)
    assert cluster.policy()["policy"] == "least-cpu"
    assert policy_events(cluster) == []


def test_an_unknown_policy_changes_no_weights(cluster: Cluster) -> None:
    with pytest.raises(UnknownPolicy, match="predictive"):
        cluster.set_policy("best", {"cpu": 2})
    assert cluster.policy()["weights"]["cpu"] == 0.6


# -- the command ------------------------------------------------------------------------------------------------------


def policy(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], prog_name="cumulo")


def test_the_command_shows_the_policies_with_their_weights(served: Cluster) -> None:
    lines = policy().output.splitlines()
    for name, known in POLICIES.items():
        assert any(name in line and known.description in line for line in lines), name
    assert [line.split()[1] for line in lines if line.startswith("*")] == ["least-cpu"]
    assert "Weights of `weighted`: cpu 0.6, memory 0.2, network 0.1, disk 0.1" in lines
    assert "`adaptive` would begin with least-cpu." in lines


def test_the_command_switches(served: Cluster, server: redis.Redis) -> None:
    assert policy("predictive").output == "The policy is now predictive; it was least-cpu.\n"
    assert policy("predictive").output == "The policy is predictive, as it was.\n"
    assert served.policy()["policy"] == "predictive"
    server.set(keys.ADAPTED, "weighted")
    assert policy("adaptive").output.splitlines() == [
        "The policy is now adaptive; it was predictive.",
        "`adaptive` follows weighted.",
    ]


def test_the_command_sets_weights_with_a_policy_or_without(served: Cluster) -> None:
    assert "Weights of `weighted`: cpu 2, memory 0.2," in policy("weighted", "--weight", "cpu=2").output
    assert policy("--weight", "memory=1").exit_code == 0
    found = served.policy()
    assert (found["policy"], found["weights"]["cpu"], found["weights"]["memory"]) == ("weighted", 2, 1)


def test_the_command_answers_in_json(served: Cluster) -> None:
    assert json.loads(policy("--json").output) == served.policy()
    assert json.loads(policy("round-robin", "--json").output)["policy"] == "round-robin"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["best"], "there are least-cpu, predictive"),
        (["weighted", "--weight", "cpu=-1"], "numbers from 0 to 1000000"),
        (["weighted", "--weight", "gpu=1"], "cpu, memory, network and disk"),
        (["weighted", *(f"--weight={name}=0" for name in ("cpu", "memory", "network", "disk"))], "above 0"),
        (["weighted", "--weight", "cpu"], "NAME=NUMBER"),
        (["weighted", "--weight", "cpu=much"], "NAME=NUMBER"),
        (["weighted", "--weight", "cpu=nan"], "NAME=NUMBER"),
        (["weighted", "--weight", "cpu=1e999"], "NAME=NUMBER"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_is_allowed(served: Cluster, arguments: list[str], words: str) -> None:
    result = policy(*arguments)
    assert result.exit_code == 1
    [line] = result.output.splitlines()
    assert line.startswith("Error: ")
    assert words in line
    assert served.policy()["policy"] == "least-cpu"


def test_a_weight_given_twice_is_the_last_one() -> None:
    assert parse_weights(["cpu=2", " disk = 1", "cpu=3"]) == {"cpu": 3.0, "disk": 1.0}

"""Nodes, the policy, the filters, events and figures."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import filters
import webapp
from cluster.scheduling import POLICIES
from tests.webapp.fakes import FakeCluster, node_view


def test_nodes(client: FlaskClient) -> None:
    answer = client.get("/api/v1/nodes").get_json()
    assert [node["worker_id"] for node in answer["items"]] == ["pc-1", "pc-2"]
    assert answer["next"] is None
    assert client.get("/api/v1/nodes/pc-1").get_json()["cores"] == 4.0
    assert client.get("/api/v1/nodes/pc-9").status_code == 404


def test_pause_resume_drain(client: FlaskClient) -> None:
    for verb, state in (("pause", "paused"), ("drain", "draining"), ("resume", "live")):
        assert client.post(f"/api/v1/nodes/pc-1/{verb}").get_json()["state"] == state
        assert client.get("/api/v1/nodes/pc-1").get_json()["state"] == state
        assert client.post(f"/api/v1/nodes/pc-9/{verb}").status_code == 404


def test_an_offline_node_is_neither_paused_nor_drained_nor_resumed(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.set_nodes(node_view("pc-1", state="offline"))
    for verb in ("pause", "drain", "resume"):
        response = client.post(f"/api/v1/nodes/pc-1/{verb}")
        assert response.status_code == 409
        assert "offline" in response.get_json()["detail"]


def test_an_offline_node_is_forgotten(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.set_nodes(node_view("pc-1"), node_view("pc-2", state="offline"))
    assert client.delete("/api/v1/nodes/pc-1").status_code == 409
    assert client.delete("/api/v1/nodes/pc-2").status_code == 204
    assert client.get("/api/v1/nodes/pc-2").status_code == 404


def test_history(client: FlaskClient) -> None:
    assert len(client.get("/api/v1/nodes/pc-1/history").get_json()["items"]) == 2
    assert len(client.get("/api/v1/nodes/pc-1/history?seconds=1000").get_json()["items"]) == 3
    for wrong in ("0", "x", "700000"):
        assert client.get(f"/api/v1/nodes/pc-1/history?seconds={wrong}").status_code == 400


def test_the_policy_is_switched(client: FlaskClient) -> None:
    assert client.get("/api/v1/policy").get_json()["policy"] == "least-cpu"
    answer = client.put("/api/v1/policy", json={"policy": "round-robin"}).get_json()
    assert answer["policy"] == "round-robin"
    assert {policy["name"] for policy in answer["available"]} == {"least-cpu", "round-robin"}


def test_an_unknown_policy_names_those_there_are(client: FlaskClient) -> None:
    response = client.put("/api/v1/policy", json={"policy": "best"})
    assert response.status_code == 422
    assert "least-cpu, round-robin" in response.get_json()["detail"]


def test_the_weights_are_set_with_the_policy(client: FlaskClient) -> None:
    assert client.get("/api/v1/policy").get_json()["weights"] == {
        "cpu": 0.6,
        "memory": 0.2,
        "network": 0.1,
        "disk": 0.1,
    }
    answer = client.put("/api/v1/policy", json={"policy": "least-cpu", "weights": {"cpu": 2, "memory": 1}}).get_json()
    assert answer["weights"] == {"cpu": 2, "memory": 1, "network": 0.1, "disk": 0.1}
    assert answer["adapted"] == "least-cpu"
    for unchanged in (None, {}):
        answer = client.put("/api/v1/policy", json={"policy": "least-cpu", "weights": unchanged}).get_json()
        assert answer["weights"]["cpu"] == 2


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"cpu": -1}, "from 0 to 1000000"),
        ({"cpu": math.nan}, "from 0 to 1000000"),
        ({"cpu": 0, "memory": 0, "network": 0, "disk": 0}, "from 0 to 1000000"),
        ({"gpu": 1}, "cpu, memory, network and disk"),
        ({"cpu": "much"}, "`weights.cpu`"),
        ({"cpu": None}, "`weights.cpu`"),
        ([1, 2], "`weights`"),
        (7, "`weights`"),
    ],
)
def test_bad_weights_are_a_problem_that_says_what_is_allowed(client: FlaskClient, weights: object, words: str) -> None:
    response = client.put("/api/v1/policy", json={"policy": "round-robin", "weights": weights})
    assert response.status_code == 422
    assert words in response.get_json()["detail"]
    assert client.get("/api/v1/policy").get_json()["policy"] == "least-cpu"


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_explains_every_policy(language: str) -> None:
    texts = (Path(webapp.__file__).parent / "frontend" / "src" / "i18n" / f"{language}.ts").read_text()
    _, _, table = texts.partition("policies: {")
    table, _, _ = table.partition("}")
    assert set(re.findall(r'^ *"?([a-z-]+)"?: "', table, re.MULTILINE)) == set(POLICIES)


def test_the_filters_with_all_that_a_form_needs(client: FlaskClient) -> None:
    items = client.get("/api/v1/filters").get_json()["items"]
    assert [item["name"] for item in items] == [info.name for info in filters.catalog()]
    blur = next(item for item in items if item["name"] == "blur")
    assert "desenfoque" in blur["aliases"]
    assert set(blur["label"]) == {"en", "es"}
    assert blur["schema"]["properties"]["radius"]["default"] == 2


def test_events(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.happen(type="node", node="pc-1", state="offline", detail="no sample for 5 s")
    cluster.set_policy("round-robin")
    items = client.get("/api/v1/events").get_json()["items"]
    assert [item["type"] for item in items] == ["policy", "node"]
    assert len(client.get("/api/v1/events?limit=1").get_json()["items"]) == 1
    assert client.get("/api/v1/events?limit=0").status_code == 400


def test_summary(client: FlaskClient) -> None:
    answer = client.get("/api/v1/summary").get_json()
    assert answer["nodes"] == {"live": 1, "paused": 1}
    assert answer["policy"] == "least-cpu"

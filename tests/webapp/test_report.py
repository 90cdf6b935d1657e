"""The original report's five routes, in its shapes."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.webapp.conftest import Submit, picture, upload
from tests.webapp.fakes import FakeCluster, node_view

FIELDS = {
    "worker_id",
    "ip",
    "port",
    "cpu_usage",
    "memory_usage",
    "disk_usage",
    "network_usage",
    "tasks_processed",
    "last_heartbeat",
}


def encoded(data: bytes | None = None) -> str:
    return base64.b64encode(picture() if data is None else data).decode()


def test_task_by_json(client: FlaskClient, cluster: FakeCluster) -> None:
    sent = {
        "image": encoded(),
        "filters": ["sepia", {"filter": "blur", "radius": 4}],
        "name": "gato.png",
        "priority": "high",
    }
    response = client.post("/task", json=sent)
    assert response.status_code == 200
    answer = response.get_json()
    assert set(answer) == {"message", "task", "assigned_worker"}
    job_id = answer["task"].pop("job_id")
    assert answer["task"] == {name: value for name, value in sent.items() if name != "image"}
    assert set(answer["assigned_worker"]) == FIELDS
    assert all(isinstance(value, str) for value in answer["assigned_worker"].values())
    assert answer["assigned_worker"]["worker_id"] == "pc-1"
    job = cluster.job(job_id)
    assert job["name"] == "gato.png"
    assert [step["filter"] for step in job["pipeline"]] == ["sepia", "blur"]


@pytest.mark.parametrize(
    ("fields", "pipeline"),
    [
        ({"filters": "sepia"}, ["sepia"]),
        ({"filters": ["sepia", "blur:radius=4"]}, ["sepia", "blur"]),
        ({"filters": '["sepia", {"filter": "blur", "radius": 4}]'}, ["sepia", "blur"]),
        ({"filter": ["negativo"]}, ["negative"]),
    ],
)
def test_task_by_form(client: FlaskClient, cluster: FakeCluster, fields: dict[str, Any], pipeline: list[str]) -> None:
    answer = client.post("/task", data={"image": upload("a.png"), "client": "lab", **fields}).get_json()
    task = answer["task"]
    assert [step["filter"] for step in cluster.job(task.pop("job_id"))["pipeline"]] == pipeline
    assert task == {"client": "lab", **fields} or len(fields) == 1
    assert "image" not in task


def test_a_task_that_waits_names_the_favourite_and_says_so(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.binds_at_once = False
    worker = client.post("/task", json={"image": encoded(), "filters": ["sepia"]}).get_json()["assigned_worker"]
    assert set(worker) == FIELDS | {"state"}
    assert (worker["worker_id"], worker["state"]) == ("pc-1", "queued")


def test_without_a_live_node(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.set_nodes(node_view("pc-1", state="offline"))
    for response in (
        client.post("/task", json={"image": encoded(), "filters": ["sepia"]}),
        client.post("/task", data={"image": upload(), "filters": "sepia"}),
    ):
        assert response.status_code == 503
        assert response.get_json() == {"error": "No active workers"}


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"filters": ["sepia"]}},
        {"json": {"image": "", "filters": ["sepia"]}},
        {"json": {"image": 7, "filters": ["sepia"]}},
        {"data": {"filters": "sepia"}},
        {"data": b"", "content_type": "text/plain"},
        {},
    ],
)
def test_without_an_image_it_says_what_to_send(client: FlaskClient, sent: dict[str, Any]) -> None:
    response = client.post("/task", **sent)
    assert response.status_code == 400
    problem = response.get_json()
    assert "curl -F image=@photo.jpg" in problem["detail"]
    assert problem["error"] == problem["detail"], "the report's clients look for `error`"


@pytest.mark.parametrize(
    ("sent", "status", "type"),
    [
        ({"image": "###", "filters": ["sepia"]}, 400, "invalid-image"),
        ({"image": encoded(b"plain text"), "filters": ["sepia"]}, 415, "unsupported-format"),
        ({"image": encoded()}, 400, "missing-pipeline"),
        ({"image": encoded(), "filters": []}, 400, "missing-pipeline"),
        ({"image": encoded(), "filters": ["sepai"]}, 422, "unknown-filter"),
        ({"image": encoded(), "filters": [{"filter": "blur", "radius": -1}]}, 422, "invalid-parameter"),
        ({"image": encoded(), "filters": ["sepia"], "format": "xcf"}, 422, "invalid-output"),
        ({"image": encoded(b"x" * 210_000), "filters": ["sepia"]}, 413, "image-too-large"),
        ({"image": "A" * 600_000, "filters": ["sepia"]}, 413, "request-entity-too-large"),
    ],
)
def test_wrong_tasks(client: FlaskClient, sent: dict[str, Any], status: int, type: str) -> None:
    response = client.post("/task", json=sent)
    assert response.status_code == status
    assert response.get_json()["type"] == f"urn:cumulo:problem:{type}"


def test_one_image_a_task(client: FlaskClient) -> None:
    response = client.post("/task", data={"image": [upload("a.png"), upload("b.png")], "filters": "sepia"})
    assert response.status_code == 413


def test_a_data_address_is_an_image_too(client: FlaskClient) -> None:
    sent = {"image": f"data:image/png;base64,{encoded()}", "filter": "sepia"}
    assert client.post("/task", json=sent).status_code == 200


def test_status(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    jobs = submit("a.png", "b.png", "c.png")["jobs"]
    cluster.move(jobs[0]["id"], "running")
    cluster.move(jobs[1]["id"], "queued")
    answer = client.get("/status").get_json()
    assert set(answer) == {"tasks_in_queue", "workers"}
    assert answer["tasks_in_queue"] == 2, "queued and assigned"
    assert [set(worker) for worker in answer["workers"]] == [FIELDS, FIELDS]


def test_workers_is_a_bare_list(client: FlaskClient) -> None:
    answer = client.get("/workers").get_json()
    assert [worker["worker_id"] for worker in answer] == ["pc-1", "pc-2"]
    assert answer[0]["cpu_usage"] == "12.5"


def test_register_and_heartbeat(client: FlaskClient) -> None:
    assert client.post("/register", json={"worker_id": "nas", "ip": "192.0.2.9", "port": 8080}).status_code == 200
    nas = client.get("/api/v1/nodes/nas").get_json()
    assert (nas["kind"], nas["ip"], nas["port"], nas["cpu_usage"]) == ("watched", "192.0.2.9", 8080, 0.0)
    beat = {"worker_id": "nas", "cpu_usage": 55.5, "memory_usage": "20.5", "disk_usage": 90, "unknown": 1}
    assert client.post("/heartbeat", json=beat).status_code == 200
    nas = client.get("/api/v1/nodes/nas").get_json()
    assert (nas["cpu_usage"], nas["memory_usage"], nas["disk_usage"]) == (55.5, 20.5, 90.0)


def test_a_heartbeat_of_an_unknown_worker(client: FlaskClient) -> None:
    response = client.post("/heartbeat", json={"worker_id": "pc-99", "cpu_usage": 1})
    assert response.status_code == 400
    assert response.get_json() == {"error": "Worker not registered"}


@pytest.mark.parametrize(
    ("path", "sent", "said"),
    [
        ("/register", {"ip": "192.0.2.9", "port": 1}, "worker_id"),
        ("/register", {"worker_id": "a:b", "ip": "192.0.2.9", "port": 1}, "no node name"),
        ("/register", {"worker_id": "nas", "ip": "home", "port": 1}, "ip"),
        ("/register", {"worker_id": "nas", "ip": "192.0.2.9", "port": 70000}, "port"),
        ("/heartbeat", {"cpu_usage": 1}, "worker_id"),
        ("/heartbeat", {"worker_id": "pc-1", "cpu_usage": 101}, "cpu_usage"),
        ("/heartbeat", {"worker_id": "pc-1", "cpu_usage": "NaN"}, "cpu_usage"),
    ],
)
def test_wrong_machines(client: FlaskClient, path: str, sent: dict[str, Any], said: str) -> None:
    response = client.post(path, data=json.dumps(sent), content_type="application/json")
    assert response.status_code == 422
    problem = response.get_json()
    assert said in problem["detail"]
    assert problem["error"] == problem["detail"]

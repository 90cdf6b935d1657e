"""The original report's commands, with the token, our address and an image: its shapes, from a real cluster."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.filters.images import encoded, photo
from tests.integration.clusters import Up, wait_until

IMAGE = encoded(photo(), "png")
WORKER = {
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


def a_worker(fields: dict[str, Any]) -> None:
    assert set(fields) - {"state"} == WORKER
    assert all(isinstance(value, str) for value in fields.values())
    float(fields["cpu_usage"])
    float(fields["last_heartbeat"])
    assert fields["tasks_processed"].isdecimal()


@pytest.mark.parametrize("way", ["form", "json"])
def test_task(cluster: Up, way: str) -> None:
    cluster.await_nodes()
    if way == "form":
        given = {"client": "lab", "filters": "sepia"}
        response = cluster.http.post("/task", files={"image": ("photo.png", IMAGE)}, data=given)
    else:
        given = {"client": "lab", "filters": ["sepia", {"filter": "blur", "radius": 4}]}
        response = cluster.http.post("/task", json={**given, "image": base64.b64encode(IMAGE).decode()})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert set(answer) == {"message", "task", "assigned_worker"}
    job_id = answer["task"].pop("job_id")
    assert answer["task"] == given
    a_worker(answer["assigned_worker"])
    job = cluster.await_job(job_id)
    assert job["state"] == "done"
    assert [step["filter"] for step in job["pipeline"]] == ["sepia", "blur"][: 1 if way == "form" else 2]
    if "state" not in answer["assigned_worker"]:
        assert job["timeline"][1]["node"] == answer["assigned_worker"]["worker_id"]


def test_task_without_an_image(cluster: Up) -> None:
    response = cluster.http.post("/task", json={"filters": ["sepia"]})
    assert response.status_code == 400
    assert "curl -F image=@photo.jpg" in response.json()["error"]


def test_status_and_workers(cluster: Up) -> None:
    nodes = set(cluster.await_nodes())
    status = cluster.http.get("/status").json()
    assert set(status) == {"tasks_in_queue", "workers"}
    assert isinstance(status["tasks_in_queue"], int)
    workers = cluster.http.get("/workers").json()
    assert isinstance(workers, list)
    for listed in (status["workers"], workers):
        assert {fields["worker_id"] for fields in listed} == nodes
        for fields in listed:
            a_worker(fields)
            # As `redis-cli hgetall worker:ID` shows it.
            assert cluster.redis.hget(f"worker:{fields['worker_id']}", "ip") == fields["ip"]


def test_a_watched_machine_registers_and_reports(cluster: Up) -> None:
    nodes = set(cluster.await_nodes())
    try:
        sent = {"worker_id": "nas", "ip": "192.0.2.9", "port": 8080}
        response = cluster.http.post("/register", json=sent)
        assert (response.status_code, set(response.json())) == (200, {"message"})

        def nas() -> dict[str, str]:
            found = [one for one in cluster.http.get("/workers").json() if one["worker_id"] == "nas"]
            return found[0] if found else {}

        fresh = nas()
        a_worker(fresh)
        assert (fresh["ip"], fresh["port"]) == ("192.0.2.9", "8080")
        figures = {"cpu_usage": 55.5, "memory_usage": 20.5, "disk_usage": 90, "network_usage": 1}
        assert {float(fresh[name]) for name in figures} == {0}

        response = cluster.http.post("/heartbeat", json={"worker_id": "nas", **figures})
        assert (response.status_code, set(response.json())) == (200, {"message"})
        assert {name: float(nas()[name]) for name in figures} == figures

        # It is watched and never gets work, though nobody is less busy.
        ids = [cluster.submit([(f"{number}.png", IMAGE)], filter="gray")[0] for number in range(6)]
        assert {job["node"] for job in cluster.await_jobs(ids)} <= nodes
    finally:
        wait_until(lambda: cluster.states()["nas"] == "offline", "the watched machine to be silent for long enough")
        assert cluster.http.delete("/api/v1/nodes/nas").status_code == 204
    assert set(cluster.states()) == nodes


def test_a_heartbeat_of_an_unknown_worker(cluster: Up) -> None:
    response = cluster.http.post("/heartbeat", json={"worker_id": "pc-99", "cpu_usage": 1})
    assert (response.status_code, response.json()) == (400, {"error": "Worker not registered"})

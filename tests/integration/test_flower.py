"""Flower beside the web page: the nodes' workers and the leases, behind a password."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.integration.clusters import Up, wait_until
from tests.integration.photos import jpegs


@pytest.fixture
def flower(cluster: Up) -> Iterator[httpx.Client]:
    """A browser with the address and the password that `cumulo up` printed."""
    found = re.search(r"Flower +(\S+) +user (\S+), password (\S+)", cluster.program.output())
    assert found is not None
    with httpx.Client(base_url=found.group(1), auth=(found.group(2), found.group(3)), timeout=20) as client:
        wait_until(lambda: answers(client), "Flower to answer")
        yield client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").is_success
    except httpx.HTTPError:
        return False


def test_it_needs_its_password(cluster: Up, flower: httpx.Client) -> None:
    with httpx.Client(base_url=flower.base_url) as stranger:
        for path in ("/", "/api/workers", "/api/tasks"):
            assert stranger.get(path).status_code == 401
            assert stranger.get(path, auth=("cumulo", "wrong")).status_code == 401


def test_it_shows_the_workers_and_the_leases(cluster: Up, flower: httpx.Client) -> None:
    assert flower.get("/").status_code == 200
    names = {f"images@{node}" for node in cluster.await_nodes()}

    def shown() -> bool:
        workers = flower.get("/api/workers", params={"refresh": "1"}).json()
        return names < set(workers) and any(name.startswith("monitor@") for name in workers)

    wait_until(shown, "the workers in Flower")
    cluster.await_jobs(cluster.submit(jpegs(4, 320, 240), filter="sepia"))

    def leases() -> set[str]:
        tasks = flower.get("/api/tasks", params={"taskname": "cluster.tasks.apply_pipeline"}).json()
        return {task["worker"] for task in tasks.values() if task["state"] == "SUCCESS"}

    assert wait_until(leases, "finished leases in Flower") <= names

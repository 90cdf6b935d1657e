"""The containers for real: built, started, one photo through them, and all of it gone afterwards.

Run by `make test-compose`. Needs a Docker engine with Compose v2; `DOCKER_HOST` says which one.
"""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.servers import unused_port

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")

HOW = (
    "make test-compose needs a running Docker engine and Compose v2 (`docker compose version`). "
    "Start the engine, or point DOCKER_HOST at one, for example DOCKER_HOST=unix:///run/docker.sock."
)

# The first build fetches Node, npm's packages and Python's.
pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Composed:
    """A running compose project of this test alone."""

    environment: dict[str, str]
    token: str
    flower_password: str
    web: str
    flower: str

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return docker("compose", *arguments, environment=self.environment, check=check)

    def api(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.web}/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
            trust_env=False,
        )


def docker(*arguments: str, environment: dict[str, str], check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        ["docker", *arguments], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    if check and done.returncode != 0:
        pytest.fail(f"docker {' '.join(arguments)} failed:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}")
    return done


def wait_for(what: str, probe: Callable[[], T | None], seconds: float = 60) -> T:
    """The first answer of `probe` that is not None."""
    deadline = time.monotonic() + seconds
    while (answer := probe()) is None:
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(0.2)
    return answer


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    if shutil.which("docker") is None:
        pytest.fail(f"There is no docker command. {HOW}")
    if docker("compose", "version", environment=dict(os.environ), check=False).returncode != 0:
        pytest.fail(f"This docker command has no `compose`. {HOW}")
    if docker("info", environment=dict(os.environ), check=False).returncode != 0:
        pytest.fail(f"No Docker engine answers. {HOW}")

    mark = secrets.token_hex(4)
    web_port, flower_port = unused_port(), unused_port()
    token, flower_password = secrets.token_hex(16), secrets.token_hex(16)
    environment = os.environ | {
        "COMPOSE_PROJECT_NAME": f"cumulo-test-{mark}",
        "CUMULO_IMAGE": f"cumulo-test:{mark}",
        "CUMULO_TOKEN": token,
        "CUMULO_REDIS_PASSWORD": secrets.token_hex(16),
        "CUMULO_FLOWER_PASSWORD": flower_password,
        "CUMULO_PORT": str(web_port),
        "CUMULO_FLOWER_PORT": str(flower_port),
    }
    running = Composed(
        environment,
        token,
        flower_password,
        web=f"http://127.0.0.1:{web_port}",
        flower=f"http://127.0.0.1:{flower_port}",
    )
    try:
        up = running.compose("up", "--detach", "--build", "--wait", "--wait-timeout", "180", check=False)
        if up.returncode != 0:
            logs = running.compose("logs", "--tail", "60", check=False).stdout
            pytest.fail(f"docker compose up failed:\n{up.stderr[-8000:]}\n{logs}")
        yield running
    finally:
        print(running.compose("logs", "--tail", "200", check=False).stdout)  # pytest shows it after a failure
        running.compose("down", "--volumes", "--remove-orphans", check=False)
        docker("image", "rm", "--force", environment["CUMULO_IMAGE"], environment=environment, check=False)
        project = f"label=com.docker.compose.project={environment['COMPOSE_PROJECT_NAME']}"
        for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
            left = docker(*kind, "--quiet", "--filter", project, environment=environment).stdout
            assert not left, f"docker {kind[0]}: left behind {left}"


def live_nodes(api: httpx.Client) -> list[str]:
    nodes: list[dict[str, Any]] = api.get("nodes").raise_for_status().json()["items"]
    return [node["worker_id"] for node in nodes if node["state"] == "live"]


def test_a_photo_goes_in_as_png_and_comes_out_as_its_negative(composed: Composed) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (97, 131, 4), dtype=np.uint8)
    photo = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(photo, "PNG")

    with composed.api() as api:
        wait_for("a live node", lambda: live_nodes(api) or None)
        answer = api.post(
            "jobs",
            files={"image": ("photo.png", photo.getvalue(), "image/png")},
            data={"pipeline": '[{"filter": "negative"}]'},
        )
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["jobs"][0]["id"]

        def finished() -> dict[str, Any] | None:
            job: dict[str, Any] = api.get(f"jobs/{job_id}").raise_for_status().json()
            return None if job["state"] in {"queued", "assigned", "running"} else job

        job = wait_for("the job to finish", finished)
        assert job["state"] == "done", job["error"]
        result = api.get(f"jobs/{job_id}/result").raise_for_status()

    assert result.headers["Content-Type"] == "image/png"
    with Image.open(io.BytesIO(result.content)) as image:
        assert image.format == "PNG"
        made = np.asarray(image.convert("RGBA"))
    np.testing.assert_array_equal(made[..., :3], 255 - pixels[..., :3])
    np.testing.assert_array_equal(made[..., 3], pixels[..., 3])


def test_more_nodes_join_by_scaling(composed: Composed) -> None:
    composed.compose("up", "--detach", "--no-build", "--no-recreate", "--wait", "--scale", "node=2")
    with composed.api() as api:
        names = wait_for("two live nodes", lambda: found if len(found := live_nodes(api)) == 2 else None)
    containers = composed.compose("ps", "--quiet", "node").stdout.split()
    assert sorted(names) == sorted(container[:12] for container in containers)


def test_nothing_opens_without_its_password(composed: Composed) -> None:
    assert httpx.get(f"{composed.web}/healthz", trust_env=False).status_code == 200
    assert httpx.get(f"{composed.web}/", trust_env=False).status_code == 401
    assert httpx.get(f"{composed.web}/api/v1/jobs", trust_env=False).status_code == 401
    assert httpx.get(f"{composed.flower}/workers", trust_env=False).status_code == 401
    login = ("cumulo", composed.flower_password)
    assert httpx.get(f"{composed.flower}/workers", auth=login, trust_env=False).status_code == 200
    # Redis has no port on this PC, and wants its password inside.
    assert composed.compose("port", "redis", "6379", check=False).stdout.strip() in {"", ":0"}
    ping = composed.compose("exec", "-T", "redis", "env", "-u", "REDISCLI_AUTH", "redis-cli", "ping", check=False)
    assert "NOAUTH" in ping.stdout + ping.stderr


def test_flower_sees_the_workers_of_the_node(composed: Composed) -> None:
    login = ("cumulo", composed.flower_password)

    def workers() -> list[str] | None:
        answer = httpx.get(f"{composed.flower}/workers?json=1", auth=login, trust_env=False)
        names = [worker["hostname"] for worker in answer.raise_for_status().json()["data"]]
        return names if any(name.startswith("images@") for name in names) else None

    assert any(name.startswith("monitor@") for name in wait_for("Flower to see the node", workers))


@pytest.mark.parametrize("service", ["web", "node", "flower"])
def test_no_process_of_ours_is_root(composed: Composed, service: str) -> None:
    assert composed.compose("exec", "-T", service, "id", "-u").stdout.strip() == "10001"

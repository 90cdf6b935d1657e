"""`cumulo up`: what it prints and opens, and what it refuses."""

from __future__ import annotations

import os
import re
import socket
import stat
from pathlib import Path

import httpx

from tests.integration.clusters import Up, cumulo, wait_until


def answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.HTTPError:
        return False


def test_it_answers(cluster: Up) -> None:
    with httpx.Client(base_url=cluster.url) as stranger:
        for path in ("/healthz", "/readyz"):
            assert stranger.get(path).json() == {"status": "ok"}


def test_it_prints_the_address_with_the_token(cluster: Up) -> None:
    found = re.search(r"http://\S+/\?token=\S+", cluster.program.output())
    assert found is not None
    assert found.group().endswith(f"/?token={cluster.token}")
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(found.group())
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert "token" not in page.url.query.decode(), "the token does not stay in the address"
        assert browser.get(page.url.join("/api/v1/nodes")).status_code == 200, "and the browser is logged in"


def test_its_nodes_are_live_and_share_the_cores(cluster: Up) -> None:
    assert len(cluster.await_nodes()) == 2
    wait_until(lambda: all(node["memory_usage"] for node in cluster.get("nodes")["items"]), "the first sample of each")
    nodes = cluster.get("nodes")["items"]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert sum(node["cores"] for node in nodes) == max(2, cores)
    for node in nodes:
        assert 0 <= node["cpu_usage"] <= 100
        assert 0 < node["memory_usage"] <= 100
        assert 0 < node["disk_usage"] <= 100


def test_what_it_keeps_is_for_its_owner_alone(cluster: Up) -> None:
    assert stat.S_IMODE((cluster.data / "cluster.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((cluster.data / "secrets.json").stat().st_mode) == 0o600


def test_a_second_one_on_the_same_folder_is_refused_in_one_line(cluster: Up, tmp_path: Path) -> None:
    done = cumulo("up", "--data", cluster.data, "--no-browser", cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "already runs" in line
    assert cluster.url in line
    assert cluster.http.get("/readyz").status_code == 200, "the first one goes on"


def test_a_busy_port_means_the_next_free_one_and_secrets_can_be_set(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = Up(tmp_path, "--port", str(port), token="our-own-token", flower_password="our-own-password")
        try:
            assert port < int(up.url.rsplit(":", 1)[1]) < port + 50
            assert up.url.rsplit(":", 1)[1] in up.program.output()
            assert up.token == "our-own-token"
            assert up.http.get("/api/v1/nodes").status_code == 200
            flower = up.known["flower_url"]
            wait_until(lambda: answers(f"{flower}/healthcheck"), "Flower to answer")
            codes = [
                httpx.get(f"{flower}/", auth=("cumulo", word)).status_code for word in ("other", "our-own-password")
            ]
            assert codes == [401, 200]
            assert up.end() == 0
        finally:
            up.clean_up()

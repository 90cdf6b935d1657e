"""The `cumulo` command beside a running cluster."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb
from tests.integration.clusters import Up, cumulo
from tests.integration.photos import jpeg_files

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=["the data folder", "the address"])
def command(request: pytest.FixtureRequest, cluster: Up, tmp_path: Path) -> Command:
    """`cumulo` that finds the cluster by what `up` left in the data folder, or by its address and token."""
    if request.param == "the data folder":
        return partial(cumulo, cwd=tmp_path, data=cluster.data)
    return partial(cumulo, cwd=tmp_path, data=tmp_path / "none", url=cluster.url, token=cluster.token)


def test_apply_names_a_bad_file_and_goes_on(command: Command, tmp_path: Path) -> None:
    photos = jpeg_files(tmp_path / "photos", 6, 640, 480)
    (tmp_path / "photos" / "notes.txt").write_text("This is no photo.")
    (tmp_path / "photos" / "cut.png").write_bytes(encoded(noise(200, 150), "png")[:20_000])
    done = command("apply", "photos", "-f", "sepia", "-f", "blur:radius=4", "-o", "out", "--format", "webp")
    assert done.returncode == 1
    assert re.search(r"notes\.txt: this is not an image that we know", done.stderr, re.IGNORECASE)
    assert "cut.png: " in done.stderr
    assert "6 of 8 images done, 2 failed" in done.stderr
    assert "Traceback" not in done.stderr
    results = sorted((tmp_path / "out").iterdir())
    assert [path.name for path in results] == [f"{path.stem}.webp" for path in photos]
    for path in results:
        result = opened(path.read_bytes())
        assert (result.format, result.size) == ("WEBP", (640, 480))


def test_apply_does_what_the_filter_says(command: Command, tmp_path: Path) -> None:
    image = photo()
    (tmp_path / "photo.png").write_bytes(encoded(image, "png"))
    done = command("apply", "photo.png", "-f", "negativo", "-o", "out")
    assert done.returncode == 0, done.stderr
    assert np.array_equal(rgb((tmp_path / "out" / "photo.png").read_bytes()), reference.negative(rgb(image)))


def test_apply_refuses_a_wrong_filter_before_it_sends_anything(command: Command, tmp_path: Path) -> None:
    jpeg_files(tmp_path / "photos", 1, 64, 48)
    done = command("apply", "photos", "-f", "sepai", "-o", "out")
    assert done.returncode == 2
    assert "sepai" in done.stderr
    assert "sepia" in done.stderr
    assert not (tmp_path / "out").exists()


def test_nodes(command: Command, cluster: Up) -> None:
    cluster.await_nodes()
    listed = json.loads(command("nodes", "--json").stdout)
    assert [node["worker_id"] for node in listed] == sorted(cluster.states())
    for node in listed:
        assert node["state"] == "live"
        assert node["cores"] >= 1
        assert {"cpu_usage", "memory_usage", "disk_usage", "network_usage", "last_heartbeat"} <= set(node)
    table = command("nodes").stdout
    for name in cluster.states():
        assert re.search(rf"^{re.escape(name)} +live ", table, re.MULTILINE)


def test_job_tells_its_story(command: Command, cluster: Up) -> None:
    [job_id] = cluster.submit([("holiday.png", encoded(photo(), "png"))], filter="blur:radius=3")
    job = cluster.await_job(job_id)
    told = command("job", job_id).stdout
    assert "holiday.png" in told
    assert "blur radius=3" in told
    assert f"Why {job['node']}: {job['placement']['reason']}" in told
    for word in ("queued", "assigned", "started", "done"):
        assert re.search(rf"^\S+( s)? +{word} ", told, re.MULTILINE), told
    assert json.loads(command("job", job_id, "--json").stdout) == cluster.get(f"jobs/{job_id}")


def test_job_tells_why_one_failed(command: Command, cluster: Up) -> None:
    [job_id] = cluster.submit([("cut.png", encoded(noise(200, 150), "png")[:20_000])], filter="sepia")
    job = cluster.await_job(job_id)
    assert job["error"]["detail"] in command("job", job_id).stdout


def test_job_that_does_not_exist(command: Command) -> None:
    done = command("job", "j0")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "no job" in line


def test_filters(command: Command) -> None:
    text = command("filters").stdout
    for name in ("bw", "sepia", "negative", "blur", "edges", "pixelate", "gray", "blanco-negro", "desenfoque"):
        assert name in text
    listed = {info["name"]: info for info in json.loads(command("filters", "--json").stdout)}
    assert listed["blur"]["schema"]["properties"]["radius"]["default"] == 2


def test_without_a_cluster_it_says_how_to_start_one(tmp_path: Path) -> None:
    done = cumulo("nodes", cwd=tmp_path, data=tmp_path / "none")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "cumulo up" in line


def test_apply_local_needs_no_cluster(tmp_path: Path) -> None:
    jpeg_files(tmp_path / "photos", 3, 320, 240)
    done = cumulo("apply", "photos", "-f", "gray", "-o", "out", "--local", cwd=tmp_path, data=tmp_path / "none")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 3

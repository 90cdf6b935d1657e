"""What is wrong is refused with a reason in words, and disturbs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.filters.images import encoded, noise, photo, png
from tests.integration.clusters import Up
from tests.integration.photos import jpeg

GOOD = encoded(photo(64, 48), "png")
CUT = encoded(noise(200, 150), "png")[:20_000]


def checked(response: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """The problem document, whose text has all the words."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:cumulo:problem:")
    for word in words:
        assert word in problem["detail"], problem["detail"]
    return problem


@pytest.fixture(autouse=True)
def _nothing_else_is_disturbed(cluster: Up) -> Iterator[None]:
    """After each of them a good photo still works, and no job was made of the bad one."""
    before = cluster.get("summary")["counts"]
    yield
    [job_id] = cluster.submit([("good.png", GOOD)], filter="sepia")
    assert cluster.await_job(job_id)["state"] == "done"
    after = cluster.get("summary")["counts"]
    assert sum(after.values()) - sum(before.values()) in (1, 1 + after["failed"] - before["failed"])


FILES = {
    "a text": ("notes.jpg", b"Dear diary, this is no photo.\n" * 50, 415, ["not an image", "jpeg", "png", "webp"]),
    "nothing": ("empty.png", b"", 415, ["an empty file"]),
    "a cut header": ("cut.png", GOOD[:20], 422, ["cut short"]),
    "200 megapixels": ("huge.png", png(20_000, 10_000), 413, ["200 megapixels", "the limit is 100"]),
}


@pytest.mark.parametrize(("name", "data", "status", "words"), FILES.values(), ids=FILES)
def test_a_bad_file(cluster: Up, name: str, data: bytes, status: int, words: list[str]) -> None:
    problem = checked(cluster.post_images([(name, data)], filter="sepia"), status, *words)
    assert problem["file"] == name


def test_a_bad_file_among_good_ones_is_named(cluster: Up) -> None:
    files = [("good.png", GOOD), ("notes.txt", b"no photo"), ("good-too.png", GOOD)]
    assert checked(cluster.post_images(files, filter="sepia"), 415)["file"] == "notes.txt"


def test_a_file_cut_short_fails_with_a_reason(cluster: Up) -> None:
    """Its header is whole, so only decoding tells."""
    [job_id] = cluster.submit([("cut.png", CUT)], filter="sepia")
    job = cluster.await_job(job_id)
    assert job["state"] == "failed"
    assert job["error"]["type"] == "broken-image"
    assert "cut short" in job["error"]["detail"]
    checked(cluster.http.get(f"/api/v1/jobs/{job_id}/result"), 409, "failed")


ORDERS = {
    "an unknown filter": ({"filter": "sepai"}, 422, ["sepai", "sepia", "blur", "pixelate"]),
    "a parameter out of range": ({"filter": "blur:radius=4000"}, 422, ["radius", "200", "4000"]),
    "an unknown parameter": ({"filter": "blur:size=4"}, 422, ["size", "radius"]),
    "a value of the wrong kind": ({"filter": "bw:threshold=dark"}, 422, ["threshold"]),
    "no pipeline": ({}, 400, ["filter=sepia"]),
    "a broken pipeline": ({"pipeline": '[{"filter": '}, 422, []),
    "an empty pipeline": ({"pipeline": "[]"}, 422, []),
    "an unknown format": ({"filter": "sepia", "format": "xcf"}, 422, ["xcf", "jpeg", "webp"]),
    "a quality out of range": ({"filter": "sepia", "quality": "101"}, 422, ["quality", "1 and 100"]),
    "an unknown field": ({"filter": "sepia", "colour": "red"}, 400, ["colour", "pipeline"]),
}


@pytest.mark.parametrize(("fields", "status", "words"), ORDERS.values(), ids=ORDERS)
def test_a_wrong_order(cluster: Up, fields: dict[str, str], status: int, words: list[str]) -> None:
    checked(cluster.post_images([("good.png", GOOD)], **fields), status, *words)


def test_an_empty_form(cluster: Up) -> None:
    checked(cluster.http.post("/api/v1/jobs", data={"filter": "sepia"}), 415, "image", "multipart/form-data")
    boundary = "multipart/form-data; boundary=x"
    empty = cluster.http.post("/api/v1/jobs", content=b"--x--\r\n", headers={"Content-Type": boundary})
    checked(empty, 400, "image")
    checked(cluster.http.post("/api/v1/jobs", data={"filter": "sepia"}, files={"image": ("", b"")}), 400, "image")


def test_an_upload_of_100_megabytes(cluster: Up) -> None:
    data = jpeg() + bytes(100 * 2**20)
    problem = checked(cluster.post_images([("video.jpg", data)], filter="sepia"), 413, "50 MiB")
    assert problem["file"] == "video.jpg"


def test_no_live_node(cluster: Up) -> None:
    names = cluster.await_nodes()
    try:
        for name in names:
            assert cluster.http.post(f"/api/v1/nodes/{name}/pause").json()["state"] == "paused"
        checked(cluster.post_images([("good.png", GOOD)], filter="sepia"), 503, "No live node", "cumulo worker")
        report = cluster.http.post("/task", files={"image": ("good.png", GOOD)}, data={"filters": "sepia"})
        assert (report.status_code, report.json()) == (503, {"error": "No active workers"})
    finally:
        for name in names:
            assert cluster.http.post(f"/api/v1/nodes/{name}/resume").json()["state"] == "live"


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["none", "a wrong one"])
def test_no_token(cluster: Up, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=cluster.url, headers=headers) as stranger:
        form = {"files": {"image": ("good.png", GOOD)}, "data": {"filter": "sepia"}}
        checked(stranger.post("/api/v1/jobs", **form), 401, "token")
        checked(stranger.post("/task", **form), 401, "token")
        for path in ("/api/v1/jobs", "/api/v1/nodes", "/workers", "/status", "/api/v1/stream", "/metrics"):
            checked(stranger.get(path), 401, "token")

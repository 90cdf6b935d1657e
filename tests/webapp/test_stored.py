"""Images that the store has already, submitted by their SHA-256."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from flask.testing import FlaskClient

from cluster.settings import Settings
from tests.webapp.conftest import picture
from tests.webapp.fakes import FakeCluster

URL = "/api/v1/batches"
PHOTO = picture(size=(40, 30), color="olive")


def stored(cluster: FakeCluster, data: bytes = PHOTO, name: str = "a.png") -> dict[str, str]:
    return {"sha256": cluster.blobs.put(data), "name": name}


def post(client: FlaskClient, *images: dict[str, str], status: int = 202, **order: object) -> dict[str, Any]:
    answer = client.post(URL, json={"pipeline": ["sepia"], "images": images, **order})
    assert answer.status_code == status, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def test_stored_images_become_jobs(client: FlaskClient, cluster: FakeCluster) -> None:
    order = {"pipeline": [{"filter": "blur", "radius": 4}, "sepia"], "format": "webp", "quality": 70, "priority": 3}
    answer = post(client, stored(cluster), stored(cluster, name="folder/b.png"), **order)
    assert answer["refused"] == []
    jobs = client.get("/api/v1/jobs").get_json()["items"]
    assert sorted(job["name"] for job in jobs) == ["a.png", "b.png"]
    for job in jobs:
        assert [step["filter"] for step in job["pipeline"]] == ["blur", "sepia"]
        assert (job["format"], job["quality"], job["batch"]) == ("webp", 70, answer["batch"])
        assert (job["input"]["width"], job["input"]["height"], job["input"]["bytes"]) == (40, 30, len(PHOTO))
        assert cluster.finish(job["id"])["state"] == "done"


def test_a_batch_grows(client: FlaskClient, cluster: FakeCluster) -> None:
    first = post(client, stored(cluster))
    again = post(client, stored(cluster), batch=first["batch"])
    assert again["batch"] == first["batch"]
    assert client.get(f"{URL}/{first['batch']}").get_json()["total"] == 2
    problem = post(client, stored(cluster), batch=first["batch"], pipeline=["gray"], status=409)
    assert "another pipeline" in problem["detail"]
    post(client, stored(cluster), batch="b9", status=404)


def test_those_that_are_refused_are_named_and_the_others_taken(client: FlaskClient, cluster: FakeCluster) -> None:
    missing = {"sha256": "0" * 64, "name": "gone.png"}
    text = stored(cluster, b"no image at all, only words", "notes.txt")
    answer = post(client, missing, stored(cluster), text)
    assert [(each["position"], each["name"]) for each in answer["refused"]] == [(0, "gone.png"), (2, "notes.txt")]
    assert "there is no stored image" in answer["refused"][0]["detail"]
    assert "not an image" in answer["refused"][1]["detail"]
    assert client.get(f"{URL}/{answer['batch']}").get_json()["total"] == 1


def test_where_all_are_refused_there_is_no_batch(client: FlaskClient, cluster: FakeCluster) -> None:
    answer = post(client, {"sha256": "0" * 64, "name": "gone.png"})
    assert answer["batch"] is None
    assert len(answer["refused"]) == 1
    assert client.get("/api/v1/jobs").get_json()["items"] == []


def test_an_image_that_is_named_is_as_good_as_new(client: FlaskClient, cluster: FakeCluster) -> None:
    """So that it is not removed as one that nobody needs before its job is recorded."""
    image = stored(cluster)
    path = cluster.blobs.path(image["sha256"])
    os.utime(path, (1, 1))
    post(client, image)
    assert path.stat().st_mtime > 1


def test_a_file_larger_than_allowed(client: FlaskClient, cluster: FakeCluster, settings: Settings) -> None:
    large = stored(cluster, PHOTO + b"\0" * settings.max_upload_bytes)
    (refused,) = post(client, large)["refused"]
    assert "the limit for one image" in refused["detail"]


def test_a_logo_by_its_hash(client: FlaskClient, cluster: FakeCluster) -> None:
    logo = picture(size=(4, 3), color="orange")
    sha256 = hashlib.sha256(logo).hexdigest()
    step = {"filter": "logo", "image": sha256}
    assert post(client, stored(cluster), pipeline=[step], status=422)["type"] == "urn:cumulo:problem:missing-asset"
    answer = post(client, stored(cluster), pipeline=[step], assets=[stored(cluster, logo, "brand.png")])
    again = post(client, stored(cluster), pipeline=[step], batch=answer["batch"])
    assert again["batch"] == answer["batch"]


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        ({"images": []}, 422, "`images`"),
        ({"images": [{"sha256": "../../etc/passwd", "name": "a"}]}, 422, "`images.0.sha256`"),
        ({"images": [{"sha256": "A" * 64, "name": "a"}]}, 422, "`images.0.sha256`"),
        ({"images": [{"sha256": "0" * 64}]}, 422, "`images.0.name`"),
        ({"images": [{"sha256": "0" * 64, "name": "a"}] * 501}, 422, "at most 500"),
        ({"pipeline": ["sepya"]}, 422, "did you mean 'sepia'"),
        ({"pipeline": []}, 422, "at least one"),
        ({"format": "xyz"}, 422, "no output format"),
        ({"quality": 101}, 422, "`quality`"),
        ({"priority": -1}, 422, "`priority`"),
        ({"speed": 1}, 422, "`speed`"),
        ({"assets": [{"sha256": "0" * 64, "name": "logo.png"}]}, 404, "stored image 000000"),
    ],
)
def test_a_wrong_order_says_what_is_wrong(
    client: FlaskClient,
    cluster: FakeCluster,
    wrong: dict[str, Any],
    status: int,
    words: str,
) -> None:
    order = {"images": [stored(cluster)], "pipeline": ["sepia"], **wrong}
    answer = client.post(URL, json=order)
    assert answer.status_code == status, answer.get_json()
    assert words in answer.get_json()["detail"]
    assert client.get("/api/v1/jobs").get_json()["items"] == []


def test_it_takes_json_alone(client: FlaskClient) -> None:
    assert client.post(URL, data={"pipeline": "[]"}).status_code == 415
    assert client.post(URL, data="{", content_type="application/json").status_code == 400

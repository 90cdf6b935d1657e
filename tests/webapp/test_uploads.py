"""`POST /api/v1/jobs`: images in, jobs out, and everything that can be wrong with a form."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from cluster.errors import ClusterError, NotAccepting, QuotaReached, StoreFull
from cluster.settings import Settings
from tests.webapp.conftest import Submit, picture, upload
from tests.webapp.fakes import FakeCluster, node_view
from webapp import limits

URL = "/api/v1/jobs"


def refused(client: FlaskClient, status: int, **form: Any) -> dict[str, Any]:
    response = client.post(URL, data=form, content_type="multipart/form-data")
    assert response.status_code == status, response.get_json()
    assert response.mimetype == "application/problem+json"
    problem: dict[str, Any] = response.get_json()
    problem["type"] = problem["type"].removeprefix("urn:cumulo:problem:")
    return problem


def stored(settings: Settings) -> list[Path]:
    return [path for path in (settings.data / "blobs").rglob("*") if path.is_file() and not path.name.startswith(".")]


def test_one_image(client: FlaskClient) -> None:
    response = client.post(URL, data={"image": upload("a.png"), "filter": "blur:radius=4"})
    assert response.status_code == 202
    answer = response.get_json()
    assert response.headers["Location"] == f"/api/v1/batches/{answer['batch']}"
    (job,) = answer["jobs"]
    assert job["name"] == "a.png"
    assert job["state"] == "assigned"
    assert job["node"] == "pc-1"
    assert job["pipeline"] == [{"filter": "blur", "radius": 4.0}]
    assert job["input"]["width"], job["input"]["height"] == (8, 6)


def test_several_images_make_one_batch_in_their_order(submit: Submit) -> None:
    answer = submit("a.png", "b.png", "c.png")
    assert [job["name"] for job in answer["jobs"]] == ["a.png", "b.png", "c.png"]
    assert {job["batch"] for job in answer["jobs"]} == {answer["batch"]}


def test_the_files_of_one_form_do_not_mix(client: FlaskClient, cluster: FakeCluster) -> None:
    pictures = [picture(size=(width, 3), color=color) for width, color in ((5, "red"), (7, "green"), (9, "blue"))]
    form = {"image": [upload(f"{n}.png", data) for n, data in enumerate(pictures)], "filter": "sepia"}
    jobs = client.post(URL, data=form).get_json()["jobs"]
    assert [cluster.blobs.get(job["input"]["sha256"]) for job in jobs] == pictures


def test_the_pipeline_as_repeated_fields_or_as_json_is_the_same(client: FlaskClient) -> None:
    fields = {"image": upload(), "filter": ["desenfoque:radius=3", "sepia"]}
    document = {"image": upload(), "pipeline": json.dumps([{"filter": "blur", "radius": 3}, "sepia"])}
    first, second = (client.post(URL, data=form).get_json()["jobs"][0] for form in (fields, document))
    assert (
        first["pipeline"]
        == second["pipeline"]
        == [
            {"filter": "blur", "radius": 3.0},
            {"filter": "sepia", "intensity": 1.0},
        ]
    )


def test_output_and_priority(submit: Submit) -> None:
    (job,) = submit("a.png", format="JPG", quality="80", priority="5")["jobs"]
    assert (job["format"], job["quality"], job["priority"]) == ("jpeg", 80, 5)


def test_a_batch_grows(client: FlaskClient, submit: Submit) -> None:
    batch = submit("a.png")["batch"]
    assert submit("b.png", batch=batch)["batch"] == batch
    assert client.get(f"/api/v1/batches/{batch}").get_json()["total"] == 2


def test_a_batch_has_one_pipeline(client: FlaskClient, submit: Submit) -> None:
    batch = submit("a.png")["batch"]
    assert refused(client, 409, image=upload(), filter="gray", batch=batch)["type"] == "conflict"
    assert refused(client, 404, image=upload(), filter="gray", batch="b99")["type"] == "not-found"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("niño 🌵.png", "niño 🌵.png"),
        ("a\tb\x7f.png", "ab.png"),
        ("x" * 400 + ".png", "x" * 190 + ".png"),
    ],
)
def test_file_names_lose_their_folders(client: FlaskClient, sent: str, kept: str) -> None:
    (job,) = client.post(URL, data={"image": upload(sent), "filter": "sepia"}).get_json()["jobs"]
    assert job["name"] == kept


# -- forms ---------------------------------------------------------------------------------------------------------


def test_an_empty_form(client: FlaskClient) -> None:
    response = client.post(URL, data=b"--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert response.status_code == 400
    assert response.get_json()["detail"] == "POST an `image` file field; got an empty form."


def test_no_form_at_all(client: FlaskClient) -> None:
    response = client.post(URL, json={"image": "x"})
    assert response.status_code == 415
    assert "multipart/form-data" in response.get_json()["detail"]
    assert client.post(URL).status_code == 415


def test_a_form_without_an_image(client: FlaskClient) -> None:
    assert refused(client, 400, filter="sepia")["type"] == "missing-image"
    assert refused(client, 400, filter="sepia", image=(io.BytesIO(), ""))["type"] == "missing-image"


def test_an_image_sent_as_text(client: FlaskClient) -> None:
    problem = refused(client, 400, filter="sepia", image="photo.png")
    assert "curl: -F image=@photo.jpg" in problem["detail"]


def test_unknown_fields_are_named(client: FlaskClient) -> None:
    problem = refused(client, 400, image=upload(), filter="sepia", fliter="blur")
    assert problem["type"] == "unknown-field"
    assert "`fliter`" in problem["detail"]
    problem = refused(client, 400, photo=upload(), filter="sepia")
    assert "`photo`" in problem["detail"]


def test_a_field_that_came_twice(client: FlaskClient) -> None:
    assert "`format`" in refused(client, 400, image=upload(), filter="sepia", format=["png", "jpeg"])["detail"]


@pytest.mark.parametrize("boundary", ["", "; boundary="])
def test_a_form_without_a_boundary(client: FlaskClient, boundary: str) -> None:
    response = client.post(URL, data=b"x", content_type="multipart/form-data" + boundary)
    assert response.status_code == 400
    assert response.get_json()["type"].endswith("invalid-form")


def test_a_form_that_is_cut_off(client: FlaskClient, settings: Settings) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + picture()
    response = client.post(URL, data=body, content_type="multipart/form-data; boundary=x")
    assert response.status_code == 400
    assert not stored(settings)


# -- pipelines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "status", "type", "step", "said"),
    [
        ({}, 400, "missing-pipeline", None, "filter=sepia"),
        ({"filter": "sepia", "pipeline": '["blur"]'}, 400, "two-pipelines", None, "not both"),
        ({"pipeline": "[{"}, 422, "invalid-pipeline", None, "not valid JSON"),
        ({"pipeline": "[]"}, 422, "invalid-pipeline", None, "empty"),
        ({"pipeline": '{"filter": "blur"}'}, 422, "invalid-pipeline", None, "list"),
        ({"filter": ["sepia", "sepai"]}, 422, "unknown-filter", 2, "did you mean 'sepia'"),
        ({"filter": ["sepia", "gray", "blur:radius=9999"]}, 422, "invalid-parameter", 3, "radius must be"),
        ({"filter": "blur:radios=2"}, 422, "invalid-parameter", 1, "no parameter 'radios'"),
        ({"filter": ["gray"] * 5}, 422, "invalid-pipeline", None, "the limit is 4"),
        ({"filter": "sepia", "format": "xcf"}, 422, "invalid-output", None, "jpeg, png, webp"),
        ({"filter": "sepia", "quality": "0"}, 422, "invalid-quality", None, "between 1 and 100"),
        ({"filter": "sepia", "quality": "best"}, 422, "invalid-quality", None, "'best'"),
        ({"filter": "sepia", "priority": "10"}, 422, "invalid-priority", None, "between 0 and 9"),
    ],
)
def test_wrong_orders(
    client: FlaskClient,
    settings: Settings,
    fields: dict[str, Any],
    status: int,
    type: str,
    step: int | None,
    said: str,
) -> None:
    problem = refused(client, status, image=upload(), **fields)
    assert problem["type"] == type
    assert problem.get("step") == step
    assert said in problem["detail"]
    assert not stored(settings), "a request with a wrong order stores nothing"


# -- images --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "type", "said"),
    [
        (b"%PDF-1.7 and so on", 415, "unsupported-format", "a PDF"),
        (b"", 415, "unsupported-format", "empty file"),
        (picture("png")[:20], 422, "broken-image", "cut short"),
        (picture("png", (2000, 600)), 413, "image-too-large", "1.2 megapixels; the limit is 1"),
        (picture() + b"x" * 200_000, 413, "image-too-large", "195.3 KiB"),
    ],
)
def test_wrong_images(client: FlaskClient, data: bytes, status: int, type: str, said: str) -> None:
    problem = refused(client, status, image=upload("foto.jpg", data), filter="sepia")
    assert problem["type"] == type
    assert problem["file"] == "foto.jpg"
    assert problem["detail"].startswith("foto.jpg: ")
    assert said in problem["detail"]


def test_content_decides_and_not_the_name(client: FlaskClient) -> None:
    form = {"image": upload("photo.jpg", picture("webp")), "filter": "sepia"}
    assert client.post(URL, data=form).get_json()["jobs"][0]["input"]["format"] == "webp"


def test_one_bad_image_and_nothing_is_submitted(client: FlaskClient) -> None:
    images = [upload("good.png"), upload("bad.png", b"text"), upload("also-bad.png", b"text")]
    assert refused(client, 415, image=images, filter="sepia")["file"] == "bad.png"
    assert client.get("/api/v1/jobs").get_json()["items"] == []


def test_as_many_images_as_allowed_and_one_more(client: FlaskClient, settings: Settings) -> None:
    images = [upload(f"{n}.png") for n in range(settings.max_files)]
    assert client.post(URL, data={"image": images, "filter": "sepia"}).status_code == 202
    images = [upload(f"{n}.png") for n in range(settings.max_files + 1)]
    problem = refused(client, 413, image=images, filter="sepia")
    assert problem["type"] == "too-many-files"
    assert "21 images; allowed are 20" in problem["detail"]


def test_a_form_larger_than_all_its_files_may_be(client: FlaskClient, settings: Settings) -> None:
    most = limits.form_bytes(settings)
    response = client.post(
        URL,
        data=b"x",
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"CONTENT_LENGTH": str(most + 1)},
    )
    assert response.status_code == 413
    detail = response.get_json()["detail"]
    assert limits.size(most) in detail
    assert limits.size(settings.max_upload_bytes) in detail


def test_a_text_field_larger_than_allowed(client: FlaskClient) -> None:
    boundary, body = encode_multipart({"filter": "sepia", "image": "x" * 600_000})
    response = client.post(URL, data=body, content_type=f"multipart/form-data; boundary={boundary}")
    assert response.status_code == 413
    assert "must be a file part" in response.get_json()["detail"]


def test_the_spool_leaves_nothing_behind(client: FlaskClient, submit: Submit, settings: Settings) -> None:
    big = picture("bmp", (200, 300))
    assert len(big) < settings.max_upload_bytes
    images = [FileStorage(*upload(f"{n}.bmp", big)) for n in range(8)]  # beyond what stays in memory
    boundary, body = encode_multipart({"image": images, "filter": "sepia"})
    assert client.post(URL, data=body, content_type=f"multipart/form-data; boundary={boundary}").status_code == 202
    assert list((settings.data / "uploads").iterdir()) == []


# -- the cluster's own refusals ------------------------------------------------------------------------------------


def test_no_live_node(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.set_nodes(node_view("pc-1", state="offline"))
    response = client.post(URL, data={"image": upload(), "filter": "sepia"})
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json()["type"] == "urn:cumulo:problem:no-live-node"
    assert "cumulo worker" in response.get_json()["detail"]


def test_a_full_backlog(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.full = True
    response = client.post(URL, data={"image": upload(), "filter": "sepia"})
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("refusal", "status", "type", "retry"),
    [
        (QuotaReached("operator would have more than 5"), 429, "quota-reached", True),
        (StoreFull("the images in store take as much space as they may"), 507, "store-full", True),
        (NotAccepting("the quota of each submitter is 0"), 403, "not-accepting", False),
    ],
)
@pytest.mark.parametrize("url", [URL, "/task"])
def test_a_refusal_says_whether_to_try_again(
    client: FlaskClient, cluster: FakeCluster, refusal: ClusterError, status: int, type: str, retry: bool, url: str
) -> None:
    cluster.refusal = refusal
    response = client.post(url, data={"image": upload(), "filter": "sepia"})
    problem = response.get_json()
    assert (response.status_code, problem["type"]) == (status, f"urn:cumulo:problem:{type}")
    assert refusal.detail[1:] in problem["detail"]
    assert ("Retry-After" in response.headers) == retry


def test_redis_away(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.away = True
    response = client.post(URL, data={"image": upload(), "filter": "sepia"})
    assert response.status_code == 503
    assert "Retry-After" in response.headers

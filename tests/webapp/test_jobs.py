"""Jobs and their images."""

from __future__ import annotations

import io

import pytest
from flask.testing import FlaskClient
from PIL import Image

from tests.filters.images import encoded, photo
from tests.webapp.conftest import Submit, picture, upload
from tests.webapp.fakes import FakeCluster


def test_a_job_with_its_timeline_and_placement(client: FlaskClient, submit: Submit) -> None:
    job_id = submit("a.png")["jobs"][0]["id"]
    job = client.get(f"/api/v1/jobs/{job_id}").get_json()
    assert job["timeline"][0]["event"] == "queued"
    assert job["placement"]["candidates"][0]["node"] == "pc-1"


def test_the_list_newest_first_page_by_page(client: FlaskClient, submit: Submit) -> None:
    submit("a.png", "b.png", "c.png")
    first = client.get("/api/v1/jobs?limit=2").get_json()
    assert [job["name"] for job in first["items"]] == ["c.png", "b.png"]
    second = client.get(f"/api/v1/jobs?limit=2&cursor={first['next']}").get_json()
    assert [job["name"] for job in second["items"]] == ["a.png"]
    assert second["next"] is None


def test_the_filters_of_the_list_reach_the_cluster(client: FlaskClient, cluster: FakeCluster) -> None:
    client.get("/api/v1/jobs?state=failed&node=pc-1&filter=blur&q=cat&since=1.5&until=2e9&limit=7")
    assert cluster.calls == [("jobs", "failed", "pc-1", "blur", "cat", 1.5, 2e9, None, 7)]


@pytest.mark.parametrize("query", ["since=yesterday", "until=nan", "since=-1", "until=1e30"])
def test_a_time_that_is_none_is_refused(client: FlaskClient, cluster: FakeCluster, query: str) -> None:
    response = client.get(f"/api/v1/jobs?{query}")
    assert response.status_code == 400
    assert query.partition("=")[0] in response.get_json()["detail"]
    assert cluster.calls == []


def test_unknown_jobs(client: FlaskClient) -> None:
    for url in ("", "/result", "/input", "/thumbnail"):
        assert client.get(f"/api/v1/jobs/j99{url}").status_code == 404
    assert client.post("/api/v1/jobs/j99/cancel").status_code == 404


def test_cancel_and_retry(client: FlaskClient, submit: Submit) -> None:
    job_id = submit("a.png")["jobs"][0]["id"]
    assert client.post(f"/api/v1/jobs/{job_id}/retry").status_code == 409
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").get_json()["state"] == "cancelled"
    assert client.post(f"/api/v1/jobs/{job_id}/cancel").status_code == 409
    assert client.post(f"/api/v1/jobs/{job_id}/retry").get_json()["state"] == "queued"


def test_all_jobs_of_a_state_are_tried_again(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    jobs = submit("a.png", "b.png", "c.png")["jobs"]
    for job in jobs[:2]:
        cluster.fail(job["id"])
    cluster.cancel(jobs[2]["id"])
    for state, changed in (("quarantined", 0), ("failed", 2), ("failed", 0), ("cancelled", 1)):
        response = client.post(f"/api/v1/jobs/retry?state={state}")
        assert (response.status_code, response.get_json()) == (200, {"changed": changed})


@pytest.mark.parametrize("query", ["", "?state=running", "?state="])
def test_which_jobs_are_tried_again_has_to_be_said(client: FlaskClient, submit: Submit, query: str) -> None:
    response = client.post(f"/api/v1/jobs/retry{query}")
    assert response.status_code == 400
    assert "`state`" in response.get_json()["detail"]


def test_the_result_with_its_true_type(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    job = cluster.finish(submit("foto.png", format="webp")["jobs"][0]["id"])
    response = client.get(f"/api/v1/jobs/{job['id']}/result")
    assert response.mimetype == "image/webp"
    assert Image.open(io.BytesIO(response.data)).format == "WEBP"
    assert response.headers["Content-Disposition"] == "inline; filename=foto.webp"
    assert response.headers["ETag"] == f'"{job["result"]["sha256"]}"'
    assert response.headers["Cache-Control"] == "private, max-age=31536000, immutable"


def test_a_download_is_an_attachment(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    job = cluster.finish(submit("foto.png", format="jpeg")["jobs"][0]["id"])
    response = client.get(f"/api/v1/jobs/{job['id']}/result?download=1")
    assert response.headers["Content-Disposition"] == "attachment; filename=foto.jpg"
    assert client.get(f"/api/v1/jobs/{job['id']}/result?download=maybe").status_code == 400


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("niño.png", "attachment; filename=nino.png; filename*=UTF-8''ni%C3%B1o.png"),
        ("a;b'c.png", 'attachment; filename="a;b\'c.png"'),
        ("CON<1>|2.tar.gz", "attachment; filename=CON_1__2.tar.png"),
    ],
)
def test_names_in_headers_are_safe(
    client: FlaskClient, cluster: FakeCluster, submit: Submit, name: str, header: str
) -> None:
    job = cluster.finish(submit(name)["jobs"][0]["id"])
    response = client.get(f"/api/v1/jobs/{job['id']}/result?download=1")
    assert response.headers["Content-Disposition"] == header


def test_the_original_and_the_thumbnail(client: FlaskClient, cluster: FakeCluster) -> None:
    original = picture("tiff", (100, 50))
    form = {"image": upload("scan.tif", original), "filter": "gray"}
    job_id = client.post("/api/v1/jobs", data=form).get_json()["jobs"][0]["id"]
    cluster.finish(job_id)
    response = client.get(f"/api/v1/jobs/{job_id}/input")
    assert (response.data, response.mimetype) == (original, "image/tiff")
    thumbnail = client.get(f"/api/v1/jobs/{job_id}/thumbnail")
    assert Image.open(io.BytesIO(thumbnail.data)).size == (32, 16)


def test_a_photo_of_an_iphone(client: FlaskClient, cluster: FakeCluster) -> None:
    original = encoded(photo(64, 48), "heic")
    form = {"image": upload("IMG_1.HEIC", original), "filter": "gray"}
    job_id = client.post("/api/v1/jobs", data=form).get_json()["jobs"][0]["id"]
    cluster.finish(job_id)
    response = client.get(f"/api/v1/jobs/{job_id}/input")
    assert (response.data, response.mimetype) == (original, "image/heic")
    result = client.get(f"/api/v1/jobs/{job_id}/result?download=1")
    assert result.mimetype == "image/jpeg"
    assert "IMG_1.jpg" in result.headers["Content-Disposition"]
    form = {"image": upload("IMG_1.HEIC", original), "filter": "gray", "format": "heic"}
    refused = client.post("/api/v1/jobs", data=form)
    assert refused.status_code == 422
    assert "choose jpeg, png, webp, gif, tiff, bmp or avif" in refused.get_json()["detail"]


def test_a_cached_image_is_not_sent_again(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    job = cluster.finish(submit("a.png")["jobs"][0]["id"])
    url = f"/api/v1/jobs/{job['id']}/result"
    response = client.get(url, headers={"If-None-Match": client.get(url).headers["ETag"]})
    assert (response.status_code, response.data) == (304, b"")


def test_a_result_that_is_not_there_yet(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    job_id = submit("a.png")["jobs"][0]["id"]
    for which in ("result", "thumbnail"):
        response = client.get(f"/api/v1/jobs/{job_id}/{which}")
        assert response.status_code == 409
        assert f"has no {which}" in response.get_json()["detail"]


def test_a_result_that_the_store_has_lost(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    job = cluster.finish(submit("a.png")["jobs"][0]["id"])
    cluster.blobs.path(job["result"]["sha256"]).unlink()
    assert client.get(f"/api/v1/jobs/{job['id']}/result").status_code == 404

"""Batches, and their results as one file."""

from __future__ import annotations

import io
import zipfile

import pytest
from flask.testing import FlaskClient

from tests.webapp.conftest import Submit
from tests.webapp.fakes import FakeCluster
from webapp import names


def test_progress(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    answer = submit("a.png", "b.png")
    cluster.finish(answer["jobs"][1]["id"])
    batch = client.get(f"/api/v1/batches/{answer['batch']}").get_json()
    assert (batch["total"], batch["finished"], batch["state"]) == (2, 1, "running")
    assert batch["counts"]["done"] == 1
    assert "results" not in batch


def test_results_in_order_of_finishing(client: FlaskClient, cluster: FakeCluster, submit: Submit) -> None:
    answer = submit("a.png", "b.png", "c.png")
    url = f"/api/v1/batches/{answer['batch']}"
    for index in (2, 0):
        cluster.finish(answer["jobs"][index]["id"])
    page = client.get(f"{url}?after=0").get_json()
    assert [job["name"] for job in page["results"]] == ["c.png", "a.png"]
    cluster.fail(answer["jobs"][1]["id"])
    page = client.get(f"{url}?after={page['next_after']}").get_json()
    assert [job["state"] for job in page["results"]] == ["failed"]
    assert client.get(f"{url}?after=-1").status_code == 400
    brief = client.get(f"{url}?after=0&brief=true").get_json()
    assert "results" not in brief
    assert [(job["name"], job["state"]) for job in brief["outcomes"]] == [
        ("c.png", "done"), ("a.png", "done"), ("b.png", "failed"),
    ]  # fmt: skip
    assert [set(job) for job in brief["outcomes"]] == [{"id", "name", "state", "result", "error"}] * 3
    assert brief["outcomes"][0]["result"]["sha256"]
    assert brief["outcomes"][2]["error"]["detail"]


def test_unknown_batch(client: FlaskClient) -> None:
    assert client.get("/api/v1/batches/b9").status_code == 404
    assert client.get("/api/v1/batches/b9/archive").status_code == 404
    for verb in ("retry", "cancel"):
        assert client.post(f"/api/v1/batches/b9/{verb}").status_code == 404


def test_a_batch_is_cancelled_and_tried_again_as_often_as_asked(
    client: FlaskClient, cluster: FakeCluster, submit: Submit
) -> None:
    answer = submit("a.png", "b.png", "c.png")
    url = f"/api/v1/batches/{answer['batch']}"
    cluster.finish(answer["jobs"][0]["id"])
    for verb, changed in (("cancel", 2), ("cancel", 0), ("retry", 2), ("retry", 0)):
        response = client.post(f"{url}/{verb}")
        assert (response.status_code, response.get_json()) == (200, {"changed": changed})
    counts = client.get(url).get_json()["counts"]
    assert (counts["done"], counts["queued"]) == (1, 2)


def test_the_archive_has_the_finished_results_under_names_of_their_own(
    client: FlaskClient, cluster: FakeCluster, submit: Submit
) -> None:
    answer = submit("photo.png", "x/photo.tif", "Photo.bmp", "waiting.png", "broken.png", format="jpeg")
    jobs = answer["jobs"]
    for job in jobs[:3]:
        cluster.finish(job["id"])
    cluster.fail(jobs[4]["id"])
    response = client.get(f"/api/v1/batches/{answer['batch']}/archive")
    assert response.mimetype == "application/zip"
    assert response.headers["Content-Disposition"] == f"attachment; filename=cumulo-{answer['batch']}.zip"
    assert response.content_length == len(response.data)
    with zipfile.ZipFile(io.BytesIO(response.data)) as archive:
        assert archive.namelist() == ["photo.jpg", "photo (2).jpg", "Photo (3).jpg"]
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        result = cluster.job(jobs[0]["id"])["result"]
        assert archive.read("photo.jpg") == cluster.blobs.get(result["sha256"])


def test_an_archive_of_nothing(client: FlaskClient, submit: Submit) -> None:
    response = client.get(f"/api/v1/batches/{submit('a.png')['batch']}/archive")
    assert response.status_code == 409
    assert response.get_json()["type"] == "urn:cumulo:problem:nothing-done"


def test_the_archive_is_made_while_it_is_sent(
    client: FlaskClient, cluster: FakeCluster, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = submit("a.png", "b.png")
    for job in answer["jobs"]:
        cluster.finish(job["id"])
    opened: list[str] = []
    original = cluster.open_blob

    def open_blob(sha256: str) -> io.BufferedIOBase:
        opened.append(sha256)
        return original(sha256)  # type: ignore[return-value]

    monkeypatch.setattr(cluster, "open_blob", open_blob)
    response = client.get(f"/api/v1/batches/{answer['batch']}/archive", buffered=False)
    assert len(opened) <= 1
    assert len(response.data) == response.content_length
    assert len(opened) == 2
    response.close()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a.png", "a.jpg"),
        ("dir/a.png", "a.jpg"),
        ("..", "image.jpg"),
        ("", "image.jpg"),
        (".hidden", "hidden.jpg"),
        ("what?.png", "what_.jpg"),
        ("C:\\Users\\kevin\\foto.png", "foto.jpg"),
        ('a"b\n.png', "a_b.jpg"),
        ("two.dots.png", "two.dots.jpg"),
    ],
)
def test_names_of_results(given: str, kept: str) -> None:
    assert names.of_result(given, "jpeg") == kept


def test_names_are_unique_even_where_a_number_is_taken() -> None:
    used: set[str] = set()
    given = ["a.jpg", "a (2).jpg", "a.jpg", "A.JPG", "b"]
    assert [names.unique(name, used) for name in given] == ["a.jpg", "a (2).jpg", "a (3).jpg", "A (4).JPG", "b"]

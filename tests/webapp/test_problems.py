"""Every error is a problem document that helps."""

from __future__ import annotations

import errno
import logging

import pytest
from flask.testing import FlaskClient

import cluster.errors
import filters
from cluster.errors import ClusterError, StoreError
from tests.webapp.fakes import FakeCluster
from webapp import problems


def subclasses(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(found for child in root.__subclasses__() for found in subclasses(child))]


def test_an_unknown_path(client: FlaskClient) -> None:
    response = client.get("/api/v1/nothing")
    assert response.mimetype == "application/problem+json"
    assert response.get_json() == {
        "type": "urn:cumulo:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at /api/v1/nothing. The document at /api/v1/openapi.json lists every route.",
    }


def test_a_wrong_method(client: FlaskClient) -> None:
    response = client.delete("/api/v1/jobs")
    problem = response.get_json()
    assert response.status_code == 405
    assert problem["type"] == "urn:cumulo:problem:method-not-allowed"
    assert "GET" in problem["detail"]
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("id", ["a:b", "j1:timeline", "..", "x" * 65, "%00"])
def test_an_id_that_is_none_never_reaches_the_cluster(client: FlaskClient, id: str) -> None:
    assert client.get(f"/api/v1/jobs/{id}").status_code == 404
    assert client.get(f"/api/v1/jobs/{id}").get_json()["title"] == "Not found"


def test_broken_json(client: FlaskClient) -> None:
    response = client.put("/api/v1/policy", data="{", content_type="application/json")
    problem = response.get_json()
    assert response.status_code == 400
    assert problem["type"] == "urn:cumulo:problem:invalid-json"
    assert "line 1 column 2" in problem["detail"]


def test_no_json_at_all(client: FlaskClient) -> None:
    response = client.put("/api/v1/policy", data="policy=x")
    assert response.status_code == 415
    assert "application/json" in response.get_json()["detail"]


@pytest.mark.parametrize("body", ["[]", '"x"', "1"])
def test_json_that_is_no_object(client: FlaskClient, body: str) -> None:
    response = client.put("/api/v1/policy", data=body, content_type="application/json")
    assert response.status_code == 422


def test_a_missing_member_is_named(client: FlaskClient) -> None:
    response = client.put("/api/v1/policy", json={"polciy": "x"})
    assert response.status_code == 422
    assert response.get_json()["detail"] == "`policy`: field required."


def test_a_body_that_is_too_large(client: FlaskClient) -> None:
    response = client.put("/api/v1/policy", data=b" " * 2_000_000, content_type="application/json")
    assert response.status_code == 413
    assert response.get_json()["detail"].endswith("takes at most 1 MiB.")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limit=0", "`limit`: input should be greater than or equal to 1."),
        ("limit=501", "`limit`"),
        ("limit=x", "`limit`"),
        ("state=finished", "'queued', 'assigned'"),
        ("cursor=-1", "`cursor`"),
    ],
)
def test_a_wrong_query(client: FlaskClient, query: str, said: str) -> None:
    response = client.get(f"/api/v1/jobs?{query}")
    assert response.status_code == 400
    assert said in response.get_json()["detail"]


def test_redis_away(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.away = True
    for path in ("/api/v1/nodes", "/api/v1/summary", "/workers", "/readyz"):
        response = client.get(path)
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert response.get_json()["type"] == "urn:cumulo:problem:cluster-unavailable"
    assert client.get("/healthz").status_code == 200


def test_a_defect_is_a_500_that_tells_nothing_and_a_log_entry_that_tells_all(
    client: FlaskClient,
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(cluster, "nodes", broken)
    response = client.get("/api/v1/nodes")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.get_json()["type"] == "urn:cumulo:problem:internal-error"
    failed = [record for record in caplog.records if record.exc_info]
    assert "secret detail" in str(failed[0].exc_info)


def test_every_error_of_the_cluster_has_a_status() -> None:
    statuses = {cls.__name__: problems.from_error(cls("why")).status for cls in subclasses(ClusterError)}
    assert statuses["NotFound"] == statuses["UnknownNode"] == 404
    assert statuses["Conflict"] == 409
    assert statuses["BacklogFull"] == 429
    assert statuses["ClusterUnavailable"] == statuses["NoLiveNode"] == 503
    assert statuses["AccessRefused"] == 503
    assert statuses["ClusterFull"] == 507
    assert statuses["StoreError"] == 503
    assert statuses["TooLong"] == 413
    assert statuses["ClusterError"] == 500


def test_every_error_of_the_filters_is_the_clients() -> None:
    for cls in subclasses(filters.FilterError):
        error = cls("why", step=2)  # type: ignore[call-arg]
        problem = problems.from_error(error)
        assert 400 <= problem.status < 500
        assert problem.type == cls.type  # type: ignore[attr-defined]
        assert problem.members["step"] == 2


def test_a_full_disk_is_507() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert problems.from_error(full).status == 507
    error = StoreError("cannot write")
    error.__cause__ = full
    assert problems.from_error(error).status == 507
    assert problems.from_error(StoreError("cannot write")).status == 503


def test_conflicts_say_what_is_allowed(client: FlaskClient) -> None:
    response = client.delete("/api/v1/nodes/pc-1")
    assert response.status_code == 409
    assert response.get_json()["detail"] == "Node pc-1 is live; only an offline node can be forgotten"
    assert issubclass(cluster.errors.Conflict, ClusterError)


def test_server_errors_are_logged_without_the_query(
    client: FlaskClient, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(cluster, "summary", broken)
    client.get("/api/v1/summary?token=secret")
    lines = [record.getMessage() for record in caplog.records if record.name == "webapp.access_log"]
    assert len(lines) == 1
    assert "GET /api/v1/summary -> 503" in lines[0]
    assert "secret" not in lines[0]


def test_while_redis_is_away_no_request_is_a_line_in_the_log(
    client: FlaskClient, anonymous: FlaskClient, cluster: FakeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.away = True
    assert client.get("/api/v1/summary").status_code == 503
    cluster.away, cluster.out_of_memory = False, True
    assert client.post("/api/v1/nodes/pc-1/pause").status_code == 507
    assert anonymous.get("/readyz").status_code == 503
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_out_of_memory_is_a_507_that_says_what_to_do(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.out_of_memory = True
    response = client.post("/api/v1/nodes/pc-1/pause")
    assert response.status_code == 507
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json()["type"] == "urn:cumulo:problem:cluster-full"
    assert "raise its maxmemory" in response.get_json()["detail"]


def test_what_works_is_not_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="webapp"):
        client.get("/api/v1/summary")
    assert not caplog.records

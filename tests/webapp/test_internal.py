"""The blob route, as nodes on other PCs use it."""

from __future__ import annotations

import hashlib

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.webapp.fakes import NODE_TOKEN, FakeCluster
from webapp import limits

DATA = b"any bytes at all"
URL = f"/internal/blobs/{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture
def node(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {NODE_TOKEN}"
    return client


def test_put_and_get(node: FlaskClient) -> None:
    assert node.get(URL).status_code == 404
    assert node.put(URL, data=DATA, content_type="application/octet-stream").status_code == 204
    response = node.get(URL)
    assert response.data == DATA
    assert response.mimetype == "application/octet-stream"
    assert node.head(URL).status_code == 200


def test_content_must_have_the_hash_that_it_claims(node: FlaskClient) -> None:
    response = node.put(URL, data=b"something else")
    assert response.status_code == 409
    assert node.get(URL).status_code == 404


@pytest.mark.parametrize("name", ["x", "0" * 63, "0" * 65, "A" * 64, "../../etc/passwd"])
def test_names_that_are_no_hash(node: FlaskClient, name: str) -> None:
    assert node.put(f"/internal/blobs/{name}", data=DATA).status_code in (401, 404)


def test_more_than_a_result_can_be(node: FlaskClient, cluster: FakeCluster) -> None:
    most = limits.blob_bytes(cluster.settings)
    response = node.put(URL, data=b"x", environ_overrides={"CONTENT_LENGTH": str(most + 1)})
    assert response.status_code == 413


def test_the_leader_has_files_removed(node: FlaskClient, client: FlaskClient, cluster: FakeCluster) -> None:
    assert node.post("/internal/tidy").status_code == 204
    assert cluster.calls == [("tidy",)]
    assert client.post("/internal/tidy").status_code == 401
    cluster.away = True
    assert node.post("/internal/tidy").status_code == 503

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from PIL import Image
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from cluster.settings import Settings
from tests.webapp.fakes import FakeCluster
from webapp import create_app, openapi
from webapp.spa import UI_KEY

TOKEN = "secret-token"

Submit = Callable[..., dict[str, Any]]


class CheckedClient(FlaskClient):
    """Holds every answer against the OpenAPI document, whatever else a test looks at."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        # Read to the end and closed, unless a test wants the stream itself.
        kwargs.setdefault("buffered", True)
        response = super().open(*args, **kwargs)
        check(self.application, response)
        return response


_documents: list[dict[str, Any]] = []


def _document(app: Flask) -> dict[str, Any]:
    """The document, made once: it is the same for every test's application."""
    if not _documents:
        _documents.append(openapi.document(app))
    return _documents[0]


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": _documents[0]["components"]})


def check(app: Flask, response: TestResponse) -> None:
    request = response.request
    document = _document(app)
    if request.method in ("HEAD", "OPTIONS"):
        return
    if response.mimetype == "application/problem+json":
        problem = response.get_json()
        assert problem["status"] == response.status_code
        assert problem["detail"], problem
    adapter = app.url_map.bind("localhost")
    try:
        rule, _ = adapter.match(request.path, method=request.method, return_rule=True)
    except HTTPException:
        assert response.mimetype == "application/problem+json" or response.status_code == 401
        return
    path = openapi.path_of(rule)
    answers = document["paths"][path][request.method.lower()]["responses"]
    answer = answers.get(str(response.status_code), answers["default"] if response.status_code >= 400 else None)
    assert answer is not None, f"{request.method} {path} answered {response.status_code}, which is not described"
    content: Mapping[str, Any] = answer.get("content", {})
    if not content:
        assert response.status_code in (204, 302, 303, 304), response.status_code
        return
    if response.status_code == 401 and response.mimetype == "text/html":
        return  # the login page, which stands for every page
    media = [name for name in content if name in (response.mimetype, "*/*")] or [
        name for name in content if name == response.mimetype.partition("/")[0] + "/*"
    ]
    assert media, f"{request.method} {path} answered {response.mimetype}, described are {list(content)}"
    if response.is_json:
        schema = json.dumps(content[media[0]]["schema"])
        errors = [error.message for error in _validator(schema).iter_errors(response.get_json())]
        assert not errors, (path, errors, response.get_json())


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("CUMULO_TOKEN", raising=False)
    return Settings(
        token=TOKEN, data=tmp_path, max_upload_bytes=200_000, max_pixels=1_000_000, max_files=20, max_steps=4
    )


@pytest.fixture
def cluster(settings: Settings) -> FakeCluster:
    return FakeCluster(settings)


@pytest.fixture
def app(settings: Settings, cluster: FakeCluster, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(settings, cast(Any, cluster))
    app.test_client_class = CheckedClient
    ui = tmp_path / "ui"
    (ui / "assets").mkdir(parents=True)
    (ui / "index.html").write_text("<!doctype html><title>Cúmulo</title>")
    (ui / "assets" / "index-abc123.js").write_text("export {}")
    app.config[UI_KEY] = ui
    yield app
    app.extensions["cumulo"].broadcaster.close()


@pytest.fixture
def anonymous(app: Flask) -> FlaskClient:
    """A client without any token or cookie."""
    return app.test_client()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A program with the access token."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client


@pytest.fixture
def logged_in(app: Flask) -> FlaskClient:
    """A browser that has logged in."""
    client = app.test_client()
    assert client.post("/api/v1/session", json={"token": TOKEN}).status_code == 200
    return client


def picture(format: str = "png", size: tuple[int, int] = (8, 6), color: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, format)
    return file.getvalue()


def upload(name: str = "photo.png", data: bytes | None = None) -> tuple[io.BytesIO, str]:
    """An `image` field of a form."""
    return io.BytesIO(picture() if data is None else data), name


@pytest.fixture
def submit(client: FlaskClient) -> Submit:
    """Submits images by name, through the API."""

    def post(*names: str, **fields: Any) -> dict[str, Any]:
        form = {"image": [upload(name) for name in names or ("photo.png",)], "filter": "sepia", **fields}
        response = client.post("/api/v1/jobs", data=form)
        assert response.status_code == 202, response.get_json()
        return cast("dict[str, Any]", response.get_json())

    return post

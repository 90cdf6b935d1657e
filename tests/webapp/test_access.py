"""Who comes in, and who does not."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cluster.settings import Settings
from tests.webapp.conftest import TOKEN
from tests.webapp.fakes import NODE_TOKEN, FakeCluster
from webapp import NotConfigured, create_app

VALUES = {"job_id": "j1", "batch_id": "b1", "node_id": "pc-1", "sha256": "0" * 64, "path": "assets/x.js"}
BLOB = "/internal/blobs/" + "0" * 64


def routes(app: Flask) -> list[tuple[str, str]]:
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:>]+:)?([^>]+)>", lambda match: VALUES[match[1]], rule.rule)
        found += [(method, path) for method in sorted(rule.methods or ())]
    return found


def test_no_route_but_the_open_ones_answers_without_a_token(app: Flask, anonymous: FlaskClient) -> None:
    tried = 0
    for method, path in routes(app):
        if path in ("/healthz", "/readyz") or (path == "/api/v1/session" and method in ("POST", "OPTIONS")):
            continue
        response = anonymous.open(path, method=method)
        assert response.status_code == 401, (method, path)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        if method != "HEAD":
            assert response.mimetype == "application/problem+json", (method, path)
        tried += 1
    assert tried > 60


def test_every_route_refuses_a_wrong_token_and_the_node_token(app: Flask, anonymous: FlaskClient) -> None:
    for token in ("wrong", "", TOKEN + "x", TOKEN[:-1], NODE_TOKEN, "ñandú"):
        for method, path in routes(app):
            if path.startswith(("/internal", "/healthz", "/readyz")) or path == "/api/v1/session":
                continue
            response = anonymous.open(path, method=method, headers={"Authorization": f"Bearer {token}"})
            assert response.status_code == 401, (method, path, token)


def test_the_open_routes_say_nothing_but_that_they_live(anonymous: FlaskClient) -> None:
    assert anonymous.get("/healthz").get_json() == {"status": "ok"}
    assert anonymous.get("/readyz").get_json() == {"status": "ok"}


def test_unknown_paths_and_methods_do_not_show_what_exists(anonymous: FlaskClient) -> None:
    assert anonymous.get("/nothing").status_code == 401
    assert anonymous.patch("/api/v1/jobs").status_code == 401


def test_the_access_token_opens_the_api(client: FlaskClient) -> None:
    assert client.get("/api/v1/nodes").status_code == 200


def test_the_scheme_is_bearer(anonymous: FlaskClient) -> None:
    assert anonymous.get("/api/v1/nodes", auth=("x", TOKEN)).status_code == 401
    assert anonymous.get("/api/v1/nodes", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200


# -- the node token ------------------------------------------------------------------------------------------------


def test_the_blob_route_takes_the_node_token_alone(
    anonymous: FlaskClient, client: FlaskClient, logged_in: FlaskClient
) -> None:
    assert anonymous.get(BLOB, headers={"Authorization": f"Bearer {NODE_TOKEN}"}).status_code == 404
    assert client.get(BLOB).status_code == 401
    assert logged_in.get(BLOB).status_code == 401


def test_a_cluster_without_a_node_token_yet_opens_the_blob_route_to_nobody(
    anonymous: FlaskClient, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "node_token", lambda: "")
    for value in ("Bearer", "Bearer ", "Bearer x"):
        assert anonymous.get(BLOB, headers={"Authorization": value}).status_code == 401


# -- logging in ----------------------------------------------------------------------------------------------------


def test_a_browser_without_a_session_gets_the_login_page(anonymous: FlaskClient) -> None:
    response = anonymous.get("/dashboard", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.status_code == 401
    assert response.mimetype == "text/html"
    assert '<html lang="en">' in response.text
    assert 'action="/api/v1/session"' in response.text
    assert 'name="next" value="/dashboard"' in response.text
    assert not re.search(r"<script|\son\w+=|src=|https?:", response.text), "nothing but the page itself"


def test_the_login_page_speaks_spanish(anonymous: FlaskClient) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "es-CO,es;q=0.9,en;q=0.5"}
    response = anonymous.get("/", headers=headers)
    assert '<html lang="es">' in response.text
    assert "Clave de acceso" in response.text


def test_a_script_gets_a_problem_and_no_page(anonymous: FlaskClient) -> None:
    for accept in ("*/*", "application/json", "text/event-stream", None):
        response = anonymous.get("/api/v1/jobs", headers={"Accept": accept} if accept else {})
        assert response.mimetype == "application/problem+json"
        assert response.get_json()["type"] == "urn:cumulo:problem:unauthorized"


def test_the_login_form_sets_the_cookie_and_goes_on(anonymous: FlaskClient) -> None:
    response = anonymous.post("/api/v1/session", data={"token": f" {TOKEN} ", "next": "/dashboard?x=1"})
    assert (response.status_code, response.headers["Location"]) == (303, "/dashboard?x=1")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert TOKEN not in cookie
    assert anonymous.get("/dashboard").status_code == 200


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "x", ""])
def test_a_login_never_leads_to_another_site(anonymous: FlaskClient, target: str) -> None:
    response = anonymous.post("/api/v1/session", data={"token": TOKEN, "next": target})
    assert response.headers["Location"] == "/"


def test_a_wrong_token_shows_the_form_again(anonymous: FlaskClient) -> None:
    response = anonymous.post("/api/v1/session", data={"token": "wrong", "next": "/dashboard"})
    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert 'value="/dashboard"' in response.text
    assert "Set-Cookie" not in response.headers


def test_logging_in_by_json(anonymous: FlaskClient, settings: Settings) -> None:
    assert anonymous.post("/api/v1/session", json={"token": "wrong"}).status_code == 401
    assert anonymous.post("/api/v1/session", json={}).status_code == 422
    answer = anonymous.post("/api/v1/session", json={"token": TOKEN}).get_json()
    assert answer["role"] == "operator"
    assert answer["limits"] == {
        "max_bytes": settings.max_upload_bytes,
        "max_pixels": settings.max_pixels,
        "max_files": settings.max_files,
        "max_steps": settings.max_steps,
        "max_asset_bytes": settings.max_upload_bytes,
    }
    assert anonymous.get("/api/v1/session").get_json() == answer


def test_logging_out_ends_the_session(logged_in: FlaskClient) -> None:
    own = {"Sec-Fetch-Site": "same-origin"}
    assert logged_in.delete("/api/v1/session", headers=own).status_code == 204
    assert logged_in.get("/api/v1/session").status_code == 401


def test_a_link_with_the_token_logs_in_and_loses_the_token(anonymous: FlaskClient) -> None:
    response = anonymous.get(f"/dashboard?token={TOKEN}&node=pc-1")
    assert (response.status_code, response.headers["Location"]) == (302, "/dashboard?node=pc-1")
    assert anonymous.get("/").status_code == 200


def test_a_link_with_a_wrong_token_does_not(anonymous: FlaskClient) -> None:
    response = anonymous.get("/?token=wrong&x=1", headers={"Accept": "text/html"})
    assert response.status_code == 401
    assert 'role="alert"' in response.text
    assert 'value="/?x=1"' in response.text, "the form must not lead to the wrong token again"


def test_a_token_in_the_address_opens_only_the_pages(anonymous: FlaskClient) -> None:
    assert anonymous.get(f"/api/v1/nodes?token={TOKEN}").status_code == 401


def test_sessions_outlive_a_restart_and_end_with_the_token(
    logged_in: FlaskClient, settings: Settings, cluster: FakeCluster
) -> None:
    cookie = logged_in.get_cookie(cast(str, logged_in.application.config["SESSION_COOKIE_NAME"]))
    assert cookie is not None

    def answer(token: str) -> int:
        app = create_app(settings.model_copy(update={"token": type(settings.token)(token)}), cast(Any, cluster))
        other = app.test_client()
        other.set_cookie(app.config["SESSION_COOKIE_NAME"], cookie.value)
        return other.get("/api/v1/nodes").status_code

    assert answer(TOKEN) == 200
    assert answer("another-token") == 401


# -- other sites ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://localhost"}, 200),
        ({"Origin": "http://localhost:8001"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_with_the_cookie_changes_come_from_our_own_page(
    logged_in: FlaskClient, headers: dict[str, str], status: int
) -> None:
    response = logged_in.put("/api/v1/policy", json={"policy": "round-robin"}, headers=headers)
    assert response.status_code == status
    assert logged_in.get("/api/v1/policy").get_json()["policy"] == ("round-robin" if status == 200 else "least-cpu")


def test_reading_with_the_cookie_needs_no_origin(logged_in: FlaskClient) -> None:
    assert logged_in.get("/api/v1/nodes").status_code == 200


def test_with_the_bearer_token_no_origin_is_needed(client: FlaskClient) -> None:
    headers = {"Origin": "https://evil.example"}
    assert client.put("/api/v1/policy", json={"policy": "round-robin"}, headers=headers).status_code == 200


# -- never open ----------------------------------------------------------------------------------------------------


def test_without_a_token_the_web_app_does_not_start(settings: Settings, cluster: FakeCluster) -> None:
    for token in ("",):
        bare = settings.model_copy(update={"token": type(settings.token)(token)})
        with pytest.raises(NotConfigured, match="CUMULO_TOKEN"):
            create_app(bare, cast(Any, cluster))

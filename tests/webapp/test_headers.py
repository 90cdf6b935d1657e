from __future__ import annotations

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/api/v1/nodes", 200), ("/api/v1/nothing", 404), ("/healthz", 200), ("/api/v1/jobs/j9", 404)],
)
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    policy = response.headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
        "frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
    )
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"


def test_the_login_page_has_them_too(anonymous: FlaskClient) -> None:
    response = anonymous.get("/", headers={"Accept": "text/html"})
    assert response.status_code == 401
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


def test_state_is_never_cached(client: FlaskClient) -> None:
    for path in ("/api/v1/nodes", "/api/v1/summary", "/workers", "/api/v1/jobs/j9"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_images_do_not_set_the_cookie_again(logged_in: FlaskClient) -> None:
    assert "Set-Cookie" not in logged_in.get("/api/v1/nodes").headers

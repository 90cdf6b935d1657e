"""The built page, behind the login."""

from __future__ import annotations

import shutil

from flask import Flask
from flask.testing import FlaskClient

from webapp.spa import UI_KEY


def test_both_places_are_the_one_page(logged_in: FlaskClient) -> None:
    for path in ("/", "/dashboard"):
        response = logged_in.get(path)
        assert response.status_code == 200
        assert response.mimetype == "text/html"
        assert "Cúmulo" in response.text
        assert response.headers["Cache-Control"] == "no-cache"


def test_hashed_files_are_kept_for_good(logged_in: FlaskClient) -> None:
    response = logged_in.get("/static/ui/assets/index-abc123.js")
    assert response.mimetype in ("text/javascript", "application/javascript")
    assert "immutable" in response.headers["Cache-Control"]
    assert logged_in.get("/static/ui/index.html").headers["Cache-Control"] == "no-cache"


def test_files_outside_stay_there(logged_in: FlaskClient) -> None:
    for path in ("../secret", "%2e%2e/secret", "..%2fsecret", "nothing.js", "assets/"):
        assert logged_in.get(f"/static/ui/{path}").status_code == 404


def test_a_page_that_was_not_built_says_how(logged_in: FlaskClient, app: Flask) -> None:
    shutil.rmtree(app.config[UI_KEY])
    response = logged_in.get("/")
    assert response.status_code == 503
    assert response.mimetype == "text/html"
    assert "python hatch_build.py" in response.text

"""The page: built from webapp/frontend into webapp/static/ui, served behind the login."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, render_template, send_from_directory
from flask.typing import ResponseReturnValue

from webapp.describe import BINARY, Media, describe
from webapp.images import FOR_GOOD

UI = Path(__file__).parent / "static" / "ui"
UI_KEY = "CUMULO_UI"
"""app.config: the folder with the built page."""

blueprint = Blueprint("spa", __name__)

PAGE = {200: Media("text/html", "The page"), 503: Media("text/html", "The page was not built; says how to")}


def _page() -> ResponseReturnValue:
    folder: Path = current_app.config[UI_KEY]
    if not (folder / "index.html").is_file():
        return Response(render_template("not_built.html", folder=folder), 503, mimetype="text/html")
    response = send_from_directory(folder, "index.html")
    # It names the files of this build; the browser asks each time, and the ETag answers for most.
    response.headers["Cache-Control"] = "no-cache"
    return response


@blueprint.get("/")
@describe("Studio: the page where photos are dropped", answers={**PAGE, 302: None, 304: None})
def index() -> ResponseReturnValue:
    return _page()


@blueprint.get("/dashboard")
@describe("Cluster: the page with the nodes", answers={**PAGE, 302: None, 304: None})
def dashboard() -> ResponseReturnValue:
    return _page()


@blueprint.get("/static/ui/<path:path>")
@describe(
    "A file of the page",
    answers={200: Media("*/*", "The file", BINARY), 304: None},
    problems=(404,),
)
def asset(path: str) -> ResponseReturnValue:
    response = send_from_directory(current_app.config[UI_KEY], path)
    # The build puts a hash of the content into the names of what lies in assets/.
    response.headers["Cache-Control"] = FOR_GOOD if path.startswith("assets/") else "no-cache"
    return response


def install(app: Flask) -> None:
    app.config[UI_KEY] = UI

"""Logging in and out, and what the page must know about the session."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, Response, redirect, request
from flask import session as cookie
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from cluster.version import __version__
from webapp import auth, context
from webapp.describe import FORM, JSON, Media, describe
from webapp.parsing import json_body
from webapp.schemas import Session, SessionLimits

blueprint = Blueprint("session", __name__)


class Login(BaseModel):
    token: str


def _session() -> Session:
    settings = context.settings()
    return Session(
        role="operator",
        version=__version__,
        flower_url=settings.flower_url or None,
        limits=SessionLimits(
            max_bytes=settings.max_upload_bytes,
            max_pixels=settings.max_pixels,
            max_files=settings.max_files,
            max_steps=settings.max_steps,
            max_asset_bytes=context.cluster().limits.of_assets.max_bytes,
        ),
    )


@blueprint.post("/session")
@describe(
    "Log in: sets the session cookie",
    description="JSON gets the session, the login page's form is sent on to `next`.",
    body={
        JSON: Login,
        FORM: {
            "type": "object",
            "required": ["token"],
            "properties": {"token": {"type": "string"}, "next": {"type": "string"}},
        },
    },
    answers={200: Session, 303: None, 401: Media("text/html", "The login page (for its own form)")},
    problems=(400, 401, 422),
)
def log_in() -> ResponseReturnValue:
    if request.mimetype == FORM:
        target = _own_path(request.form.get("next", ""))
        if not auth.is_token(request.form.get("token", "").strip()):
            return auth.login_page(target, wrong=True)
        auth.log_in()
        return redirect(target, 303)
    if not auth.is_token(json_body(Login).token.strip()):
        raise auth.Unauthorized("This is not the access token of this cluster.", wrong=True)
    auth.log_in()
    return _session().model_dump()


@blueprint.get("/session")
@describe("Who is logged in, and the limits of an upload", answers={200: Session})
def get_session() -> ResponseReturnValue:
    return _session().model_dump()


@blueprint.delete("/session")
@describe("Log out: the session cookie goes", answers={204: None})
def log_out() -> ResponseReturnValue:
    cookie.clear()
    return Response(status=204)


def _own_path(path: str) -> str:
    """A path of this site, whatever was given: a login must not send people elsewhere."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    return path

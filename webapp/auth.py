"""Who may come in: one guard in front of every route.

The access token opens everything but the blob route, as `Authorization: Bearer TOKEN` or through the session
cookie that a login sets. The node token opens the blob route alone. With the cookie, a request that changes
something must come from our own page: another site's page can make a browser send the cookie, not our Origin.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import cast
from urllib.parse import urlencode, urlsplit

from flask import Flask, Request, Response, current_app, redirect, render_template, request
from flask import session as cookie
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue

from webapp import context
from webapp.problems import Problem, answer

OPEN_ENDPOINTS = frozenset({"health.healthz", "health.readyz", "session.log_in"})
"""What answers without a token; the login checks the one that it is given."""

NODE_BLUEPRINT = "internal"
PAGES = frozenset({"spa.index", "spa.dashboard"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE_DAYS = 30

TOKEN_KEY = "CUMULO_TOKEN"  # noqa: S105  # the name of the entry in app.config


class Unauthorized(Problem):
    """401; a browser that navigates gets the login page instead of the document."""

    def __init__(self, detail: str, *, wrong: bool = False) -> None:
        super().__init__(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="cumulo"'})
        self.wrong = wrong


class CookieInterface(SecureCookieSessionInterface):
    """`Secure` where the request came over TLS; on plain HTTP in a LAN the browser would not send it back."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def is_token(given: str) -> bool:
    """Whether this is the access token; the time it takes tells nothing about it."""
    return _same(given, cast(str, current_app.config[TOKEN_KEY]))


def log_in() -> None:
    """The answer sets the session cookie."""
    cookie.clear()
    cookie.permanent = True
    cookie["role"] = "operator"


def guard() -> ResponseReturnValue | None:
    """Runs before every request, unknown paths included. Raises Unauthorized, or a Problem of status 403."""
    if request.endpoint in OPEN_ENDPOINTS:
        return None
    bearer = _bearer(request)
    if request.blueprint == NODE_BLUEPRINT:
        if bearer is None or not _same(bearer, context.cluster().node_token()):
            raise Unauthorized("This route is for the cluster's nodes, with the node token.")
        return None
    if bearer is not None:
        if is_token(bearer):
            return None
        raise Unauthorized("This is not the access token of this cluster.", wrong=True)
    if request.endpoint in PAGES and "token" in request.args:
        return _log_in_by_link()
    if cookie.get("role"):
        if request.method in SAFE_METHODS or _from_own_page(request):
            return None
        raise Problem(
            403,
            "cross-site",
            "A request with the session cookie must come from the page itself (Origin or Sec-Fetch-Site); "
            "programs send `Authorization: Bearer TOKEN`.",
        )
    raise Unauthorized("Send `Authorization: Bearer TOKEN`; the token was printed when the cluster started.")


def _log_in_by_link() -> ResponseReturnValue:
    if not is_token(request.args["token"]):
        raise Unauthorized("The token in this address is not the one of this cluster.", wrong=True)
    log_in()
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != "token"]
    return redirect(f"{request.path}?{urlencode(rest)}" if rest else request.path)


def _bearer(request: Request) -> str | None:
    given = request.authorization
    return given.token if given is not None and given.type == "bearer" else None


def _same(given: str, expected: str) -> bool:
    # No token at all opens nothing: the node token is made with the store, so for a moment there is none.
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def _from_own_page(request: Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # Browsers leave Sec-Fetch-Site out on plain HTTP to another PC; there the Origin tells. The scheme is not
    # compared: behind a proxy that ends TLS it is another one.
    origin = request.headers.get("Origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.host


def login_page(next_path: str, *, wrong: bool) -> Response:
    """The login form, with status 401, in the browser's language."""
    language = request.accept_languages.best_match(["en", "es"], default="en")
    page = render_template("login.html", language=language, wrong=wrong, next=next_path)
    response = Response(page, 401, mimetype="text/html")
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return response


def wants_html() -> bool:
    """A browser that navigates; `*/*` means a program."""
    offered = ["application/problem+json", "application/json", "text/html"]
    return request.accept_mimetypes.best_match(offered) == "text/html"


def _unauthorized(error: Unauthorized) -> Response:
    if request.method in SAFE_METHODS and wants_html():
        rest = [(name, value) for name, value in request.args.items(multi=True) if name != "token"]
        path = f"{request.path}?{urlencode(rest)}" if rest else request.path
        response = login_page(path, wrong=error.wrong)
        response.headers.update(error.headers)
        return response
    return answer(error)


def install(app: Flask, token: str) -> None:
    key = hmac.new(token.encode(), b"cumulo session cookie", hashlib.sha256).digest()
    app.config.update(
        {
            TOKEN_KEY: token,
            # From the token: sessions outlive a restart, and a new token ends them all.
            "SECRET_KEY": key,
            # Cookies do not know ports: two clusters on one host must not overwrite each other's.
            "SESSION_COOKIE_NAME": "cumulo_" + hashlib.sha256(key).hexdigest()[:8],
            "SESSION_COOKIE_HTTPONLY": True,
            "SESSION_COOKIE_SAMESITE": "Lax",
            "PERMANENT_SESSION_LIFETIME": COOKIE_DAYS * 86400,
            # Set at the login, not with every image.
            "SESSION_REFRESH_EACH_REQUEST": False,
        }
    )
    app.session_interface = CookieInterface()
    app.before_request(guard)
    app.register_error_handler(Unauthorized, _unauthorized)

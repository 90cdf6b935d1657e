"""The web application: the HTTP API, the live stream, the login and the page; the work is the cluster's.

`create_app()` makes it; gunicorn serves `webapp.wsgi:app` with the settings of `webapp/gunicorn_conf.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from webapp import (
    access_log,
    api_batches,
    api_events,
    api_filters,
    api_jobs,
    api_nodes,
    api_policy,
    auth,
    connection,
    headers,
    health,
    internal,
    openapi,
    problems,
    report,
    session,
    spa,
    stream,
)
from webapp.broadcast import Broadcaster
from webapp.context import Context, install
from webapp.routing import CONVERTERS
from webapp.uploads import UploadRequest

if TYPE_CHECKING:
    from cluster.service import Cluster
    from cluster.settings import Settings

__all__ = ["NotConfigured", "create_app"]

MAX_BODY_BYTES = 2**20
"""Largest request body of a route that takes no image; those raise it for themselves."""


API = (
    api_jobs,
    api_batches,
    api_filters,
    api_nodes,
    api_policy,
    api_events,
    stream,
    session,
    openapi,
)


class NotConfigured(RuntimeError):
    """The web app refuses to start, and says why."""


def create_app(settings: Settings | None = None, cluster: Cluster | None = None) -> Flask:
    """The application. What is not given: `settings` come from the environment, `cluster` is made of them.

    Raises NotConfigured without an access token (it is never open) and SettingsError for a wrong setting.
    """
    if settings is None:
        from cluster.settings import load_settings

        settings = load_settings()
    token = settings.token.get_secret_value()
    if not token:
        raise NotConfigured(
            "there is no access token: set CUMULO_TOKEN (or CUMULO_TOKEN_FILE); the web app does not start without one"
        )
    if cluster is None:
        from cluster.service import Cluster

        cluster = Cluster(settings, home=True)

    # The page's files are served by webapp.spa: behind the token, and cached by what they are.
    app = Flask("webapp", static_folder=None)
    app.request_class = UploadRequest
    app.url_map.converters.update(CONVERTERS)
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        # Every step can be a `filter` field, and a few fields more.
        MAX_FORM_PARTS=settings.max_files + settings.max_steps + 32,
    )
    json = DefaultJSONProvider(app)
    json.sort_keys = False
    json.ensure_ascii = False
    app.json = json
    install(app, Context(settings=settings, cluster=cluster, broadcaster=Broadcaster(cluster)))

    problems.install(app)
    # What comes first here runs first before a request, and last after it.
    access_log.install(app)
    connection.install(app)
    headers.install(app)
    auth.install(app, token)
    spa.install(app)

    for module in API:
        app.register_blueprint(module.blueprint, url_prefix="/api/v1")
    for module in (report, internal, health, spa):
        app.register_blueprint(module.blueprint)
    return app

"""One line for a request that failed or was slow, and silence for the rest.

Server errors and slow requests are warnings; what the client did wrong is `info`, so a wrong link does not
fill the log, and so is what Redis being away fails: `cluster.outage` says that once. The query is left out: it can
hold a token.
"""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

SLOW_SECONDS = 2.0
log = logging.getLogger(__name__)


def _start() -> None:
    g.started = time.monotonic()


def _finish(response: Response) -> Response:
    seconds = time.monotonic() - g.started
    failed = response.status_code >= 500 or seconds > SLOW_SECONDS
    level = logging.WARNING if failed and "redis_is_away" not in g else logging.INFO
    if level == logging.WARNING or response.status_code >= 400:
        log.log(
            level,
            "%s %s %s -> %d in %.2f s",
            request.remote_addr,
            request.method,
            request.path,
            response.status_code,
            seconds,
        )
    return response


def install(app: Flask) -> None:
    app.before_request(_start)
    app.after_request(_finish)

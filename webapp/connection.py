"""The TCP connection under a request, where gunicorn serves it.

An answer can be ready while the client still sends: a 100 MB upload is refused after 50 MB. Closing then
makes the kernel send a reset, and the client sees that instead of the 413. So the answer goes out first, and
what still arrives is read and thrown away for a while.

The idle limit is for threads: gunicorn's own sockets wait for ever.
"""

from __future__ import annotations

import socket
import time
from typing import Any, cast

from flask import Flask, Response, request

IDLE_SECONDS = 60.0
"""A client that neither sends nor takes anything for so long is gone."""

DRAIN_SECONDS = 30.0
DRAIN_BYTES = 2**30
PIECE = 2**16


def _limit_idling() -> None:
    connection = _socket()
    if connection is not None:
        connection.settimeout(IDLE_SECONDS)


def _drain_after(response: Response) -> Response:
    connection = _socket()
    if connection is not None and request.method not in ("GET", "HEAD"):
        body = request.environ["wsgi.input"]
        response.call_on_close(lambda: _drain(connection, body))
    return response


def _drain(connection: socket.socket, body: Any) -> None:
    """Reads the rest of the request's body; nothing where all of it has been read."""
    deadline = time.monotonic() + DRAIN_SECONDS
    left = DRAIN_BYTES
    try:
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            connection.settimeout(min(seconds, 5.0))
            piece = body.read(PIECE)
            if not piece:
                return
            left -= len(piece)
    except Exception:  # noqa: BLE001, S110  # the answer is out; whatever ends the body early ends the draining
        pass


def _socket() -> socket.socket | None:
    return cast("socket.socket | None", request.environ.get("gunicorn.socket"))


def install(app: Flask) -> None:
    app.before_request(_limit_idling)
    app.after_request(_drain_after)

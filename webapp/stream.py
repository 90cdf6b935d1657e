"""`GET /api/v1/stream`: the cluster's changes as server-sent events."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from cluster.version import __version__
from webapp import context
from webapp.broadcast import CLOSED, Listener, StreamsFull, message
from webapp.describe import Media, describe
from webapp.problems import Problem

PING_SECONDS = 15.0
PING = b": ping\n\n"
RETRY = b"retry: 2000\n\n"
EVENT_ID = re.compile(r"\d{1,20}-\d{1,20}")

blueprint = Blueprint("stream", __name__)


@blueprint.get("/stream")
@describe(
    "Live changes as server-sent events",
    description="Events: `hello` {version, now}; `nodes` {items, at} and `summary` every second; `jobs`, "
    "`batches` and `events` {items} as things happen, at most every 150 ms, each job in its last state. With "
    "`Last-Event-ID` what was missed comes first. 503 when this process has no room for more listeners.",
    answers={200: Media("text/event-stream", "Server-sent events, until the client leaves")},
    problems=(503,),
)
def stream() -> ResponseReturnValue:
    broadcaster = context.broadcaster()
    try:
        listener, first, position = broadcaster.listen()
    except StreamsFull:
        raise Problem(
            503,
            "streams-full",
            "Too many pages are listening already; poll /api/v1/summary instead and try again later.",
            headers={"Retry-After": "10"},
        ) from None
    hello = message("hello", {"version": __version__, "now": time.time()}, position)
    last = request.headers.get("Last-Event-ID", "")
    missed: Iterable[bytes] = broadcaster.replay(last) if EVENT_ID.fullmatch(last) else ()
    response = Response(_messages(listener, (RETRY, hello, *first), missed), mimetype="text/event-stream")
    response.call_on_close(lambda: broadcaster.leave(listener))
    # Proxies must pass every message on at once.
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _messages(listener: Listener, first: Iterable[bytes], missed: Iterable[bytes]) -> Iterator[bytes]:
    yield from first
    yield from missed
    next_ping = time.monotonic() + PING_SECONDS
    while True:
        one = listener.get(max(0.0, next_ping - time.monotonic()))
        if one == CLOSED:
            return
        if one is not None:
            yield one
        if time.monotonic() >= next_ping:
            next_ping += PING_SECONDS
            yield PING

"""gunicorn's settings, each with its reason.

gunicorn -c python:webapp.gunicorn_conf --bind 127.0.0.1:8000 webapp.wsgi:app
"""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from types import FrameType
from typing import Any

from webapp.broadcast import MAX_STREAMS
from webapp.context import context_of

worker_class = "gthread"
# Two, so that one that is busy with an upload does not slow the page; the images are worked on elsewhere.
workers = 2
# A live stream holds its thread: as many as may listen, and some for the API, which hung without them.
threads = MAX_STREAMS + 56
# Above the threads, so that idle connections can be kept open.
worker_connections = 1000
keepalive = 15
# Streams end at once (below); what else takes longer than this is an upload or an archive.
graceful_timeout = 3
# Nothing in Cúmulo talks to it, and it would write into the home folder.
control_socket_disable = True
# The web app logs failed and slow requests itself (webapp/access_log.py), without the query and its token.
accesslog = None
loglevel = "warning"


def on_starting(server: Any) -> None:
    """In the master, before any worker: a wrong setting stops the start with one line."""
    from cluster.errors import SettingsError
    from cluster.settings import load_settings

    try:
        if not load_settings().token.get_secret_value():
            raise SettingsError("there is no access token: set CUMULO_TOKEN (or CUMULO_TOKEN_FILE)")
    except SettingsError as error:
        sys.exit(f"cumulo web: {error.detail}")


def post_worker_init(worker: Any) -> None:
    """At SIGTERM the streams end first; else gunicorn waits for them for the whole `graceful_timeout`."""
    for needed in ("cluster.celery", "kombu.transport.redis"):  # 0.1 s, which the first image would wait for
        importlib.import_module(needed)
    gc.freeze()  # what is loaded by now is no garbage: to look for it there takes 40 ms, in the midst of a request
    stop = worker.handle_exit

    def handle(number: int, frame: FrameType | None) -> None:
        worker_int(worker)
        stop(number, frame)

    signal.signal(signal.SIGTERM, handle)


def worker_int(worker: Any) -> None:
    """The same at Ctrl-C: a process waits for its threads before it exits."""
    context_of(worker.wsgi).broadcaster.close()

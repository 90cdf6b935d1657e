"""Celery's consumer as it behaves while Redis is away: it waits, and the log says so once.

Celery's own waits up to 30 s between two attempts, writes each of them into the log, a lost connection with three
tracebacks, and begins again at once, over and over, where Redis answers and takes no writes.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

from celery.worker import consumer
from celery.worker.state import maybe_shutdown

from cluster import runtime
from cluster.errors import ClusterUnavailable
from cluster.outage import REDIS

AGAIN = 0.5  # seconds between two looks


class Consumer(consumer.Consumer):  # type: ignore[misc]  # celery has no types
    def ensure_connected(self, conn: Any) -> Any:
        await_redis()
        return super().ensure_connected(conn)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that running tasks go on: celeryconfig.py says why
            super().on_connection_error_after_connected(exc)


def await_redis() -> None:
    """Returns once Redis takes writes; ends the worker if it is asked to end."""
    while True:
        try:
            runtime.current().check_writable()
        except ClusterUnavailable:
            maybe_shutdown()
            time.sleep(AGAIN)
        else:
            REDIS.answered(sure=True)
            return

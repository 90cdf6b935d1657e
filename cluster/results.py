"""Where Celery keeps what a message's task answered: in Redis, waiting for it as everybody else does."""

from __future__ import annotations

from collections.abc import Iterator

from celery.backends.redis import RedisBackend, SentinelBackend

from cluster.connection import unavailable
from cluster.outage import REDIS


class _Waits:
    """Celery's own gives up where Redis takes no writes, and logs every attempt to reach it."""

    def exception_safe_to_retry(self, exc: Exception) -> bool:
        return unavailable(exc) is not None

    def on_connection_error(
        self, max_retries: int | None, exc: Exception, intervals: Iterator[float], retries: int
    ) -> float:
        if trouble := unavailable(exc):
            REDIS.failed(trouble.detail)
        return next(intervals)


class Results(_Waits, RedisBackend):  # type: ignore[misc]  # celery has no types
    pass


class SentinelResults(_Waits, SentinelBackend):  # type: ignore[misc]
    pass

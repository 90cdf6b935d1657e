"""What Celery writes into its log while Redis is away, in every part of it, left out: `cluster.outage` says it once."""

from __future__ import annotations

import logging

from cluster.connection import unavailable
from cluster.errors import ClusterUnavailable
from cluster.outage import REDIS


def trouble_with_redis(error: BaseException | None) -> ClusterUnavailable | None:
    """What an exception, or one that it came of, says about Redis."""
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, ClusterUnavailable):
            return error
        if found := unavailable(error):
            return found
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None


def without_redis_troubles(record: logging.LogRecord) -> bool:
    """A filter for log handlers."""
    if record.name.startswith("cluster."):
        return True
    given = record.args if isinstance(record.args, tuple) else ()
    errors = [one for one in given if isinstance(one, BaseException)]
    if record.exc_info and isinstance(record.exc_info[1], BaseException):
        errors.append(record.exc_info[1])
    troubles = [found for error in errors if (found := trouble_with_redis(error))]
    if not troubles:
        return True
    REDIS.failed(troubles[0].detail)
    return False

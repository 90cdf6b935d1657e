"""Which stored images the jobs use. The ledger's scripts count as jobs come, end and go; this is how others ask."""

from __future__ import annotations

from collections.abc import Sequence

import redis

from cluster import keys
from cluster.connection import Scripts, reported, server_time


class Blobs:
    def __init__(self, client: redis.Redis, scripts: Scripts) -> None:
        self._redis = client
        self._scripts = scripts

    def bytes_in_use(self) -> int:
        """How much the images of all jobs take."""
        with reported():
            return int(self._redis.get(keys.BLOB_BYTES) or 0)

    def is_asset(self, sha256: str) -> bool:
        """Whether a step of some batch's pipeline needs that image."""
        with reported():
            return bool(self._redis.hexists(keys.blob(sha256), "assets"))

    def without_job(self, sha256s: Sequence[str]) -> list[str]:
        """Those that no job uses."""
        with reported():
            pipe = self._redis.pipeline(transaction=False)
            for sha256 in sha256s:
                pipe.exists(keys.blob(sha256))
            return [sha256 for sha256, used in zip(sha256s, pipe.execute(), strict=True) if not used]

    def unused(self, seconds: float, most: int) -> list[str]:
        """Images whose last job was deleted that long ago, waiting to be removed; the longest first."""
        until = server_time(self._redis) - seconds
        with reported():
            return list(self._redis.zrangebyscore(keys.UNUSED, "-inf", until, start=0, num=most))

    def forget(self, sha256: str) -> bool:
        """The image no longer waits to be removed. True if no job uses it."""
        return bool(self._scripts.run("unused", sha256))

    def postpone(self, sha256: str) -> None:
        """Somebody has stored it again just now: it waits anew, unless a job uses it by now."""
        now = server_time(self._redis)
        with reported():
            self._redis.zadd(keys.UNUSED, {sha256: now}, xx=True)

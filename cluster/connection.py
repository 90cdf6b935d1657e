"""Connections to Redis or Valkey, and the Lua scripts that run there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import resources
from typing import Any

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from cluster.errors import ClusterUnavailable

# A worker process holds finished work: it goes on trying for about five minutes. Everybody else tells the caller.
PATIENT_RETRIES = 320
BRIEF_RETRIES = 2


def connect(url: str, *, patient: bool = False) -> redis.Redis:
    """A client with its own pool; answers are text. It connects at the first command, not here."""
    # A unix socket knows no keep-alive, and redis-py refuses the option there.
    keepalive = {} if url.startswith("unix://") else {"socket_keepalive": True}
    return redis.Redis.from_url(
        url,
        **keepalive,
        decode_responses=True,
        socket_timeout=10,
        socket_connect_timeout=3,
        health_check_interval=30,
        retry=Retry(
            ExponentialBackoff(cap=1, base=0.05),
            PATIENT_RETRIES if patient else BRIEF_RETRIES,
        ),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )


@contextmanager
def reported() -> Iterator[None]:
    """Turns any trouble with the connection into ClusterUnavailable; errors of commands pass."""
    try:
        yield
    except (RedisConnectionError, RedisTimeoutError) as error:
        raise ClusterUnavailable(f"Redis does not answer: {error}") from error


@lru_cache
def _source(name: str) -> str:
    folder = resources.files("cluster") / "lua"
    return (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


class Scripts:
    """The Lua scripts in `cluster/lua` by name, each one atomic step: `scripts.run("claim", ...)`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._loaded: dict[str, Any] = {}

    def run(self, name: str, *args: str | int | float) -> Any:
        script = self._loaded.get(name)
        if script is None:
            script = self._loaded[name] = self._client.register_script(_source(name))
        with reported():
            return script(args=args)


__all__ = ["ClusterUnavailable", "RedisError", "Scripts", "connect", "reported"]

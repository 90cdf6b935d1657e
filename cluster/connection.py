"""Connections to Redis or Valkey, what their troubles mean, and the Lua scripts that run there."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import resources
from typing import Any, TypeVar

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from cluster.errors import AccessRefused, ClusterFull, ClusterUnavailable
from cluster.outage import REDIS
from cluster.sentinel import SCHEME, SentinelAddress

PATIENT_SECONDS = 300.0
"""A worker process holds finished work: so long it goes on trying."""
BRIEF_SECONDS = 1.0
"""Everybody else tells the caller: so long a broken connection is tried anew."""

T = TypeVar("T")

_WAITS = {
    "LOADING": "it is reading its data from disk",
    "READONLY": "it is a read-only replica; set CUMULO_REDIS_URL to the primary or to its Sentinels, "
    "or promote it with REPLICAOF NO ONE",
    "MASTERDOWN": "it is a replica that has lost its primary",
    "MISCONF": "it cannot save its data and takes no writes; free space on its disk (its log says what is wrong)",
    "NOREPLICAS": "it has too few replicas and takes no writes",
    "BUSY": "it is busy with somebody's script",
    "UNBLOCKED": "it has just become a replica",
}
_WRAPPED = re.compile(rf"(?:-|caused error: )(OOM|NOPERM|{'|'.join(_WAITS)}) ")
"""Redis 6.2 wraps what a script's command was told: `ERR Error running script ...: -OOM command not allowed`; redis-py
what one of a pipeline was told: `Command # 1 (SET ...) of pipeline caused error: MISCONF Redis is configured ...`."""


def unavailable(error: BaseException) -> ClusterUnavailable | None:
    """What an exception of the Redis client says about Redis; None for the fault of a single command."""
    if isinstance(error, AuthenticationError):
        return AccessRefused("Redis refuses the password: check the one in CUMULO_REDIS_URL")
    if isinstance(error, RedisError) and (code := _code(error)):
        if code == "OOM":
            return ClusterFull("Redis is out of memory: raise its maxmemory, or delete jobs")
        if code == "NOPERM":
            return AccessRefused(f"Redis does not let this user in: {error}")
        return ClusterUnavailable(f"Redis cannot serve now: {_WAITS[code]}")
    if isinstance(error, RedisConnectionError | RedisTimeoutError):
        return ClusterUnavailable(f"Redis does not answer: {error}")
    return None


def _code(error: RedisError) -> str | None:
    """The word by which Redis names the trouble, if it is one that passes."""
    word = getattr(error, "status_code", None) or str(error).partition(" ")[0]
    if word in _WAITS or word in ("OOM", "NOPERM"):
        return str(word)
    wrapped = _WRAPPED.search(str(error))
    return wrapped[1] if wrapped else None


class _Retry(Retry):  # type: ignore[misc]  # redis-py is not read, see pyproject.toml
    """Tries again until `seconds` have passed, however deep redis-py nests its retries.

    `patient`: whatever is wrong with Redis. Else only what a new connection may cure.
    """

    _nested = threading.local()  # of all connections, because redis-py copies this object for each

    def __init__(self, seconds: float, *, patient: bool) -> None:
        super().__init__(ExponentialBackoff(cap=1, base=0.05), -1)
        self._seconds = seconds
        self._patient = patient

    def call_with_retry(
        self,
        do: Callable[[], T],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> T:
        if getattr(self._nested, "inside", False):
            return do()
        self._nested.inside = True
        failures, until = 0, time.monotonic() + self._seconds
        try:
            while True:
                try:
                    answer = do()
                except RedisError as error:
                    trouble = unavailable(error)
                    if trouble is None or (is_retryable and not is_retryable(error)):
                        raise
                    failures += 1
                    fail(error, failures) if with_failure_count else fail(error)
                    if time.monotonic() > until or not (self._patient or type(trouble) is ClusterUnavailable):
                        raise
                    if self._patient:
                        REDIS.failed(trouble.detail)
                    time.sleep(self._backoff.compute(failures))
                else:
                    if failures:
                        REDIS.answered(sure=True)
                    return answer
        finally:
            self._nested.inside = False


class _Following(SentinelManagedConnection):  # type: ignore[misc]  # redis-py is not read, see pyproject.toml
    """Asks the Sentinels at every attempt; redis-py's asks them before a command and retries it at the old address."""

    def connect_check_health(self, check_health: bool = True, retry_socket_connect: bool = True) -> None:
        if not self._sock:
            self.host, self.port = self.connection_pool.get_master_address()
        super().connect_check_health(check_health, retry_socket_connect)


def connect(url: str, *, patient: bool = False) -> redis.Redis:
    """A client with its own pool; answers are text. It connects at the first command, not here."""
    options: dict[str, Any] = {
        "decode_responses": True,
        # Live streams wait for a second, scripts take milliseconds: who is silent for so long is not there.
        "socket_timeout": 10 if patient else 4,
        "socket_connect_timeout": 3,
        "health_check_interval": 30,
        "retry": _Retry(PATIENT_SECONDS if patient else BRIEF_SECONDS, patient=patient),
    }
    if url.startswith("unix://"):
        return redis.Redis.from_url(url, **options)  # knows no keep-alive, and redis-py refuses the option there
    options["socket_keepalive"] = True
    if not url.startswith(SCHEME):
        return redis.Redis.from_url(url, **options)
    address = SentinelAddress.parse(url)
    watched = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": Retry(NoBackoff(), 0)}
    sentinel = Sentinel(address.hosts, sentinel_kwargs={**watched, **address.sentinel_login})
    return sentinel.master_for(address.master, connection_class=_Following, db=address.db, **address.login, **options)


@contextmanager
def reported() -> Iterator[None]:
    """Turns any trouble with Redis into ClusterUnavailable; errors of single commands pass."""
    try:
        yield
    except RedisError as error:
        trouble = unavailable(error)
        if trouble is None:
            raise
        REDIS.failed(trouble.detail)
        raise trouble from error
    REDIS.answered()


def server_time(client: redis.Redis) -> float:
    """Epoch seconds by the server's clock, which counts for everybody. Raises ClusterUnavailable."""
    with reported():
        seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6


@lru_cache
def _source(name: str) -> str:
    folder = resources.files("cluster") / "lua"
    return (folder / "common.lua").read_text() + (folder / f"{name}.lua").read_text()


class Scripts:
    """The Lua scripts in `cluster/lua` by name, each one atomic step: `scripts.run("claim", ...)`.

    Redis refuses a script at its first write or not at all: out of memory or read-only, it has done nothing of it. Out
    of memory, a script whose first write needs none (DEL, HDEL, ZREM) is let through to its end.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._loaded: dict[str, Any] = {}

    def run(self, name: str, *args: str | int | float) -> Any:
        script = self._loaded.get(name)
        if script is None:
            script = self._loaded[name] = self._client.register_script(_source(name))
        with reported():
            return script(args=args)


__all__ = ["ClusterUnavailable", "RedisError", "Scripts", "connect", "reported", "server_time", "unavailable"]

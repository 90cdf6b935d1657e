from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from werkzeug.serving import make_server

from cluster import runtime
from cluster.celery import app
from cluster.connection import Scripts, connect
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.settings import PREFIX, Settings
from tests.servers import running_valkey
from webapp import create_app

TOKEN = "secret-token"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings or the data folder of the person who runs it."""
    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CUMULO_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def _client(valkey_url: str) -> Iterator[redis.Redis]:
    client = connect(valkey_url)
    yield client
    client.close()


@pytest.fixture
def server(_client: redis.Redis) -> redis.Redis:
    """A client of a real server without any data."""
    _client.flushall()
    return _client


@pytest.fixture
def ledger(server: redis.Redis) -> Ledger:
    return Ledger(server, Scripts(server))


@pytest.fixture
def registry(server: redis.Redis) -> Nodes:
    return Nodes(server, Scripts(server))


@pytest.fixture(scope="session")
def _celery(valkey_url: str) -> Iterator[None]:
    """The Celery app sends its messages to the test's server."""
    app.conf.update(broker_url=valkey_url, result_backend=valkey_url)
    yield
    app.pool.force_close_all()


@pytest.fixture
def cluster(server: redis.Redis, valkey_url: str, _celery: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster of the web app's process, with a store of its own; the router uses the same one."""
    monkeypatch.setenv("CUMULO_REDIS_URL", valkey_url)
    runtime._for_process.cache_clear()
    cluster = Cluster(runtime.current().settings, home=True)
    cluster.ping()
    yield cluster
    cluster.redis.close()
    runtime.current().redis.close()
    runtime._for_process.cache_clear()


@pytest.fixture
def served(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The cluster behind its real API, which the command finds."""
    app = create_app(Settings(token=TOKEN), cluster)
    web = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    monkeypatch.setenv("CUMULO_URL", f"http://127.0.0.1:{web.server_port}")
    monkeypatch.setenv("CUMULO_TOKEN", TOKEN)
    yield cluster
    web.shutdown()
    thread.join()
    web.server_close()
    app.extensions["cumulo"].broadcaster.close()

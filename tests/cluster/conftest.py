from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cluster.connection import Scripts, connect
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.settings import PREFIX
from tests.servers import running_valkey


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

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cluster.settings import PREFIX
from tests.integration.clusters import Up


@pytest.fixture(scope="session", autouse=True)
def _own_settings() -> Iterator[None]:
    """No test reads the settings of the person who runs it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(PREFIX):
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory, _own_settings: None) -> Iterator[Up]:
    """`cumulo up --nodes 2`, for every test that leaves it as it was. At the end it must stop without a trace."""
    up = Up(tmp_path_factory.mktemp("up"), "--nodes", "2")
    try:
        yield up
        assert up.end() == 0
    finally:
        up.clean_up()

"""The cluster in memory is only worth something while it has the real one's face."""

from __future__ import annotations

import inspect

from cluster.service import Cluster
from tests.webapp.fakes import FakeCluster


def test_the_fake_takes_what_the_real_one_takes() -> None:
    own = {"set_nodes", "finish", "fail", "move", "happen"}
    for name, method in vars(FakeCluster).items():
        if name.startswith("_") or name in own:
            continue
        real = getattr(Cluster, name)
        assert list(inspect.signature(method).parameters) == list(inspect.signature(real).parameters), name

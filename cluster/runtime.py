"""This process's own `Cluster`, for code that Celery calls: the router, the tasks, the worker's boot steps."""

from __future__ import annotations

import os
from functools import lru_cache

from cluster.service import Cluster
from cluster.settings import load_settings


@lru_cache(maxsize=1)
def _for_process(pid: int) -> Cluster:
    # By process id: a connection inherited through fork must never be used by two processes.
    return Cluster(load_settings(), patient=True)


def current() -> Cluster:
    return _for_process(os.getpid())

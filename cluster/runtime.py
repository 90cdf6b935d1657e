"""This process's own `Cluster`, for code that Celery calls: the router, the tasks, the worker's boot steps."""

from __future__ import annotations

import os
from functools import lru_cache

from cluster.service import Cluster
from cluster.settings import load_settings


@lru_cache(maxsize=2)
def _for_process(pid: int, patient: bool) -> Cluster:
    # By process id: a connection inherited through fork must never be used by two processes.
    return Cluster(load_settings(), patient=patient)


def current() -> Cluster:
    return _for_process(os.getpid(), False)


def patient() -> Cluster:
    """For whoever holds finished work: it goes on trying for minutes."""
    return _for_process(os.getpid(), True)

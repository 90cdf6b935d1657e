"""Cúmulo's engine: Celery nodes, the job ledger, scheduling, storage and the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster.service import submit
    from cluster.version import __version__

__all__ = ["__version__", "submit"]


def __getattr__(name: str) -> Any:
    # Late, so that `import cluster` costs nothing and `celery -A cluster` finds `cluster.celery` first.
    if name == "submit":
        from cluster.service import submit

        return submit
    if name == "__version__":
        from cluster.version import __version__

        return __version__
    raise AttributeError(f"module 'cluster' has no attribute {name!r}")

"""The formulas of the policies, each written once for a single node and for whole columns of nodes.

`n` is a `Node` with `SCALAR` as `ops`, or `Columns` with numpy. Shares run from 0 to 1, times are seconds.
"""

from __future__ import annotations

from typing import Any, Final

MEMORY_MARGIN = 1.1
BUSY = 0.85
"""Share of a node's CPU taken by other programs above which it is left alone while another node can take the job."""

SATURATED = 0.95
FAULTS = 3
"""Jobs in a row that failed for a reason of the node's own, after which it is left alone ..."""

FAULT_SECONDS = 60.0
"""... for so long; then one more job may show whether it is well again."""

QUEUED = 1.3
"""What waiting behind others is held against a node under `predictive`: it is known less well than running."""


class _Scalar:
    maximum = staticmethod(max)
    minimum = staticmethod(min)

    @staticmethod
    def where(condition: bool, yes: float, no: float) -> float:
        return yes if condition else no


SCALAR: Final = _Scalar()


def foreign_load(n: Any, ops: Any = SCALAR) -> Any:
    """Cores' worth of CPU that programs other than Cúmulo want on this node.

    Below saturation that is what they use. On a saturated node they get only their fair share against our
    processes, so their demand is our running messages times the ratio of the shares.
    """
    foreign = ops.maximum(0.0, n.cpu - n.own)
    used = n.cores * foreign
    saturated = (n.cpu >= SATURATED) & (n.running > 0) & (n.own > 0.05)
    wanted = ops.maximum(used, n.running * foreign / ops.maximum(n.own, 0.05))
    return ops.minimum(ops.where(saturated, wanted, used), 4.0 * n.cores)


def predicted_load(n: Any, ops: Any = SCALAR) -> Any:
    """Load per core if one more message came: foreign load, messages in flight, and the new one."""
    return (foreign_load(n, ops) + n.in_flight + 1.0) / n.cores


def least_cpu_score(n: Any, ops: Any = SCALAR) -> Any:
    load = predicted_load(n, ops)
    return ops.maximum(1.0, load) / n.speed + 0.02 * load


def finish(n: Any, seconds: float, ops: Any = SCALAR) -> Any:
    """Seconds until this node would have finished a job of `seconds` (at speed 1) that came now.

    A process gets min(1, C / (k + F)) of a core, where k processes of ours and F of others are at work on C cores. A
    job beyond the C-th message waits until enough of those before it have ended; each is taken to have half of its
    mean predicted work before it.
    """
    ahead = ops.maximum(0.0, n.in_flight + 1.0 - n.cores)
    at_work = ops.minimum(n.in_flight + 1.0, n.cores)
    rate = n.speed * ops.minimum(1.0, n.cores / (at_work + foreign_load(n, ops)))
    mean = n.work / ops.maximum(1.0, n.in_flight)
    wait = ahead / n.cores * mean / rate
    return (wait + seconds / rate) * ops.where(ahead > 0, QUEUED, 1.0)

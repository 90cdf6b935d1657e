"""The formulas of the policies, each written once for a single node and for whole columns of nodes.

`n` is a `Node` with `SCALAR` as `ops`, or `Columns` with numpy. Shares run from 0 to 1, times are seconds.
"""

from __future__ import annotations

from typing import Any, Final

MEMORY_MARGIN = 1.1
BUSY = 0.85
"""Share of a node's CPU taken by other programs above which it is left alone while another node can take the job ..."""

BUSY_SECONDS = 5.0
"""... until jobs have been waiting for so long without a break: what the others cannot carry is shared by all."""

BUSY_SECONDS_INTERACTIVE = 0.25
"""The same where somebody waits for the one image."""

SATURATED = 0.95
FAULTS = 3
"""Jobs in a row that failed for a reason of the node's own, after which it is left alone ..."""

FAULT_SECONDS = 60.0
"""... for so long; then one more job may show whether it is well again."""

WAITING = 10.0
"""What each message that would wait before it is held against a node under `least-cpu`, for each of its cores."""

LONGEST_WAIT = 0.1
"""Seconds that a message may be expected to wait on a node under `least-cpu`; beyond it the job stays in the backlog.

What waits on a node saves some milliseconds between two messages, but is bound by what was true before."""

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
    return (n.foreign + n.in_flight + 1.0) / n.cores


def least_cpu_score(n: Any, ops: Any = SCALAR) -> Any:
    """How many times as long as on an idle core of speed 1 a job would take; of equals the least loaded is best.

    A message beyond the C-th waits for one of C processes, which counts heavily: another node that can begin at once
    is better even if it is slow. (Any factor from 4 to 100 gave nearly the same in simulations.)
    """
    foreign = n.foreign
    at_work = ops.minimum(n.in_flight + 1.0, n.cores)
    ahead = ops.maximum(0.0, n.in_flight + 1.0 - n.cores)
    stretch = ops.maximum(1.0, (at_work + foreign) / n.cores) / n.speed
    return stretch * (1.0 + WAITING * ahead / n.cores) + 0.02 * (foreign + n.in_flight + 1.0) / n.cores


def wait_and_run(n: Any, seconds: float, ops: Any = SCALAR) -> tuple[Any, Any]:
    """Seconds that a job of `seconds` (at speed 1) would wait on this node if it came now, and then run.

    A process gets min(1, C / (k + F)) of a core, where k processes of ours and F of others are at work on C cores. A
    job beyond the C-th message waits until enough of those before it have ended.
    """
    ahead = ops.maximum(0.0, n.in_flight + 1.0 - n.cores)
    at_work = ops.minimum(n.in_flight + 1.0, n.cores)
    rate = n.speed * ops.minimum(1.0, n.cores / (at_work + n.foreign))
    mean = n.work / ops.maximum(1.0, n.in_flight)
    return ahead / n.cores * mean / rate, seconds / rate


def expected_wait(n: Any, ops: Any = SCALAR) -> Any:
    """Seconds that one more message would wait on this node before a process is free for it."""
    return wait_and_run(n, 0.0, ops)[0]


def finish(n: Any, seconds: float, ops: Any = SCALAR) -> Any:
    """What `predictive` compares: seconds until the job is done, where a wait counts twice, and QUEUED times all of it.

    What is known of a wait is an estimate of estimates: in simulations a node that can begin at once was the better
    choice more often than the plain sum says.
    """
    wait, run = wait_and_run(n, seconds, ops)
    return (2.0 * wait + run) * ops.where(n.in_flight + 1.0 > n.cores, QUEUED, 1.0)

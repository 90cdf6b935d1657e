"""The simulator: what a cluster would have done, under each policy and under what it is compared with.

    scenario = Setup(nodes=10, load=0.8, jobs=20_000, seed=1).scenario()
    simulate(scenario, "least-cpu").mean / simulate(scenario, IDEAL).mean

Equal arguments give equal results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.scheduling.baselines import (
    Ideal,
    IdealWithHandOff,
    ReportsRule,
    SharedQueue,
    SharedQueueAcksLate,
    SharedQueuePrefetch4,
)
from cluster.scheduling.dispatching import Dispatching
from cluster.scheduling.physics import Cluster, Result
from cluster.scheduling.policies import POLICIES
from cluster.scheduling.workload import Scenario

IDEAL: Final = "ideal"

BASELINES: Final[dict[str, Callable[[Scenario], Cluster]]] = {
    IDEAL: Ideal,
    "ideal-hand-off": IdealWithHandOff,
    "celery": SharedQueue,
    "celery-prefetch-4": SharedQueuePrefetch4,
    "celery-acks-late": SharedQueueAcksLate,
    "report": ReportsRule,
}
"""By name: an ideal shared queue, without and with hand-off; Celery's one queue, with prefetch 1, prefetch 4 and
acks_late; the report's rule."""


def simulate(scenario: Scenario, policy: str, progress: Callable[[int], None] | None = None) -> Result:
    """Runs all jobs to their end. `policy` is one of `POLICIES` or of `BASELINES`; KeyError for any other.

    `progress` is told now and then how many more jobs have ended.
    """
    if policy in BASELINES:
        return BASELINES[policy](scenario).run(progress)
    if policy not in POLICIES:
        raise KeyError(policy)
    return Dispatching(scenario, policy).run(progress)

"""The simulator: what a cluster would have done, under each policy and under what it is compared with.

    machines = unlike_machines(10, seed=1)
    scenario = Scenario(machines, steady(sum(machine.capacity() for machine in machines), 0.8, jobs=20_000, seed=1))
    simulate(scenario, "least-cpu").mean / simulate(scenario, IDEAL).mean

Equal arguments give equal results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.scheduling.baselines import (
    Ideal,
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
    "celery": SharedQueue,
    "celery-prefetch-4": SharedQueuePrefetch4,
    "celery-acks-late": SharedQueueAcksLate,
    "report": ReportsRule,
}
"""By name: an ideal shared queue; Celery's one queue, prefetch 1 and 4, and with acks_late; the report's rule."""


def simulate(scenario: Scenario, policy: str) -> Result:
    """Runs all jobs to their end. `policy` is one of `POLICIES` or of `BASELINES`; KeyError for any other."""
    if policy in BASELINES:
        return BASELINES[policy](scenario).run()
    if policy not in POLICIES:
        raise KeyError(policy)
    return Dispatching(scenario, policy).run()

"""Many simulations at once, on every core that this process may use."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from cluster.cores import usable_cpus
from cluster.scheduling.physics import Floats
from cluster.scheduling.simulator import IDEAL, simulate
from cluster.scheduling.workload import Setup

FEW_JOBS = 30_000
"""Up to so many in all, starting processes would take longer than it saves."""

POLL_SECONDS = 0.2

_ended: Synchronized[int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One simulation. Times in seconds; `bound` is what no makespan can be shorter than."""

    policy: str
    setup: Setup
    mean: float
    p50: float
    p95: float
    p99: float
    makespan: float
    bound: float
    per_node: tuple[int, ...]
    utilisation: tuple[float, ...]
    response: Floats

    def to_json(self) -> dict[str, Any]:
        figures = {name: round(getattr(self, name), 6) for name in ("mean", "p50", "p95", "p99", "makespan", "bound")}
        return {
            "policy": self.policy,
            **figures,
            "jobs_per_node": list(self.per_node),
            "utilisation": [round(share, 4) for share in self.utilisation],
            "setup": asdict(self.setup),
        }


def run(setup: Setup, policy: str, progress: Callable[[int], None] | None = None) -> Outcome:
    """One simulation, in this process."""
    scenario = setup.scenario()
    result = simulate(scenario, policy, progress)
    p50, p95, p99 = (result.percentile(percent) for percent in (50, 95, 99))
    return Outcome(
        policy=policy,
        setup=setup,
        mean=result.mean,
        p50=p50,
        p95=p95,
        p99=p99,
        makespan=result.makespan,
        bound=scenario.shortest_makespan(),
        per_node=tuple(result.per_node),
        utilisation=tuple(result.utilisation.tolist()),
        response=result.response,
    )


def run_all(tasks: Sequence[tuple[Setup, str]], progress: Callable[[int], None] | None = None) -> list[Outcome]:
    """One outcome for each (setup, policy), in their order. `progress` is told how many jobs have ended so far."""
    tell = progress or (lambda _: None)
    workers = min(len(tasks), len(usable_cpus()))
    if workers < 2 or sum(setup.jobs for setup, _ in tasks) <= FEW_JOBS:
        ended = 0

        def add(count: int) -> None:
            nonlocal ended
            ended += count
            tell(ended)

        return [run(setup, policy, add) for setup, policy in tasks]
    # Spawned: a process that has threads (a progress bar is one) must not be forked.
    context = multiprocessing.get_context("spawn")
    counter = context.Value("q", 0)
    with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(counter,)) as pool:
        # The largest first, so that no core is left alone with one at the end.
        order = sorted(range(len(tasks)), key=lambda at: -_effort(*tasks[at]))
        futures = {at: pool.submit(_run_counted, *tasks[at]) for at in order}
        left = set(futures.values())
        while left:
            done, left = wait(left, POLL_SECONDS)
            tell(counter.value)
            for future in done:
                future.result()  # what went wrong there is raised here, at once
        return [futures[at].result() for at in range(len(tasks))]


def _effort(setup: Setup, policy: str) -> float:
    return setup.jobs * (0.1 if policy == IDEAL else 1.0) * (1.0 + setup.nodes / 200)


def _begin(counter: Synchronized[int]) -> None:
    global _ended
    _ended = counter


def _run_counted(setup: Setup, policy: str) -> Outcome:
    return run(setup, policy, _count)


def _count(more: int) -> None:
    if _ended is not None:
        with _ended.get_lock():
            _ended.value += more

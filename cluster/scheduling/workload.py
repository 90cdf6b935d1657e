"""What a simulated cluster has to do: unlike PCs, other people's programs on them, photos, outages.

All of it follows from the arguments and a seed. The figures are those of real nodes: CPU seconds per megapixel as
measured (docs/performance.md), photos of mostly 2 to 12 megapixels, programs that come and go within minutes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final

import numpy as np

CORES: Final = (1, 2, 2, 4, 4, 4, 6, 8)
SLOWEST, FASTEST = 0.5, 2.0
PROGRAM_SECONDS = 60.0  # how long another program runs, on average
MOST_FOREIGN = 0.5  # share of its cores that the busiest owner's programs want, on average

MEGAPIXELS = 5.0  # median; two thirds of all photos lie between 2.2 and 11
MEGAPIXELS_SIGMA = 0.8
SMALLEST, LARGEST = 0.3, 50.0
WHOLE_JOB_COST = 0.014  # CPU seconds per megapixel without any filter: fetch, decode, encode, thumbnail, hash, store
FILTER_COSTS: Final = (0.0003, 0.0005, 0.001, 0.0016, 0.0018, 0.0035, 0.040)  # negative, gray, ... edges, blur
MOST_STEPS = 3
COST_ERROR = 0.2  # sigma of the logarithm of predicted over true cost

PERIOD = 3600.0  # seconds after which other people's programs come and go as before


@dataclass(frozen=True, slots=True)
class Machine:
    """The PC under a node, as it truly is; the policies see only its samples.

    `foreign` is the load of other people's programs in cores, as (from this second on, so much), the first from 0;
    it begins anew after `period` seconds. In an outage, (from, until), the machine is dead.
    """

    cores: int
    speed: float
    foreign: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    period: float = math.inf
    outages: tuple[tuple[float, float], ...] = ()

    def rate(self, processes: float, foreign: float) -> float:
        """Work per second that each of that many processes gets: the cores are shared fairly with other programs."""
        return self.speed * min(1.0, self.cores / max(1.0, processes + foreign))

    def capacities(self) -> list[tuple[float, float]]:
        """Work per second with a process on every core, as (from this second on, so much), within one period."""
        return [(start, self.cores * self.rate(self.cores, load)) for start, load in self.foreign]

    def capacity(self) -> float:
        """The mean of `capacities` over time."""
        steps = self.capacities()
        if len(steps) == 1 or math.isinf(self.period):
            return steps[0][1]
        ends = [*(start for start, _ in steps[1:]), self.period]
        return sum(rate * (end - start) for (start, rate), end in zip(steps, ends, strict=True)) / self.period


@dataclass(frozen=True, slots=True)
class Load:
    """The jobs in the order of their arrival, as columns.

    `seconds` is the true cost of each in CPU seconds at speed 1, `predicted` what the scheduler believes. Jobs of one
    batch arrive together.
    """

    at: tuple[float, ...]
    seconds: tuple[float, ...]
    predicted: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.at) == len(self.seconds) == len(self.predicted):
            raise ValueError("a load needs a time, a cost and a predicted cost for every job")
        if any(later < earlier for earlier, later in pairwise(self.at)):
            raise ValueError("jobs must be in the order of their arrival")
        if any(not 0.0 < cost < math.inf for cost in (*self.seconds, *self.predicted)):
            raise ValueError("the cost of a job must be above zero")

    def __len__(self) -> int:
        return len(self.at)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything about a simulated cluster but its policy."""

    machines: tuple[Machine, ...]
    load: Load
    seed: int = 0
    sample_interval: float = 1.0
    sample_delay: float = 0.005  # from the end of a sample's window until policies see it
    hand_off: float = 0.001  # from a binding until the job runs
    lease: float = 0.5  # seconds for which a process goes on taking jobs without a new message

    def __post_init__(self) -> None:
        if not self.machines:
            raise ValueError("a cluster needs at least one node")

    @property
    def capacity(self) -> float:
        """CPU seconds of work per second that the whole cluster can do, on average."""
        return sum(machine.capacity() for machine in self.machines)

    def shortest_makespan(self) -> float:
        """No schedule ends before: all work at full capacity, and the longest job alone on the fastest machine."""
        longest = max(self.load.seconds, default=0.0) / max(machine.speed for machine in self.machines)
        return max(longest, _time_for(sum(self.load.seconds), self.machines))


def _time_for(work: float, machines: Sequence[Machine]) -> float:
    if work <= 0.0:
        return 0.0
    changes = [(start, number, rate) for number, machine in enumerate(machines) for start, rate in machine.capacities()]
    changes.sort()
    rates = [0.0] * len(machines)
    now, left = 0.0, work
    for start, number, rate in changes:
        total = sum(rates)
        if total * (start - now) >= left:
            return now + left / total
        left -= total * (start - now)
        now = start
        rates[number] = rate
    period = min(machine.period for machine in machines)
    if math.isinf(period) or len(changes) == len(machines):
        return now + left / sum(rates)
    # The rest of the period, then whole periods over again.
    total = sum(rates)
    if total * (period - now) >= left:
        return now + left / total
    return period + _time_for(left - total * (period - now), machines)


def unlike_machines(count: int, seed: int, *, foreign: bool = True) -> tuple[Machine, ...]:
    """PCs of 1 to 8 cores and speeds from half to twice the usual, with owners who use them more or less."""
    random = np.random.default_rng([seed, 1])
    machines = []
    for _ in range(count):
        cores = int(random.choice(CORES))
        speed = math.exp(random.uniform(math.log(SLOWEST), math.log(FASTEST)))
        wanted = cores * random.uniform(0.0, MOST_FOREIGN)
        load = _programs(wanted, random) if foreign else ((0.0, 0.0),)
        machines.append(Machine(cores, speed, load, PERIOD))
    return tuple(machines)


def _programs(mean: float, random: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """Programs start at random, each wants half a core to a whole one for a while: `mean` cores on average."""
    changes: list[tuple[float, float]] = []
    size = 0.75
    begin = -5.0 * PROGRAM_SECONDS  # so that some already run at 0
    count = int(random.poisson(mean / size / PROGRAM_SECONDS * (PERIOD - begin)))
    for start, lasts, wants in zip(
        random.uniform(begin, PERIOD, count),
        random.exponential(PROGRAM_SECONDS, count),
        random.uniform(0.5, 1.0, count),
        strict=True,
    ):
        if start + lasts > 0.0:
            changes.append((max(0.0, float(start)), float(wants)))
            changes.append((float(start + lasts), -float(wants)))
    changes.sort()
    totals = accumulate((wants for _, wants in changes), initial=0.0)
    steps: dict[float, float] = {0.0: 0.0}
    for (start, _), total in zip(changes, list(totals)[1:], strict=True):
        if start < PERIOD:
            steps[start] = max(0.0, round(total, 9))
    return tuple(steps.items())


def with_outages(
    machines: tuple[Machine, ...], seed: int, until: float, *, every: float = 600.0, lasts: float = 60.0
) -> tuple[Machine, ...]:
    """The same machines, each dying every so many seconds on average; the first of them never dies."""
    random = np.random.default_rng([seed, 2])
    found = [machines[0]]
    for machine in machines[1:]:
        outages = []
        start = float(random.exponential(every))
        while start < until:
            end = start + float(random.uniform(0.5, 1.5)) * lasts
            outages.append((start, end))
            start = end + float(random.exponential(every))
        found.append(replace(machine, outages=tuple(outages)))
    return tuple(found)


def photo_costs(count: int, random: np.random.Generator) -> np.ndarray:
    """CPU seconds at speed 1 of photos through pipelines of one to three filters."""
    megapixels = np.exp(random.normal(math.log(MEGAPIXELS), MEGAPIXELS_SIGMA, count)).clip(SMALLEST, LARGEST)
    filters = random.choice(FILTER_COSTS, (count, MOST_STEPS))
    used = np.arange(MOST_STEPS) < random.integers(1, MOST_STEPS + 1, count)[:, None]
    costs: np.ndarray = megapixels * (WHOLE_JOB_COST + (filters * used).sum(axis=1))
    return costs


@lru_cache(maxsize=1)
def _mean_cost() -> float:
    return float(photo_costs(200_000, np.random.default_rng(0)).mean())


def arrivals_per_second(capacity: float, load: float) -> float:
    """How many photos keep the cluster busy to that share of its capacity."""
    return capacity * load / _mean_cost()


def _load(at: np.ndarray, seconds: np.ndarray, error: float, random: np.random.Generator) -> Load:
    predicted = seconds * np.exp(random.normal(0.0, error, len(seconds)))
    return Load(tuple(at.tolist()), tuple(seconds.tolist()), tuple(predicted.tolist()))


def steady(capacity: float, load: float, jobs: int, seed: int, *, error: float = COST_ERROR) -> Load:
    """Single photos that arrive at random (Poisson) and keep the cluster busy to that share of its capacity."""
    random = np.random.default_rng([seed, 3])
    seconds = photo_costs(jobs, random)
    gaps = random.exponential(1.0 / arrivals_per_second(capacity, load), jobs)
    return _load(np.cumsum(gaps), seconds, error, random)


def burst(jobs: int, seed: int, *, error: float = COST_ERROR) -> Load:
    """One batch, submitted at 0."""
    random = np.random.default_rng([seed, 4])
    return _load(np.zeros(jobs), photo_costs(jobs, random), error, random)


def recorded(jobs: Sequence[tuple[float, float, float]]) -> Load:
    """A load that was seen: (arrival, true cost, predicted cost) of each job, in any order."""
    ordered = sorted(jobs)
    return Load(
        tuple(at for at, _, _ in ordered),
        tuple(seconds for _, seconds, _ in ordered),
        tuple(predicted for _, _, predicted in ordered),
    )


@dataclass(frozen=True, slots=True)
class Setup:
    """A scenario in a few words; equal setups make equal scenarios. In a burst all jobs come at 0, whatever `load`."""

    nodes: int = 10
    load: float = 0.8
    jobs: int = 20_000
    burst: bool = False
    seed: int = 1
    sample_interval: float = 1.0
    hand_off: float = 0.001
    foreign: bool = True
    failures: bool = False
    error: float = COST_ERROR

    def scenario(self) -> Scenario:
        machines = unlike_machines(self.nodes, self.seed, foreign=self.foreign)
        capacity = sum(machine.capacity() for machine in machines)
        if self.burst:
            load = burst(self.jobs, self.seed, error=self.error)
            lasts = sum(load.seconds) / capacity
        else:
            load = steady(capacity, self.load, self.jobs, self.seed, error=self.error)
            lasts = load.at[-1]
        if self.failures:
            machines = with_outages(machines, self.seed, 2.0 * lasts + 60.0)
        return Scenario(machines, load, self.seed, sample_interval=self.sample_interval, hand_off=self.hand_off)


def jobs_in(hours: float, nodes: int, load: float, seed: int, *, foreign: bool = True) -> int:
    """How many jobs come in that time to the cluster of that `Setup`, on average."""
    capacity = sum(machine.capacity() for machine in unlike_machines(nodes, seed, foreign=foreign))
    return max(1, round(hours * 3600.0 * arrivals_per_second(capacity, load)))

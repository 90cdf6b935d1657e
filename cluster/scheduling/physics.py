"""Simulated time: processes that share the cores of their machines, and the events that change that.

Each machine keeps a *virtual time*, the work that every one of its processes has got since the start. A job that
begins at V ends at V + its cost, whatever happens to the rate meanwhile: a change costs O(log n), not O(processes).
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cluster.scheduling.workload import Machine, Scenario

END: Final = 0
DELIVERY: Final = 1
START: Final = 2
FOREIGN: Final = 3
SAMPLE: Final = 4
SEEN: Final = 5
DOWN: Final = 6
UP: Final = 7
ALARM: Final = 8

TOLD_EVERY: Final = 1000  # jobs

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of every job, by its number, and of every node, by its. Times are seconds."""

    response: Floats  # from arrival to end
    finished: Floats
    node: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]  # more than one only where a node died
    utilisation: Floats  # share of each node's cores that jobs used
    most_held: npt.NDArray[np.int64]  # messages that were bound to each node at once, at most

    @property
    def mean(self) -> float:
        return float(self.response.mean())

    def percentile(self, percent: float) -> float:
        return float(np.percentile(self.response, percent))

    @property
    def makespan(self) -> float:
        return float(self.finished.max())

    @property
    def per_node(self) -> list[int]:
        """How many jobs each node finished."""
        return np.bincount(self.node, minlength=len(self.utilisation)).tolist()  # type: ignore[no-any-return] # numpy


class Host:
    """A machine in motion. `free` counts its idle processes, `queue` holds jobs that wait on it, `held` counts the
    messages bound to it."""

    __slots__ = (
        "alive",
        "capacity",
        "cores",
        "cpu",
        "cpu_seconds",
        "epoch",
        "foreign",
        "free",
        "held",
        "id",
        "lost",
        "machine",
        "most_held",
        "number",
        "own",
        "own_seconds",
        "queue",
        "rate",
        "running",
        "seen_cpu",
        "seen_own",
        "since",
        "speed",
        "taken",
        "timer",
        "virtual",
        "work",
    )

    def __init__(self, number: int, machine: Machine) -> None:
        self.number = number
        self.machine = machine
        self.id = f"pc-{number + 1}"
        self.cores = machine.cores
        self.speed = machine.speed
        self.foreign = machine.foreign[0][1]
        self.alive = True
        self.epoch = 0  # counts its deaths, so that what was under way before can be told
        self.running = 0
        self.free = machine.cores
        self.queue: deque[int] = deque()
        self.lost: list[int] = []
        self.taken: set[int] = set()  # jobs that a process has, but for the hand-off
        self.work: list[tuple[float, int]] = []  # (virtual time at the end, job)
        self.held = 0
        self.most_held = 0
        self.capacity = 0.0  # for whoever counts room
        self.virtual = self.since = 0.0
        self.rate = machine.speed
        self.cpu = self.own = 0.0
        self.cpu_seconds = self.own_seconds = 0.0
        self.seen_cpu = self.seen_own = 0.0  # the same at the last sample
        self.timer = 0  # the END event that counts; older ones are void


class Cluster:
    """One run. A subclass says what happens to jobs by the methods that do nothing here."""

    samples = False
    """Whether `sampled` is wanted."""

    claim_delay = False
    """Whether a job that waits on a node costs a hand-off too when its turn comes."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.hosts = [Host(number, machine) for number, machine in enumerate(scenario.machines)]
        self.random = Random(scenario.seed)  # noqa: S311 - a simulation
        self.now = 0.0
        self.hand_off = scenario.hand_off
        self.events: list[tuple[float, int, int, int, Any]] = []
        self.sequence = count()
        jobs = len(scenario.load)
        self.seconds = scenario.load.seconds
        self.predicted = scenario.load.predicted
        self.finished = [math.nan] * jobs
        self.where = [-1] * jobs
        self.starts = [0] * jobs

    # -- what a subclass decides ------------------------------------------------------------------------------------

    def arrived(self, jobs: range) -> None:
        """Jobs that came at the same moment."""
        raise NotImplementedError

    def ended(self, host: Host, job: int) -> None:
        """A job has ended; its process is in the subclass's hands."""
        self.next_of(host)

    def begun(self, host: Host, job: int) -> None:
        """A job that was delivered or waited here begins."""

    def sampled(self, host: Host, cpu: float, own: float, at: float) -> None:
        """A sample can be seen: shares of the host's cores over the interval before `at`."""

    def died(self, host: Host, running: int) -> None:
        """All that ran (the first so many) or waited on the host is in `lost`. Here it stays there until the machine
        is back."""

    def alarm(self, host: Host, what: object) -> None:
        """The time for which `call_later` asked has come."""

    def returned(self, host: Host) -> None:
        host.queue.extendleft(reversed(host.lost))
        host.lost = []
        while host.queue and host.free:
            host.free -= 1
            self.next_of(host)

    # -- what a subclass may do -------------------------------------------------------------------------------------

    def hold(self, host: Host) -> None:
        host.held += 1
        host.most_held = max(host.most_held, host.held)

    def send(self, host: Host, job: int) -> None:
        """The job reaches the host after the hand-off, and begins there as soon as a process is free."""
        if self.hand_off:
            self._push(self.now + self.hand_off, DELIVERY, host.number, job)
        else:
            self._deliver(host, job)

    def take(self, host: Host, job: int) -> None:
        """A process of the host, which must be free, begins with the job after the hand-off."""
        host.free -= 1
        if self.hand_off:
            host.taken.add(job)
            self._push(self.now + self.hand_off, START, host.number, (job, host.epoch))
        else:
            self._start(host, job)

    def begin(self, host: Host, job: int) -> None:
        """A process of the host, which must be free, begins with the job at once."""
        host.free -= 1
        self._start(host, job)

    def next_of(self, host: Host) -> None:
        """A process has become free: it goes on with what has waited longest on the host, after `claim_delay`."""
        host.free += 1
        if host.queue:
            job = host.queue.popleft()
            if self.claim_delay:
                self.take(host, job)
            else:
                self.begin(host, job)
            self.begun(host, job)

    def call_later(self, seconds: float, host: Host, what: object) -> None:
        self._push(self.now + seconds, ALARM, host.number, what)

    # -- the machinery ----------------------------------------------------------------------------------------------

    def run(self, progress: Callable[[int], None] | None = None) -> Result:
        """Runs every job to its end; `progress` is told now and then how many more have ended."""
        at = self.scenario.load.at
        jobs = len(at)
        left = jobs
        arrivals = 0
        events = self.events
        hosts = self.hosts
        self._begin_processes()
        coming = at[0] if jobs else math.inf
        while left:
            if not events or coming <= events[0][0]:
                self.now = coming
                first = arrivals
                while arrivals < jobs and at[arrivals] == coming:
                    arrivals += 1
                coming = at[arrivals] if arrivals < jobs else math.inf
                if math.isinf(self.now):
                    raise RuntimeError("jobs are left that nobody will ever run")
                self.arrived(range(first, arrivals))
                continue
            now, _, kind, number, value = heapq.heappop(events)
            host = hosts[number]
            if kind == END:
                if value == host.timer:
                    self.now = now
                    left -= 1
                    self._end(host)
                    if progress is not None and not left % TOLD_EVERY:
                        progress(TOLD_EVERY)
                continue
            self.now = now
            if kind == DELIVERY:
                self._deliver(host, value)
            elif kind == START:
                job, epoch = value
                if epoch == host.epoch:
                    host.taken.remove(job)
                    self._start(host, job)
            else:
                self._rare(kind, host, value)
        lasted = max(self.now, 1e-9)
        for host in hosts:
            self._advance(host)
        return Result(
            response=np.array(self.finished) - np.array(at),
            finished=np.array(self.finished),
            node=np.array(self.where, dtype=np.int64),
            starts=np.array(self.starts, dtype=np.int64),
            utilisation=np.array([host.own_seconds / lasted for host in hosts]),
            most_held=np.array([host.most_held for host in hosts], dtype=np.int64),
        )

    def _push(self, at: float, kind: int, number: int, value: Any) -> None:
        heapq.heappush(self.events, (at, next(self.sequence), kind, number, value))

    def _begin_processes(self) -> None:
        for host in self.hosts:
            self._retime(host)
            if len(host.machine.foreign) > 1:
                self._push(host.machine.foreign[1][0], FOREIGN, host.number, 1)
            if self.samples:
                interval = self.scenario.sample_interval
                self._push(self.random.random() * interval, SAMPLE, host.number, 0.0)
            for begin, end in host.machine.outages:
                self._push(begin, DOWN, host.number, None)
                self._push(end, UP, host.number, None)

    def _rare(self, kind: int, host: Host, value: Any) -> None:
        if kind == FOREIGN:
            self._foreign(host, value)
        elif kind == SAMPLE:
            self._sample(host, value)
        elif kind == SEEN:
            if host.alive:
                self.sampled(host, *value)
        elif kind == DOWN:
            self._down(host)
        elif kind == UP:
            host.alive = True
            host.free = host.cores
            self.returned(host)
        else:
            self.alarm(host, value)

    def _advance(self, host: Host) -> None:
        lasted = self.now - host.since
        if lasted > 0.0:
            host.virtual += lasted * host.rate
            host.cpu_seconds += lasted * host.cpu
            host.own_seconds += lasted * host.own
            host.since = self.now

    def _retime(self, host: Host) -> None:
        """After a change of what runs: the new rate, and when the next job ends. `_advance` comes before."""
        wanted = host.running + host.foreign
        if wanted <= host.cores:
            host.rate = host.speed
            host.cpu = wanted / host.cores
            host.own = host.running / host.cores
        else:
            host.rate = host.speed * host.cores / wanted
            host.cpu = 1.0
            host.own = host.running / wanted
        host.timer += 1
        if host.work:
            wait = max(0.0, (host.work[0][0] - host.virtual) / host.rate)
            heapq.heappush(self.events, (self.now + wait, next(self.sequence), END, host.number, host.timer))

    def _start(self, host: Host, job: int) -> None:
        self._advance(host)
        self.starts[job] += 1
        heapq.heappush(host.work, (host.virtual + self.seconds[job], job))
        host.running += 1
        if host.work[0][1] == job or host.running + host.foreign > host.cores:
            self._retime(host)
        else:  # the next job to end and its time are what they were
            host.cpu = (host.running + host.foreign) / host.cores
            host.own = host.running / host.cores

    def _end(self, host: Host) -> None:
        self._advance(host)
        host.virtual, job = heapq.heappop(host.work)
        host.running -= 1
        self.finished[job] = self.now
        self.where[job] = host.number
        self._retime(host)
        self.ended(host, job)

    def _deliver(self, host: Host, job: int) -> None:
        if host.alive and host.free:
            host.free -= 1
            self._start(host, job)
            self.begun(host, job)
        else:
            host.queue.append(job)

    def _foreign(self, host: Host, step: int) -> None:
        steps = host.machine.foreign
        self._advance(host)
        host.foreign = steps[step % len(steps)][1]
        self._retime(host)
        step += 1
        rounds, step_of_round = divmod(step, len(steps))
        if math.isfinite(host.machine.period) or not rounds:
            start = steps[step_of_round][0] + (rounds * host.machine.period if rounds else 0.0)
            self._push(start, FOREIGN, host.number, step)

    def _sample(self, host: Host, last: float) -> None:
        interval = self.scenario.sample_interval
        self._push(self.now + interval, SAMPLE, host.number, self.now)
        if not host.alive or self.now <= last:
            return
        self._advance(host)
        window = self.now - last
        cpu = min(1.0, (host.cpu_seconds - host.seen_cpu) / window)
        own = min(1.0, (host.own_seconds - host.seen_own) / window)
        host.seen_cpu, host.seen_own = host.cpu_seconds, host.own_seconds
        self._push(self.now + self.scenario.sample_delay, SEEN, host.number, (cpu, own, self.now))

    def _down(self, host: Host) -> None:
        self._advance(host)
        host.alive = False
        host.epoch += 1
        running = sorted([*(job for _, job in host.work), *host.taken])
        host.lost.extend(running)
        host.lost.extend(host.queue)
        host.taken.clear()
        host.work.clear()
        host.queue.clear()
        host.running = host.free = 0
        self._retime(host)
        self.died(host, len(running))

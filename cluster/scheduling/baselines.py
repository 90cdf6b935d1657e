"""What the policies are compared with: an ideal that no real cluster reaches, and two that people would run instead.

They are simulated on the same machines, with the same hand-off. On a machine that dies, Celery's jobs and those of
the report's rule wait until it is back, which is kind to both: Celery would lose the running ones, and give the
waiting ones to another worker after an hour.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar

from cluster.scheduling.physics import Cluster, Host
from cluster.scheduling.workload import Scenario

OFFLINE_SECONDS = 5.0


class Ideal(Cluster):
    """One queue in the order of arrival, and perfect knowledge: its head begins at once, on the idle core that is the
    fastest at this very moment."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.backlog: deque[int] = deque()

    def arrived(self, jobs: range) -> None:
        self.backlog.extend(jobs)
        self._give_out()

    def ended(self, host: Host, job: int) -> None:
        host.free += 1
        self._give_out()

    def died(self, host: Host, running: int) -> None:
        self.backlog.extendleft(reversed(host.lost))
        host.lost = []
        self._give_out()

    def returned(self, host: Host) -> None:
        self._give_out()

    def _give_out(self) -> None:
        if not self.backlog:
            return
        hosts = self.hosts
        # Other programs change the offers too, so they are worked out when they are needed.
        offers = [host.machine.rate(host.cores - host.free + 1, host.foreign) if host.free else 0.0 for host in hosts]
        while self.backlog:
            best = max(offers)
            if best <= 0.0:
                return
            host = hosts[offers.index(best)]
            self.begin(host, self.backlog.popleft())
            offers[host.number] = host.machine.rate(host.cores - host.free + 1, host.foreign) if host.free else 0.0


class IdealWithHandOff(Ideal):
    """The same with the hand-off that a real cluster needs: what is lost beyond this, the policy lost."""

    def begin(self, host: Host, job: int) -> None:
        self.take(host, job)


class SharedQueue(Cluster):
    """Celery as it comes: one queue for all; each worker fetches as many messages as its prefetch count lets it.

    With acks early, Celery's default, a running task no longer counts, so that `prefetch` x cores more wait on the
    worker. Redis serves the worker that has asked first.
    """

    prefetch: ClassVar[int] = 1
    acks_late: ClassVar[bool] = False

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.backlog: deque[int] = deque()
        asking = list(self.hosts)
        self.random.shuffle(asking)
        self.asking = deque(asking)
        for host in self.hosts:
            host.capacity = self.prefetch * host.cores

    def arrived(self, jobs: range) -> None:
        self.backlog.extend(jobs)
        self._serve()

    def begun(self, host: Host, job: int) -> None:
        if not self.acks_late:
            self._release(host)

    def ended(self, host: Host, job: int) -> None:
        if self.acks_late:
            self._release(host)
        self.next_of(host)

    def died(self, host: Host, running: int) -> None:
        if not self.acks_late:
            host.held += running  # they will begin, and be acknowledged, once more
        if host in self.asking:
            self.asking.remove(host)

    def returned(self, host: Host) -> None:
        super().returned(host)
        if host.held < host.capacity and host not in self.asking:
            self._ask(host)

    def _serve(self) -> None:
        while self.backlog and self.asking:
            host = self.asking.popleft()
            self.hold(host)
            if host.held < host.capacity:
                self.asking.append(host)
            self.send(host, self.backlog.popleft())

    def _release(self, host: Host) -> None:
        host.held -= 1
        if host.alive and host.held == host.capacity - 1:
            self._ask(host)

    def _ask(self, host: Host) -> None:
        self.asking.append(host)
        self._serve()


class SharedQueueAcksLate(SharedQueue):
    """The same with `acks_late`: at prefetch 1 nothing waits on a worker."""

    acks_late = True


class SharedQueuePrefetch4(SharedQueue):
    """Celery's default prefetch multiplier."""

    prefetch = 4


class ReportsRule(Cluster):
    """The original report: each job goes, when it is submitted, to the worker with the lowest CPU usage at its last
    sample, and waits there, however many do."""

    samples = True

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.usage = [0.0] * len(self.hosts)

    def arrived(self, jobs: range) -> None:
        for job in jobs:
            host = self.hosts[self.usage.index(min(self.usage))]
            self.hold(host)
            self.send(host, job)

    def ended(self, host: Host, job: int) -> None:
        host.held -= 1
        self.next_of(host)

    def sampled(self, host: Host, cpu: float, own: float, at: float) -> None:
        self.usage[host.number] = cpu

    def died(self, host: Host, running: int) -> None:
        self.call_later(OFFLINE_SECONDS, host, None)

    def alarm(self, host: Host, what: object) -> None:
        if not host.alive:
            self.usage[host.number] = 2.0

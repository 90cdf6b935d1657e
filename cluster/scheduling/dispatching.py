"""A simulated cluster under one of our policies: the real `decide` and `reduce`, the machines of `physics`."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from cluster.scheduling.decide import decide
from cluster.scheduling.decision import HOLD
from cluster.scheduling.events import Bound, Claimed, Done, Ended, Event, Joined, Sampled, Taken, reduce
from cluster.scheduling.physics import Cluster, Host
from cluster.scheduling.planning import order, take
from cluster.scheduling.policies import rule_of
from cluster.scheduling.state import CLASSES_PER_LANE, Job, Node, State, slots_of
from cluster.scheduling.workload import Scenario

STALE_SECONDS, OFFLINE_SECONDS = 3.0, 5.0


class Dispatching(Cluster):
    """The backlog, late binding, leases and samples of the real cluster.

    A message carries one job: what shares a message in the real one are jobs so small that it hardly matters when
    they begin.
    """

    samples = True
    claim_delay = True  # a claim is a round trip to Redis

    def __init__(self, scenario: Scenario, policy: str) -> None:
        super().__init__(scenario)
        self.policy = policy
        self.state = State(tuple(self._node(host) for host in self.hosts))
        rule = rule_of(policy, self.state)
        self.longest_first = rule.longest_first
        self.backlog: deque[int] = deque()
        self.room = len(self.hosts)  # nodes with room
        for host in self.hosts:
            host.capacity = slots_of(host.cores)
        self.lease_ends = [0.0] * len(scenario.load)
        self.avoid: dict[int, str] = {}
        self.lane = [0] * len(scenario.load)

    # -- what happens -----------------------------------------------------------------------------------------------

    def arrived(self, jobs: range) -> None:
        looked_at = bool(self.backlog)
        self._waits()
        if len(jobs) > 1:
            self.lane[jobs.start : jobs.stop] = [CLASSES_PER_LANE] * len(jobs)
        if self.longest_first and len(jobs) > 1:
            head = tuple(self._job(job) for job in jobs)
            self.backlog.extend(int(job.id) for job in order(self.policy, State(head=head)))
        else:
            self.backlog.extend(jobs)
        if not looked_at:
            self._dispatch()

    def begun(self, host: Host, job: int) -> None:
        self.lease_ends[job] = self.now + self.scenario.lease
        self._note(Claimed(host.id))

    def ended(self, host: Host, job: int) -> None:
        done = self.predicted[job]
        before = self.state
        self._note(Ended(host.id, done))
        if self.backlog and self.now < self.lease_ends[job] and self._wanted_by(host):
            # It decided as one that is about to be free: its message did not count against its node.
            taken = self.backlog.popleft()
            self.state = reduce(before, Done(host.id, done))
            self._note(Taken(host.id, self.predicted[taken]))
            self.lease_ends[taken] = self.lease_ends[job]
            host.free += 1
            self.take(host, taken)
            return
        self._let_go(host)
        self.next_of(host)
        self._dispatch()

    def sampled(self, host: Host, cpu: float, own: float, at: float) -> None:
        self._note(Sampled(host.id, {"cpu": cpu, "own": own, "sampled_at": at}))
        self._dispatch()

    def died(self, host: Host, running: int) -> None:
        self.call_later(STALE_SECONDS, host, "stale")
        self.call_later(OFFLINE_SECONDS, host, "offline")

    def alarm(self, host: Host, what: object) -> None:
        if host.alive:
            return
        self._note(Sampled(host.id, {"state": what}))
        if what == "offline":
            self._rescue(host)
            self._dispatch()

    def returned(self, host: Host) -> None:
        self._rescue(host)
        # What is still held are messages on their way.
        self._note(Joined(replace(self._node(host), waiting=host.held)))
        self._dispatch()

    # -- decisions --------------------------------------------------------------------------------------------------

    def _wanted_by(self, host: Host) -> bool:
        """Whether a process of this node should go on with the head of the backlog."""
        state = self.state.but(head=(self._job(self.backlog[0]),), backlog=len(self.backlog))
        return take(self.policy, state, host.id, self.now, self.random.random(), explain=False).node == host.id

    def _dispatch(self) -> None:
        while self.room and self.backlog:
            job = self.backlog[0]
            node = self._decide(job)
            if node is HOLD:
                break
            self.backlog.popleft()
            host = self.hosts[self.state.position[node]]
            self.hold(host)
            if host.held >= host.capacity > host.held - 1:
                self.room -= 1
            self._note(Bound(node, self.predicted[job]))
            self.send(host, job)

    def _decide(self, job: int) -> str | None:
        return decide(self.policy, self.state, self._job(job), self.now, self.random.random(), explain=False).node

    def _let_go(self, host: Host) -> None:
        host.held -= 1
        if host.held < host.capacity <= host.held + 1:
            self.room += 1

    def _rescue(self, host: Host) -> None:
        """What the dead node held goes to the front of the backlog."""
        lost = [*host.lost, *host.queue]
        host.lost = []
        host.queue.clear()
        for job in lost:
            self.avoid[job] = host.id
            self._let_go(host)
        self._waits()
        self.backlog.extendleft(reversed(lost))

    def _waits(self) -> None:
        """Jobs come into the backlog: if it was empty, jobs wait since now."""
        if not self.backlog:
            self.state = self.state.but(waiting_since=self.now)

    def _note(self, event: Event) -> None:
        self.state = reduce(self.state, event)

    def _job(self, job: int) -> Job:
        return Job(str(job), self.predicted[job], avoid=self.avoid.get(job, ""), batch="batch", lane=self.lane[job])

    def _node(self, host: Host) -> Node:
        """With the first sample, which a node sends when it joins."""
        cpu = min(1.0, host.foreign / host.cores)
        return Node(host.id, float(host.cores), cpu=cpu, speed=host.speed, sampled_at=self.now)

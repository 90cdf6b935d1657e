"""The image worker's own sign of life, from its main process.

A monitor goes on reporting after the image worker beside it has died, so the worker renews a key of its own. It is a
*consumer* boot step: Celery clears its timers when the connection is lost, and starts these steps anew afterwards.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from celery import signals
from celery.worker import state

from cluster import deaths, measure, metrics, runtime
from cluster.cores import usable_cpus
from cluster.errors import ClusterError, ClusterUnavailable, NameTaken
from cluster.message import node_of_queue
from cluster.network import local_address
from cluster.nodes import NAME_SECONDS
from cluster.version import __version__

if TYPE_CHECKING:
    from cluster.service import Cluster

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds; the key lives for three
EXIT_FAILURE = 1
ORPHANED = 5  # looks in a row that find a lease in nobody's hands before its jobs are given to others


class Liveness:
    """Registers the nodes whose queues this worker consumes, then renews their keys until it stops."""

    _registered: ClassVar[set[str]] = set()  # once per process: a reconnect is no new start

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._timers: list[Any] = []
        self._watch = deaths.Watch()
        self._nodes: list[str] = []
        self._stopping = False
        self._gone = threading.Event()
        self._missed: dict[str, int] = {}
        signals.worker_shutdown.connect(self._goodbye)

    def start(self) -> None:
        queues = self._consumer.app.amqp.queues.consume_from
        self._nodes = [node for queue in queues if (node := node_of_queue(queue))]
        if not self._nodes:
            return  # a monitor, or a worker of somebody else's queues
        try:
            for node in self._nodes:
                self._register(node)
        except NameTaken as error:
            self._give_way(error)
            return
        except ClusterUnavailable:
            pass  # the first beat that reaches Redis registers them
        self._beat()
        self._take_up()
        timer = self._consumer.timer
        self._timers = [timer.call_repeatedly(EVERY, self._beat), timer.call_repeatedly(deaths.EVERY, self._look)]

    def _take_up(self) -> None:
        """What waited for a node: where no monitor runs, nobody else sends it."""
        try:
            runtime.current().dispatch()
        except ClusterUnavailable:
            pass  # the leader dispatches every second

    def _give_way(self, error: NameTaken) -> None:
        """Two image workers of one name would take each other's messages: this one ends, and touches nothing more."""
        logger.critical("%s", error)
        self._registered.difference_update(self._nodes)
        self._nodes = []
        state.should_stop = EXIT_FAILURE

    def _await_name(self, node: str) -> None:
        """An earlier life of this node that was killed holds the name for a moment. Raises NameTaken."""
        until = time.monotonic() + NAME_SECONDS
        while True:
            try:
                runtime.current().registry.keep_alive(node, starting=True)
                return
            except NameTaken:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _register(self, node: str) -> None:
        cluster = runtime.current()
        if node not in self._registered:
            self._await_name(node)
            deaths.bury(cluster, node, deaths.STARTED_ANEW)
        if not cluster.registry.is_calibrated(node):
            cluster.registry.calibrated(node, measure.calibrate())
        cpus = usable_cpus()
        concurrency = int(self._consumer.controller.concurrency or len(cpus))
        cluster.registry.register(
            node,
            {
                "host": socket.gethostname(),
                "ip": local_address(),
                "port": 0,
                "cores": concurrency,
                "concurrency": concurrency,
                "cpus": cpus,
                "pid": os.getpid(),
                "interval": cluster.settings.sample_interval,
                "version": __version__,
            },
        )
        self._registered.add(node)

    def _beat(self) -> None:
        try:
            cluster = runtime.current()
            for node in self._nodes:
                sampled_at = cluster.registry.keep_alive(node)
                if node not in self._registered:
                    self._register(node)
                # Where no monitor runs, the worker measures itself.
                if cluster.registry.clock() - sampled_at > 2.0 * cluster.settings.sample_interval:
                    metrics.write_samples(cluster, (node,))
            self._rescue_orphans(cluster)
        except NameTaken as error:
            self._give_way(error)
        except ClusterUnavailable:
            pass  # said once where it was found out; the next beat tries again

    def _look(self) -> None:
        # Celery itself notes the end of a process that it started as a replacement after up to 5 s only (5.6.3).
        self._consumer.pool.maintain_pool()
        try:
            processes = {lease: process for lease, process in _in_hand() if lease and process}
            self._watch.look(runtime.current(), self._nodes, processes)
        except ClusterUnavailable:
            pass

    def _rescue_orphans(self, cluster: Cluster) -> None:
        """The death of a process is reported at once, but the report is lost where Redis was away at that moment."""
        in_hand = {lease for lease, _ in _in_hand()}
        missed = {}
        for node in self._nodes:
            for lease in cluster.ledger.running_leases(node):
                if lease in in_hand:
                    continue
                missed[lease] = self._missed.get(lease, 0) + 1
                if missed[lease] >= ORPHANED:
                    deaths.report(cluster, node, lease, "no process has it in hand")
        self._missed = missed

    def stop(self) -> None:
        """Connection lost, or Ctrl-C and SIGTERM: then the pool still finishes what it has in hand."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        if state.should_stop is not None and state.should_stop is not False:
            self._last_orders()

    def _last_orders(self) -> None:
        """No new work for this node; what waits here goes back at once."""
        if self._stopping or not self._nodes:
            return
        self._stopping = True
        threading.Thread(target=self._finish, name="last signs of life", daemon=True).start()
        try:
            cluster = runtime.current()
            for node in self._nodes:
                cluster.registry.stop(node)
                cluster.ledger.return_waiting(node)
            cluster.dispatch()
        except ClusterError as error:
            logger.warning("could not say goodbye: %s", error)

    def _finish(self) -> None:
        """Goes on renewing the keys while the pool finishes: the consumer's timers are gone by then.

        So a node that is killed while it stops is as soon noticed as any other.
        """
        while not self._gone.wait(EVERY):
            try:
                for node in self._nodes:
                    runtime.current().registry.keep_alive(node)
            except NameTaken:
                return  # its next life has begun
            except ClusterUnavailable:
                pass  # said once where it was found out

    def _goodbye(self, **_: object) -> None:
        """After the last task: whatever is still bound here goes back."""
        if not self._stopping:
            return
        self._gone.set()
        try:
            cluster = runtime.current()
            for node in self._nodes:
                if not cluster.registry.holds(node):
                    continue  # its next life has begun
                cluster.ledger.give_back(node, "the node was stopped", lost=False)
                cluster.registry.gone(node)
            cluster.dispatch()
        except ClusterError as error:
            logger.warning("could not hand back what was left: %s", error)


def _in_hand() -> list[tuple[str | None, int | None]]:
    """(lease, process) of every message that this worker has; the process is None until one has taken it."""
    for _ in range(10):
        try:
            requests = (*state.active_requests, *state.reserved_requests)
        except RuntimeError:
            continue  # in a pool of threads another one changed them meanwhile
        return [(request.request_dict.get("lease"), request.worker_pid) for request in requests]
    return []

"""The cluster's chores, done every second by whichever monitor holds the leader lease.

A tick takes at most about 100 ms: what is larger goes on in the next one, so that no chore makes a node stale.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import TYPE_CHECKING

from cluster import trace
from cluster.adaptive import Evaluations
from cluster.dispatch import dispatch, publish_again
from cluster.errors import ClusterUnavailable
from cluster.learning import learn_from_trace
from cluster.placement import policy_of
from cluster.retention import Retention
from cluster.scheduling import has_room
from cluster.scheduling.rebalancing import PATIENCE, moves

if TYPE_CHECKING:
    from cluster.service import Cluster

logger = logging.getLogger(__name__)

LEADER_MS = 2000
CONTACT = 6.0
"""Seconds of unbroken contact with Redis before the leader declares anyone offline: after a restart of Redis, or a
freeze of this process, every sample is old and nobody is dead."""
GAP = 3.0  # seconds between two ticks that break the contact
UNCLAIMED = 1.0
SLICE = 200  # jobs a tick


class Contact:
    """How long this process has been in touch with Redis without a break."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._last = 0.0

    def tick(self, now: float) -> float:
        """Seconds of unbroken contact up to `now` (monotonic)."""
        if self._since is None or now - self._last > GAP:
            self._since = now
        self._last = now
        return now - self._since

    def broken(self) -> None:
        self._since = None


_contact = Contact()
_evaluations = Evaluations()
_retention = Retention()


def tend(cluster: Cluster) -> None:
    """Raises ClusterUnavailable. Whatever else goes wrong in one chore is logged, and the others are done."""
    try:
        if not cluster.lead(f"{socket.gethostname()}:{os.getpid()}", LEADER_MS):
            _contact.tick(time.monotonic())
            _evaluations.stop()
            return
        judging = _contact.tick(time.monotonic()) >= CONTACT
        for chore in (rescue,) * judging + (rebalance, publish_overdue, dispatch, learn, watch, retain):
            try:
                chore(cluster)
            except ClusterUnavailable:
                raise
            except Exception:
                logger.exception("the chore %r failed", chore.__name__)
    except ClusterUnavailable:
        _contact.broken()
        raise


def publish_overdue(cluster: Cluster) -> None:
    """What was bound and never claimed is sent again: its message seems to be lost."""
    for node in cluster.registry.snapshot().state.nodes:
        for lease, attempts in cluster.ledger.overdue(node.id, UNCLAIMED):
            logger.warning("lease %s on %s was never claimed; sent again", lease, node.id)
            publish_again(cluster, node.id, lease, attempts)


def learn(cluster: Cluster) -> None:
    learn_from_trace(cluster.redis)


def watch(cluster: Cluster) -> None:
    """Notes how the nodes are, and lets `adaptive` compare the policies."""
    snapshot = cluster.registry.snapshot()
    trace.record_nodes(cluster, snapshot)
    _evaluations.tick(cluster.settings, policy_of(snapshot), time.monotonic())


def retain(cluster: Cluster) -> None:
    """Old finished jobs are deleted, and images that no job uses."""
    _retention.tick(cluster)


def rebalance(cluster: Cluster) -> None:
    """Work that waits on a node which became slow or busy goes back to the backlog if another one has room for it."""
    snapshot = cluster.registry.snapshot()
    nodes = snapshot.state.nodes
    holding = [node.id for node in nodes if node.waiting]
    if not holding or not any(has_room(node) and node.cores and node.state == "live" for node in nodes):
        return
    waiting = cluster.ledger.waiting_messages(holding, snapshot.now, PATIENCE, SLICE)
    for move in moves(policy_of(snapshot), snapshot.state, waiting, snapshot.now):
        if cluster.ledger.return_waiting(move.message.node, move.message.lease, move.why):
            logger.info("lease %s is taken back from %s: %s", move.message.lease, move.message.node, move.why)


def rescue(cluster: Cluster) -> None:
    """Nodes that went silent lose their jobs, which go back to the front of the backlog."""
    for row in cluster.registry.rows():
        if row.fields.get("kind") != "celery" or row.state != "offline":
            continue
        why = (
            f"no sample for {row.age:.1f} s"
            if row.age > 5.0 * row.patience
            else "its image worker gives no sign of life"
        )
        if row.active and cluster.registry.mark_offline(row.id, why, patience=row.patience):
            logger.warning("node %s is offline: %s", row.id, why)
        if row.fields.get("mode") == "stopped" and row.alive:
            continue  # it is finishing what it has in hand
        if cluster.ledger.give_back(row.id, f"node {row.id} went offline: {why}", lost=True, most=SLICE):
            dispatch(cluster)

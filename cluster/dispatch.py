"""Sends the head of the backlog to nodes that have room. Anyone may call it, as often as they like."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from cluster import keys
from cluster.connection import reported
from cluster.errors import NoRoom, NothingToSend
from cluster.message import APPLY_PIPELINE
from cluster.placement import policy_of
from cluster.scheduling import is_open, order, plan
from cluster.scheduling.chunks import chunks, share, together

if TYPE_CHECKING:
    from cluster.service import Cluster

HEAD = 64
ROUNDS = 50  # a bound for one call; the next event, or the leader within a second, goes on


def dispatch(cluster: Cluster) -> int:
    """Binds and sends messages until the backlog is empty or no node has room; returns how many were sent."""
    sent = 0
    for _ in range(ROUNDS):
        snapshot = cluster.registry.snapshot()
        policy = policy_of(snapshot)
        if not snapshot.state.backlog or not is_open(policy, snapshot.state, snapshot.now):
            break  # the common case while a batch runs, found out in one round trip
        state = snapshot.state.but(head=tuple(cluster.ledger.head(HEAD)))
        bundles = chunks(order(policy, state), share(state.backlog, snapshot.cores), cluster.settings.chunk_seconds)
        messages = {bundle[0].id: [job.id for job in bundle] for bundle in bundles}
        planned = plan(policy, state.but(head=tuple(map(together, bundles))), snapshot.now, random.random())  # noqa: S311 - breaks ties, no secret
        before = sent
        for bundle, _ in planned:
            try:
                # The plan says what finds room; the router decides where, by what it sees at that moment.
                _send(messages[bundle.id], headers={"late": True})
            except NoRoom:
                break
            except NothingToSend:
                continue
            sent += 1
        if sent == before:
            break
    return sent


def publish_again(cluster: Cluster, node: str, lease: str, attempts: dict[str, int]) -> None:
    """Sends a bound message once more, unchanged: should the first one turn up after all, its claim fails."""
    _send(list(attempts), queue=keys.queue(node), headers={"lease": lease, "attempts": attempts})


def _send(job_ids: list[str], **options: Any) -> None:
    """Raises ClusterUnavailable. What is bound by then is published again when Redis is back."""
    from kombu.exceptions import OperationalError

    from cluster.celery import app

    try:
        # Nobody waits for its answer; to listen for it, and to keep it, would cost as much as a thumbnail.
        app.send_task(APPLY_PIPELINE, args=(job_ids,), ignore_result=True, **options)
    except OperationalError as error:
        with reported():
            raise error.__cause__ or error from error

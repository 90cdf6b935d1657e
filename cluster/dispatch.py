"""Sends the head of the backlog to nodes that have room. Anyone may call it, as often as they like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster import keys
from cluster.errors import NoRoom, NothingToSend
from cluster.message import APPLY_PIPELINE
from cluster.scheduling import has_room
from cluster.scheduling.chunks import first_chunk, share

if TYPE_CHECKING:
    from cluster.service import Cluster

HEAD = 64
ROUNDS = 200  # a bound for one call; the next event, or the leader within a second, goes on


def dispatch(cluster: Cluster) -> int:
    """Binds and sends messages until the backlog is empty or no node has room; returns how many were sent."""
    from cluster.celery import app

    sent = 0
    for _ in range(ROUNDS):
        snapshot = cluster.registry.snapshot()
        if not snapshot.backlog or not any(
            node.state == "live" and has_room(node) for node in snapshot.state.nodes if node.cores
        ):
            break  # the common case while a batch runs, found out in one round trip
        head = cluster.ledger.head(HEAD)
        if not head:
            break
        count = first_chunk(
            [one.cost for one in head],
            [one.alone for one in head],
            share(snapshot.backlog, snapshot.cores),
            cluster.settings.chunk_seconds,
        )
        try:
            app.send_task(APPLY_PIPELINE, args=([one.id for one in head[:count]],), headers={"late": True})
        except NoRoom:
            break
        except NothingToSend:
            continue
        sent += 1
    return sent


def publish_again(cluster: Cluster, node: str, lease: str, attempts: dict[str, int]) -> None:
    """Sends a bound message once more, unchanged: should the first one turn up after all, its claim fails."""
    from cluster.celery import app

    app.send_task(
        APPLY_PIPELINE,
        args=(list(attempts),),
        queue=keys.queue(node),
        headers={"lease": lease, "attempts": attempts},
    )

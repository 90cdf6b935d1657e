"""Binding jobs to nodes, by several dispatchers at once, and sending them through Celery's own router."""

from __future__ import annotations

import base64
import io
import json
import math
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

import filters
from cluster import keys
from cluster.celery import app
from cluster.connection import Scripts, connect
from cluster.dispatch import dispatch, publish_again
from cluster.errors import NoLiveNode, NoRoom, NotFound
from cluster.ledger import Ledger
from cluster.message import APPLY_PIPELINE, job_ids_of, node_of_queue
from cluster.nodes import Nodes
from cluster.placement import Placed, Placer
from cluster.scheduling import POLICIES, slots_of
from cluster.service import Cluster
from tests.cluster.ledgers import add_node, bind, done, happened, start, states, submit
from tests.filters.images import png


@pytest.fixture
def placer(ledger: Ledger, registry: Nodes) -> Placer:
    return Placer(ledger, registry)


# -- placing --------------------------------------------------------------------------------------------------------


def test_a_placed_job_is_bound_with_its_explanation(placer: Placer, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc-busy", 4, cpu_usage=70)
    add_node(registry, "pc-idle", 4)
    ids = submit(ledger, 2)
    placed = placer.place(ids, need_room=True)
    assert (placed.node, placed.attempts) == ("pc-idle", dict.fromkeys(ids, 1))
    placement = ledger.job(ids[0])["placement"]
    assert (placement["policy"], placement["node"]) == ("least-cpu", "pc-idle")
    assert [candidate["node"] for candidate in placement["candidates"]] == ["pc-idle", "pc-busy"]
    assert "lowest" in placement["reason"]
    assert placement["decided_at"] == pytest.approx(registry.clock(), abs=5)


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_an_idle_node_without_memory_gets_no_large_photo_and_the_others_do(
    cluster: Cluster, registry: Nodes, policy: str
) -> None:
    """The original report's own worry: free CPU says nothing about full memory."""
    cluster.set_policy(policy)
    add_node(registry, "pc-full", 8, cpu_usage=0, memory_usage=97, memory_free=5e8)
    for name in ("pc-1", "pc-2"):
        add_node(registry, name, 2, cpu_usage=60, memory_usage=40, memory_free=8e9)
    large, small = (
        [cluster.receive(io.BytesIO(png(width, 100 + number)), f"{number}.png") for number in range(4)]
        for width in (500_000, 1_000)
    )
    blur = filters.parse_pipeline(["blur:radius=3"])
    jobs = [cluster.submit([upload], blur)["jobs"][0] for upload in large]
    assert {job["node"] for job in jobs} <= {"pc-1", "pc-2"}, "50 megapixels and more"
    for job in jobs:
        held = {one["node"]: one["held"] for one in job["placement"]["candidates"]}
        assert held["pc-full"] == "too little free memory"
    if policy == "least-cpu":
        assert cluster.submit([small[0]], blur)["jobs"][0]["node"] == "pc-full", "but it may do what fits"


def test_without_room_jobs_wait_but_can_be_placed_all_the_same(placer: Placer, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc", 1)
    first, second, third = submit(ledger, 3)
    placer.place([first], need_room=True)
    placer.place([second], need_room=True)
    with pytest.raises(NoRoom, match="pc: full"):
        placer.place([third], need_room=True)
    assert states(ledger, [third]) == ["queued"]
    assert placer.place([third], need_room=False).node == "pc"


def test_without_a_live_node_jobs_wait(placer: Placer, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc")
    registry.set_mode("pc", "paused")
    ids = submit(ledger)
    with pytest.raises(NoLiveNode, match=r"pc: paused.*waits in the backlog"):
        placer.place(ids, need_room=False)
    with pytest.raises(NoRoom):
        placer.place(ids, need_room=True)
    assert states(ledger, ids) == ["queued"]


def test_jobs_that_wait_no_more_are_not_placed(placer: Placer, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc")
    ids = submit(ledger, 2)
    bind(ledger, "pc", ids[0])
    assert placer.place(ids[:1], need_room=True) == Placed("", "", {})
    assert placer.place(ids, need_room=True).attempts == {ids[1]: 1}
    with pytest.raises(NotFound):
        placer.place(["j-unknown"], need_room=True)


def test_a_policy_that_this_version_does_not_know_counts_as_the_default(
    placer: Placer, ledger: Ledger, registry: Nodes, server: redis.Redis
) -> None:
    add_node(registry, "pc")
    server.set(keys.POLICY, "from-the-future")
    [job_id] = submit(ledger)
    placer.place([job_id], need_room=True)
    assert ledger.job(job_id)["placement"]["policy"] == "least-cpu"


def test_many_dispatchers_at_once_bind_each_job_once_and_never_too_many_to_a_node(
    server: redis.Redis, valkey_url: str, ledger: Ledger, registry: Nodes
) -> None:
    slots = {}
    for name, cores in (("pc-1", 1), ("pc-2", 2), ("pc-4", 4)):
        add_node(registry, name, cores)
        slots[name] = math.ceil(slots_of(cores))
    ids = submit(ledger, 200)
    messages: queue.SimpleQueue[Placed | None] = queue.SimpleQueue()
    attempts: list[tuple[str, int]] = []
    ended = threading.Event()

    def own_ledger() -> tuple[Ledger, Nodes]:
        client = connect(valkey_url)
        return Ledger(client, Scripts(client)), Nodes(client, Scripts(client))

    def dispatcher() -> None:
        mine, nodes = own_ledger()
        placer = Placer(mine, nodes)
        while head := mine.head(4):
            try:
                placed = placer.place([one.id for one in head[:2]], need_room=True)
            except NoRoom:
                continue
            attempts.extend(placed.attempts.items())
            messages.put(placed)

    def node() -> None:
        mine, _ = own_ledger()
        while placed := messages.get():
            orders = mine.claim(placed.node, placed.lease, placed.attempts)
            mine.commit(placed.node, placed.lease, [done(order) for order in orders])

    def observer() -> list[dict[str, int]]:
        _, nodes = own_ledger()
        seen = []
        while not ended.is_set():
            seen.append({node.id: node.in_flight for node in nodes.snapshot().state.nodes})
        return seen

    with ThreadPoolExecutor(6) as pool:
        watching = pool.submit(observer)
        working = [pool.submit(node) for _ in range(2)]
        for sending in [pool.submit(dispatcher) for _ in range(3)]:
            sending.result()
        for _ in working:
            messages.put(None)
        for work in working:
            work.result()
        ended.set()
        seen = watching.result()
    assert sorted(attempts) == sorted((job_id, 1) for job_id in ids)
    assert set(states(ledger, ids)) == {"done"}
    assert seen
    assert all(held[name] <= slots[name] for held in seen for name in slots)


# -- sending --------------------------------------------------------------------------------------------------------


def sent(server: redis.Redis, node: str) -> list[dict]:
    """The headers and arguments of the messages in a node's queue, oldest first."""
    found = []
    for text in reversed(server.lrange(keys.queue(node), 0, -1)):
        message = json.loads(text)
        [jobs], _, _ = json.loads(base64.b64decode(message["body"]))
        found.append({**message["headers"], "jobs": jobs})
    return found


def test_messages_go_to_the_nodes_own_queue_with_their_lease(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1", 2)
    ids = submit(ledger, 2, cost=5)
    assert dispatch(cluster) == 2
    messages = sent(server, "pc-1")
    assert [message["jobs"] for message in messages] == [[job_id] for job_id in ids]
    for message, job_id in zip(messages, ids, strict=True):
        assert message["task"] == APPLY_PIPELINE
        assert message["attempts"] == {job_id: 1}
        assert message["lease"] == ledger.record(job_id)["lease"]
        assert "late" not in message


def test_dispatch_stops_when_nothing_has_room_and_goes_on_later(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1", 1)
    ids = submit(ledger, 5, cost=0.06)
    assert dispatch(cluster) == 2
    assert dispatch(cluster) == 0
    assert [one.id for one in ledger.head(9)] == ids[2:]
    [first, _] = sent(server, "pc-1")
    [order] = ledger.claim("pc-1", first["lease"], first["attempts"])
    ledger.commit("pc-1", first["lease"], [done(order)])
    assert dispatch(cluster) == 1


def test_small_jobs_share_messages_and_every_core_gets_its_part(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1", 2)
    ids = submit(ledger, 12, cost=0.01)
    dispatch(cluster)
    sizes = [len(message["jobs"]) for message in sent(server, "pc-1")]
    assert sizes == [3, 3, 3]
    assert [job for message in sent(server, "pc-1") for job in message["jobs"]] == ids[:9]


def test_any_celery_client_can_send_a_recorded_job_room_or_not(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    from cluster.tasks import apply_pipeline

    add_node(registry, "pc-1", 1)
    ids = submit(ledger, 4, cost=5)
    for job_id in ids:
        apply_pipeline.delay(job_id)
    assert [message["jobs"] for message in sent(server, "pc-1")] == ids
    assert states(ledger, ids) == ["assigned"] * 4
    with pytest.raises(NotFound, match="record it first"):
        apply_pipeline.delay("j-unknown")


def test_other_tasks_are_none_of_the_routers_business(cluster: Cluster, server: redis.Redis) -> None:
    app.send_task("cluster.tasks.sample_node", queue=keys.monitor_queue("pc-1"))
    assert server.llen(keys.monitor_queue("pc-1")) == 1


def test_a_message_published_again_is_the_same_message(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1", 2)
    submit(ledger, 1, cost=5)
    dispatch(cluster)
    [first] = sent(server, "pc-1")
    publish_again(cluster, "pc-1", first["lease"], first["attempts"])
    [_, second] = sent(server, "pc-1")
    for name in ("jobs", "lease", "attempts", "task"):
        assert second[name] == first[name]
    assert ledger.claim("pc-1", second["lease"], second["attempts"])
    assert not ledger.claim("pc-1", first["lease"], first["attempts"])


def test_job_ids_and_nodes_are_read_from_any_form_of_a_message() -> None:
    assert job_ids_of(["j1"], {}) == job_ids_of([["j1"]], {}) == job_ids_of([], {"job_ids": "j1"}) == ["j1"]
    assert job_ids_of([], {}) == []
    assert node_of_queue("node.pc-1") == "pc-1"
    assert node_of_queue("monitor.pc-1") is node_of_queue(None) is None


# -- draining -------------------------------------------------------------------------------------------------------


def test_draining_a_node_sends_its_waiting_jobs_elsewhere(
    cluster: Cluster, server: redis.Redis, ledger: Ledger, registry: Nodes
) -> None:
    add_node(registry, "pc-1", 2)
    _, _ = start(ledger, "pc-1", *submit(ledger))
    ids = submit(ledger, 2, cost=5)
    dispatch(cluster)
    add_node(registry, "pc-2", 2)
    assert cluster.set_node_mode("pc-1", "draining")["state"] == "draining"
    assert [ledger.job(job_id)["node"] for job_id in ids] == ["pc-2", "pc-2"]
    assert happened(ledger, ids[0]) == ["queued", "assigned", "returned", "assigned"]
    assert registry.row("pc-1").running == 1

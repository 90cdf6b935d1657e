"""Nodes: what they report, when they count as live, and what the policies see of them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from cluster import keys, nodes
from cluster.connection import Scripts
from cluster.errors import Conflict, NameTaken, UnknownNode
from cluster.ledger import Ledger
from cluster.nodes import OFFLINE, STALE, Nodes, Row
from cluster.scheduling import decide
from cluster.scheduling.state import Job, State
from cluster.service import REPORT_FIELDS
from tests.cluster.ledgers import add_node, bind, submit

METRICS = {"cpu_usage": 12.5, "memory_usage": 40, "disk_usage": 55.5, "network_usage": 0.1}


def grow_old(server: redis.Redis, registry: Nodes, node: str, seconds: float) -> None:
    """As if the node's last sample were that old."""
    server.hset(keys.worker(node), "last_heartbeat", f"{registry.clock() - seconds:.6f}")
    server.zadd(keys.CHANGED, {node: server.incr(keys.VERSION)})


def node_events(server: redis.Redis) -> list[tuple[str, str]]:
    return [(fields["node"], fields["state"]) for _, fields in server.xrange(keys.EVENTS) if fields["type"] == "node"]


# -- joining --------------------------------------------------------------------------------------------------------


def test_a_registered_node_is_live_and_has_the_reports_fields(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc-kevin", 8, ip="10.0.0.7", port=0)
    registry.sample("pc-kevin", METRICS)
    assert registry.row("pc-kevin").state == "live"
    assert server.smembers("workers:active") == {"pc-kevin"}
    record = server.hgetall("worker:pc-kevin")
    assert set(REPORT_FIELDS) <= set(record)
    assert record["worker_id"] == "pc-kevin"
    assert float(record["last_heartbeat"]) == pytest.approx(registry.clock(), abs=2)
    view = registry.row("pc-kevin").view()
    assert (view["cores"], view["cpu_usage"], view["ip"], view["tasks_processed"]) == (8, 12.5, "10.0.0.7", 0)
    assert node_events(server) == [("pc-kevin", "live")]


def test_what_a_node_has_processed_survives_a_restart(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc")
    server.hset(keys.worker("pc"), "tasks_processed", 41)
    add_node(registry, "pc")
    assert registry.row("pc").view()["tasks_processed"] == 41


def test_a_snapshot_lists_the_active_nodes_by_name(registry: Nodes, ledger: Ledger) -> None:
    for name in ("pc-c", "pc-a", "pc-b"):
        add_node(registry, name, 2)
    ids = submit(ledger, 3)
    bind(ledger, "pc-a", ids[0])
    registry.stop("pc-b")
    snapshot = registry.snapshot()
    assert [node.id for node in snapshot.state.nodes] == ["pc-a", "pc-c"]
    assert [row.id for row in registry.rows()] == ["pc-a", "pc-b", "pc-c"]
    assert (snapshot.state.backlog, snapshot.state.turn, snapshot.cores) == (2, 1, 4)
    assert [(node.waiting, node.running) for node in snapshot.state.nodes] == [(1, 0), (0, 0)]


# -- reading only what has changed ----------------------------------------------------------------------------------


def seen(registry: Nodes) -> dict[str, str]:
    return {node.id: node.state for node in registry.snapshot().state.nodes}


def test_who_has_read_the_nodes_before_sees_who_came_and_who_went(server: redis.Redis, registry: Nodes) -> None:
    other = Nodes(server, Scripts(server))
    assert seen(registry) == {}
    for name in ("pc-b", "pc-a"):
        add_node(other, name)
    assert list(seen(registry)) == ["pc-a", "pc-b"]
    other.set_mode("pc-a", "paused")
    assert seen(registry) == {"pc-a": "paused", "pc-b": "live"}
    other.stop("pc-b")
    assert seen(registry) == {"pc-a": "paused"}
    add_node(other, "pc-c")
    other.stop("pc-a")
    other.forget("pc-a")
    assert seen(registry) == {"pc-c": "live"}, "one came, and one is gone without a trace"


def test_a_node_grows_stale_and_silent_although_nothing_is_written(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc", interval=1)
    add_node(registry, "other", interval=60)
    grow_old(server, registry, "pc", STALE - 0.3)
    assert seen(registry) == {"other": "live", "pc": "live"}
    time.sleep(0.4)
    assert seen(registry) == {"other": "live", "pc": "stale"}
    registry.sample("pc", METRICS)
    server.delete(keys.alive("other"))
    assert seen(registry) == {"other": "offline", "pc": "live"}
    registry.keep_alive("other")
    assert seen(registry) == {"other": "live", "pc": "live"}


def test_versions_that_redis_lost_are_not_trusted(server: redis.Redis, registry: Nodes) -> None:
    for name in ("pc-a", "pc-b"):
        add_node(registry, name)
    seen(registry)
    server.set(keys.VERSION, 0)
    server.hset(keys.worker("pc-a"), "mode", "paused")
    assert seen(registry) == {"pc-a": "paused", "pc-b": "live"}


def test_a_snapshot_of_an_unchanged_cluster_reads_no_node(server: redis.Redis, registry: Nodes) -> None:
    for number in range(30):
        add_node(registry, f"pc-{number}")
    registry.snapshot()
    server.config_resetstat()
    registry.snapshot()
    assert server.info("commandstats").get("cmdstat_hmget") is None
    registry.sample("pc-7", METRICS)
    registry.snapshot()
    assert server.info("commandstats")["cmdstat_hmget"]["calls"] == 1


def test_threads_share_one_view_and_it_only_grows_newer(registry: Nodes) -> None:
    for name in ("pc-a", "pc-b"):
        add_node(registry, name)

    def look() -> bool:
        seen_turns = []
        for _ in range(40):
            registry.sample("pc-a", METRICS)
            snapshot = registry.snapshot()
            seen_turns.append(snapshot.state.nodes[0].sampled_at)
        return seen_turns == sorted(seen_turns)

    with ThreadPoolExecutor(4) as pool:
        assert all(found.result() for found in [pool.submit(look) for _ in range(4)])


def test_nobody_knows_a_node_that_never_registered(registry: Nodes) -> None:
    for ask in (registry.row, registry.forget, lambda name: registry.history(name, 60)):
        with pytest.raises(UnknownNode, match="no node 'pc'"):
            ask("pc")
    with pytest.raises(UnknownNode):
        registry.set_mode("pc", "paused")
    assert registry.process_of("pc") is None


# -- age ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "interval", "state"),
    [
        (STALE - 0.5, 1, "live"),
        (STALE + 0.5, 1, "stale"),
        (OFFLINE - 0.5, 1, "stale"),
        (OFFLINE + 0.5, 1, "offline"),
        (STALE + 0.5, 2, "live"),
        (2 * STALE + 0.5, 2, "stale"),
        (2 * OFFLINE + 0.5, 2, "offline"),
        (STALE - 0.5, 0.2, "live"),
    ],
)
def test_a_node_turns_stale_and_then_offline(
    server: redis.Redis, registry: Nodes, age: float, interval: float, state: str
) -> None:
    add_node(registry, "pc", interval=interval)
    grow_old(server, registry, "pc", age)
    assert registry.row("pc").state == state


def test_a_node_with_a_clock_that_runs_ahead_is_live(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc")
    grow_old(server, registry, "pc", -3600)
    assert registry.row("pc").age == 0
    assert registry.row("pc").state == "live"


def test_a_sample_brings_a_node_back(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc")
    grow_old(server, registry, "pc", 60)
    assert registry.mark_offline("pc", "no sample") is True
    assert server.smembers(keys.ACTIVE) == set()
    registry.sample("pc", METRICS)
    assert registry.row("pc").state == "live"
    assert node_events(server) == [("pc", "live"), ("pc", "offline"), ("pc", "live")]


def test_a_node_with_a_silent_image_worker_is_offline(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc")
    server.delete(keys.alive("pc"))
    registry.sample("pc", METRICS)
    assert registry.row("pc").state == "offline"
    assert registry.mark_offline("pc", "silent") is True


def test_a_monitor_beside_a_dead_image_worker_does_not_bring_the_node_back(
    server: redis.Redis, registry: Nodes
) -> None:
    add_node(registry, "pc")
    server.delete(keys.alive("pc"))
    registry.mark_offline("pc", "silent")
    for _ in range(3):
        registry.sample("pc", METRICS)
        registry.mark_offline("pc", "silent")
    assert node_events(server) == [("pc", "live"), ("pc", "offline")]
    registry.keep_alive("pc")
    registry.sample("pc", METRICS)
    assert registry.row("pc").state == "live"


def test_a_node_that_has_come_back_is_not_marked_offline(registry: Nodes) -> None:
    add_node(registry, "pc")
    assert registry.mark_offline("pc", "an old look") is False
    assert registry.row("pc").state == "live"


# -- modes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["paused", "draining"])
def test_a_paused_or_draining_node_says_so_and_can_resume(server: redis.Redis, registry: Nodes, mode: str) -> None:
    add_node(registry, "pc")
    registry.set_mode("pc", mode)
    assert registry.row("pc").state == mode
    registry.sample("pc", METRICS)
    assert registry.row("pc").state == mode
    registry.set_mode("pc", "active")
    assert registry.row("pc").state == "live"
    assert node_events(server) == [("pc", "live"), ("pc", mode), ("pc", "live")]


def test_a_node_that_crashed_while_paused_comes_back_paused(registry: Nodes) -> None:
    add_node(registry, "pc")
    registry.set_mode("pc", "paused")
    add_node(registry, "pc")
    assert registry.row("pc").state == "paused"


def test_a_node_that_says_goodbye_is_offline_at_once_until_it_starts_again(
    server: redis.Redis, registry: Nodes
) -> None:
    add_node(registry, "pc")
    registry.stop("pc")
    registry.sample("pc", METRICS)
    assert registry.row("pc").state == "offline"
    assert registry.snapshot().state.nodes == ()
    with pytest.raises(Conflict, match="start it first"):
        registry.set_mode("pc", "active")
    assert 0 < server.pttl(keys.alive("pc")) <= 3000, "it may finish what it has in hand while it renews this"
    registry.gone("pc")
    assert not server.exists(keys.alive("pc"))
    add_node(registry, "pc")
    assert registry.row("pc").state == "live"


# -- forgetting -----------------------------------------------------------------------------------------------------


def test_an_offline_node_can_be_forgotten_with_all_its_keys(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc")
    registry.sample("pc", METRICS, "1,2,3,4")
    with pytest.raises(Conflict, match="not offline"):
        registry.forget("pc")
    registry.stop("pc")
    registry.forget("pc")
    assert registry.rows() == []
    assert list(server.scan_iter("worker:pc*")) == []
    assert node_events(server)[-1] == ("pc", "forgotten")


# -- machines that are only watched ---------------------------------------------------------------------------------


def test_a_watched_machine_shows_and_never_gets_work(registry: Nodes, ledger: Ledger) -> None:
    registry.sample("printer", {"kind": "watched", "cores": 64, **METRICS})
    row = registry.row("printer")
    assert row.state == "live", "it has no image worker that could be silent"
    assert decide("least-cpu", State((row.for_policy(),)), Job("job"), row.now, 0.0, need_room=False).node is None
    assert registry.snapshot().cores == 0
    with pytest.raises(Conflict, match="only watched"):
        registry.set_mode("printer", "paused")


# -- history --------------------------------------------------------------------------------------------------------


def test_history_holds_ten_minutes_oldest_first(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc")
    for number in range(605):
        registry.sample("pc", METRICS, f"{number / 10},40,55.5,0.1")
    points = registry.history("pc", 600)
    assert len(points) == server.llen(keys.history("pc")) == 600
    assert [points[0]["cpu"], points[-1]["cpu"]] == [0.5, 60.4]
    assert points == sorted(points, key=lambda point: point["t"])
    assert set(points[0]) == {"t", "cpu", "memory", "disk", "network"}
    assert registry.history("pc", -1) == []


# -- nonsense -------------------------------------------------------------------------------------------------------

NONSENSE = st.sampled_from(["", "nan", "inf", "-inf", "-5", "0", "400", "1e308", "-1e308", "1e-320", "many", "5"])
FIELDS = ("cpu_usage", "memory_usage", "own_cpu", "cumulo_cpu", "memory_free", "cores", "speed", "interval", "port")


@given(st.fixed_dictionaries(dict.fromkeys((*FIELDS, "last_heartbeat"), NONSENSE)))
def test_nonsense_that_a_node_reports_never_reaches_the_policies(fields: dict[str, str]) -> None:
    given_fields = {"kind": "celery", "mode": "active", **fields}
    row = Row("pc", 0, 0, 0, True, True, 1e9, list(given_fields), list(given_fields.values()))
    node = row.for_policy()
    assert 0 <= node.cpu <= 1
    assert 0 <= node.own <= 1
    assert 0 <= node.memory <= 1
    assert 0 <= node.cores <= 1024
    assert 0.05 <= node.speed <= 20
    decision = decide("least-cpu", State((node,)), Job("job"), 1e9, 0.0)
    assert all(candidate.score is None or candidate.score == candidate.score for candidate in decision.candidates)
    row.view()


def test_a_node_without_cores_gets_no_work(registry: Nodes) -> None:
    add_node(registry, "pc", 0)
    state = registry.snapshot().state
    decision = decide("least-cpu", state, Job("job"), 0.0, 0.0)
    assert decision.node is None
    assert "no cores" in decision.why


# -- names ----------------------------------------------------------------------------------------------------------


def another(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on the test is another image worker."""
    monkeypatch.setattr(nodes, "_START", "another")


def test_a_name_that_a_live_image_worker_holds_is_refused(registry: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    add_node(registry, "pc")
    registry.keep_alive("pc")
    another(monkeypatch)
    for starting in (True, False):
        with pytest.raises(NameTaken, match=r"a node named pc runs already \(.*, process \d+\); choose another name"):
            registry.keep_alive("pc", starting=starting)
    assert not registry.holds("pc")


def test_the_name_of_a_dead_image_worker_is_free(
    server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_node(registry, "pc")
    another(monkeypatch)
    server.delete(keys.alive("pc"))
    registry.keep_alive("pc", starting=True)
    assert registry.holds("pc")


def test_an_image_worker_that_says_goodbye_gives_way_and_takes_nothing_with_it(
    server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_node(registry, "pc")
    registry.stop("pc")
    with monkeypatch.context() as elsewhere:
        another(elsewhere)
        add_node(registry, "pc")
    registry.gone("pc")
    assert server.exists(keys.alive("pc")), "it is the other one's by now"
    assert not registry.holds("pc")
    assert registry.row("pc").state == "live"


def test_the_start_of_a_node_waits_for_a_killed_one_and_refuses_a_live_one(
    server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nodes, "NAME_SECONDS", 0.3)
    add_node(registry, "pc")
    with pytest.raises(NameTaken, match="a node named pc is live on"):
        registry.refuse_taken(["pc"])
    server.pexpire(keys.alive("pc"), 150)
    registry.refuse_taken(["pc", "new"])

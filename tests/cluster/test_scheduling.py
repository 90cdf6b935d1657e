"""The policies decide well, whatever the cluster looks like."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from importlib import import_module

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cluster.scheduling import (
    DEFAULT_POLICY,
    FIXED,
    HOLD,
    POLICIES,
    Decision,
    Job,
    Node,
    State,
    Weights,
    decide,
    has_room,
    slots_of,
)
from cluster.scheduling.formulas import BUSY_SECONDS, BUSY_SECONDS_INTERACTIVE
from cluster.scheduling.state import CLASSES_PER_LANE

deciding = import_module("cluster.scheduling.decide")  # the package has the function under this name

GIB = 2.0**30
NOW = 1_000_000.0
SHARES = st.floats(0, 1)
STATES = st.sampled_from(["live"] * 6 + ["stale", "paused", "draining", "offline"])
POLICY_NAMES = st.sampled_from(sorted(POLICIES))
ADAPTED = st.sampled_from(["", *POLICIES, "a policy of another version"])
CHANCES = st.floats(0, 1, exclude_max=True)


@st.composite
def a_node(draw: st.DrawFn, name: str) -> Node:
    cores = draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0, 16.0, 128.0]))
    return Node(
        id=name,
        cores=cores,
        state=draw(STATES),
        cpu=draw(SHARES),
        own=draw(SHARES),
        speed=draw(st.floats(0.05, 20)),
        running=draw(st.integers(0, 6)),
        waiting=draw(st.integers(0, 3)),
        sampled_at=NOW - draw(st.floats(-1, 10)),
        memory_free=draw(st.sampled_from([0.0, 0.5 * GIB, 8 * GIB, math.inf])),
        memory=draw(SHARES),
        network=draw(SHARES),
        disk=draw(SHARES),
        work=draw(st.floats(0, 100)),
        failures=draw(st.sampled_from([0, 0, 0, 2, 3, 50])),
        failed_at=NOW - draw(st.floats(0, 120)),
    )


@st.composite
def a_state(draw: st.DrawFn) -> State:
    names = [f"pc-{number}" for number in range(draw(st.integers(0, 8)))]
    nodes = tuple(draw(a_node(name)) for name in names)
    return State(nodes, draw(st.integers(0, 1000)), draw(st.integers(0, 10**6)), adapted=draw(ADAPTED))


@st.composite
def a_job(draw: st.DrawFn) -> Job:
    return Job(
        "job",
        draw(st.floats(0, 100)),
        draw(st.sampled_from([0.0, GIB, 4 * GIB])),
        draw(st.sampled_from(["", "pc-0", "pc-1", "a node that is gone"])),
    )


def chosen(
    policy: str, nodes: list[Node], *, job: Job | None = None, need_room: bool = True, turn: int = 0
) -> Decision:
    return decide(policy, State(tuple(nodes), 1, turn), job or Job("job"), NOW, 0.0, need_room=need_room)


# -- true of every policy -------------------------------------------------------------------------------------------


@given(POLICY_NAMES, a_state(), a_job(), CHANCES, st.booleans())
def test_the_chosen_node_can_take_the_job(policy: str, state: State, job: Job, u: float, need_room: bool) -> None:
    decision = decide(policy, state, job, NOW, u, need_room=need_room)
    if decision.node is HOLD:
        return
    node = next(node for node in state.nodes if node.id == decision.node)
    assert node.state == "live"
    assert node.cores > 0
    assert has_room(node) or not need_room


@given(POLICY_NAMES, a_state(), a_job(), CHANCES)
def test_a_job_waits_only_if_every_node_has_a_reason(policy: str, state: State, job: Job, u: float) -> None:
    decision = decide(policy, state, job, NOW, u)
    if decision.node is HOLD:
        assert decision.score is None
        assert all(candidate.held for candidate in decision.candidates)
        assert all(candidate.held in decision.why for candidate in decision.candidates if candidate.held)
    else:
        assert decision.candidates[0].held is None
        assert decision.candidates[0].node == decision.node
        assert decision.candidates[0].score == decision.score
    assert decision.why


@given(POLICY_NAMES, a_state(), a_job(), CHANCES)
def test_room_or_not_a_live_node_is_found(policy: str, state: State, job: Job, u: float) -> None:
    able = [node for node in state.nodes if node.state == "live" and node.cores > 0]
    decision = decide(policy, state, job, NOW, u, need_room=False)
    assert (decision.node is HOLD) == (not able)


@given(POLICY_NAMES, a_state(), a_job(), CHANCES, st.booleans())
def test_equal_inputs_give_equal_decisions(policy: str, state: State, job: Job, u: float, need_room: bool) -> None:
    first = decide(policy, state, job, NOW, u, need_room=need_room)
    assert decide(policy, state, job, NOW, u, need_room=need_room) == first
    assert first.to_json(NOW)["candidates"] == [candidate.to_json() for candidate in first.candidates]


@given(POLICY_NAMES, a_state(), a_job(), CHANCES)
def test_an_explanation_has_real_numbers_and_at_most_five_candidates(
    policy: str, state: State, job: Job, u: float
) -> None:
    decision = decide(policy, state, job, NOW, u)
    assert len(decision.candidates) == min(5, len(state.nodes))
    for candidate in decision.candidates:
        assert candidate.score is None or math.isfinite(candidate.score)
        assert candidate.sample_age >= 0
        assert 0 <= candidate.cpu_usage <= 100


@given(a_state(), a_job(), CHANCES)
def test_candidates_that_could_be_chosen_come_first_and_best_first(state: State, job: Job, u: float) -> None:
    for policy in ("raw-cpu", "least-connections", "round-robin"):
        candidates = decide(policy, state, job, NOW, u).candidates
        free = [candidate.held is None for candidate in candidates]
        assert free == sorted(free, reverse=True)
        scores = [candidate.score for candidate in candidates if candidate.held is None]
        assert scores == sorted(scores, key=lambda score: math.inf if score is None else score)


@given(POLICY_NAMES, CHANCES, st.integers(2, 6))
def test_chance_decides_only_between_equals(policy: str, u: float, count: int) -> None:
    assume(policy != "round-robin")
    worse = Node("worse", 1, cpu=0.6, running=1)
    equals = [Node(f"pc-{number}", 4) for number in range(count)]
    assert decide(policy, State((worse, *equals)), Job("job"), NOW, u).node != "worse"


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"round-robin", "power-of-two"}))
def test_ties_are_spread_over_all_equal_nodes(policy: str) -> None:
    nodes = tuple(Node(f"pc-{number}", 2) for number in range(4))
    found = [decide(policy, State(nodes), Job("job"), NOW, draw / 100).node for draw in range(100)]
    assert {node.id: found.count(node.id) for node in nodes} == pytest.approx({node.id: 25 for node in nodes}, abs=1)


def test_no_node_at_all_is_said_in_words() -> None:
    decision = chosen(DEFAULT_POLICY, [])
    assert decision.node is HOLD
    assert decision.why == "no node is known"


# -- busy nodes, lost jobs ------------------------------------------------------------------------------------------


def busy(name: str, **other: object) -> Node:
    return replace(Node(name, 4, cpu=0.97, own=0.02), **other)


@given(POLICY_NAMES, a_state(), CHANCES)
def test_a_busy_node_gets_nothing_while_another_is_able(policy: str, state: State, u: float) -> None:
    crowded = State((*state.nodes, busy("busy"), Node("able", 4, cpu=0.3, memory_free=GIB)), turn=state.turn)
    assert decide(policy, crowded, Job("job"), NOW, u).node != "busy"


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_job_waits_for_a_full_node_rather_than_disturb_a_busy_one(policy: str) -> None:
    full = Node("full", 1, running=2)
    assert chosen(policy, [full, busy("busy")]).node is HOLD


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize(("lane", "seconds"), [(9, BUSY_SECONDS_INTERACTIVE), (CLASSES_PER_LANE + 9, BUSY_SECONDS)])
def test_a_busy_node_helps_once_the_others_cannot_carry_the_load(policy: str, lane: int, seconds: float) -> None:
    """A single image does not wait as long for that as a batch."""

    def node(since: float) -> str | None:
        state = State((Node("full", 1, running=2), busy("busy")), 1, waiting_since=since)
        return decide(policy, state, Job("job", lane=lane), NOW, 0.0).node

    assert node(NOW - seconds + 0.01) is HOLD
    assert node(NOW - seconds) == "busy"


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("other", ["stale", "paused", "draining", "offline"])
def test_a_busy_node_is_used_when_it_is_the_only_one(policy: str, other: str) -> None:
    assert chosen(policy, [busy("busy"), Node("gone", 8, state=other)]).node == "busy"


def test_our_own_load_does_not_make_a_node_busy() -> None:
    ours = Node("ours", 4, cpu=1.0, own=0.98, running=4)
    decision = chosen("least-cpu", [ours, Node("full", 1, running=2)])
    assert decision.node == "ours"


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_a_node_that_lost_the_job_gets_it_only_if_no_other_can(policy: str) -> None:
    job = Job("job", avoid="bad")
    assert chosen(policy, [Node("bad", 8), Node("good", 1, cpu=0.5, running=1)], job=job).node == "good"
    assert chosen(policy, [Node("bad", 8)], job=job).node == "bad"


@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_memory_must_hold_the_predicted_peak_and_a_tenth_more(policy: str) -> None:
    job = Job("job", peak_bytes=GIB)
    small, enough = Node("small", 8, memory_free=1.09 * GIB), Node("enough", 1, cpu=0.5, memory_free=1.11 * GIB)
    assert chosen(policy, [small, enough], job=job).node == "enough"
    assert chosen(policy, [small], job=job).node == "small"  # better there than never


# -- least-cpu ------------------------------------------------------------------------------------------------------


def test_least_cpu_prefers_an_idle_node_to_a_loaded_one() -> None:
    loaded = Node("loaded", 4, cpu=0.5)
    assert chosen("least-cpu", [loaded, Node("idle", 4)]).node == "idle"


def test_least_cpu_prefers_an_idle_slow_node_to_a_fast_one_that_would_queue() -> None:
    fast = Node("fast", 2, speed=1.8, running=2)
    assert chosen("least-cpu", [fast, Node("slow", 2, speed=1.0)]).node == "slow"


def test_least_cpu_prefers_the_faster_of_two_idle_nodes() -> None:
    assert chosen("least-cpu", [Node("slow", 4, speed=1), Node("fast", 4, speed=2)]).node == "fast"


def test_least_cpu_counts_messages_that_no_sample_shows_yet() -> None:
    filled = Node("filled", 4, cpu=0.0, running=3, waiting=1)
    assert chosen("least-cpu", [filled, Node("used", 4, cpu=0.4)]).node == "used"


def test_raw_cpu_is_the_literal_rule() -> None:
    filled = Node("filled", 4, cpu=0.1, running=3, waiting=1)
    assert chosen("raw-cpu", [filled, Node("used", 4, cpu=0.4)]).node == "filled"


def test_least_connections_counts_per_core() -> None:
    assert chosen("least-connections", [Node("small", 1), Node("big", 8, running=3)]).node == "big"


@given(
    st.floats(0, 0.8),
    st.integers(0, 4),
    st.floats(0.01, 0.19),
)
def test_more_foreign_load_never_makes_a_node_better(cpu: float, running: int, more: float) -> None:
    quiet = Node("quiet", 4, cpu=cpu, running=running)
    noisy = Node("noisy", 4, cpu=cpu + more, running=running)
    decision = chosen("least-cpu", [noisy, quiet])
    assert decision.node == "quiet"


def test_a_node_that_fails_its_jobs_is_left_alone_for_a_minute() -> None:
    failing, other = Node("failing", 8, failures=3, failed_at=NOW - 59), Node("other", 1, cpu=0.8, running=1)
    for policy in POLICIES:
        decision = chosen(policy, [failing, other])
        assert decision.node == "other", policy
        assert [one.held for one in decision.candidates if one.node == "failing"] == ["its last 3 jobs failed"]
        assert chosen(policy, [failing]).node == "failing", "better there than never"
    assert chosen("least-cpu", [replace(failing, failed_at=NOW - 61), other]).node == "failing", "it may try again"


# -- predictive, weighted, power of two, adaptive -------------------------------------------------------------------


def test_predictive_expects_the_earliest_finish() -> None:
    fast, slow = Node("fast", 1, speed=2.0, running=1, work=1.0), Node("slow", 1, speed=1.0)
    # On the slow one 4 s; on the fast one up to 0.5 s of waiting and 2 s of work.
    assert chosen("predictive", [fast, slow], job=Job("job", seconds=4.0)).node == "fast"
    assert chosen("predictive", [fast, slow], job=Job("job", seconds=0.2)).node == "slow"


def test_predictive_counts_what_foreign_programs_take() -> None:
    shared = Node("shared", 2, speed=1.2, cpu=0.8)
    assert chosen("predictive", [shared, Node("idle", 2)], job=Job("job", seconds=1.0)).node == "idle"
    assert chosen("predictive", [replace(shared, cpu=0.1), Node("idle", 2)], job=Job("job", 1.0)).node == "shared"


def test_weighted_counts_what_the_operator_says() -> None:
    nodes = (Node("little memory", 2, cpu=0.1, memory=0.9), Node("busy", 2, cpu=0.7, memory=0.1))
    by = {
        (cpu, memory): decide("weighted", State(nodes, weights=Weights(cpu, memory, 0, 0)), Job("job"), NOW, 0).node
        for cpu, memory in ((1, 0), (0, 1))
    }
    assert by == {(1, 0): "little memory", (0, 1): "busy"}


@pytest.mark.parametrize(
    "wrong", [(-1, 1, 1, 1), (0, 0, 0, 0), (math.nan, 1, 1, 1), (math.inf, 1, 1, 1), (1e7, 0, 0, 0)]
)
def test_senseless_weights_are_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weight"):
        Weights(*wrong)


def test_power_of_two_draws_by_capacity_and_takes_the_better() -> None:
    nodes = (*(Node(f"small-{number}", 1) for number in range(4)), Node("large", 12), Node("full", 64, running=90))
    draws = [(number * 0.6180339887498949) % 1 for number in range(4000)]
    found = Counter(decide("power-of-two", State(nodes), Job("job"), NOW, u).node for u in draws)
    assert "full" not in found
    # Drawn with 3/4 at first and nearly surely at second; of the two the better one per core wins.
    assert found["large"] / len(draws) > 0.9
    busy = replace(nodes[4], running=12)
    found = Counter(decide("power-of-two", State((*nodes[:4], busy)), Job("job"), NOW, u).node for u in draws)
    assert found["large"] == 0, "whoever was drawn beside it is the better one"
    assert min(found[f"small-{number}"] for number in range(4)) > len(draws) / 6


@given(a_state(), a_job(), CHANCES)
def test_adaptive_decides_as_the_policy_that_it_follows(state: State, job: Job, u: float) -> None:
    follows = state.adapted if state.adapted in FIXED else DEFAULT_POLICY
    assert decide("adaptive", state, job, NOW, u).node == decide(follows, state, job, NOW, u).node


# -- the quick ways -------------------------------------------------------------------------------------------------


@given(POLICY_NAMES, a_state(), a_job(), CHANCES, st.booleans())
def test_columns_of_nodes_decide_as_a_loop_over_them_does(
    policy: str, state: State, job: Job, u: float, need_room: bool
) -> None:
    decisions = []
    for few in (0, 1000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deciding, "FEW", few)
            assume(few or state.nodes)
            decisions.append(decide(policy, state, job, NOW, u, need_room=need_room))
    by_columns, by_loop = decisions
    assert (by_columns.node, by_columns.score) == (by_loop.node, by_loop.score)
    held = [[candidate.held is not None for candidate in one.candidates] for one in decisions]
    assert held[0] == held[1]


@given(POLICY_NAMES, a_state(), a_job(), CHANCES, st.booleans())
def test_without_an_explanation_the_decision_is_the_same(
    policy: str, state: State, job: Job, u: float, need_room: bool
) -> None:
    full = decide(policy, state, job, NOW, u, need_room=need_room)
    quick = decide(policy, state, job, NOW, u, need_room=need_room, explain=False)
    assert (quick.node, quick.score, quick.candidates) == (full.node, full.score, ())


# -- round-robin ----------------------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(0, 1000))
def test_round_robin_gives_each_node_its_turn(count: int, start: int) -> None:
    nodes = [Node(f"pc-{number}", 8) for number in range(count)]
    cycle = [chosen("round-robin", nodes, turn=start + step).node for step in range(2 * count)]
    assert sorted(cycle[:count]) == [node.id for node in nodes]
    assert cycle[count:] == cycle[:count]


def test_round_robin_skips_a_node_that_cannot_work() -> None:
    nodes = [Node("pc-0", 8), Node("pc-1", 8, state="paused"), Node("pc-2", 8)]
    assert [chosen("round-robin", nodes, turn=turn).node for turn in range(3)] == ["pc-0", "pc-2", "pc-2"]


# -- room -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cores", "slots"), [(1, 2), (2, 3), (4, 5), (8, 10), (16, 20)])
def test_a_node_holds_its_cores_and_a_quarter_more(cores: float, slots: float) -> None:
    assert slots_of(cores) == slots
    assert has_room(Node("pc", cores, running=int(slots) - 1))
    assert not has_room(Node("pc", cores, running=int(slots)))


@given(
    POLICY_NAMES,
    st.lists(st.sampled_from([1.0, 2.0, 3.0, 8.0]), min_size=1, max_size=5),
    st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=60),
)
def test_no_sequence_of_bindings_fills_a_node_beyond_its_slots(
    policy: str, cores: list[float], events: list[int | None]
) -> None:
    """Each event binds one more message (None) or ends one on the node with that number."""
    nodes = [Node(f"pc-{number}", size) for number, size in enumerate(cores)]
    for turn, event in enumerate(events):
        if event is None:
            decision = chosen(policy, nodes, turn=turn)
            room = [node for node in nodes if node.in_flight < slots_of(node.cores)]
            assert (decision.node is HOLD) == (not room)
            nodes = [replace(node, waiting=node.waiting + 1) if node.id == decision.node else node for node in nodes]
        elif event < len(nodes) and nodes[event].waiting:
            nodes[event] = replace(nodes[event], waiting=nodes[event].waiting - 1)
        assert all(node.in_flight <= math.ceil(slots_of(node.cores)) for node in nodes)


# -- purity ---------------------------------------------------------------------------------------------------------


def test_scheduling_loads_neither_redis_nor_celery_nor_psutil() -> None:
    program = (
        "import sys, cluster.scheduling, cluster.scheduling.chunks\n"
        "print(*({'redis', 'celery', 'kombu', 'psutil', 'httpx', 'flask', 'cluster.ledger'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []

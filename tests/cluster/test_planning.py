"""What happens to the cluster's state, and what a dispatcher makes of the front of the backlog."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduling import FIXED, POLICIES, Job, Node, State, has_room, order, plan, reduce, slots_of, take
from cluster.scheduling.events import Bound, Claimed, Done, Ended, Event, Joined, Left, Sampled, Taken
from cluster.scheduling.formulas import expected_wait

NOW = 1_000.0
NAMES = ("pc-0", "pc-1", "pc-2", "nobody")
a_name = st.sampled_from(NAMES)
seconds = st.floats(0, 10)

events = st.one_of(
    st.builds(Bound, a_name, seconds, st.integers(1, 5)),
    st.builds(Claimed, a_name),
    st.builds(Taken, a_name, seconds, st.integers(1, 5)),
    st.builds(Done, a_name, seconds, st.booleans(), st.just(NOW)),
    st.builds(Ended, a_name, seconds, st.booleans(), st.just(NOW)),
    st.builds(lambda name, cpu: Sampled(name, {"cpu": cpu, "sampled_at": NOW}), a_name, st.floats(0, 1)),
    st.builds(lambda name, cores: Joined(Node(name, cores)), a_name, st.sampled_from([1.0, 4.0])),
    st.builds(Left, a_name),
)
START = State(tuple(Node(name, 2.0) for name in NAMES[:3]), backlog=40)


@given(st.lists(events, max_size=60))
def test_counts_never_fall_below_zero(happened: list[Event]) -> None:
    state = START
    for event in happened:
        state = reduce(state, event)
        assert state.backlog >= 0
        for node in state.nodes:
            assert node.running >= 0
            assert node.waiting >= 0
            assert node.work >= 0
            assert node.failures >= 0


@given(st.lists(events, max_size=40))
def test_the_same_events_give_the_same_state_by_either_way(happened: list[Event]) -> None:
    """Columns that are carried along are those that would be made anew."""
    plain = carried = START
    assert carried.columns.cores.tolist() == [2.0, 2.0, 2.0]
    for event in happened:
        plain, carried = reduce(plain, event), reduce(carried, event)
        assert plain == carried
        assert "columns" in carried.__dict__ or isinstance(event, Joined | Left)
        fresh = State(carried.nodes).columns
        assert (carried.columns.data == fresh.data).all()
        assert (carried.columns.in_flight == fresh.in_flight).all()
        assert dict(carried.position) == {node.id: number for number, node in enumerate(carried.nodes)}


def test_the_life_of_a_message() -> None:
    state = START
    for event, (waiting, running, work) in (
        (Bound("pc-1", 2.0, jobs=3), (1, 0, 2.0)),
        (Claimed("pc-1"), (0, 1, 2.0)),
        (Done("pc-1", 2.0), (0, 1, 0.0)),
        (Taken("pc-1", 1.5), (0, 1, 1.5)),
        (Ended("pc-1", 1.5, failed=True, at=NOW), (0, 0, 0.0)),
    ):
        state = reduce(state, event)
        node = state.nodes[1]
        assert (node.waiting, node.running, node.work) == (waiting, running, work), event
    assert (state.backlog, state.turn) == (36, 1)
    assert (node.failures, node.failed_at) == (1, NOW)


def test_a_state_keeps_all_that_no_event_changes() -> None:
    state = replace(START, adapted="raw-cpu", head=(Job("a"),), waiting_since=NOW - 1)
    changed = reduce(state, Claimed("pc-0"))
    same = [item.name for item in fields(State) if getattr(changed, item.name) == getattr(state, item.name)]
    assert same == ["backlog", "turn", "head", "weights", "adapted", "waiting_since"]


def test_jobs_of_equal_cost_keep_their_order() -> None:
    jobs = tuple(Job(str(number), 1.0) for number in range(5))
    assert order("predictive", replace(START, head=jobs)) == list(jobs)


def test_what_nobody_can_take_now_does_not_hold_up_what_fits_elsewhere() -> None:
    large = [Job(f"large-{number}", 1.0, peak_bytes=4e9) for number in range(30)]
    small = [Job(f"small-{number}", 1.0, peak_bytes=1e6) for number in range(3)]
    nodes = (Node("roomy", 1.0, running=2), Node("cramped", 3.0, memory_free=1e9))
    state = State(nodes, backlog=33, head=(*large, *small))
    assert [(job.id, decision.node) for job, decision in plan("least-cpu", state, NOW)] == [
        (job.id, "cramped") for job in small
    ]
    decision = take("least-cpu", state, "cramped", NOW, 0.5)
    assert decision.node == "cramped", "it takes what follows"


def freed(**other: object) -> State:
    """One of two equal nodes has a process that is about to be free; the other has room for one more message."""
    mine, another = Node("mine", 1.0, waiting=1), Node("another", 1.0, running=1, cpu=0.1)
    return State((replace(mine, **other), another), backlog=1, head=(Job("a", 0.1),))


def test_a_free_process_goes_on_where_more_waits_than_others_have_room_for() -> None:
    for policy in FIXED:
        for u in (0.1, 0.4, 0.6, 0.9):
            decision = take(policy, replace(freed(cpu=0.5), backlog=2), "mine", NOW, u)
            assert decision.node == "mine", policy
            assert decision.score is not None


def test_a_process_that_is_free_is_explained_as_such_where_a_message_would_wait() -> None:
    state = State((Node("mine", 1.0, waiting=1, work=2.0),), backlog=5, head=(Job("a", 2.0),))
    decision = take("least-cpu", state, "mine", NOW, 0.5)
    assert decision.node == "mine"
    assert [(one.node, one.held) for one in decision.candidates] == [("mine", None)]


def test_a_free_process_leaves_the_last_job_to_a_node_that_is_better() -> None:
    assert take("least-cpu", freed(cpu=0.5), "mine", NOW, 0.5).node == "another"


def test_a_free_process_leaves_all_to_others_where_something_speaks_against_its_node() -> None:
    for trouble in ({"cpu": 0.99}, {"state": "paused"}, {"waiting": 2}, {"failures": 3, "failed_at": NOW}):
        assert take("least-cpu", replace(freed(**trouble), backlog=50), "mine", NOW, 0.5).node == "another", trouble


a_job = st.builds(
    Job,
    st.uuids().map(str),
    st.floats(0.001, 9),
    batch=st.sampled_from(["x", "y", ""]),
    lane=st.sampled_from([9, 29]),
)


@given(st.sampled_from(FIXED), st.lists(a_job, max_size=30))
def test_a_plan_fills_no_node_beyond_its_slots_and_leaves_none_idle(policy: str, jobs: list[Job]) -> None:
    state = replace(START, head=tuple(jobs))
    bindings = plan(policy, state, NOW, 0.3)
    assert len({job.id for job, _ in bindings}) == len(bindings)
    longest = POLICIES[policy].longest_wait
    for job, decision in bindings:
        assert job in jobs
        [node] = [node for node in state.nodes if node.id == decision.node]
        assert has_room(node)
        assert expected_wait(node) <= longest
        state = reduce(state, Bound(node.id, job.seconds))
    assert all(node.in_flight <= slots_of(node.cores) for node in state.nodes)
    full = not any(has_room(node) and expected_wait(node) <= longest for node in state.nodes)
    assert len(bindings) == len(jobs) or full


def test_under_least_cpu_large_jobs_wait_in_the_backlog_and_small_ones_may_wait_on_a_node() -> None:
    def sent(policy: str, seconds: float) -> int:
        jobs = tuple(Job(str(number), seconds) for number in range(20))
        return len(plan(policy, State((Node("pc", 4.0),), head=jobs), NOW))

    assert [sent("least-cpu", 2.0), sent("least-cpu", 0.05)] == [4, 5]
    assert sent("predictive", 2.0) == 5


@given(st.lists(a_job, max_size=30))
def test_longest_first_changes_places_only_within_a_batch(jobs: list[Job]) -> None:
    jobs.sort(key=lambda job: job.lane)
    state = replace(START, head=tuple(jobs))
    assert order("least-cpu", state) == jobs
    found = order("predictive", state)
    assert sorted(job.id for job in found) == sorted(job.id for job in jobs)
    assert [(job.lane, job.batch) for job in found] == [(job.lane, job.batch) for job in jobs]
    for key in {(job.lane, job.batch) for job in jobs}:
        costs = [job.seconds for job in found if (job.lane, job.batch) == key]
        assert costs == sorted(costs, reverse=True)

"""Replay: a recording becomes a scenario, and the simulator says what each policy would have done with it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduling import Node
from cluster.scheduling.recording import Ran, Recording, recording_of
from cluster.scheduling.replay import LEAD, RECORDED, compare, scenario_of
from cluster.scheduling.workload import Machine, burst, steady, unlike_machines
from tests.cluster.recordings import EPOCH, Entry, foreign_at, job_entry, node_entry, recorded_run

MACHINES = unlike_machines(6, seed=3)
CAPACITY = sum(machine.capacity() for machine in MACHINES)


def recording(*entries: Entry, since: float = EPOCH - 1000.0) -> Recording:
    return recording_of(entries, since)


# -- a recording replayed under the policy that made it ---------------------------------------------------------------


@pytest.mark.parametrize("policy", ["least-cpu", "predictive"])
def test_the_policy_that_was_recorded_does_in_the_replay_what_it_did(policy: str) -> None:
    run = recorded_run(MACHINES, steady(CAPACITY, 0.8, jobs=2500, seed=3), policy, every=2.0)
    really, replayed = compare(run, [policy])
    assert (really.policy, replayed.policy) == (RECORDED, policy)
    assert really.jobs == replayed.jobs == 2500
    assert replayed.mean == pytest.approx(really.mean, rel=0.05)
    assert replayed.p50 == pytest.approx(really.p50, rel=0.05)
    assert replayed.makespan == pytest.approx(really.makespan, rel=0.05)


def test_a_burst_keeps_its_order_and_its_length() -> None:
    run = recorded_run(MACHINES, burst(600, seed=3), "least-cpu", every=2.0)
    really, replayed = compare(run, ["least-cpu"])
    assert replayed.mean == pytest.approx(really.mean, rel=0.05)
    assert replayed.makespan == pytest.approx(really.makespan, rel=0.05)


def test_what_would_have_been_better_is_told_from_what_would_have_been_worse() -> None:
    run = recorded_run(MACHINES, steady(CAPACITY, 0.8, jobs=2500, seed=5), "raw-cpu")
    rows = {row.policy: row for row in compare(run, ["raw-cpu", "least-cpu", "predictive"])}
    assert max(rows["predictive"].mean, rows["least-cpu"].mean) < 0.9 * rows["raw-cpu"].mean
    assert rows["raw-cpu"].mean == pytest.approx(rows[RECORDED].mean, rel=0.25)


def test_a_replay_is_deterministic() -> None:
    run = recorded_run(MACHINES, steady(CAPACITY, 0.8, jobs=300, seed=1), "least-cpu")
    assert compare(run, ["power-of-two", "predictive"]) == compare(run, ["power-of-two", "predictive"])


def test_a_policy_that_there_is_not_is_refused() -> None:
    run = recording(node_entry(EPOCH - 9, Node("pc-1", 4)), job_entry(EPOCH))
    with pytest.raises(KeyError, match="best"):
        compare(run, ["best"])


# -- from the recording to the scenario -------------------------------------------------------------------------------


def test_work_is_cpu_seconds_at_the_speed_of_the_node_that_did_it() -> None:
    run = recording(
        node_entry(EPOCH - 9, Node("pc-1", 4, speed=0.5), Node("pc-2", 2, speed=2.0)),
        job_entry(EPOCH, job="j1", node="pc-1", cpu=3.0, cost=1.0),
        job_entry(EPOCH + 1, job="j2", node="pc-2", cpu=3.0, cost=5.0),
        job_entry(EPOCH + 2, job="j3", node="one that was forgotten", cpu=3.0, cost=5.0),
    )
    scenario = scenario_of(run)
    assert scenario.load.seconds == (1.5, 6.0, 3.0)
    assert scenario.load.predicted == (1.0, 5.0, 5.0)
    assert scenario.load.at == (LEAD, LEAD + 1, LEAD + 2)
    assert [(machine.cores, machine.speed) for machine in scenario.machines] == [(4, 0.5), (2, 2.0)]


def test_jobs_of_one_moment_keep_the_order_in_which_they_were_submitted() -> None:
    ended = [
        job_entry(EPOCH + number, job=f"j{number}", took=number + 5.0, cpu=cost, cost=cost)
        for number, cost in ((3, 0.1), (1, 0.9), (2, 0.5))
    ]
    assert scenario_of(recording(node_entry(EPOCH, Node("pc-1", 4)), *ended)).load.seconds == (0.9, 0.5, 0.1)


def test_foreign_load_is_followed_step_by_step() -> None:
    busy = [(0.0, 0.25), (10.0, 0.25), (20.0, 0.75), (30.0, 0.0)]
    looks = [node_entry(EPOCH + at, Node("pc-1", 4, cpu=cpu)) for at, cpu in busy]
    begin = 2.0  # when the job came
    [machine] = scenario_of(recording(*looks, job_entry(EPOCH + 25, took=25 - begin))).machines
    assert [foreign_at(machine, at + LEAD - begin) for at in (0, 15, 20, 29, 30, 99)] == [1, 1, 3, 3, 0, 0]
    assert len(machine.foreign) == 3
    assert math.isinf(machine.period)


def test_our_own_load_is_not_foreign() -> None:
    [machine] = scenario_of(
        recording(node_entry(EPOCH, Node("pc-1", 4, cpu=0.9, own=0.9)), job_entry(EPOCH + 1))
    ).machines
    assert machine.foreign == ((0.0, 0.0),)


def test_a_node_is_dead_while_it_was_not_live() -> None:
    pc = Node("pc-1", 4)
    late = Node("pc-2", 2)
    looks = [
        node_entry(EPOCH, pc),
        node_entry(EPOCH + 10, replace(pc, state="stale"), late),  # its samples were late, it worked on
        node_entry(EPOCH + 20, replace(pc, state="offline"), late),
        node_entry(EPOCH + 30, late),  # offline nodes leave the active ones
        node_entry(EPOCH + 40, pc, replace(late, state="paused")),
    ]
    scenario = scenario_of(recording(*looks, job_entry(EPOCH + 45, took=45)))
    assert [machine.outages for machine in scenario.machines] == [
        ((LEAD + 20, LEAD + 40),),
        ((0.0, LEAD + 10), (LEAD + 40, LEAD + 45)),
    ]


def test_work_that_a_worse_policy_leaves_is_done_although_the_cluster_stopped() -> None:
    pc = Node("pc-1", 1)
    stopped = node_entry(EPOCH + 2, replace(pc, state="offline"))
    run = recording(node_entry(EPOCH - 1, pc), stopped, job_entry(EPOCH + 5, took=5, cpu=60.0))
    assert compare(run, ["least-cpu"])[1].makespan >= 60.0


def test_a_node_that_was_never_live_is_no_node() -> None:
    away = Node("pc-2", 8, state="paused")
    assert len(scenario_of(recording(node_entry(EPOCH, Node("pc-1", 4), away), job_entry(EPOCH))).machines) == 1
    with pytest.raises(ValueError, match="no node that was live"):
        scenario_of(recording(node_entry(EPOCH, away), job_entry(EPOCH)))


def test_there_is_nothing_to_replay_without_jobs_or_without_nodes() -> None:
    with pytest.raises(ValueError, match="no job"):
        scenario_of(recording(node_entry(EPOCH, Node("pc-1", 4))))
    with pytest.raises(ValueError, match="no node"):
        scenario_of(recording(job_entry(EPOCH)))


def test_a_job_that_came_before_the_recording_counts_from_its_beginning() -> None:
    run = recording(
        node_entry(EPOCH, Node("pc-1", 4)),
        job_entry(EPOCH - 1, job="ended before"),
        job_entry(EPOCH + 4, took=3000.0),
        since=EPOCH,
    )
    assert run.response == [pytest.approx(4.0)]
    assert scenario_of(run).load.at == (LEAD,)
    assert compare(run, [])[0].makespan == pytest.approx(4.0)


def test_a_long_recording_of_many_nodes_is_sampled_less_often() -> None:
    nodes = [Node(f"pc-{number}", 4) for number in range(100)]
    short = scenario_of(recording(node_entry(EPOCH, *nodes), job_entry(EPOCH + 100, took=100)))
    long = scenario_of(recording(node_entry(EPOCH, *nodes), job_entry(EPOCH + 900, took=900)))
    assert short.sample_interval == 1.0
    assert 1.0 < long.sample_interval <= 5.0


# -- odd content ------------------------------------------------------------------------------------------------------

GOOD = job_entry(EPOCH, took=2.0)[1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu": "nan"},
        {"cpu": "inf"},
        {"cpu": "-1"},
        {"cpu": "0"},
        {"cpu": ""},
        {"cpu": "much"},
        {"cpu": "1e300"},
        {"cost": "nan"},
        {"cost": "-3"},
        {"cost": ""},
        {"created": "nan"},
        {"created": "-5"},
        {"created": str(EPOCH + 1)},  # it ended before it came
        {"finished": "inf"},
        {"finished": str(EPOCH + 60)},  # it was written down before it ended
        {"kind": "rumour"},
    ],
)
def test_a_job_that_makes_no_sense_is_left_out(wrong: dict[str, str]) -> None:
    assert len(recording((EPOCH, GOOD)).jobs) == 1
    assert recording((EPOCH, {**GOOD, **wrong})).jobs == ()


@pytest.mark.parametrize("field", ["kind", "job", "node", "created", "finished", "cpu", "cost"])
def test_a_job_without_a_field_is_left_out(field: str) -> None:
    assert recording((EPOCH, {name: value for name, value in GOOD.items() if name != field})).jobs == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "7",
        '{"pc-2":7}',
        '{"pc-2":{}}',
        '{"pc-2":{"cores":0,"speed":1,"foreign":0,"state":"live"}}',
        '{"pc-2":{"cores":-4,"speed":1,"foreign":0,"state":"live"}}',
        '{"pc-2":{"cores":4,"speed":NaN,"foreign":0,"state":"live"}}',
        '{"pc-2":{"cores":4,"speed":0,"foreign":0,"state":"live"}}',
        '{"pc-2":{"cores":4,"speed":1,"foreign":-1,"state":"live"}}',
        '{"pc-2":{"cores":4,"speed":1,"foreign":Infinity,"state":"live"}}',
        '{"pc-2":{"cores":4,"speed":1,"foreign":17,"state":"live"}}',
        '{"pc-2":{"cores":4,"speed":1,"state":"live"}}',
        '{"pc-2":{"cores":null,"speed":1,"foreign":0,"state":"live"}}',
    ],
)
def test_a_node_that_makes_no_sense_is_left_out(text: str) -> None:
    good = node_entry(EPOCH, Node("pc-1", 4))
    run = recording(good, (EPOCH + 1, {"kind": "nodes", "nodes": text}), good, job_entry(EPOCH))
    assert len(scenario_of(run).machines) == 1
    assert compare(run, ["least-cpu"])[1].jobs == 1


values = st.one_of(
    st.sampled_from(["", "nan", "inf", "-inf", "-1", "0", "1e-300", "1e300", "4", "live", "{}", "[]", "job", "nodes"]),
    st.floats().map(str),
    st.text(max_size=5),
)
names = st.sampled_from(["kind", "job", "node", "nodes", "created", "finished", "cpu", "cost", "state"])


@given(st.lists(st.tuples(st.floats(0.0, 2e9), st.dictionaries(names, values)), max_size=8))
def test_whatever_is_in_the_trace_the_good_part_of_it_is_replayed(odd: list[tuple[float, dict[str, str]]]) -> None:
    good = [node_entry(EPOCH - 5, Node("pc-1", 2)), job_entry(EPOCH, took=2.0)]
    rows = compare(recording(*odd, *good, since=EPOCH - 60.0), ["least-cpu"])
    assert rows[0].jobs >= 1
    assert all(math.isfinite(value) for row in rows for value in (row.mean, row.p50, row.p99, row.makespan))


def test_machines_have_whole_cores_and_at_least_one() -> None:
    run = Recording(
        EPOCH, (Ran("j1", "pc-1", EPOCH, EPOCH + 1, 1.0, 1.0),), recording(node_entry(EPOCH, Node("pc-1", 0.5))).nodes
    )
    assert scenario_of(run).machines == (Machine(1, 1.0),)

"""The simulator does what arithmetic and queueing theory say, and nothing that a real cluster could not."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.scheduling.policies import FIXED
from cluster.scheduling.simulator import BASELINES, IDEAL, simulate
from cluster.scheduling.state import slots_of
from cluster.scheduling.workload import Load, Machine, Scenario, Setup, recorded

EVERYTHING = sorted({*FIXED, *BASELINES})
NAMES = st.sampled_from(EVERYTHING)
MAYBE = st.booleans()


def at_once(*seconds: float) -> Load:
    return Load((0.0,) * len(seconds), seconds, seconds)


def on(machine: Machine, load: Load) -> Scenario:
    return Scenario((machine,), load, hand_off=0.0)


# -- one machine: arithmetic ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "costs", "ends"),
    [
        (Machine(1, 1.0), [2.0], [2.0]),
        (Machine(1, 2.0), [2.0], [1.0]),
        (Machine(1, 1.0, ((0.0, 1.0),)), [2.0], [4.0]),  # half of the core
        (Machine(2, 1.0, ((0.0, 1.0),)), [1.0, 2.0], [1.5, 2.5]),  # 2 cores for 3, then for 2
        (Machine(4, 1.0, ((0.0, 2.0),)), [1.0, 1.0], [1.0, 1.0]),  # enough for all
        (Machine(2, 1.0), [1.0, 1.0, 1.0], [1.0, 1.0, 2.0]),  # the third waits
    ],
)
def test_processes_share_the_cores_with_other_programs(
    machine: Machine, costs: Sequence[float], ends: Sequence[float]
) -> None:
    assert simulate(on(machine, at_once(*costs)), IDEAL).finished.tolist() == pytest.approx(ends)


def test_a_job_slows_down_while_another_program_runs() -> None:
    machine = Machine(1, 1.0, ((0.0, 0.0), (1.0, 1.0), (2.0, 0.0)), period=4.0)
    result = simulate(on(machine, at_once(2.0)), IDEAL)
    assert result.finished.tolist() == pytest.approx([2.5])


def test_other_programs_come_again_after_a_period() -> None:
    machine = Machine(1, 1.0, ((0.0, 0.0), (1.0, 1.0)), period=2.0)
    assert simulate(on(machine, at_once(6.0)), IDEAL).finished.tolist() == pytest.approx([8.0])


def test_a_hand_off_takes_its_time() -> None:
    scenario = Scenario((Machine(1, 1.0),), at_once(1.0, 1.0), hand_off=0.25)
    assert simulate(scenario, "least-cpu").finished.tolist() == pytest.approx([1.25, 2.5])


# -- one machine: closed forms --------------------------------------------------------------------------------------


def exponential_jobs(count: int, per_second: float, seed: int) -> Load:
    """Of mean cost 1."""
    chance = random.Random(seed)
    now, jobs = 0.0, []
    for _ in range(count):
        now += chance.expovariate(per_second)
        cost = chance.expovariate(1.0)
        jobs.append((now, cost, cost))
    return recorded(jobs)


def mean_response(cores: int, arrivals: float) -> float:
    """M/M/c with services of mean 1, by Erlang's C formula."""
    terms = [arrivals**k / math.factorial(k) for k in range(cores)]
    last = arrivals**cores / math.factorial(cores) * cores / (cores - arrivals)
    return 1.0 + last / (sum(terms) + last) / (cores - arrivals)


@pytest.mark.parametrize("policy", [IDEAL, "celery-acks-late"])
@pytest.mark.parametrize(("cores", "load"), [(1, 0.5), (1, 0.7), (4, 0.8)])
def test_the_mean_response_is_that_of_the_queue_m_m_c(policy: str, cores: int, load: float) -> None:
    scenario = on(Machine(cores, 1.0), exponential_jobs(40_000, cores * load, 11))
    assert simulate(scenario, policy).mean == pytest.approx(mean_response(cores, cores * load), rel=0.05)


@pytest.mark.parametrize("policy", FIXED)
def test_on_a_single_machine_every_policy_is_that_queue_too(policy: str) -> None:
    scenario = on(Machine(4, 1.0), exponential_jobs(3_000, 3.2, 12))
    assert simulate(scenario, policy).mean == pytest.approx(simulate(scenario, IDEAL).mean, rel=0.05)


# -- true of every policy and baseline ------------------------------------------------------------------------------


@st.composite
def scenarios(draw: st.DrawFn, failures: st.SearchStrategy[bool] = MAYBE) -> Scenario:
    setup = Setup(
        nodes=draw(st.integers(1, 5)),
        load=draw(st.floats(0.1, 0.98)),
        jobs=draw(st.integers(1, 150)),
        burst=draw(st.booleans()),
        seed=draw(st.integers(0, 2**20)),
        sample_interval=draw(st.sampled_from([0.1, 1.0, 5.0])),
        hand_off=draw(st.sampled_from([0.0, 0.001, 0.2])),
    )
    scenario = setup.scenario()
    if not draw(failures):
        return scenario
    outages = st.lists(st.floats(0.0, 20.0), max_size=6, unique=True).map(sorted)
    machines = [scenario.machines[0]]
    for machine in scenario.machines[1:]:
        times = draw(outages)
        machines.append(replace(machine, outages=tuple(zip(times[::2], times[1::2], strict=False))))
    return replace(scenario, machines=tuple(machines))


@given(scenarios(), NAMES)
@settings(deadline=None, max_examples=150)
def test_every_job_is_done_once_and_not_before_it_could_be(scenario: Scenario, policy: str) -> None:
    result = simulate(scenario, policy)
    fastest = max(machine.speed for machine in scenario.machines)
    assert np.isfinite(result.finished).all()
    assert (result.response >= np.array(scenario.load.seconds) / fastest - 1e-9).all()
    assert sum(result.per_node) == len(scenario.load)
    assert (result.starts >= 1).all()
    if not any(machine.outages for machine in scenario.machines):
        assert (result.starts == 1).all()
    for number, machine in enumerate(scenario.machines):
        ends = result.finished[result.node == number]
        assert not any(((ends > down) & (ends < up)).any() for down, up in machine.outages)


@given(scenarios(failures=st.just(False)), NAMES)
@settings(deadline=None, max_examples=60)
def test_work_is_conserved(scenario: Scenario, policy: str) -> None:
    result = simulate(scenario, policy)
    done = sum(
        share * machine.cores * machine.speed * result.makespan
        for share, machine in zip(result.utilisation, scenario.machines, strict=True)
    )
    assert done == pytest.approx(sum(scenario.load.seconds))


@given(scenarios(), st.sampled_from(FIXED))
@settings(deadline=None, max_examples=60)
def test_no_node_ever_holds_more_than_its_slots(scenario: Scenario, policy: str) -> None:
    result = simulate(scenario, policy)
    for most, machine in zip(result.most_held, scenario.machines, strict=True):
        assert most <= math.ceil(slots_of(machine.cores))


@given(scenarios(), NAMES)
@settings(deadline=None, max_examples=40)
def test_equal_scenarios_give_equal_results(scenario: Scenario, policy: str) -> None:
    first, second = simulate(scenario, policy), simulate(scenario, policy)
    assert (first.finished == second.finished).all()
    assert (first.node == second.node).all()


def test_nothing_ends_before_the_lower_bound() -> None:
    for seed in range(5):
        scenario = Setup(nodes=3, jobs=100, burst=True, seed=seed).scenario()
        for policy in EVERYTHING:
            assert simulate(scenario, policy).makespan >= scenario.shortest_makespan() - 1e-9


# -- what they are worth --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def means() -> dict[str, float]:
    scenario = Setup(nodes=6, load=0.8, jobs=4000, seed=3).scenario()
    return {policy: simulate(scenario, policy).mean for policy in EVERYTHING}


def test_nothing_beats_the_ideal_by_more_than_it_gains_from_waiting_for_faster_nodes(means: dict[str, float]) -> None:
    assert all(mean >= 0.97 * means[IDEAL] for mean in means.values())


@pytest.mark.parametrize("policy", ["least-cpu", "predictive"])
def test_our_policies_are_near_the_ideal_and_better_than_celerys_queue(policy: str, means: dict[str, float]) -> None:
    assert means[policy] < 1.15 * means[IDEAL]
    assert means[policy] < means["celery"] < means["celery-prefetch-4"]


def test_the_reports_rule_is_many_times_worse(means: dict[str, float]) -> None:
    assert means["report"] > 5 * means["least-cpu"]


def test_longest_first_ends_within_grahams_bound() -> None:
    """At most W/m + (1 - 1/m) of the longest job on m like cores (Graham, 1969), and far below it with many jobs."""
    machines = tuple(Machine(1, 1.0) for _ in range(5))
    chance = random.Random(5)
    load = at_once(*(chance.uniform(0.1, 3.0) for _ in range(60)))
    scenario = Scenario(machines, load, hand_off=0.0)
    result = simulate(scenario, "predictive")
    assert result.makespan <= sum(load.seconds) / 5 + 0.8 * max(load.seconds)
    assert result.makespan <= 1.05 * scenario.shortest_makespan()


def test_a_faster_machine_gets_more_jobs() -> None:
    machines = (Machine(2, 0.5), Machine(2, 2.0))
    load = Setup(nodes=2, load=0.5, jobs=500, seed=1).scenario().load
    for policy in ("least-cpu", "predictive", IDEAL):
        slow, fast = simulate(Scenario(machines, load), policy).per_node
        assert fast > 2 * slow


def test_work_of_a_dead_node_is_done_by_the_others_after_five_seconds() -> None:
    alive, dying = Machine(1, 0.5), Machine(1, 2.0, outages=((0.5, 100.0),))
    result = simulate(Scenario((alive, dying), at_once(2.0), hand_off=0.0), "least-cpu")
    assert result.finished.tolist() == pytest.approx([0.5 + 5.0 + 4.0])
    assert result.node.tolist() == [0]
    assert result.starts.tolist() == [2]


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(KeyError):
        simulate(Setup(jobs=1).scenario(), "fastest")


def test_progress_is_told() -> None:
    told: list[int] = []
    simulate(Setup(nodes=2, jobs=3500).scenario(), IDEAL, told.append)
    assert sum(told) in (3000, 4000)

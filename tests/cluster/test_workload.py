"""What the simulated clusters have to do is like what real ones have, and follows from the seed."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduling.workload import (
    PERIOD,
    Load,
    Machine,
    Scenario,
    Setup,
    burst,
    jobs_in,
    photo_costs,
    recorded,
    steady,
    unlike_machines,
    with_outages,
)

SEEDS = st.integers(0, 2**32 - 1)


# -- machines -------------------------------------------------------------------------------------------------------


def test_machines_are_unlike() -> None:
    machines = unlike_machines(200, 7)
    assert {machine.cores for machine in machines} == {1, 2, 4, 6, 8}
    speeds = [machine.speed for machine in machines]
    assert 0.5 <= min(speeds) < 0.55
    assert 1.8 < max(speeds) <= 2.0
    assert statistics.median(speeds) == pytest.approx(1.0, abs=0.15)


@given(SEEDS)
def test_other_peoples_programs_come_and_go_and_never_owe_load(seed: int) -> None:
    for machine in unlike_machines(3, seed):
        starts = [start for start, _ in machine.foreign]
        assert starts[0] == 0.0
        assert starts == sorted(set(starts))
        assert starts[-1] < PERIOD
        assert all(load >= 0.0 for _, load in machine.foreign)


def test_other_programs_want_a_quarter_of_the_cores_on_average() -> None:
    machines = unlike_machines(100, 3)
    shares = []
    for machine in machines:
        ends = [*(start for start, _ in machine.foreign[1:]), PERIOD]
        used = sum(load * (end - start) for (start, load), end in zip(machine.foreign, ends, strict=True))
        shares.append(used / PERIOD / machine.cores)
    assert statistics.mean(shares) == pytest.approx(0.25, abs=0.04)


def test_without_foreign_load_the_machines_are_the_same_and_idle() -> None:
    quiet = unlike_machines(10, 5, foreign=False)
    assert all(machine.foreign == ((0.0, 0.0),) for machine in quiet)
    assert quiet[0].cores == unlike_machines(10, 5)[0].cores


def test_the_capacity_is_what_our_processes_get_beside_the_others() -> None:
    machine = Machine(4, 2.0, ((0.0, 0.0), (30.0, 4.0)), period=40.0)
    assert machine.rate(4, 0) == 2.0
    assert machine.rate(4, 4) == 1.0
    assert machine.rate(1, 4) == pytest.approx(1.6)
    assert machine.capacity() == pytest.approx((30 * 8 + 10 * 4) / 40)


def test_the_first_machine_never_dies_and_the_others_come_back() -> None:
    machines = with_outages(unlike_machines(5, 1), 1, 5000.0, every=500.0, lasts=50.0)
    assert machines[0].outages == ()
    for machine in machines[1:]:
        assert machine.outages
        times = [moment for outage in machine.outages for moment in outage]
        assert times == sorted(times)
        assert all(25.0 <= end - start <= 75.0 for start, end in machine.outages)


# -- jobs -----------------------------------------------------------------------------------------------------------


def test_photos_cost_from_milliseconds_to_seconds() -> None:
    costs = photo_costs(20_000, np.random.default_rng(1))
    assert costs.min() > 0.003
    assert 0.05 < np.median(costs) < 0.3
    assert 0.5 < np.percentile(costs, 99) < 3.0


@pytest.mark.parametrize("load", [0.3, 0.95])
def test_steady_jobs_need_that_share_of_the_capacity(load: float) -> None:
    jobs = steady(20.0, load, 60_000, 1)
    assert sum(jobs.seconds) / jobs.at[-1] / 20.0 == pytest.approx(load, rel=0.03)


def test_predictions_are_off_by_a_fifth() -> None:
    jobs = burst(20_000, 1)
    errors = [math.log(predicted / true) for predicted, true in zip(jobs.predicted, jobs.seconds, strict=True)]
    assert statistics.stdev(errors) == pytest.approx(0.2, abs=0.01)
    assert statistics.mean(errors) == pytest.approx(0.0, abs=0.01)
    exact = burst(100, 1, error=0.0)
    assert exact.predicted == exact.seconds


def test_a_burst_comes_at_once() -> None:
    assert set(burst(50, 1).at) == {0.0}


def test_a_recorded_load_is_put_in_order() -> None:
    load = recorded([(3.0, 0.2, 0.3), (1.0, 0.5, 0.4)])
    assert load == Load((1.0, 3.0), (0.5, 0.2), (0.4, 0.3))


@pytest.mark.parametrize(
    "columns",
    [((1.0, 0.0), (1.0, 1.0), (1.0, 1.0)), ((0.0,), (0.0,), (1.0,)), ((0.0,), (1.0,), (math.nan,)), ((0.0,), (), ())],
)
def test_loads_that_make_no_sense_are_refused(columns: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match=r"job"):
        Load(*columns)


def test_a_cluster_without_nodes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one node"):
        Scenario((), burst(1, 1))


# -- scenarios ------------------------------------------------------------------------------------------------------


@given(SEEDS, st.booleans(), st.booleans())
def test_equal_setups_make_equal_scenarios(seed: int, in_a_burst: bool, failures: bool) -> None:
    setup = Setup(nodes=3, jobs=20, burst=in_a_burst, failures=failures, seed=seed)
    assert setup.scenario() == setup.scenario()
    assert setup.scenario().load != replace(setup, seed=seed + 1).scenario().load


def test_hours_become_jobs() -> None:
    jobs = jobs_in(0.1, 4, 0.5, 1)
    load = Setup(nodes=4, load=0.5, jobs=jobs).scenario().load
    assert load.at[-1] == pytest.approx(360.0, rel=0.05)


def test_no_schedule_is_shorter_than_all_work_at_full_capacity() -> None:
    machines = (Machine(2, 1.0), Machine(1, 2.0))
    assert Scenario(machines, Load((0.0,) * 4, (1.0,) * 4, (1.0,) * 4)).shortest_makespan() == 1.0


def test_no_schedule_is_shorter_than_the_longest_job_on_the_fastest_machine() -> None:
    machines = (Machine(8, 1.0), Machine(1, 2.0))
    assert Scenario(machines, Load((0.0,), (3.0,), (3.0,))).shortest_makespan() == 1.5


def test_the_shortest_makespan_knows_when_other_programs_run() -> None:
    busy_at_first = Machine(1, 1.0, ((0.0, 1.0), (10.0, 0.0)), period=20.0)
    load = Load((0.0,), (8.0,), (8.0,))
    assert Scenario((busy_at_first,), load).shortest_makespan() == pytest.approx(5.0 / 0.5 + 3.0 - 0.0)
    long = Load((0.0,) * 3, (8.0,) * 3, (8.0,) * 3)  # 15 in the first period, the rest at half speed
    assert Scenario((busy_at_first,), long).shortest_makespan() == pytest.approx(20.0 + 9.0 / 0.5 - 5 * 0.8, rel=0.2)

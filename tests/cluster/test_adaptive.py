"""`adaptive`: when it changes its mind, and how it is set to work."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from cluster import adaptive, chores, keys
from cluster.adaptive import EVERY, LIMIT, Evaluations, evaluate
from cluster.connection import Scripts, connect
from cluster.errors import ClusterUnavailable
from cluster.scheduling import FIXED
from cluster.scheduling.adaptive import FEWEST, FRESH, REST, SENSIBLE, Choice, History, choose
from cluster.scheduling.replay import RECORDED, Row
from cluster.scheduling.workload import steady, unlike_machines
from cluster.service import Cluster
from cluster.settings import Settings
from tests.cluster.recordings import EPOCH, entries_of

ROOT = Path(__file__).parents[2]
NOW = 1.7e9


def row(policy: str, mean: float, p99: float = 4.0, jobs: int = 500) -> Row:
    return Row(policy, jobs, mean, mean, p99, 60.0)


def after(*evaluations: list[Row], every: float = 60.0, current: str = "least-cpu") -> Choice:
    """The last of several evaluations in a row."""
    choice = Choice(current, "", History())
    for number, rows in enumerate(evaluations):
        choice = choose(choice.policy, rows, choice.history, NOW + number * every)
    return choice


BETTER = [row("least-cpu", 1.0), row("predictive", 0.9)]


# -- when it changes its mind -----------------------------------------------------------------------------------------


def test_a_policy_that_is_better_twice_in_a_row_is_followed() -> None:
    assert after(BETTER).policy == "least-cpu"
    choice = after(BETTER, BETTER)
    assert choice.policy == "predictive"
    assert choice.reason == (
        "predictive instead of least-cpu: over the last 500 jobs the mean response would have been 0.9 s instead of "
        "1 s (10% less), the 99th percentile 4 s instead of 4 s"
    )


@pytest.mark.parametrize(
    "rows",
    [
        [row("least-cpu", 1.0), row("predictive", 0.93)],  # 7 %
        [row("least-cpu", 1.0), row("predictive", 0.5, p99=4.41)],
        [row("least-cpu", 1.0, jobs=FEWEST - 1), row("predictive", 0.5, jobs=FEWEST - 1)],
        [row("least-cpu", 1.0), row(RECORDED, 0.5)],
        [row("least-cpu", 1.0), row("adaptive", 0.5), row("ideal", 0.5)],  # nothing that could be followed
        [row("predictive", 0.5)],
        [row("least-cpu", math.nan), row("predictive", 0.5)],
        [row("least-cpu", 1.0), row("predictive", math.nan), row("weighted", 0.5, p99=math.nan)],
        [row("least-cpu", 1.0), row("predictive", 0.0)],
        [],
    ],
)
def test_it_keeps_its_policy(rows: list[Row]) -> None:
    choice = after(rows, rows, rows)
    assert choice.policy == "least-cpu"
    assert choice.reason


def test_a_second_evaluation_must_follow_the_first_soon_and_find_the_same() -> None:
    other = [row("least-cpu", 1.0), row("weighted", 0.8)]
    nothing = [row("least-cpu", 1.0), row("predictive", 1.0)]
    assert after(BETTER, other).policy == "least-cpu"
    assert after(BETTER, nothing, BETTER).policy == "least-cpu"
    assert after(BETTER, BETTER, every=FRESH + 1).policy == "least-cpu"
    both = [*BETTER, row("weighted", 0.8)]
    assert after(BETTER, both).policy == "predictive", "weighted was not better before"
    assert after(both, both).policy == "weighted", "the best of those that were"


def test_after_a_switch_it_rests() -> None:
    back = [row("least-cpu", 0.5), row("predictive", 1.0)]
    calm = round(REST / 60.0)
    assert after(BETTER, BETTER, *[back] * (calm - 1)).policy == "predictive"
    assert after(BETTER, BETTER, *[back] * calm).policy == "least-cpu"


def test_a_clock_that_was_put_back_does_not_hold_it_up_for_longer() -> None:
    history = History(at=NOW + 86_400, better=("predictive",), switched_at=NOW + 86_400)
    choice = choose("least-cpu", BETTER, history, NOW)
    for step in range(1, round(REST / 60.0) + 1):
        assert choice.policy == "least-cpu"
        choice = choose("least-cpu", BETTER, choice.history, NOW + step * 60.0)
    assert choice.policy == "predictive"


means = st.one_of(st.floats(0.01, 10.0), st.sampled_from([0.0, -1.0, math.nan, math.inf]))
rows = st.lists(st.builds(row, st.sampled_from([*FIXED, RECORDED, "adaptive"]), means, means, st.integers(0, 200)))


@given(st.lists(st.tuples(rows, st.floats(0.0, 200.0)), max_size=60), st.sampled_from(FIXED))
def test_there_are_never_two_switches_within_five_minutes(
    evaluations: list[tuple[list[Row], float]], current: str
) -> None:
    history = History()
    now = NOW
    switches = []
    for results, passed in evaluations:
        now += passed
        choice = choose(current, results, History.from_json(history.to_json()), now)
        assert choice.policy in FIXED
        assert choice.reason
        if choice.policy != current:
            switches.append(now)
        current, history = choice.policy, choice.history
    assert all(later - earlier >= 300.0 for earlier, later in pairwise(switches))


@given(st.lists(st.sampled_from(["least-cpu", "predictive", "weighted"]), min_size=1, max_size=200))
def test_policies_that_take_turns_in_being_better_do_not_make_it_restless(best: list[str]) -> None:
    current, history = "least-cpu", History()
    switches = []
    for number, name in enumerate(best):
        results = [row(policy, 0.5 if policy == name else 1.0) for policy in SENSIBLE]
        choice = choose(current, results, history, NOW + 60.0 * number)
        if choice.policy != current:
            switches.append(number)
            assert best[number - 1] == best[number] == choice.policy
        current, history = choice.policy, choice.history
    assert all(later - earlier >= 5 for earlier, later in pairwise(switches))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"at":1}',
        '{"at":NaN,"better":[],"switched_at":0}',
        '{"at":-1,"better":[],"switched_at":0}',
    ],
)
def test_a_history_that_makes_no_sense_is_none(text: str) -> None:
    assert History.from_json(text) == History()


# -- one evaluation on a real trace -----------------------------------------------------------------------------------


@pytest.fixture
def busy(cluster: Cluster, server: redis.Redis) -> Cluster:
    """Under `adaptive`, which follows raw-cpu, with a trace of minutes in which that was a bad policy."""
    machines = unlike_machines(4, seed=3)
    entries = entries_of(machines, steady(sum(one.capacity() for one in machines), 0.8, jobs=400, seed=5), "raw-cpu")
    last = max(at for at, _ in entries)
    seconds, _ = server.time()
    shift = float(seconds) - 1.0 - last
    for at, fields in sorted(entries, key=lambda entry: entry[0]):
        moved = {name: str(float(fields[name]) + shift) for name in ("created", "finished") if name in fields}
        server.xadd(keys.TRACE, {**fields, **moved}, id=f"{int((at + shift) * 1000.0)}-*")
    assert last > EPOCH
    cluster.set_policy("adaptive")
    server.set(keys.ADAPTED, "raw-cpu")
    return cluster


def a_minute_passes(server: redis.Redis) -> None:
    history = History.from_json(server.get(keys.ADAPTATION) or "")
    server.set(keys.ADAPTATION, History(history.at - 60.0, history.better, history.switched_at).to_json())


def policy_events(cluster: Cluster) -> list[dict[str, Any]]:
    return [event for event in cluster.recent_events() if event["type"] == "policy" and event["policy"] == "adaptive"]


def test_two_evaluations_switch_and_the_event_says_why(busy: Cluster, server: redis.Redis) -> None:
    first = evaluate(server)
    assert first is not None
    assert first.policy == "raw-cpu"
    assert "predictive" in first.history.better
    a_minute_passes(server)
    second = evaluate(server)
    assert second is not None
    assert second.policy in SENSIBLE
    assert server.get(keys.ADAPTED) == second.policy == busy.policy()["adapted"]
    event = policy_events(busy)[0]
    assert event["follows"] == second.policy
    assert event["detail"].startswith(f"{second.policy} instead of raw-cpu: over the last 400 jobs the mean response")
    a_minute_passes(server)
    third = evaluate(server)
    assert third is not None
    assert third.policy == second.policy
    assert len(policy_events(busy)) == 2, "the operator's own switch, and this one"


def test_an_evaluation_too_soon_after_another_does_nothing(busy: Cluster, server: redis.Redis) -> None:
    assert evaluate(server) is not None
    before = server.get(keys.ADAPTATION)
    assert evaluate(server) is None
    assert server.get(keys.ADAPTATION) == before


def test_a_choice_for_a_cluster_that_has_another_policy_by_now_does_not_count(
    busy: Cluster, server: redis.Redis
) -> None:
    run = Scripts(server).run
    history = History(at=1.0).to_json()
    assert run("adapt", "another history", history, "predictive", "why") == 0
    assert run("adapt", "", history, "predictive", "why") == 1
    busy.set_policy("least-cpu")
    assert run("adapt", history, "{}", "weighted", "why") == 0
    assert (server.get(keys.ADAPTED), server.get(keys.ADAPTATION)) == ("predictive", history)
    assert evaluate(server) is None


def test_an_empty_trace_changes_nothing(cluster: Cluster, server: redis.Redis) -> None:
    cluster.set_policy("adaptive")
    choice = evaluate(server)
    assert choice is not None
    assert choice.policy == "least-cpu"
    assert not server.exists(keys.ADAPTED)


def test_the_process_evaluates_once_and_ends(busy: Cluster, server: redis.Redis, valkey_url: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cluster.adaptive"],
        cwd=ROOT,
        env={**os.environ, "CUMULO_REDIS_URL": valkey_url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert "adaptive follows raw-cpu" in ended.stderr
    assert server.exists(keys.ADAPTATION)


def test_without_redis_the_process_says_so_in_one_line() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cluster.adaptive"],
        cwd=ROOT,
        env={**os.environ, "CUMULO_REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("the policies were not compared: Redis does not answer")
    assert "Traceback" not in ended.stderr


# -- the leader's part ------------------------------------------------------------------------------------------------


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluations]:
    """Its processes do nothing, for a long time."""
    real = subprocess.Popen
    monkeypatch.setattr(
        adaptive, "_start", lambda settings: real([sys.executable, "-c", "import time; time.sleep(60)"])
    )
    evaluations = Evaluations()
    yield evaluations
    evaluations.stop()


def pid(evaluations: Evaluations) -> int:
    assert evaluations._process is not None
    return evaluations._process.pid


def test_nothing_runs_under_another_policy(evaluations: Evaluations) -> None:
    evaluations.tick(Settings(), "least-cpu", 1000.0)
    assert not evaluations.running
    evaluations.tick(Settings(), "adaptive", 1001.0)
    assert evaluations.running
    evaluations.tick(Settings(), "least-cpu", 1002.0)
    assert not evaluations.running


def test_one_evaluation_a_minute_and_never_two_at_once(evaluations: Evaluations) -> None:
    evaluations.tick(Settings(), "adaptive", 1000.0)
    first = pid(evaluations)
    evaluations.tick(Settings(), "adaptive", 1000.0 + LIMIT)
    assert pid(evaluations) == first
    evaluations.tick(Settings(), "adaptive", 1000.1 + LIMIT)
    assert not evaluations.running, "it took too long"
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    evaluations.tick(Settings(), "adaptive", 999.9 + EVERY)
    assert not evaluations.running
    evaluations.tick(Settings(), "adaptive", 1000.0 + EVERY)
    assert evaluations.running
    assert pid(evaluations) != first


def test_a_process_that_cannot_be_started_is_tried_again_a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*args: object, **options: object) -> None:
        asked.append(args)
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    evaluations = Evaluations()
    for second in range(int(EVERY) + 1):
        evaluations.tick(Settings(), "adaptive", 1000.0 + second)
    assert len(asked) == 2
    assert not evaluations.running


def test_the_leader_starts_evaluations_and_who_leads_no_more_ends_them(
    busy: Cluster, server: redis.Redis, evaluations: Evaluations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "_evaluations", evaluations)
    chores.tend(busy)
    assert evaluations.running
    server.set(keys.LEADER, "another monitor")
    chores.tend(busy)
    assert not evaluations.running


def test_a_real_evaluation_is_started_with_the_clusters_address(
    busy: Cluster, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    evaluations = Evaluations()
    begin = time.perf_counter()
    evaluations.tick(busy.settings, "adaptive", time.monotonic())
    cost = time.perf_counter() - begin
    process = evaluations._process
    assert process is not None
    assert process.wait(60) == 0
    assert server.exists(keys.ADAPTATION)
    assert cost < 0.1, "a tick must not hold up the monitor"


def test_without_redis_there_is_an_error_with_a_name() -> None:
    with pytest.raises(ClusterUnavailable):
        evaluate(connect("redis://127.0.0.1:1/0"))

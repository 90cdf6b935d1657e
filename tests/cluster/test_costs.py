"""What jobs cost, as learned from what they took: pure, on made-up clusters whose truth is known."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduling.costs import EACH_JOB, MOST_HABITS, PEAK_BYTES_PER_PIXEL, CostModel, Observation

PRIOR = {"jpeg>jpeg": 0.008, "blur": 0.03, "sepia": 0.002, "edges": 0.015, "bw": 0.004}
TRUTH = {"jpeg>jpeg": 0.011, "blur": 0.012, "sepia": 0.009, "edges": 0.018, "bw": 0.0016}
FILTERS = ("blur", "sepia", "edges", "bw")
FIXED, TRUE_FIXED = 0.0015, 0.002
SPEEDS = {"slow": 0.5, "middle": 1.0, "fast": 2.0}


def prior(feature: str) -> float:
    return PRIOR.get(feature, 0.005)


def fresh() -> CostModel:
    return CostModel(prior, FIXED)


def truth(node: str, features: tuple[str, ...], megapixels: float) -> float:
    return (TRUE_FIXED + megapixels * sum(TRUTH[feature] for feature in features)) / SPEEDS[node]


def observed(dice: random.Random, *, outliers: float = 0.05, noise: float = 0.2) -> Observation:
    """One job of any size and pipeline on any node; CPU times differ by 20 %, and some are absurd."""
    node = dice.choice(list(SPEEDS))
    features = ("jpeg>jpeg", *dice.sample(FILTERS, dice.randint(1, 3)))
    megapixels = math.exp(dice.uniform(math.log(0.3), math.log(24)))
    seconds = truth(node, features, megapixels) * math.exp(dice.gauss(0, noise))
    if dice.random() < outliers:
        seconds *= dice.choice((1000, 30, 0.03, 0.001))
    return Observation(node, features, megapixels, seconds)


def stream(seed: int, count: int, **options: float) -> Iterator[Observation]:
    dice = random.Random(seed)
    return (observed(dice, **options) for _ in range(count))


def on(model: CostModel, node: str, features: tuple[str, ...], megapixels: float) -> float:
    return model.predict(features, megapixels) / model.speed(node)


def errors(model: CostModel) -> list[float]:
    """How wrong (0.1 is 10 %) the model is on every filter, node and size."""
    return [
        abs(math.log(on(model, node, features, size) / truth(node, features, size)))
        for features in (("jpeg>jpeg", name) for name in FILTERS)
        for node in SPEEDS
        for size in (1.0, 12.0)
    ]


# -- before anything is known ---------------------------------------------------------------------------------------


def test_a_fresh_model_knows_the_priors() -> None:
    model = fresh()
    assert model.predict(("jpeg>jpeg", "blur"), 2.0) == pytest.approx(FIXED + 2 * (0.008 + 0.03))
    assert model.predict(("blur", "blur"), 1.0) == pytest.approx(FIXED + 2 * 0.03), "the same step twice costs twice"
    assert model.predict(("never-heard-of",), 1.0) == pytest.approx(FIXED + 0.005)
    assert model.speed("anybody") == 1.0
    assert model.peak(("blur",), 2.0) == 2e6 * PEAK_BYTES_PER_PIXEL


def test_a_node_is_as_fast_as_it_measured_itself() -> None:
    model = fresh().with_calibrated({"pc-1": 0.4})
    assert model.speed("pc-1") == 0.4
    assert model.with_calibrated({"pc-1": 0.4}) is model, "no news"
    assert model.with_calibrated({"pc-2": math.nan, "pc-3": 0.0, "pc-4": -1, "pc-5": math.inf}) is model


# -- learning -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_300_jobs_teach_costs_and_speeds(seed: int) -> None:
    model = fresh().learn(*stream(seed, 300))
    wrong = errors(model)
    assert sum(wrong) / len(wrong) < 0.10
    assert max(wrong) < 0.20
    for node, speed in SPEEDS.items():
        assert model.speed(node) == pytest.approx(speed, rel=0.10)


def test_more_jobs_teach_more() -> None:
    model = fresh()
    before = max(errors(model))
    for count in (50, 1000):
        model = model.learn(*stream(7, count))
        assert max(errors(model)) < before
        before = max(errors(model))
    assert before < 0.12


def test_one_at_a_time_or_all_at_once_is_much_the_same() -> None:
    jobs = list(stream(3, 100))
    single = fresh()
    for job in jobs:
        single = single.learn(job)
    together = fresh().learn(*jobs)
    for node in SPEEDS:
        assert on(single, node, jobs[0].features, 3) == pytest.approx(on(together, node, jobs[0].features, 3), rel=0.1)


def test_learning_leaves_the_model_that_it_came_from() -> None:
    model = fresh().learn(*stream(1, 10))
    before = json.dumps(model.to_json())
    model.learn(*stream(2, 10))
    model.with_calibrated({"new": 2.0})
    assert json.dumps(model.to_json()) == before


@pytest.mark.parametrize("factor", [1000, 0.001])
@pytest.mark.parametrize("seed", range(5))
def test_one_wild_outlier_moves_a_prediction_by_a_few_percent_at_most(seed: int, factor: float) -> None:
    features = ("jpeg>jpeg", "blur")
    dice = random.Random(seed)

    def job(times: float) -> Observation:
        return Observation("slow", features, 3.0, times * truth("slow", features, 3.0))

    model = fresh().learn(*(job(math.exp(dice.gauss(0, 0.2))) for _ in range(20)))
    before = on(model, "slow", features, 3.0)
    assert on(model.learn(job(factor)), "slow", features, 3.0) == pytest.approx(before, rel=0.03)


def test_work_that_really_gets_dearer_is_learned_within_100_jobs() -> None:
    features = ("jpeg>jpeg", "edges")
    model = fresh().learn(*stream(5, 500))
    before = on(model, "middle", features, 3.0)
    model = model.learn(*[Observation("middle", features, 3.0, 2 * before)] * 100)
    assert on(model, "middle", features, 3.0) == pytest.approx(2 * before, rel=0.15)


@pytest.mark.parametrize("wrong", [0.1, 10.0])
def test_priors_that_are_ten_times_wrong_are_overcome(wrong: float) -> None:
    model = CostModel(lambda feature: wrong * prior(feature), wrong * FIXED).learn(*stream(2, 600))
    wrongs = errors(model)
    assert sum(wrongs) / len(wrongs) < 0.15


def test_a_new_node_learns_its_speed_and_leaves_known_costs_alone() -> None:
    model = fresh().with_calibrated(SPEEDS).learn(*stream(4, 500))
    features = ("jpeg>jpeg", "blur")
    before = on(model, "middle", features, 3.0)
    jobs = [Observation("new", features, 3.0, truth("middle", features, 3.0) / 0.3)] * 60
    model = model.learn(*jobs)
    assert model.speed("new") == pytest.approx(0.3, rel=0.15)
    assert on(model, "middle", features, 3.0) == pytest.approx(before, rel=0.15)
    assert model.speed("middle") == pytest.approx(1.0, rel=0.1)


def test_a_habit_corrects_what_does_not_add_up() -> None:
    """Pixelated images are written to PNG in a fraction of the time; other filters before PNG must not suffer."""
    costs = {("jpeg>png", "pixelate"): 0.017, ("jpeg>png", "sepia"): 0.085}
    dice = random.Random(1)
    model = CostModel({"jpeg>png": 0.085, "pixelate": 0.0012, "sepia": 0.002}.__getitem__, FIXED)
    for _ in range(400):
        features = dice.choice(list(costs))
        model = model.learn(Observation("pc", features, 2.0, 2 * costs[features] * math.exp(dice.gauss(0, 0.1))))
    for features, cost in costs.items():
        assert model.predict(features, 2.0) == pytest.approx(2 * cost, rel=0.2)


# -- scale ----------------------------------------------------------------------------------------------------------


def test_the_scale_does_not_drift() -> None:
    """Twice as fast nodes and work half as dear look the same in the data: the calibrations hold the scale."""
    model = fresh().with_calibrated(SPEEDS)
    dice = random.Random(1)
    for _ in range(200):
        model = model.learn(*(observed(dice) for _ in range(100)))
        ratios = [math.log(model.speed(node) / speed) for node, speed in SPEEDS.items()]
        assert abs(sum(ratios) / len(ratios)) < 0.01
    for node, speed in SPEEDS.items():
        assert model.speed(node) == pytest.approx(speed, rel=0.1)
    wrong = errors(model)
    assert sum(wrong) / len(wrong) < 0.06


def test_a_calibration_that_comes_late_sets_the_scale_right() -> None:
    """One slow PC alone cannot know whether it is slow or the work dear. When it is told, predictions stay."""
    features = ("jpeg>jpeg", "blur")
    job = Observation("slow", features, 3.0, truth("slow", features, 3.0))
    model = fresh().learn(*[job] * 50)
    assert model.speed("slow") == pytest.approx(1.0)
    before = on(model, "slow", features, 3.0)
    model = model.with_calibrated({"slow": 0.5}).learn(job)
    assert model.speed("slow") == pytest.approx(0.5)
    assert on(model, "slow", features, 3.0) == pytest.approx(before, rel=0.05)


# -- nonsense -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300])
def test_impossible_observations_are_ignored(number: float) -> None:
    model = fresh().learn(*stream(1, 20))
    assert model.learn(Observation("fast", ("blur",), number, 1.0)) is model
    assert model.learn(Observation("fast", ("blur",), 1.0, number)) is model
    assert model.learn(Observation("fast", (), 1.0, 1.0)) is model


@pytest.mark.parametrize("number", [math.nan, math.inf, -1.0, 0.0])
def test_an_impossible_peak_does_not_spoil_the_rest(number: float) -> None:
    model = fresh().learn(Observation("fast", ("blur",), 1.0, 1.0, number))
    assert model.peak(("blur",), 1.0) == 1e6 * PEAK_BYTES_PER_PIXEL
    assert model.predict(("blur",), 1.0) > fresh().predict(("blur",), 1.0)


positive = st.floats(1e-6, 1e6)
observations = st.builds(
    Observation,
    st.sampled_from(["a", "b"]),
    st.lists(st.sampled_from(sorted(PRIOR)), min_size=1, max_size=4).map(tuple),
    positive,
    positive,
    st.floats(0, 1e15),
)


@given(st.lists(observations, max_size=60))
def test_nothing_learned_leaves_its_bounds(jobs: list[Observation]) -> None:
    model = fresh().learn(*jobs)
    for feature in (*PRIOR, EACH_JOB):
        assert 1 / 20.001 < model.cost(feature) / (FIXED if feature == EACH_JOB else prior(feature)) < 20.001
    for node in ("a", "b"):
        assert 0.05 <= model.speed(node) <= 20
    for job in jobs:
        assert 0 < model.predict(job.features, 1.0) < 100
        assert 1 / 20.001 < model.peak(job.features, 1.0) / (1e6 * PEAK_BYTES_PER_PIXEL) < 20.001


def test_the_model_stays_small() -> None:
    model = fresh().learn(*(Observation("pc", (f"filter-{number}",), 1.0, 0.01) for number in range(MOST_HABITS + 50)))
    assert len(model.habits) == MOST_HABITS
    assert f"filter-{MOST_HABITS + 49}" in model.habits, "the oldest go"


# -- memory ---------------------------------------------------------------------------------------------------------


def peaks(model: CostModel, *bytes_per_pixel: float) -> float:
    """Bytes per pixel that the model expects after jobs with those peaks."""
    jobs = [Observation("pc", ("blur",), 2.0, 0.1, 2e6 * peak) for peak in bytes_per_pixel]
    return model.learn(*jobs).peak(("blur",), 1.0) / 1e6


def test_peak_memory_goes_up_quickly_and_down_slowly() -> None:
    assert peaks(fresh(), *[32] * 5) > 30
    assert 14 < peaks(fresh(), *[8] * 5) < 16
    assert peaks(fresh(), *[8] * 200) == pytest.approx(8, rel=0.05)


def test_one_absurd_peak_does_not_shut_out_a_pipeline() -> None:
    assert peaks(fresh(), 1e6) < 1.5 * PEAK_BYTES_PER_PIXEL
    assert peaks(fresh(), *[1e6] * 50) <= 20 * PEAK_BYTES_PER_PIXEL


def test_peaks_belong_to_the_whole_pipeline() -> None:
    model = fresh().learn(*[Observation("pc", ("jpeg>png", "blur"), 2.0, 0.1, 2e6 * 40)] * 5)
    assert model.peak(("jpeg>png", "blur"), 1.0) > 35e6
    assert model.peak(("jpeg>png", "sepia"), 1.0) == 1e6 * PEAK_BYTES_PER_PIXEL


# -- keeping --------------------------------------------------------------------------------------------------------


def learned() -> CostModel:
    jobs = (Observation(job.node, job.features, job.megapixels, job.cpu_seconds, 3e7) for job in stream(9, 200))
    return fresh().with_calibrated({**SPEEDS, "idle": 3.0}).learn(*jobs)


def test_a_model_comes_back_from_json() -> None:
    model = learned()
    back = CostModel.from_json(json.loads(json.dumps(model.to_json())), prior, FIXED)
    for job in stream(10, 20):
        assert back.predict(job.features, job.megapixels) == pytest.approx(
            model.predict(job.features, job.megapixels), rel=1e-4
        )
        assert back.peak(job.features, 1.0) == pytest.approx(model.peak(job.features, 1.0), rel=1e-4)
    for node in (*SPEEDS, "idle"):
        assert back.speed(node) == pytest.approx(model.speed(node), rel=1e-4)
    more = list(stream(11, 50))
    features = ("jpeg>jpeg", "blur")
    assert back.learn(*more).predict(features, 2) == pytest.approx(model.learn(*more).predict(features, 2), rel=1e-3)


def test_the_json_can_be_read_by_people() -> None:
    data = learned().to_json()
    assert data["features"]["blur"]["ms_per_mp"] == pytest.approx(12, rel=0.3)
    assert data["nodes"]["fast"]["speed"] == pytest.approx(2 * data["nodes"]["middle"]["speed"], rel=0.2)
    assert data["nodes"]["idle"] == {"speed": 3.0, "variance": 0.01, "jobs": 0, "calibrated": 3.0}


def test_costs_stay_when_a_new_version_has_other_priors() -> None:
    model = learned()
    back = CostModel.from_json(model.to_json(), lambda feature: 2 * prior(feature), FIXED)
    assert back.predict(("jpeg>jpeg", "blur"), 2) == pytest.approx(model.predict(("jpeg>jpeg", "blur"), 2), rel=1e-4)


@pytest.mark.parametrize(
    "data", [None, 7, "costs", [], {}, {"version": 0, "features": {"blur": {}}}, {"version": 1, "nodes": [1, 2]}]
)
def test_what_is_no_model_becomes_a_fresh_one(data: object) -> None:
    assert CostModel.from_json(data, prior, FIXED) == CostModel(prior, FIXED)


def test_a_damaged_part_costs_only_that_part() -> None:
    data = learned().to_json()
    data["features"]["blur"]["ms_per_mp"] = "a lot"
    data["nodes"]["slow"] = None
    data["habits"] = "gone"
    back = CostModel.from_json(data, prior, FIXED)
    assert back.cost("blur") == prior("blur")
    assert back.speed("slow") == 1.0
    assert back.cost("edges") == pytest.approx(learned().cost("edges"), rel=1e-4)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(json_values, st.sampled_from(sorted(learned().to_json())), st.data())
def test_no_content_makes_it_raise(junk: Any, part: str, data: st.DataObject) -> None:
    document = learned_json()
    if isinstance(document[part], dict) and data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(document[part])))
        row = document[part][name]
        if isinstance(row, dict) and data.draw(st.booleans()):
            row[data.draw(st.sampled_from(sorted(row)))] = junk
        else:
            document[part][name] = junk
    else:
        document[part] = junk
    model = CostModel.from_json(document, prior, FIXED)
    model = model.learn(*stream(1, 3))
    assert 0 < model.predict(("jpeg>jpeg", "blur"), 2.0) < 100
    assert 0.05 <= model.speed("slow") <= 20


LEARNED = json.dumps(learned().to_json())


def learned_json() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(LEARNED)
    return document

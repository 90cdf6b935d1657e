"""The leader turns finished jobs into knowledge, which outlives every process: on a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

import filters
from cluster import keys, learning
from cluster.connection import connect
from cluster.errors import ClusterUnavailable
from cluster.learning import Costs, learn_from_trace, observation
from cluster.nodes import Nodes
from cluster.scheduling.costs import CostModel
from tests.cluster.ledgers import add_node

FEATURES = ("jpeg>jpeg", "sepia/2.2ms")


def entry(**fields: object) -> dict[str, Any]:
    """A finished job of 2 MP as the ledger writes it."""
    known = {
        "kind": "job",
        "job": "j1",
        "batch": "b1",
        "node": "pc-1",
        "state": "done",
        "features": ",".join(FEATURES),
        "mp": 2.0,
        "cpu": 0.05,
        "peak": 0,
        "wall": 0.06,
        "created": 1.0,
        "started": 2.0,
        "finished": 3.0,
        "lane": "batch",
        "cost": 0.02,
        "policy": "least-cpu",
    }
    return {name: str(value) for name, value in {**known, **fields}.items()}


def finish(server: redis.Redis, count: int = 1, **fields: object) -> None:
    pipe = server.pipeline(transaction=False)
    for _ in range(count):
        pipe.xadd(keys.TRACE, entry(**fields))
    pipe.execute()


def model(server: redis.Redis) -> CostModel:
    return Costs(server).model()


def jobs_learned(server: redis.Redis) -> int:
    return sum(estimate.count for estimate in model(server).nodes.values())


def test_before_anything_has_finished_the_priors_hold(server: redis.Redis) -> None:
    assert learn_from_trace(server) == 0
    assert server.get(keys.COSTS) is None
    pipeline = filters.parse_pipeline(["sepia"])
    assert model(server).predict(filters.cost_features(pipeline, "jpeg"), 2) == pytest.approx(
        filters.estimate_seconds(pipeline, 2)
    )


def test_finished_jobs_teach_what_they_took(server: redis.Redis) -> None:
    before = model(server).predict(FEATURES, 2)
    finish(server, 100)
    assert learn_from_trace(server) == 100
    learned = model(server)
    assert learned.predict(FEATURES, 2) / learned.speed("pc-1") == pytest.approx(0.05, rel=0.1)
    assert before < 0.025


def test_each_job_counts_once(server: redis.Redis) -> None:
    finish(server, 3)
    assert learn_from_trace(server) == 3
    stored = server.get(keys.COSTS)
    assert learn_from_trace(server) == 0
    assert server.get(keys.COSTS) == stored
    finish(server, 2)
    assert learn_from_trace(server) == 2
    assert jobs_learned(server) == 5


def test_knowledge_outlives_the_leader_and_the_trace(server: redis.Redis, valkey_url: str) -> None:
    finish(server, 20)
    learn_from_trace(server)
    before = model(server).predict(FEATURES, 2)
    server.xtrim(keys.TRACE, maxlen=0)
    other = connect(valkey_url)
    finish(other, 1, cpu=before)
    assert learn_from_trace(other) == 1
    assert Costs(other).model().predict(FEATURES, 2) == pytest.approx(before, rel=0.2)
    other.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "lease"},
        {"state": "failed"},
        {"state": ""},
        {"cpu": "0"},
        {"cpu": "-1"},
        {"cpu": "nan"},
        {"cpu": "inf"},
        {"cpu": "a while"},
        {"mp": "0"},
        {"mp": ""},
        {"features": ""},
        {"peak": "x"},
    ],
)
def test_what_teaches_nothing_is_passed_over(server: redis.Redis, fields: dict[str, str]) -> None:
    assert observation(entry(**fields)) is None
    finish(server, 1, **fields)
    finish(server, 1)
    assert learn_from_trace(server) == 1
    assert learn_from_trace(server) == 0


def test_an_entry_without_its_fields_is_passed_over(server: redis.Redis) -> None:
    server.xadd(keys.TRACE, {"kind": "job", "state": "done"})
    assert learn_from_trace(server) == 0
    finish(server)
    assert learn_from_trace(server) == 1


def test_peak_memory_is_learned(server: redis.Redis) -> None:
    finish(server, 10, peak=2e6 * 30)
    learn_from_trace(server)
    assert model(server).peak(FEATURES, 1) == pytest.approx(30e6, rel=0.1)
    finish(server, 10)
    learn_from_trace(server)
    assert model(server).peak(FEATURES, 1) == pytest.approx(30e6, rel=0.1), "0 is unknown and not nothing"


def test_a_call_takes_the_newest_and_is_up_to_date(server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST", 20)
    monkeypatch.setattr(learning, "SECONDS", 60)
    finish(server, 100, node="earlier")
    finish(server, 20, node="later")
    assert learn_from_trace(server) == 20
    assert set(model(server).nodes) == {"later"}
    assert learn_from_trace(server) == 0


def test_a_call_without_time_goes_on_in_the_next(server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "SECONDS", -1.0)
    finish(server, learning.SLICE + 5)
    assert learn_from_trace(server) == learning.SLICE
    assert learn_from_trace(server) == 5
    assert jobs_learned(server) == learning.SLICE + 5


def test_a_node_that_has_measured_itself_is_known_before_its_first_job(server: redis.Redis, registry: Nodes) -> None:
    add_node(registry, "pc-1", calibrated=0.4)
    add_node(registry, "pc-2")
    add_node(registry, "pc-3", calibrated="quick")
    assert learn_from_trace(server) == 0
    assert [model(server).speed(name) for name in ("pc-1", "pc-2", "pc-3")] == [0.4, 1.0, 1.0]
    stored = server.get(keys.COSTS)
    learn_from_trace(server)
    assert server.get(keys.COSTS) == stored, "no news, no writing"


def test_jobs_correct_what_a_node_measured(server: redis.Redis, registry: Nodes) -> None:
    """Two nodes that claim the same, of which one takes twice as long."""
    add_node(registry, "pc-1", calibrated=1.0)
    add_node(registry, "pc-2", calibrated=1.0)
    for _ in range(150):
        finish(server, 1, node="pc-1", cpu=0.03)
        finish(server, 1, node="pc-2", cpu=0.06)
    learn_from_trace(server)
    learned = model(server)
    assert learned.speed("pc-1") / learned.speed("pc-2") == pytest.approx(2, rel=0.15)
    assert learned.predict(FEATURES, 2) / learned.speed("pc-2") == pytest.approx(0.06, rel=0.1)


@pytest.mark.parametrize(
    "damaged", ["", "{", "[]", "7", '"costs"', '{"seen": 5, "version": 1}', '{"seen": "+"}', "\x00"]
)
def test_damaged_knowledge_is_learned_anew(server: redis.Redis, damaged: str) -> None:
    server.set(keys.COSTS, damaged)
    assert model(server).speed("pc-1") == 1.0
    finish(server, 30)
    assert learn_from_trace(server) == 30
    assert json.loads(server.get(keys.COSTS))["nodes"]["pc-1"]["jobs"] == 30


def test_the_document_says_what_was_learned(server: redis.Redis) -> None:
    finish(server, 30)
    learn_from_trace(server)
    [(last, _)] = server.xrevrange(keys.TRACE, count=1)
    document = json.loads(server.get(keys.COSTS))
    assert document["seen"] == last
    assert document["features"]["jpeg>jpeg"]["jobs"] == 30


def test_readers_keep_their_copy_for_two_seconds(server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(learning.time, "monotonic", lambda: now)
    costs = Costs(server)
    before = costs.model()
    finish(server, 5)
    learn_from_trace(server)
    assert costs.model() is before
    now += learning.KEPT_SECONDS + 0.1
    assert costs.model().predict(FEATURES, 2) > before.predict(FEATURES, 2)


def test_without_a_server_both_say_so() -> None:
    nowhere = connect("redis://127.0.0.1:1/0")
    with pytest.raises(ClusterUnavailable):
        learn_from_trace(nowhere)
    with pytest.raises(ClusterUnavailable):
        Costs(nowhere).model()

from __future__ import annotations

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from tests.webapp.conftest import Submit
from tests.webapp.fakes import FakeCluster


def figures(client: FlaskClient) -> dict[tuple[str, str], float]:
    text = client.get("/metrics").text
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_metrics(client: FlaskClient, submit: Submit) -> None:
    submit("a.png", "b.png")
    found = figures(client)
    assert found["cumulo_redis_up", ""] == 1
    assert found["cumulo_jobs", "assigned"] == 2
    assert found["cumulo_nodes", "live"] == 1
    assert found["cumulo_node_cpu_usage", "pc-1"] == 12.5
    assert found["cumulo_node_tasks_processed", "pc-2"] == 7


def test_metrics_without_redis(client: FlaskClient, cluster: FakeCluster) -> None:
    cluster.away = True
    assert figures(client) == {("cumulo_redis_up", ""): 0}


def test_ready_only_while_redis_answers(anonymous: FlaskClient, cluster: FakeCluster) -> None:
    assert anonymous.get("/readyz").status_code == 200
    cluster.away = True
    assert anonymous.get("/readyz").status_code == 503
    assert anonymous.get("/healthz").status_code == 200


def test_not_ready_while_redis_takes_no_writes(anonymous: FlaskClient, cluster: FakeCluster) -> None:
    cluster.out_of_memory = True
    response = anonymous.get("/readyz")
    assert response.status_code == 503
    assert "maxmemory" in response.get_json()["detail"]

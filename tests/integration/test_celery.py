"""Plain Celery: workers started by the two documented commands, and clients that know nothing but Celery."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.integration.clusters import Plain, wait_until
from tests.integration.photos import jpeg_files

DELAY = """
import json, sys
from cluster.tasks import apply_pipeline
answer = apply_pipeline.delay(json.load(sys.stdin))
print(json.dumps(answer.get(timeout=60)))
"""

BY_NAME = """
import json, os, sys
from celery import Celery
from celeryconfig import task_routes

app = Celery(broker=os.environ["CUMULO_REDIS_URL"], backend=os.environ["CUMULO_REDIS_URL"])
app.conf.task_routes = task_routes
answer = app.send_task("cluster.tasks.apply_pipeline", args=[json.load(sys.stdin)])
print(json.dumps(answer.get(timeout=60)))
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plain]:
    with Plain(tmp_path_factory.mktemp("celery")) as plain:
        plain.image_worker("solo", "-c", "1")
        plain.await_live("solo")
        yield plain


def test_the_first_command_alone_makes_a_working_node(plain: Plain) -> None:
    assert list(plain.programs) == ["images-solo"]
    [job] = plain.await_jobs(plain.submit(jpeg_files(plain.folder / "one", 1), "sepia"))
    assert (job["state"], job["node"]) == ("done", "solo")
    beats = set()
    until = time.monotonic() + 60
    while len(beats) < 4:
        assert time.monotonic() < until
        beats.add(plain.redis.hget("worker:solo", "last_heartbeat"))
        assert plain.states()["solo"] == "live"
        assert plain.age("solo") < 5
        time.sleep(0.05)
    [node] = plain.view.nodes()
    assert node["tasks_processed"] == 1
    assert 0 <= node["cpu_usage"] <= 100
    assert 0 < node["memory_usage"] <= 100


@pytest.mark.parametrize("client", [DELAY, BY_NAME], ids=["delay", "by name"])
def test_any_celery_client_sends_a_recorded_job(plain: Plain, client: str) -> None:
    """The job waits behind others; sent by hand, it is placed by the router at once, room or not."""
    ids = plain.submit(jpeg_files(plain.folder / "many", 16, 4000, 3000), {"filter": "blur", "radius": 20})
    last = ids[-1]
    assert plain.view.job(last)["state"] == "queued"
    assert plain.python(client, last)["done"] >= 1
    *others, job = plain.await_jobs(ids)
    assert [entry["event"] for entry in job["timeline"]] == ["queued", "assigned", "started", "done"]
    assert job["placement"]["reason"].startswith("least-cpu: ")
    assert any(one["started_at"] > job["started_at"] for one in others), "it overtook those that wait in the backlog"
    assert {one["state"] for one in others} == {"done"}
    assert set(plain.commits(ids).values()) == {1}


def test_the_second_command_measures_it_every_second(plain: Plain) -> None:
    plain.monitor("solo")
    wait_until(lambda: plain.redis.get("leader"), "its beat, which also does the cluster's chores")
    newest = plain.clock()
    wait_until(lambda: float(plain.redis.hget("worker:solo", "last_heartbeat")) > newest, "a new sample")
    points = plain.view.node_history("solo", 60)
    wait_until(lambda: len(plain.view.node_history("solo", 60)) >= len(points) + 3, "three more in the history")
    times = [point["t"] for point in plain.view.node_history("solo", 60)][-3:]
    assert times[-1] - times[0] < 5


def test_a_worker_stopped_by_celerys_own_signal_says_goodbye(plain: Plain) -> None:
    ids = plain.submit(jpeg_files(plain.folder / "last", 4), {"filter": "blur", "radius": 8})
    wait_until(lambda: plain.view.job(ids[0])["state"] != "queued", "work on the node")
    worker = plain.programs.pop("images-solo")
    assert worker.end() == 0
    assert worker.left() == []
    assert plain.states() == {"solo": "offline"}
    jobs = plain.jobs(ids)
    assert {job["state"] for job in jobs} <= {"done", "queued"}, "finished or handed back"
    plain.image_worker("solo", "-c", "1")
    assert {job["state"] for job in plain.await_jobs(ids)} == {"done"}
    assert set(plain.commits(ids).values()) == {1}

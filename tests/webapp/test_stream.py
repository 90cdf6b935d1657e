"""The live stream: what it says, in which form, and how it ends."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, cast

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cluster.errors import ClusterUnavailable
from tests.webapp.conftest import Submit
from tests.webapp.fakes import FakeCluster, node_view
from webapp import broadcast, stream
from webapp.broadcast import CLOSED, Broadcaster, Listener, Pace, StreamsFull

URL = "/api/v1/stream"
PATIENCE = 30


class Reader:
    """The events of a stream, one after the other, as a browser's EventSource would take them apart."""

    def __init__(self, response: TestResponse) -> None:
        self.response = response
        self.comments: list[str] = []
        self.retry: str | None = None
        self._events = self._parse()

    def _parse(self) -> Iterator[tuple[str, dict[str, Any], str]]:
        buffer = ""
        for chunk in self.response.iter_encoded():
            buffer += chunk.decode()
            while "\n\n" in buffer:
                block, _, buffer = buffer.partition("\n\n")
                fields: dict[str, str] = {}
                for line in block.split("\n"):
                    name, _, value = line.partition(":")
                    if name:
                        fields[name] = value.removeprefix(" ")
                    else:
                        self.comments.append(value.strip())
                self.retry = fields.get("retry", self.retry)
                if "data" in fields:
                    yield fields["event"], json.loads(fields["data"]), fields.get("id", "")

    def until(self, kind: str, wanted: Callable[[dict[str, Any]], bool] = lambda data: True) -> dict[str, Any]:
        for event, data, _ in islice(self._events, PATIENCE):
            if event == kind and wanted(data):
                return data
        raise AssertionError(f"the stream ended, or said {PATIENCE} other things, without {kind}")

    def last_id(self, kind: str) -> str:
        for event, _, id in islice(self._events, PATIENCE):
            if event == kind and id:
                return id
        raise AssertionError(f"the stream ended without an id on {kind}")


@pytest.fixture
def listen(client: FlaskClient, app: Flask) -> Iterator[Callable[..., Reader]]:
    opened: list[TestResponse] = []

    def open(**headers: str) -> Reader:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        response = client.get(URL, headers=names, buffered=False)
        assert response.status_code == 200
        opened.append(response)
        return Reader(response)

    yield open
    for response in opened:
        response.close()


def states(cluster: FakeCluster, job: dict[str, Any], *names: str) -> None:
    for name in names:
        cluster.move(job["id"], name)


def test_headers(listen: Callable[..., Reader]) -> None:
    headers = listen().response.headers
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Accel-Buffering"] == "no"


def test_it_begins_with_hello_and_soon_knows_the_nodes(listen: Callable[..., Reader]) -> None:
    reader = listen()
    hello = reader.until("hello")
    assert set(hello) == {"version", "now"}
    assert abs(hello["now"] - time.time()) < 60
    assert reader.retry == "2000"
    nodes = reader.until("nodes")
    assert [node["worker_id"] for node in nodes["items"]] == ["pc-1", "pc-2"]
    assert reader.until("summary")["policy"] == "least-cpu"


def test_it_follows_the_nodes(listen: Callable[..., Reader], cluster: FakeCluster) -> None:
    reader = listen()
    reader.until("nodes")
    cluster.set_nodes(node_view("pc-9"))
    assert reader.until("nodes", lambda data: data["items"][0]["worker_id"] == "pc-9")


def test_jobs_and_batches(listen: Callable[..., Reader], submit: Submit, cluster: FakeCluster) -> None:
    reader = listen()
    reader.until("summary")
    answer = submit("a.png", "b.png")
    first, second = answer["jobs"]
    cluster.finish(first["id"])
    jobs = reader.until("jobs", lambda data: any(job["state"] == "done" for job in data["items"]))
    done = next(job for job in jobs["items"] if job["state"] == "done")
    assert done == {
        "id": first["id"],
        "batch": answer["batch"],
        "state": "done",
        "node": "pc-1",
        "attempt": 1,
        "name": "a.png",
    }
    batches = reader.until("batches", lambda data: data["items"][0]["finished"] == 1)
    assert set(batches["items"][0]) == {"id", "total", "finished", "counts"}
    assert second["id"] != first["id"]


def test_nodes_and_policy_events(listen: Callable[..., Reader], cluster: FakeCluster) -> None:
    reader = listen()
    reader.until("summary")
    id = cluster.happen(type="node", node="pc-1", state="offline", detail="no sample for 5 s")
    (event,) = reader.until("events")["items"]
    assert event.pop("at") == pytest.approx(time.time(), abs=60)
    assert event == {"id": id, "type": "node", "node": "pc-1", "state": "offline", "detail": "no sample for 5 s"}


def test_a_burst_is_one_message_with_each_jobs_last_state(app: Flask, submit: Submit, cluster: FakeCluster) -> None:
    names = [f"{n}.png" for n in range(10)]
    for job in submit(*names)["jobs"]:
        states(cluster, job, "running", "queued", "running", "done")
    messages = list(app.extensions["cumulo"].broadcaster.replay("0-0"))
    kinds = [message.split(b"\n")[0] for message in messages]
    assert kinds == [b"event: jobs", b"event: batches"]
    items = json.loads(messages[0].split(b"data: ")[1])["items"]
    assert [item["state"] for item in items] == ["done"] * 10


def test_only_the_last_message_of_a_group_moves_the_position(app: Flask, submit: Submit, cluster: FakeCluster) -> None:
    submit("a.png")
    last = cluster.set_policy("round-robin") and cluster.last_event()
    messages = list(app.extensions["cumulo"].broadcaster.replay("0-0"))
    assert [f"id: {last}".encode() in message for message in messages] == [False, False, True]


def test_what_was_missed_comes_after_a_reconnect(
    listen: Callable[..., Reader], submit: Submit, cluster: FakeCluster
) -> None:
    reader, other = listen(), listen()
    reader.until("summary")
    job = submit("a.png")["jobs"][0]
    seen = reader.last_id("batches")
    reader.response.close()
    cluster.finish(job["id"])
    other.until("jobs", lambda data: data["items"][0]["state"] == "done")
    again = listen(Last_Event_ID=seen)
    assert again.until("jobs")["items"][0]["state"] == "done"


@pytest.mark.parametrize("id", ["", "x", "1-", "1-1; DROP", "-1"])
def test_a_strange_last_event_id_is_ignored(listen: Callable[..., Reader], id: str) -> None:
    assert listen(Last_Event_ID=id).until("nodes")


def test_a_silent_stream_is_kept_alive(listen: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "PING_SECONDS", 0.05)
    reader = listen()
    reader.until("nodes")
    reader.until("nodes")
    assert "ping" in reader.comments


def test_it_survives_redis(
    listen: Callable[..., Reader], cluster: FakeCluster, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "BACK_OFF", (0.01, 0.02))
    failed = threading.Event()
    original = cluster._reach

    def reach() -> None:
        if cluster.away:
            failed.set()
        original()

    monkeypatch.setattr(cluster, "_reach", reach)
    reader = listen()
    reader.until("summary")
    cluster.away = True
    assert failed.wait(10)
    cluster.away = False
    submit("a.png")
    assert reader.until("jobs")["items"][0]["name"] == "a.png"


def test_nothing_is_lost_when_redis_goes_between_two_calls(
    listen: Callable[..., Reader], cluster: FakeCluster, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "BACK_OFF", (0.01, 0.02))
    original, failed = cluster.batches, threading.Event()

    def batches(ids: Any) -> list[dict[str, Any]]:
        if ids and not failed.is_set():
            failed.set()
            raise ClusterUnavailable("gone for a moment")
        return original(ids)

    reader = listen()
    reader.until("summary")
    monkeypatch.setattr(cluster, "batches", batches)
    submit("a.png")
    assert reader.until("jobs")["items"][0]["name"] == "a.png"
    assert reader.until("batches")["items"][0]["total"] == 1
    assert failed.is_set()


def test_a_defect_in_one_round_does_not_end_it(
    listen: Callable[..., Reader],
    cluster: FakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(broadcast, "BACK_OFF", (0.01, 0.02))
    original, broken = cluster.summary, threading.Event()

    def summary() -> dict[str, Any]:
        if not broken.is_set():
            broken.set()
            raise KeyError("backlog")
        return original()

    monkeypatch.setattr(cluster, "summary", summary)
    assert listen().until("summary")
    assert "the live stream failed" in caplog.text


def test_too_many_listeners(
    app: Flask, client: FlaskClient, listen: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions["cumulo"].broadcaster, "_capacity", 1)
    reader = listen()
    response = client.get(URL)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.get_json()["type"] == "urn:cumulo:problem:streams-full"
    reader.response.close()
    assert listen().until("hello")


def test_asking_for_the_head_alone_takes_no_place(app: Flask, client: FlaskClient) -> None:
    assert client.head(URL).status_code == 200
    assert not app.extensions["cumulo"].broadcaster._listeners


def test_the_shutdown_ends_every_stream(app: Flask, client: FlaskClient, listen: Callable[..., Reader]) -> None:
    reader = listen()
    reader.until("nodes")
    app.extensions["cumulo"].broadcaster.close()
    with pytest.raises(AssertionError, match="the stream ended"):
        reader.until("never")
    assert client.get(URL).status_code == 503


def test_without_listeners_the_cluster_is_left_alone(
    app: Flask, listen: Callable[..., Reader], cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcaster: Broadcaster = app.extensions["cumulo"].broadcaster
    assert broadcaster._thread is None, "the thread starts with the first listener"
    reader = listen()
    reader.until("nodes")
    resting = threading.Event()
    wait = broadcaster._changed.wait

    def waiting(timeout: float | None = None) -> bool:
        resting.set()
        return wait(timeout)

    monkeypatch.setattr(broadcaster._changed, "wait", waiting)
    reader.response.close()
    assert resting.wait(10)
    cluster.set_nodes(node_view("pc-7"))
    nodes = listen().until("nodes")
    assert nodes["items"][0]["worker_id"] == "pc-7", "the first words after a rest are fresh"


# -- the parts -----------------------------------------------------------------------------------------------------


def test_a_slow_listener_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "QUEUE_LENGTH", 3)
    listener = Listener()
    for _ in range(3):
        listener.put(b"x")
    assert listener.get(0) == b"x"
    listener.put(b"x")
    listener.put(b"x")
    assert listener.get(0) == CLOSED


def test_a_lone_photo_is_told_at_once_and_a_burst_is_gathered() -> None:
    pace = Pace()
    now, pauses = 100.0, []
    for _ in range(8):
        pauses.append(pace.pause(now))
        now += pauses[-1]
    assert pauses[:3] == [broadcast.PROMPT_SECONDS] * 3
    assert pauses[4:] == [broadcast.COALESCE_SECONDS] * 4
    assert pace.pause(now + 5) == broadcast.PROMPT_SECONDS


@pytest.mark.parametrize("count", [10, 9], ids=["pages and a rest", "full pages"])
def test_more_than_a_page_of_events_is_told_to_the_end(
    listen: Callable[..., Reader], submit: Submit, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(broadcast, "PAGE", 3)
    reader = listen()
    reader.until("summary")
    answer = submit(*[f"{n}.png" for n in range(count)])
    seen: set[str] = set()
    while len(seen) < count:
        seen |= {job["id"] for job in reader.until("jobs")["items"]}
    batch = reader.until("batches", lambda data: data["items"][0]["counts"]["assigned"] == count)
    assert batch["items"][0]["id"] == answer["batch"]


def test_a_listener_waits_no_longer_than_asked() -> None:
    assert Listener().get(0.01) is None


def test_a_message_of_any_text_is_one_event() -> None:
    sent = {"name": "línea 1\nlínea 2\r\n\n\u2028", "n": 1}
    text = broadcast.message("jobs", sent, "1-2").decode()
    assert text.startswith("event: jobs\nid: 1-2\ndata: {")
    assert text.endswith("}\n\n")
    assert text.count("\n") == 4
    assert json.loads(text.split("data: ")[1]) == sent


def test_the_capacity_is_kept(cluster: FakeCluster) -> None:
    broadcaster = Broadcaster(cast(Any, cluster), capacity=2)
    listeners = [broadcaster.listen()[0] for _ in range(2)]
    with pytest.raises(StreamsFull):
        broadcaster.listen()
    broadcaster.leave(listeners[0])
    broadcaster.listen()
    broadcaster.close()

"""What a worker process does with a message, with a real store, a real ledger and real images."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
import redis
from PIL import Image

import filters
from cluster import keys, progress, service
from cluster.errors import Conflict, NoLiveNode, NotFound, StoreError, UnknownPolicy
from cluster.learning import learn_from_trace
from cluster.lease import Lease, perform
from cluster.ledger import WorkOrder
from cluster.limits import TimeLimit
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.settings import load_settings
from cluster.storage import FolderStore
from tests.cluster.ledgers import add_node, happened
from tests.servers import unused_port

SEPIA = filters.parse_pipeline(["sepia"])


def picture(size: tuple[int, int] = (40, 30), color: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "png")
    return file.getvalue()


@pytest.fixture(autouse=True)
def _node(registry: Nodes, cluster: Cluster) -> None:
    add_node(registry, "pc-1", 2)


def send(cluster: Cluster, *files: bytes, pipeline: filters.Pipeline = SEPIA, **options: object) -> dict:
    uploads = [cluster.receive(io.BytesIO(data), f"photo-{number}.png") for number, data in enumerate(files, 1)]
    return cluster.submit(uploads, pipeline, **options)


def work(cluster: Cluster, server: redis.Redis) -> dict[str, int]:
    """One process of pc-1 takes the oldest message and works as long as its lease lasts."""
    lease = server.zrange(keys.waiting("pc-1"), 0, 0)[0]
    attempts = {job_id: int(server.hget(keys.job(job_id), "attempt")) for job_id in server.smembers(keys.lease(lease))}
    return Lease(cluster, "pc-1", lease).run(attempts)


def test_a_submitted_photo_becomes_a_result(cluster: Cluster, server: redis.Redis) -> None:
    answer = send(cluster, picture())
    [job] = answer["jobs"]
    assert (job["state"], job["node"]) == ("assigned", "pc-1")
    assert work(cluster, server) == {"done": 1}
    job = cluster.job(job["id"])
    assert (job["state"], job["result"]["width"], job["result"]["height"]) == ("done", 40, 30)
    result = cluster.store.get(cluster.job_blob(job["id"], "result")["sha256"])
    assert result == filters.apply(picture(), ["sepia"]).data
    assert cluster.store.get(cluster.job_blob(job["id"], "input")["sha256"]) == picture()
    thumbnail = cluster.job_blob(job["id"], "thumbnail")
    assert Image.open(io.BytesIO(cluster.store.get(thumbnail["sha256"]))).format == thumbnail["format"].upper()
    assert [entry["event"] for entry in job["timeline"]] == ["queued", "assigned", "started", "done"]


def test_only_a_large_picture_gets_a_thumbnail_of_its_own(cluster: Cluster, server: redis.Redis) -> None:
    answer = send(cluster, picture((700, 20)), picture((600, 20)))
    while server.zcard(keys.waiting("pc-1")):
        work(cluster, server)
    large, small = (job["id"] for job in answer["jobs"])
    made = Image.open(io.BytesIO(cluster.store.get(cluster.job_blob(large, "thumbnail")["sha256"])))
    assert max(made.size) == 320
    assert cluster.job_blob(small, "thumbnail") == cluster.job_blob(small, "result")


def test_browsers_show_no_tiff_so_even_a_small_one_gets_a_thumbnail(cluster: Cluster, server: redis.Redis) -> None:
    answer = send(cluster, picture((60, 20)), format="tiff")
    work(cluster, server)
    (job,) = (job["id"] for job in answer["jobs"])
    assert cluster.job_blob(job, "result")["format"] == "tiff"
    assert cluster.job_blob(job, "thumbnail")["format"] == "jpeg"


def test_an_animation_stays_one_and_costs_what_all_its_frames_do(cluster: Cluster, server: redis.Redis) -> None:
    frames = [Image.new("RGB", (700, 100), (shade, 0, 0)) for shade in (50, 100, 150)]
    file = io.BytesIO()
    frames[0].save(file, "gif", save_all=True, append_images=frames[1:], duration=100)
    moving, still = (send(cluster, file.getvalue(), format=format)["jobs"][0]["id"] for format in (None, "jpeg"))
    assert float(server.hget(keys.job(moving), "mp")) == pytest.approx(0.21)
    assert float(server.hget(keys.job(still), "mp")) == pytest.approx(0.07)
    while server.zcard(keys.waiting("pc-1")):
        work(cluster, server)
    counts = [
        filters.inspect(cluster.store.get(cluster.job_blob(job, which)["sha256"])).frames
        for job in (moving, still)
        for which in ("result", "thumbnail")
    ]
    assert counts == [3, 1, 1, 1]


def test_a_process_goes_on_with_the_backlog_while_its_lease_lasts(cluster: Cluster, server: redis.Redis) -> None:
    answer = send(cluster, *(picture(color=f"#{shade:02x}8080") for shade in range(20)))
    assert cluster.batch(answer["batch"])["counts"]["queued"] > 0
    while server.zcard(keys.waiting("pc-1")):
        work(cluster, server)
    batch = cluster.batch(answer["batch"], after=0)
    assert batch["counts"]["done"] == 20
    assert batch["next_after"] == len(batch["results"]) == 20
    words = {word for job in answer["jobs"] for word in happened(cluster.ledger, job["id"])}
    assert "taken" in words


def test_a_lease_that_is_over_takes_nothing(
    cluster: Cluster, server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.settings, "lease_seconds", 0.0)
    answer = send(cluster, *(picture(color=f"#{shade:02x}8080") for shade in range(20)))
    while server.zcard(keys.waiting("pc-1")):
        work(cluster, server)
    assert cluster.batch(answer["batch"])["counts"]["done"] == 20
    assert not any("taken" in happened(cluster.ledger, job["id"]) for job in answer["jobs"])


def test_a_damaged_image_fails_with_words_and_disturbs_no_other(cluster: Cluster, server: redis.Redis) -> None:
    file = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(file, "jpeg")
    torn = file.getvalue()[:-600]
    answer = send(cluster, torn, picture())
    while server.zcard(keys.waiting("pc-1")):
        work(cluster, server)
    bad, good = (cluster.job(job["id"]) for job in answer["jobs"])
    assert (bad["state"], good["state"]) == ("failed", "done")
    assert bad["error"]["type"] == "broken-image"
    assert bad["error"]["detail"]
    assert bad["result"] is None
    with pytest.raises(Conflict, match="is failed: it has no result"):
        cluster.job_blob(bad["id"], "result")


def orders_of(cluster: Cluster, server: redis.Redis) -> list[WorkOrder]:
    """The oldest message of pc-1, claimed."""
    lease = server.zrange(keys.waiting("pc-1"), 0, 0)[0]
    attempts = {job_id: int(server.hget(keys.job(job_id), "attempt")) for job_id in server.smembers(keys.lease(lease))}
    return cluster.ledger.claim("pc-1", lease, attempts)


def test_an_image_that_took_too_long_fails_before_its_next_step(
    cluster: Cluster, server: redis.Redis, tmp_path: Path
) -> None:
    send(cluster, picture((600, 400)), pipeline=filters.parse_pipeline(["sepia", "blur"]))
    [order] = orders_of(cluster, server)
    own = progress.Progress(tmp_path)
    assert perform(cluster, order, TimeLimit(60.0, 120.0), own).state == "done"
    outcome = perform(cluster, order, TimeLimit(0.0, 120.0), own)
    assert (outcome.state, outcome.error["type"], outcome.error["step"]) == ("failed", "timeout", 1)
    assert "more than 0 s of CPU time" in outcome.error["detail"]
    assert not outcome.node_is_to_blame


def test_while_a_process_works_it_says_on_what_and_afterwards_on_nothing(
    cluster: Cluster, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = progress.folder_of(cluster.settings, "pc-1")
    said: list[tuple[str, str, str]] = []

    def note() -> None:
        [(work, _)] = progress.in_hand(folder).values()
        said.append((work.job, work.phase, work.filter))

    [job] = send(cluster, picture())["jobs"]
    fetch, store = cluster.store.get, cluster.store.put
    monkeypatch.setattr(cluster.store, "get", lambda sha256: (note(), fetch(sha256))[1])
    monkeypatch.setattr(cluster.store, "put", lambda data: (note(), store(data))[1])
    assert work(cluster, server) == {"done": 1}
    assert said == [(job["id"], "fetching", ""), (job["id"], "storing", "")]
    assert progress.in_hand(folder) == {}


def test_an_input_that_has_gone_from_the_store_fails_with_words(cluster: Cluster, server: redis.Redis) -> None:
    [job] = send(cluster, picture())["jobs"]
    cluster.home_store.path(cluster.job_blob(job["id"], "input")["sha256"]).unlink()
    assert work(cluster, server) == {"failed": 1}
    error = cluster.job(job["id"])["error"]
    assert error["type"] == "input-missing"
    assert "cannot be had any more" in error["detail"]


def unwritable(monkeypatch: pytest.MonkeyPatch, times: float) -> list[int]:
    """The store's disk is full for so many attempts; returns the count of attempts."""
    tried = [0]
    put = FolderStore.put

    def full(store: FolderStore, data: bytes) -> str:
        tried[0] += 1
        if tried[0] <= times:
            raise StoreError(f"cannot write into {store.root}: No space left on device")
        return put(store, data)

    monkeypatch.setattr(FolderStore, "put", full)
    return tried


def test_a_full_store_is_waited_for(
    cluster: Cluster, server: redis.Redis, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    [job] = send(cluster, picture())["jobs"]
    monkeypatch.setattr(service, "STORE_AGAIN", 0.01)
    unwritable(monkeypatch, 5)
    assert work(cluster, server) == {"done": 1}
    assert cluster.job(job["id"])["attempt"] == 1
    assert len(caplog.messages) == 2
    assert "No space left on device" in caplog.messages[0]
    assert caplog.messages[1] == "the image store is back"


def test_without_its_stored_result_no_job_is_done(
    cluster: Cluster, server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.settings, "store_seconds", 0.0)
    monkeypatch.setattr(cluster.settings, "lease_seconds", 0.0)
    [job] = send(cluster, picture())["jobs"]
    healthy = FolderStore.put
    unwritable(monkeypatch, math.inf)
    for attempt in (1, 2):
        work(cluster, server)
        view = cluster.job(job["id"])
        assert (view["state"], view["attempt"], view["result"]) == ("assigned", attempt + 1, None)
        returned = [entry for entry in view["timeline"] if entry["event"] == "returned"][-1]
        assert returned["node"] == "pc-1"
        assert "No space left on device" in returned["detail"]
    work(cluster, server)
    view = cluster.job(job["id"])
    assert (view["state"], view["error"]["type"], view["lost"], view["result"]) == ("failed", "store", 0, None)
    assert "No space left on device" in view["error"]["detail"]
    assert cluster.batch(view["batch"])["counts"]["failed"] == 1
    assert server.hget(keys.worker("pc-1"), "failures") == "3", "the node is charged"

    monkeypatch.setattr(FolderStore, "put", healthy)
    cluster.retry(job["id"])
    work(cluster, server)
    assert cluster.job(job["id"])["state"] == "done"


def test_what_one_node_cannot_store_another_one_does(
    cluster: Cluster, server: redis.Redis, registry: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster.settings, "store_seconds", 0.0)
    [job] = send(cluster, picture())["jobs"]
    add_node(registry, "pc-2", 2)
    unwritable(monkeypatch, 1)
    work(cluster, server)
    assert cluster.job(job["id"])["node"] == "pc-2"
    lease = server.zrange(keys.waiting("pc-2"), 0, 0)[0]
    assert Lease(cluster, "pc-2", lease).run({job["id"]: 2}) == {"done": 1}


def test_a_node_whose_web_app_is_away_waits_for_it(
    cluster: Cluster, server: redis.Redis, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{unused_port()}"
    node = Cluster(load_settings(redis_url=valkey_url, store=address, store_seconds=0.2))
    [job] = send(cluster, picture())["jobs"]
    work(node, server)
    [why] = [entry["detail"] for entry in cluster.job(job["id"])["timeline"] if entry["event"] == "returned"]
    assert f"cannot reach the web app's store at {address}" in why
    node.redis.close()


def test_a_message_that_comes_twice_does_nothing_the_second_time(cluster: Cluster, server: redis.Redis) -> None:
    [job] = send(cluster, picture())["jobs"]
    lease = server.zrange(keys.waiting("pc-1"), 0, 0)[0]
    assert Lease(cluster, "pc-1", lease).run({job["id"]: 1}) == {"done": 1}
    assert Lease(cluster, "pc-1", lease).run({job["id"]: 1}) == {}


def test_without_a_live_node_nothing_is_accepted(cluster: Cluster) -> None:
    cluster.set_node_mode("pc-1", "paused")
    with pytest.raises(NoLiveNode, match="cumulo worker"):
        send(cluster, picture())
    assert cluster.ledger.counts()["queued"] == 0


def test_jobs_can_be_found_by_state_node_filter_and_name(cluster: Cluster, server: redis.Redis) -> None:
    first = send(cluster, picture(), picture(color="red"))["jobs"]
    [gray] = send(cluster, picture(), pipeline=filters.parse_pipeline(["gray"]))["jobs"]
    work(cluster, server)

    def found(**query: object) -> list[str]:
        return [job["id"] for job in cluster.jobs(**query)["items"]]

    everything = [gray["id"], first[1]["id"], first[0]["id"]]
    assert found() == everything
    assert found(filter="gray") == [gray["id"]]
    assert found(q="PHOTO-2") == [first[1]["id"]]
    assert found(q="hoto-2") == []
    assert found(since=first[0]["created_at"], until=gray["created_at"]) == [first[1]["id"], first[0]["id"]]
    assert found(node="pc-1") == everything
    assert found(node="nobody") == []
    assert len(found(state="done")) >= 1
    page = cluster.jobs(limit=2)
    assert [job["id"] for job in page["items"]] == everything[:2]
    rest = cluster.jobs(limit=2, cursor=page["next"])
    assert ([job["id"] for job in rest["items"]], rest["next"]) == (everything[2:], None)


def test_what_jobs_took_is_learned_and_expected_of_later_ones(cluster: Cluster, server: redis.Redis) -> None:
    shades = iter(range(60))

    def cost_of_a_batch() -> list[float]:
        files = [picture((640, 400), color=f"#{next(shades):02x}8080") for _ in range(20)]
        answer = send(cluster, *files, pipeline=filters.parse_pipeline(["edges"]))
        while server.zcard(keys.waiting("pc-1")):
            work(cluster, server)
        return [float(server.hget(keys.job(job["id"]), "cost")) for job in answer["jobs"]]

    before = cost_of_a_batch()
    assert learn_from_trace(server) == 20
    took = [float(entry["cpu"]) for _, entry in server.xrange(keys.TRACE)]
    assert min(took) > 0
    fresh = Cluster(cluster.settings, home=True)  # what another process knows, which kept nothing in memory
    again = fresh.submit([fresh.receive(io.BytesIO(picture((640, 400))), "a.png")], filters.parse_pipeline(["edges"]))
    after = float(server.hget(keys.job(again["jobs"][0]["id"]), "cost"))
    speed = float(server.hget(keys.worker("pc-1"), "speed"))
    truth = sorted(took)[10] * speed
    assert abs(math.log(after / truth)) <= abs(math.log(before[0] / truth)) + 0.05
    assert abs(math.log(after / truth)) < math.log(2)
    fresh.redis.close()


def test_the_summary_counts_what_waits_and_what_is_done(cluster: Cluster, server: redis.Redis) -> None:
    send(cluster, *(picture((40, 30 + extra)) for extra in range(10)))
    before = cluster.summary()
    assert before["backlog"] == before["counts"]["queued"] > 0
    assert before["oldest_age"] >= 0
    while server.zcard(keys.waiting("pc-1")):
        work(cluster, server)
    after = cluster.summary()
    assert (after["backlog"], after["oldest_age"], after["images_per_minute"]) == (0, None, 10)
    assert after["nodes"] == {"live": 1}


def test_a_policy_is_switched_by_name_and_the_switch_is_an_event(cluster: Cluster) -> None:
    assert cluster.policy()["policy"] == "least-cpu"
    for _ in range(2):
        assert cluster.set_policy("round-robin")["policy"] == "round-robin"
    assert [event["policy"] for event in cluster.recent_events() if event["type"] == "policy"] == ["round-robin"]
    with pytest.raises(UnknownPolicy, match="least-cpu"):
        cluster.set_policy("best")


def test_a_node_is_forgotten_only_when_it_is_offline_and_its_jobs_are_not_lost(
    cluster: Cluster, registry: Nodes
) -> None:
    [job] = send(cluster, picture())["jobs"]
    with pytest.raises(Conflict, match="is live; only an offline node"):
        cluster.forget_node("pc-1")
    registry.stop("pc-1")
    cluster.forget_node("pc-1")
    assert cluster.nodes() == []
    assert cluster.job(job["id"])["state"] == "queued"


def test_a_node_finds_the_store_of_the_web_apps_pc(cluster: Cluster, valkey_url: str) -> None:
    [job] = send(cluster, picture())["jobs"]
    node = Cluster(load_settings(redis_url=valkey_url))
    sha256 = cluster.job_blob(job["id"], "input")["sha256"]
    assert node.store.get(sha256) == picture()
    node.redis.close()


def test_a_node_without_a_way_to_the_store_is_told_what_to_do(
    cluster: Cluster, server: redis.Redis, valkey_url: str
) -> None:
    node = Cluster(load_settings(redis_url=valkey_url))
    server.hset(keys.CLUSTER, "store_path", "/nowhere/at/all")
    with pytest.raises(StoreError, match=r"start the web app there with `--host 0\.0\.0\.0`"):
        _ = node.store
    server.delete(keys.CLUSTER)
    with pytest.raises(StoreError, match="start the web app first"):
        _ = node.store
    node.redis.close()


def test_a_blob_must_have_the_hash_that_it_claims(cluster: Cluster) -> None:
    with pytest.raises(Conflict, match="not aaaa"):
        cluster.store_blob("a" * 64, io.BytesIO(b"something else"))
    with pytest.raises(NotFound):
        cluster.blob_path("a" * 64)


def test_machines_of_the_original_report_are_watched(cluster: Cluster) -> None:
    cluster.register_watched("printer", "10.0.0.9", 9100)
    cluster.watched_heartbeat("printer", {"cpu_usage": 12.5})
    assert cluster.report_worker("printer")["cpu_usage"] == "12.5"
    assert {worker["worker_id"] for worker in cluster.report_workers()} == {"pc-1", "printer"}
    assert cluster.report_favourite()["worker_id"] == "pc-1"
    with pytest.raises(NotFound, match="Worker not registered"):
        cluster.watched_heartbeat("stranger", {"cpu_usage": 1})
    for claim in (cluster.register_watched, lambda *_: cluster.watched_heartbeat("pc-1", {"cpu_usage": 1})):
        with pytest.raises(Conflict, match="Celery node"):
            claim("pc-1", "10.0.0.9", 1)

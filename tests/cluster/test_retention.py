"""What is kept how long: jobs, their keys and their images, whatever happens in between."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from PIL import Image

import filters
from cluster import chores, keys, retention
from cluster.errors import NotFound, StoreError
from cluster.lease import Lease
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.retention import FolderTidier, Keep, Retention, purge
from cluster.service import Cluster
from cluster.settings import load_settings
from cluster.storage import ASIDE, FolderStore, WebStore
from tests.cluster.ledgers import SEPIA, add_node, done, new_jobs, start, submit, submit_batch

FOREVER = Keep(days=0, jobs=0, bytes=0, unused=900)
NOTHING: dict[str, float] = {
    "before": float("-inf"),
    "keep": float("inf"),
    "keep_bytes": float("inf"),
    "settled": float("inf"),
    "seconds": 60,
}


@pytest.fixture(autouse=True)
def _node(registry: Nodes) -> None:
    add_node(registry, "pc-1", 2)


def finish(ledger: Ledger, *job_ids: str) -> None:
    for job_id in job_ids:
        message, [order] = start(ledger, "pc-1", job_id)
        ledger.commit("pc-1", message.lease, [done(order)])


def kept(ledger: Ledger, job_ids: list[str]) -> list[str]:
    return [view["id"] for view in ledger.views(job_ids)]


def age(server: redis.Redis, seconds: float, *job_ids: str) -> None:
    """As if these jobs had finished that much earlier."""
    for job_id in job_ids:
        server.zincrby(keys.ENDED, -seconds, job_id)


# -- jobs -----------------------------------------------------------------------------------------------------------


def test_jobs_that_finished_too_long_ago_are_deleted(cluster: Cluster, ledger: Ledger, server: redis.Redis) -> None:
    ids = submit(ledger, 5)
    finish(ledger, ids[0])
    ledger.cancel(ids[3])
    finish(ledger, ids[1], ids[2])
    age(server, 3 * 86400, ids[0], ids[3])
    age(server, 86400, ids[1])
    assert purge(cluster, replace(FOREVER, days=2)) == 2
    assert kept(ledger, ids) == [ids[1], ids[2], ids[4]]
    with pytest.raises(NotFound):
        ledger.job(ids[0])


def test_of_more_finished_jobs_than_are_kept_the_oldest_go(
    cluster: Cluster, ledger: Ledger, server: redis.Redis
) -> None:
    ids = submit(ledger, 6)
    finish(ledger, ids[2], ids[0], ids[1], ids[3])
    age(server, 120, *ids[:4])
    assert purge(cluster, replace(FOREVER, jobs=2)) == 2
    assert kept(ledger, ids) == [ids[1], ids[3], ids[4], ids[5]], "unfinished ones neither count nor go"


def test_of_more_bytes_than_are_kept_the_oldest_jobs_go(cluster: Cluster, ledger: Ledger, server: redis.Redis) -> None:
    jobs = [
        replace(job, input={**job.input, "sha256": f"{at:064x}", "bytes": 100}) for at, job in enumerate(new_jobs(5))
    ]
    options: dict[str, Any] = {"format": None, "quality": None, "priority": 0, "submitter": "", "max_backlog": 9}
    _, ids = ledger.submit(jobs, pipeline=SEPIA, **options)
    finish(ledger, *ids[:4])  # their results are one image of 5 bytes
    assert cluster.blobs.bytes_in_use() == 505
    age(server, 120, *ids[:4])
    assert purge(cluster, replace(FOREVER, bytes=310)) == 2
    assert cluster.blobs.bytes_in_use() == 305
    assert kept(ledger, ids) == ids[2:]


def test_jobs_that_have_just_finished_stay_however_many_there_are(cluster: Cluster, ledger: Ledger) -> None:
    ids = submit(ledger, 3)
    finish(ledger, *ids)
    assert purge(cluster, replace(FOREVER, jobs=1, bytes=1)) == 0


def test_for_ever_is_for_ever(cluster: Cluster, ledger: Ledger, server: redis.Redis) -> None:
    ids = submit(ledger, 2)
    finish(ledger, *ids)
    age(server, 1e8, *ids)
    assert purge(cluster, FOREVER) == 0


def test_a_job_that_was_tried_again_is_no_old_one(ledger: Ledger) -> None:
    [job_id] = submit(ledger)
    ledger.cancel(job_id)
    ledger.retry(job_id)
    assert ledger.purge(**{**NOTHING, "keep": 0}) == 0
    assert kept(ledger, [job_id]) == [job_id]


def test_a_batch_goes_with_its_last_job(ledger: Ledger, server: redis.Redis) -> None:
    batch, ids = submit_batch(ledger, 3)
    finish(ledger, ids[1], ids[0])
    assert ledger.purge(**{**NOTHING, "keep": 0}) == 2
    view = ledger.batch(batch)
    assert (view["total"], view["finished"], view["deleted"], view["state"]) == (3, 2, 2, "running")
    assert ledger.batch_ids(batch) == [ids[2]]
    finish(ledger, ids[2])
    assert ledger.batch(batch)["state"] == "finished"
    assert ledger.purge(**{**NOTHING, "keep": 0}) == 1
    with pytest.raises(NotFound):
        ledger.batch(batch)
    assert list(server.scan_iter("batch:*")) == []


def test_whoever_reads_a_batch_as_it_finishes_misses_nothing_while_others_are_deleted(ledger: Ledger) -> None:
    batch, ids = submit_batch(ledger, 6)
    for job_id in reversed(ids[:4]):
        finish(ledger, job_id)
    first, position = ledger.finished_after(batch, 0, count=2)
    assert (first, position) == ([ids[3], ids[2]], 2)
    assert ledger.purge(**{**NOTHING, "keep": 2}) == 2
    assert ledger.finished_after(batch, position) == ([ids[1], ids[0]], 4)
    finish(ledger, *ids[4:])
    assert ledger.purge(**{**NOTHING, "keep": 1}) == 3
    assert ledger.finished_after(batch, 4) == ([ids[5]], 6), "what was deleted before it was read is passed over"


def test_many_are_deleted_in_slices(ledger: Ledger) -> None:
    ids = submit(ledger, 120)
    for job_id in ids:
        ledger.cancel(job_id)
    assert 0 < ledger.purge(**{**NOTHING, "keep": 0, "seconds": 0}) < 120, "one slice, and time is up"
    while ledger.purge(**{**NOTHING, "keep": 0, "seconds": 0}):
        pass
    assert kept(ledger, ids) == []


# -- which images are in use ----------------------------------------------------------------------------------------


def test_an_image_stays_as_long_as_any_job_uses_it(ledger: Ledger, cluster: Cluster, server: redis.Redis) -> None:
    """As an input or as a result: in these tests all of them are one image."""
    first, second = submit(ledger, 2)
    finish(ledger, first)
    [sha256] = {key.partition(":")[2] for key in server.scan_iter("blob:*")}
    assert server.hgetall(keys.blob(sha256)) == {"refs": "3", "bytes": "10"}
    ledger.purge(**{**NOTHING, "keep": 0})
    assert server.hget(keys.blob(sha256), "refs") == "1"
    assert cluster.blobs.unused(0, 9) == []
    finish(ledger, second)
    ledger.purge(**{**NOTHING, "keep": 0})
    assert not server.exists(keys.blob(sha256))
    assert cluster.blobs.unused(-1, 9) == [sha256]
    assert cluster.blobs.bytes_in_use() == 0
    submit(ledger)
    assert cluster.blobs.unused(-1, 9) == [], "it is used again"
    assert cluster.blobs.bytes_in_use() == 10


def test_a_result_that_comes_too_late_is_nobodys(ledger: Ledger, server: redis.Redis) -> None:
    [job_id] = submit(ledger)
    message, [order] = start(ledger, "pc-1", job_id)
    ledger.cancel(job_id)
    late = replace(done(order), result={**done(order).result, "sha256": "cd" * 32})
    ledger.commit("pc-1", message.lease, [late])
    assert not server.exists(keys.blob("cd" * 32))


# -- the files ------------------------------------------------------------------------------------------------------

DATA = b"some bytes that stand for an image"


@pytest.fixture
def folder(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "blobs")


def old(store: FolderStore, data: bytes = DATA, ending: str = "") -> str:
    """An image that nobody has stored again for an hour."""
    sha256 = store.put(data)
    path = store.path(sha256)
    if ending:
        os.rename(path, path := path.with_name(sha256 + ending))
    os.utime(path, (time.time() - 3600,) * 2)
    return sha256


def yes(_: str) -> bool:
    return True


def test_an_old_image_without_a_job_is_removed(folder: FolderStore) -> None:
    assert folder.discard(old(folder), 900, yes)
    assert list(folder.root.glob("??/*")) == []


def test_an_image_that_was_just_stored_again_stays(folder: FolderStore) -> None:
    """An upload that found it there, and whose job is not recorded yet."""
    sha256 = old(folder)
    folder.put(DATA)
    assert not folder.discard(sha256, 900, yes)
    assert folder.get(sha256) == DATA


def test_an_image_that_is_stored_while_it_is_being_removed_stays(folder: FolderStore) -> None:
    def meanwhile(sha256: str) -> bool:
        assert folder.put(DATA) == sha256
        return True

    sha256 = old(folder)
    assert folder.discard(sha256, 900, meanwhile)
    assert folder.get(sha256) == DATA


def test_an_image_that_got_a_job_meanwhile_stays_and_can_be_read_all_the_time(folder: FolderStore) -> None:
    def meanwhile(sha256: str) -> bool:
        assert folder.get(sha256) == DATA
        found = folder.find(sha256)
        assert found is not None
        assert found.read_bytes() == DATA
        return False

    sha256 = old(folder)
    assert not folder.discard(sha256, 900, meanwhile)
    assert folder.path(sha256).read_bytes() == DATA
    assert [path.name for path in folder.root.glob("??/*")] == [sha256]


def test_an_image_that_is_gone_already_is_forgotten(folder: FolderStore) -> None:
    asked: list[str] = []
    assert not folder.discard("ab" * 32, 900, lambda sha256: bool(asked.append(sha256)))
    assert asked == ["ab" * 32]


@pytest.fixture
def tidier(cluster: Cluster, folder: FolderStore) -> FolderTidier:
    return FolderTidier(folder, cluster.blobs)


def sweep(tidier: FolderTidier, seconds: float = 900) -> int:
    return sum(tidier.sweep(part, replace(FOREVER, unused=seconds)) for part in range(257))


def test_what_has_no_job_is_swept_and_nothing_else(
    tidier: FolderTidier, folder: FolderStore, ledger: Ledger, server: redis.Redis
) -> None:
    used, orphan, fresh = old(folder, b"used"), old(folder, b"orphan"), folder.put(b"an upload under way")
    [job] = new_jobs(1)
    options: dict[str, Any] = {"format": None, "quality": None, "priority": 0, "submitter": "", "max_backlog": 9}
    ledger.submit([replace(job, input={**job.input, "sha256": used})], pipeline=SEPIA, **options)
    left = folder.root / "in-1234"
    left.write_bytes(b"an upload whose process died")
    os.utime(left, (1, 1))
    (folder.root / "in-5678").write_bytes(b"an upload under way")
    (folder.root / "ab").mkdir(exist_ok=True)
    own = folder.root / "ab" / "notes.txt"
    own.write_text("somebody's own file")
    os.utime(own, (1, 1))
    assert sweep(tidier) == 2
    assert folder.find(orphan) is None
    assert (folder.get(used), folder.get(fresh)) == (b"used", b"an upload under way")
    assert not left.exists()
    assert (folder.root / "in-5678").exists()
    assert own.exists()
    assert folder.identity()


def test_what_a_crash_has_put_aside_comes_back(tidier: FolderTidier, folder: FolderStore) -> None:
    sha256 = old(folder, ending=ASIDE)
    assert folder.get(sha256) == DATA, "and can be read before that"
    assert sweep(tidier) == 0
    assert folder.path(sha256).read_bytes() == DATA
    assert list(folder.root.glob(f"??/*{ASIDE}")) == []


def test_images_of_deleted_jobs_are_removed_after_a_while(
    tidier: FolderTidier, folder: FolderStore, cluster: Cluster, server: redis.Redis
) -> None:
    sha256 = old(folder)
    server.zadd(keys.UNUSED, {sha256: cluster.registry.clock()})
    keep = replace(FOREVER, unused=900)
    tidier.tidy(keep)
    assert folder.get(sha256) == DATA
    server.zincrby(keys.UNUSED, -1000, sha256)
    folder.put(DATA)
    assert tidier.tidy(keep) == 0
    assert cluster.blobs.unused(900, 9) == [], "an upload relies on it: it waits once more"
    assert server.zscore(keys.UNUSED, sha256)
    server.zincrby(keys.UNUSED, -1000, sha256)
    old(folder)
    assert tidier.tidy(keep) == 1
    assert folder.find(sha256) is None
    assert not server.exists(keys.UNUSED)


def test_a_folder_serves_the_cluster_that_came_first(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "new")
    assert store.belongs_to("one")
    assert not store.belongs_to("other")
    store.put(DATA)
    assert store.belongs_to("one")
    used = FolderStore(tmp_path / "used")
    used.put(DATA)
    assert not used.belongs_to("one"), "whose images these are is not known"


def test_nothing_is_removed_from_a_folder_that_another_cluster_has_used(cluster: Cluster, server: redis.Redis) -> None:
    """Such as after Redis has lost its data: then no image has a job, and all of them would go."""
    sha256 = old(cluster.home_store)
    server.hdel(keys.CLUSTER, "id")
    server.zadd(keys.UNUSED, {sha256: 1})
    with pytest.raises(StoreError, match="was used by another cluster"):
        cluster.tidy()
    assert cluster.store.get(sha256) == DATA


# -- the leader -----------------------------------------------------------------------------------------------------


def picture(size: tuple[int, int] = (40, 30), color: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "png")
    return file.getvalue()


def send(cluster: Cluster, *files: bytes, names: Callable[[int], str] = "photo-{}.png".format) -> dict[str, Any]:
    uploads = [cluster.receive(io.BytesIO(data), names(number)) for number, data in enumerate(files, 1)]
    return cluster.submit(uploads, filters.parse_pipeline(["sepia", "blur"]))


def work(cluster: Cluster) -> None:
    """pc-1 works until nothing is left for it."""
    while leases := cluster.redis.zrange(keys.waiting("pc-1"), 0, 0):
        ids = cluster.redis.smembers(keys.lease(leases[0]))
        attempts = {job_id: int(cluster.redis.hget(keys.job(job_id), "attempt")) for job_id in ids}
        Lease(cluster, "pc-1", leases[0]).run(attempts)


def tick(cluster: Cluster, leader: Retention) -> None:
    for _ in range(2):  # what the first step has noted is the second one's at the next tick
        leader.tick(cluster)
        leader.wait()


def files(cluster: Cluster) -> list[str]:
    return sorted(path.name for path in cluster.home_store.root.glob("??/*"))


def test_the_web_apps_settings_hold_whoever_leads(
    cluster: Cluster, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(cluster, picture((700, 20)))
    work(cluster)
    assert len(files(cluster)) == 3, "input, result, thumbnail"
    monkeypatch.setenv("CUMULO_KEEP_DAYS", "0.000000001")
    leader = Cluster(load_settings())  # the monitor of another PC, with settings of its own
    tick(leader, Retention())
    assert len(cluster.jobs()["items"]) == 1
    Cluster(load_settings(), home=True).ping()  # the web app
    tick(leader, Retention())
    assert cluster.jobs()["items"] == []


def test_without_a_web_app_nothing_is_deleted(cluster: Cluster, ledger: Ledger, server: redis.Redis) -> None:
    ids = submit(ledger)
    finish(ledger, *ids)
    age(server, 1e8, *ids)
    server.delete(keys.CLUSTER)
    tick(cluster, Retention())
    assert kept(ledger, ids) == ids


def test_retention_is_one_of_the_leaders_chores(
    cluster: Cluster, ledger: Ledger, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "_retention", leader := Retention())
    ids = submit(ledger)
    finish(ledger, *ids)
    age(server, 31 * 86400, *ids)
    chores.tend(cluster)
    leader.wait()
    assert kept(ledger, ids) == []


def test_a_leader_that_does_not_see_the_folder_asks_the_web_app(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = Cluster(load_settings(store="http://127.0.0.1:1"))
    asked: list[WebStore] = []

    def ask(store: WebStore) -> None:
        asked.append(store)

    monkeypatch.setattr(WebStore, "tidy", ask)
    sha256 = old(cluster.home_store)
    cluster.redis.zadd(keys.UNUSED, {sha256: 1})
    tick(leader, Retention())
    assert asked == [leader.store] * 2
    assert cluster.store.get(sha256) == DATA
    assert cluster.tidy() == 1, "what the web app does then"


def test_a_store_that_cannot_be_tidied_is_reported_once(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> int:
        raise StoreError("the disk is away")

    monkeypatch.setattr(cluster, "tidy", fail)
    leader = Retention()
    tick(cluster, leader)
    assert caplog.text.count("cannot be deleted: the disk is away") == 1


CONSTANT = {keys.SEQUENCE, keys.BINDINGS, keys.BLOB_BYTES, keys.CLOCK, keys.SINCE}  # of a fixed size, for good
CAPPED = {keys.EVENTS, keys.TRACE, keys.TRACE_NODES}


def test_after_a_whole_life_the_keys_are_what_they_were(
    cluster: Cluster, ledger: Ledger, registry: Nodes, server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Submitted, done, failed, cancelled, retried, quarantined, rescued; then forgotten, and so are the nodes."""
    monkeypatch.setattr(retention, "SWEEP_SECONDS", 0)
    registry.sample("pc-1", {"cpu_usage": 1}, "1,2,3,4")
    chores.tend(cluster)
    before, stored = set(server.scan_iter()), files(cluster)
    assert stored == []
    batch = send(cluster, picture(), picture(color="red"), picture((700, 20)), picture()[:60] + b"\0" * 20)
    work(cluster)
    single = send(cluster, picture(color="blue"), names="Ñ-{}.png".format)
    cluster.cancel(single["jobs"][0]["id"])
    cluster.retry(single["jobs"][0]["id"])
    work(cluster)
    assert cluster.batch(batch["batch"])["counts"]["failed"] == 1

    add_node(registry, "pc-2", 4)
    registry.sample("pc-2", {"cpu_usage": 1}, "1,2,3,4")
    registry.calibrated("pc-2", 1.5)
    cluster.set_node_mode("pc-1", "paused")
    poison = send(cluster, picture(color="black"))["jobs"][0]["id"]
    for _ in range(3):
        lease = server.hget(keys.job(poison), "lease")
        node, attempt = server.hmget(keys.job(poison), "node", "attempt")
        assert ledger.claim(node, lease, {poison: int(attempt)})
        ledger.give_back(node, "signal 9", lost=True, lease=lease)
        cluster.dispatch()
    assert cluster.job(poison)["state"] == "quarantined"
    waiting = send(cluster, picture(color="white"))["jobs"][0]["id"]
    assert cluster.job(waiting)["node"] == "pc-2"
    server.hset(keys.worker("pc-2"), "last_heartbeat", "1")
    cluster.set_node_mode("pc-1", "active")
    chores.rescue(cluster)
    work(cluster)
    assert cluster.job(waiting)["state"] == "done"
    cluster.forget_node("pc-2")

    assert {view["state"] for view in cluster.jobs()["items"]} == {"done", "failed", "quarantined"}
    assert len(files(cluster)) > 8
    assert purge(cluster, replace(FOREVER, days=1e-9)) == 7
    tidier = FolderTidier(cluster.home_store, cluster.blobs)
    for path in cluster.home_store.root.glob("??/*"):
        os.utime(path, (1, 1))
    for sha256 in server.zrange(keys.UNUSED, 0, -1):
        server.zadd(keys.UNUSED, {sha256: 1})
    for part in range(257):
        tidier.tidy(FOREVER)
        tidier.sweep(part, FOREVER)
    assert files(cluster) == stored
    assert server.get(keys.BLOB_BYTES) == "0"
    left = {
        key
        for key in server.scan_iter()
        if server.ttl(key) < 0 and key not in before | CONSTANT | CAPPED and not key.startswith("_kombu")
    }
    assert left == {keys.queue("pc-1")}, "the messages themselves, which no Celery worker has fetched here"
    assert not [key for key in server.scan_iter() if "pc-2" in key]

"""What the cluster does not take: too many jobs of one submitter, too many images. What it took stays."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import redis
from PIL import Image

import filters
from cluster import keys, service, storage
from cluster.errors import BacklogFull, NotAccepting, QuotaReached, StoreFull
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.settings import load_settings
from tests.cluster.ledgers import add_node, done, start, states, submit

Make = Callable[..., Cluster]


@pytest.fixture(autouse=True)
def _node(registry: Nodes) -> None:
    add_node(registry, "pc-1", 2)


@pytest.fixture
def web(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Make:
    """The web app's cluster with other settings."""
    monkeypatch.setattr(service, "STORE_LOOK_SECONDS", 0)
    return lambda **settings: Cluster(load_settings(redis_url=cluster.settings.redis_url, **settings), home=True)


def picture(color: str = "teal") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "png")
    return file.getvalue()


def send(cluster: Cluster, *colors: str, **options: Any) -> list[str]:
    uploads = [cluster.receive(io.BytesIO(picture(color)), f"{color}.png") for color in colors]
    answer = cluster.submit(uploads, filters.parse_pipeline(["sepia"]), **options)
    return [job["id"] for job in answer["jobs"]]


# -- quota ----------------------------------------------------------------------------------------------------------


def test_nobody_has_more_unfinished_jobs_than_the_quota(ledger: Ledger, server: redis.Redis) -> None:
    ids = submit(ledger, 3, submitter="ana", quota=4)
    with pytest.raises(QuotaReached, match=r"ana would have more unfinished images than one may have \(4\)"):
        submit(ledger, 2, submitter="ana", quota=4)
    assert submit(ledger, 2, submitter="ben", quota=4)
    assert ledger.counts()["queued"] == 5, "nothing of what was refused"
    assert submit(ledger, 1, submitter="ana", quota=4)
    message, orders = start(ledger, "pc-1", ids[0])
    with pytest.raises(QuotaReached):
        submit(ledger, 1, submitter="ana", quota=4)
    ledger.commit("pc-1", message.lease, [done(orders[-1])])
    ledger.cancel(ids[1])
    assert submit(ledger, 2, submitter="ana", quota=4)
    assert server.hgetall(keys.SUBMITTERS) == {"ana": "4", "ben": "2"}


def test_a_large_submission_is_refused_as_a_whole(ledger: Ledger) -> None:
    for options, error in (
        ({"quota": 499}, QuotaReached),
        ({"max_backlog": 499}, BacklogFull),
        ({"max_bytes": 9}, StoreFull),
    ):
        with pytest.raises(error):
            submit(ledger, 500, **options)
    assert sum(ledger.counts().values()) == 0
    assert len(submit(ledger, 500, quota=500, max_backlog=500)) == 500


def test_a_submitter_whose_jobs_are_done_is_not_kept(ledger: Ledger, server: redis.Redis) -> None:
    [job_id] = submit(ledger, submitter="ana")
    ledger.cancel(job_id)
    assert not server.exists(keys.SUBMITTERS)
    ledger.retry(job_id)
    assert server.hgetall(keys.SUBMITTERS) == {"ana": "1"}


def test_the_quota_is_the_settings(web: Make) -> None:
    cluster = web(max_jobs_per_submitter=2)
    ids = send(cluster, "red", "blue", submitter="ana")
    with pytest.raises(QuotaReached):
        send(cluster, "green", submitter="ana")
    assert states(cluster.ledger, ids) == ["assigned"] * 2
    assert send(cluster, "green", submitter="ben")


def test_a_quota_of_zero_takes_nothing_and_says_so(web: Make) -> None:
    cluster = web(max_jobs_per_submitter=0)
    with pytest.raises(NotAccepting, match="the quota of each submitter is 0"):
        send(cluster, "red")
    assert list(cluster.home_store.root.glob("??/*")) == [], "refused before anything was stored"


# -- storage --------------------------------------------------------------------------------------------------------


def test_images_take_no_more_space_than_they_may(web: Make, ledger: Ledger) -> None:
    size = len(picture("red")) + len(picture("blue"))
    cluster = web(max_store_bytes=size)
    ids = send(cluster, "red", "blue")
    with pytest.raises(StoreFull, match="as much space as they may"):
        send(cluster, "green")
    assert states(ledger, ids) == ["assigned"] * 2
    assert send(web(max_store_bytes=size + 1), "red"), "the same image takes no more"
    with pytest.raises(StoreFull):
        send(web(max_store_bytes=size + 1), "green")
    ledger.cancel(ids[1])
    forever = float("inf")
    ledger.purge(before=forever, keep=forever, keep_bytes=forever, settled=forever, seconds=60)
    assert send(cluster, "green")


def test_accepted_work_has_the_last_of_the_disk(web: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = web(min_free_bytes=10 * 2**20)
    monkeypatch.setattr(storage.FolderStore, "free_bytes", lambda _: 10 * 2**20)
    ids = send(cluster, "red")
    monkeypatch.setattr(storage.FolderStore, "free_bytes", lambda _: 9 * 2**20)
    with pytest.raises(StoreFull, match="only 9 MiB left, and the last 10"):
        send(cluster, "blue")
    assert states(cluster.ledger, ids) == ["assigned"]
    assert cluster.store.get(cluster.store.put(b"its result")) == b"its result"


def test_how_full_the_disk_is_is_read_from_the_disk(cluster: Cluster) -> None:
    assert cluster.home_store.free_bytes() > 0
    assert storage.FolderStore(cluster.home_store.root / "not" / "yet").free_bytes() > 0

"""`cumulo apply`'s short way through the cluster's store: what goes in, what comes back, and what stops it."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import pytest

import filters
from cluster import client, keys
from cluster.api import Api
from cluster.client import GROUP, Finished, HttpRunner, StoreRunner, runner_for
from cluster.errors import ClusterError, ClusterUnavailable
from cluster.home import Running
from cluster.lease import Lease
from cluster.ledger import new_id
from cluster.service import Cluster
from cluster.settings import load_settings
from tests.cluster.ledgers import add_node, done, failed
from tests.filters.images import encoded, photo

SEPIA = filters.parse_pipeline(["sepia"])


def pictures(folder: Path, count: int) -> list[Path]:
    paths = [folder / f"photo-{number}.png" for number in range(count)]
    for path in paths:
        path.write_bytes(encoded(photo(24, 16), "png"))
    return paths


@pytest.fixture
def node(cluster: Cluster) -> Iterator[None]:
    """A node of one process, in a thread of this one."""
    add_node(cluster.registry, "pc-1", cores=1)
    stopped = threading.Event()

    def work() -> None:
        own = Cluster(load_settings(), home=True)
        while not stopped.wait(0.01):
            own.registry.keep_alive("pc-1")
            for lease in own.redis.zrange("worker:pc-1:waiting", 0, -1):
                jobs = own.redis.smembers(f"lease:{lease}")
                Lease(own, "pc-1", lease).run({job: int(own.redis.hget(f"job:{job}", "attempt")) for job in jobs})
        own.redis.close()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stopped.set()
    thread.join()


def running(cluster: Cluster) -> Running:
    """The served cluster as the command finds it."""
    store = str(cluster.home_store.root)
    return Running(os.environ["CUMULO_URL"], os.environ["CUMULO_TOKEN"], "", "", 0, store)


def run(cluster: Cluster, paths: list[Path]) -> Iterator[Finished]:
    return StoreRunner(running(cluster), cluster.home_store).run(paths, SEPIA, None, None)


def test_the_short_way_is_for_a_store_that_is_here(served: Cluster, tmp_path: Path) -> None:
    found = running(served)
    assert isinstance(runner_for(found), StoreRunner)
    assert isinstance(runner_for(replace(found, store="")), HttpRunner)
    assert isinstance(runner_for(replace(found, store=str(tmp_path / "not-here"))), HttpRunner)


@pytest.mark.usefixtures("node")
def test_the_refused_are_named_and_the_others_done(served: Cluster, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no photo")
    gone = tmp_path / "gone.png"
    paths = [text, gone, *pictures(tmp_path, 2 * GROUP + 3)]
    found = {finished.name: finished for finished in run(served, paths)}
    assert "not an image" in found.pop(str(text)).error
    assert "cannot be read" in found.pop(str(gone)).error
    assert len(found) == 2 * GROUP + 3
    for finished in found.values():
        assert finished.error == ""
        finished.save(tmp_path / "out.png")
        assert filters.inspect((tmp_path / "out.png").read_bytes()).width == 24


@pytest.mark.usefixtures("node")
def test_what_the_cluster_alone_refuses_is_named_too(
    served: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cluster's limits need not be those of whoever sends."""
    large = tmp_path / "large.png"
    large.write_bytes(encoded(photo(200, 100), "png"))
    monkeypatch.setattr(served, "limits", replace(served.limits, max_pixels=1000))
    found = {finished.name: finished for finished in run(served, [large, *pictures(tmp_path, 2)])}
    assert "megapixels" in found.pop(str(large)).error
    assert [finished.error for finished in found.values()] == ["", ""]


def test_a_file_that_is_too_large_is_not_stored(served: Cluster, tmp_path: Path) -> None:
    (path,) = pictures(tmp_path, 1)
    small = replace(running(served), max_bytes=100)
    (finished,) = StoreRunner(small, served.home_store).run([path], SEPIA, None, None)
    assert "the limit is" in finished.error
    assert list(served.home_store.root.glob("??/*")) == []


@pytest.mark.usefixtures("node")
def test_a_name_that_is_no_text_is_shown_as_well_as_may_be(served: Cluster, tmp_path: Path) -> None:
    (path,) = pictures(tmp_path, 1)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/se\xf1or.png"))
    path.rename(odd)
    (finished,) = run(served, [odd])
    assert (finished.error, finished.name) == ("", "se\N{REPLACEMENT CHARACTER}or.png")


def test_nothing_but_refused_files_makes_no_batch(served: Cluster, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no photo")
    (finished,) = run(served, [text])
    assert "not an image" in finished.error
    assert sum(served.ledger.counts().values()) == 0


@pytest.mark.usefixtures("node")
def test_what_was_recorded_before_the_feed_failed_comes_back_and_then_the_error(
    served: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken connection between recording and the answer: nobody knows of the jobs, and they run all the same."""
    post, calls = Api.post, []

    def fails_after_the_second(self: Api, path: str, *args: object, **options: object) -> object:
        answer = post(self, path, *args, **options)
        calls.append(answer)
        if len(calls) == 2:
            raise ClusterUnavailable("no answer")
        return answer

    monkeypatch.setattr(Api, "post", fails_after_the_second)
    found = []
    with pytest.raises(ClusterUnavailable):  # noqa: PT012 - some results come first
        for finished in run(served, pictures(tmp_path, 30 * GROUP)):
            found.append(finished)  # noqa: PERF402 - those before the error count
    assert len(found) >= GROUP


@pytest.mark.usefixtures("node")
def test_a_web_app_that_is_away_for_a_while_is_asked_again(
    served: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get, calls = Api.get, []

    def away(self: Api, path: str, **params: object) -> object:
        calls.append(path)
        if 2 <= len(calls) < 6:
            raise ClusterUnavailable("no answer")
        return get(self, path, **params)

    monkeypatch.setattr(Api, "get", away)
    assert [finished.error for finished in run(served, pictures(tmp_path, 5))] == [""] * 5
    assert len(calls) >= 6


def test_a_web_app_that_stays_away_is_an_error(
    served: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_node(served.registry, "pc-1", cores=1)
    monkeypatch.setattr(client, "PATIENCE", 0.3)

    def away(self: Api, path: str, **params: object) -> object:
        raise ClusterUnavailable("no answer from the test")

    monkeypatch.setattr(Api, "get", away)
    with pytest.raises(ClusterUnavailable, match="no answer from the test"):
        list(run(served, pictures(tmp_path, 5)))


@pytest.mark.usefixtures("node")
def test_a_result_that_was_deleted_too_soon_is_an_error_and_not_waited_for(
    served: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_after = served.ledger.finished_after
    all_but_one = {"before": -math.inf, "keep": 1, "keep_bytes": math.inf, "settled": math.inf, "seconds": 60}
    purged = []

    def after_retention(batch: str, after: int) -> tuple[list[str], int]:
        if not purged and served.ledger.batch(batch)["counts"]["done"] >= 3:
            purged.append(served.ledger.purge(**all_but_one))
        return finished_after(batch, after) if purged else ([], after)

    monkeypatch.setattr(served.ledger, "finished_after", after_retention)
    found = list(run(served, pictures(tmp_path, 2 * GROUP)))
    assert len(found) == 2 * GROUP
    assert sum("deleted before it was fetched" in finished.error for finished in found) == purged[0]


def test_without_a_node_it_says_so(served: Cluster, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="No live node"):
        list(run(served, pictures(tmp_path, 1)))


@pytest.mark.usefixtures("node")
def test_a_full_backlog_is_told_after_the_results_of_what_was_taken(
    served: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first group fits; a later one, of all that is read in GROUP_SECONDS, does not.
    monkeypatch.setattr(served.settings, "max_backlog", GROUP)
    done = 0
    with pytest.raises(ClusterError, match="as many waiting images"):  # noqa: PT012 - some results come first
        for _ in run(served, pictures(tmp_path, 30 * GROUP)):
            done += 1
    assert GROUP <= done < 30 * GROUP
    assert done == served.ledger.counts()["done"]


@pytest.mark.parametrize("way", ["store", "http"])
def test_nothing_is_missed_where_somebody_tries_a_job_again_meanwhile(
    served: Cluster, tmp_path: Path, way: str
) -> None:
    """The node is this test: each of the three images ends when it says so, and the first one twice."""
    add_node(served.registry, "pc-1", cores=3)
    served.redis.persist(keys.alive("pc-1"))
    ledger = served.ledger
    found = running(served)
    runner = HttpRunner(found) if way == "http" else StoreRunner(found, served.home_store)
    sha256 = served.home_store.put(encoded(photo(24, 16), "jpeg"))
    told: SimpleQueue[Finished | None] = SimpleQueue()

    def follow() -> None:
        for finished in runner.run(pictures(tmp_path, 3), SEPIA, None, None):
            told.put(finished)
        told.put(None)

    def end(job_id: str, state: str) -> None:
        lease = new_id("l")
        # Whoever has submitted the image may send it, to this node, between the two: then once more.
        ledger.return_waiting("pc-1")
        while not isinstance(attempts := ledger.bind("pc-1", lease, [job_id], {}, None), dict):
            ledger.return_waiting("pc-1")
        orders = ledger.claim("pc-1", lease, attempts)
        outcomes = [
            replace(done(order), result={**done(order).result, "sha256": sha256}) if state == "done" else failed(order)
            for order in orders
            if order.id == job_id
        ]
        assert len(outcomes) == 1
        ledger.commit("pc-1", lease, outcomes)
        ledger.give_back("pc-1", "a single image came along", lost=False, lease=lease)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        while sum(ledger.counts().values()) < 3:
            time.sleep(0.01)
        first, second, third = (job["id"] for job in reversed(served.jobs()["items"]))
        end(first, "failed")
        assert told.get(timeout=30).error  # type: ignore[union-attr]  # its end is told
        ledger.retry(first)
        end(second, "done")
        assert told.get(timeout=30).name == ledger.job(second)["name"]  # type: ignore[union-attr]
        end(first, "done")
        end(third, "done")
        assert told.get(timeout=30).name == ledger.job(third)["name"]  # type: ignore[union-attr]
        assert told.get(timeout=30) is None
    finally:
        for job in served.jobs()["items"]:
            ledger.cancel_each([job["id"]])
        thread.join()

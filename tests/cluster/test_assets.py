"""Pictures that steps need: sent along, found again by their SHA-256, and kept as long as a batch needs them."""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner

import filters
from cluster import keys
from cluster.assets import read_files
from cluster.cli import main
from cluster.client import HttpRunner, Runner, StoreRunner, local_runner
from cluster.errors import StoreFull
from cluster.home import Running
from cluster.intake import Upload
from cluster.lease import Lease
from cluster.nodes import Nodes
from cluster.service import Cluster
from cluster.service import submit as submit_files
from cluster.settings import load_settings
from tests.cluster.ledgers import add_node
from tests.filters.images import encoded, noise, opened

ALL = {"before": float("-inf"), "keep": 0, "keep_bytes": float("inf"), "settled": float("inf"), "seconds": 60}
LIMITS = filters.Limits()
LOGO = encoded(noise(30, 20, "RGBA"), "png")
LOGO_SHA = hashlib.sha256(LOGO).hexdigest()
STEP = "logo:image=brand.png,size=50,opacity=1"
PHOTO = encoded(noise(60, 40), "png")
PLACED = filters.apply(PHOTO, [STEP], assets=lambda name: LOGO).data


@pytest.fixture
def _node(registry: Nodes, cluster: Cluster) -> None:
    add_node(registry, "pc-1", 2)


def steps(*given: str) -> filters.Pipeline:
    return filters.parse_pipeline(list(given))


def send(
    cluster: Cluster, pipeline: filters.Pipeline, assets: Sequence[Upload] = (), count: int = 1, **options: Any
) -> dict[str, Any]:
    uploads = [cluster.receive(io.BytesIO(PHOTO), f"photo-{number}.png") for number in range(count)]
    return cluster.submit(uploads, pipeline, assets=assets, **options)


def work(cluster: Cluster) -> None:
    """pc-1 works until nothing is left for it."""
    while leases := cluster.redis.zrange(keys.waiting("pc-1"), 0, 0):
        ids = cluster.redis.smembers(keys.lease(leases[0]))
        attempts = {job_id: int(cluster.redis.hget(keys.job(job_id), "attempt")) for job_id in ids}
        Lease(cluster, "pc-1", leases[0]).run(attempts)


def result(cluster: Cluster, job: dict[str, Any]) -> bytes:
    return cluster.store.get(cluster.job_blob(job["id"], "result")["sha256"])


def logo(cluster: Cluster, data: bytes = LOGO, name: str = "brand.png") -> Upload:
    return cluster.receive_asset(io.BytesIO(data), name)


@pytest.mark.usefixtures("_node")
def test_a_picture_that_is_sent_along_is_placed(cluster: Cluster) -> None:
    answer = send(cluster, steps(STEP, "sepia"), [logo(cluster)])
    work(cluster)
    job = cluster.job(answer["jobs"][0]["id"])
    assert job["pipeline"][0]["image"] == cluster.batch(answer["batch"])["pipeline"][0]["image"] == LOGO_SHA
    assert result(cluster, job) == filters.apply(PHOTO, [STEP, "sepia"], assets=lambda name: LOGO).data


@pytest.mark.usefixtures("_node")
def test_it_can_be_used_again_by_its_sha256_as_long_as_a_batch_needs_it(cluster: Cluster) -> None:
    first = send(cluster, steps(STEP), [logo(cluster)])
    again = filters.parse_pipeline(first["jobs"][0]["pipeline"])
    second = send(cluster, again)
    assert cluster.redis.hgetall(keys.blob(LOGO_SHA)) == {"refs": "2", "bytes": str(len(LOGO)), "assets": "2"}
    work(cluster)
    assert result(cluster, second["jobs"][0]) == PLACED
    cluster.ledger.purge(**ALL)
    assert cluster.blobs.unused(-1, 9).count(LOGO_SHA) == 1
    with pytest.raises(filters.MissingAsset, match="send the file along"):
        send(cluster, again)


@pytest.mark.usefixtures("_node")
def test_it_goes_with_the_last_job_of_its_last_batch(cluster: Cluster) -> None:
    first = send(cluster, steps(STEP), [logo(cluster)], count=3)
    second = send(cluster, filters.parse_pipeline(first["jobs"][0]["pipeline"]))
    for job in first["jobs"][:2]:
        cluster.cancel(job["id"])
    cluster.ledger.purge(**ALL)
    assert cluster.redis.hget(keys.blob(LOGO_SHA), "assets") == "2"
    cluster.cancel(first["jobs"][2]["id"])
    cluster.ledger.purge(**ALL)
    assert cluster.redis.hget(keys.blob(LOGO_SHA), "assets") == "1"
    cluster.cancel(second["jobs"][0]["id"])
    cluster.ledger.purge(**ALL)
    assert not cluster.redis.exists(keys.blob(LOGO_SHA))
    assert cluster.blobs.bytes_in_use() == 0


@pytest.mark.usefixtures("_node")
def test_a_batch_that_grows_needs_it_once(cluster: Cluster) -> None:
    first = send(cluster, steps(STEP), [logo(cluster)])
    send(cluster, filters.parse_pipeline(first["jobs"][0]["pipeline"]), batch=first["batch"])
    send(cluster, steps(STEP), [logo(cluster)], batch=first["batch"])
    assert cluster.redis.hget(keys.blob(LOGO_SHA), "assets") == "1"
    work(cluster)
    assert [job["state"] for job in cluster.batch_jobs(first["batch"])] == ["done"] * 3


@pytest.mark.usefixtures("_node")
def test_a_photo_of_somebody_else_cannot_be_had_by_its_sha256(cluster: Cluster) -> None:
    send(cluster, steps("sepia"))
    sha256 = hashlib.sha256(PHOTO).hexdigest()
    assert cluster.store.get(sha256) == PHOTO
    with pytest.raises(filters.MissingAsset):
        send(cluster, steps(f"logo:image={sha256}"))


@pytest.mark.usefixtures("_node")
@pytest.mark.parametrize(
    ("step", "detail"),
    [
        ("logo:image=other.png", "logo needs the picture 'other.png'"),
        ("logo", "logo needs a picture"),
        (f"logo:image={'0' * 64}", "or the SHA-256 of one"),
    ],
)
def test_a_picture_that_was_not_sent_is_named_and_nothing_is_recorded(cluster: Cluster, step: str, detail: str) -> None:
    with pytest.raises(filters.MissingAsset, match=detail) as caught:
        send(cluster, steps("sepia", step), [logo(cluster)])
    assert caught.value.step == 2
    assert cluster.jobs()["items"] == []


def test_of_a_picture_for_a_step_less_is_taken_than_of_a_photo(cluster: Cluster) -> None:
    large = encoded(noise(1000, 1000), "png")
    assert cluster.receive(io.BytesIO(large), "large.png").bytes == len(large)
    with pytest.raises(filters.ImageTooLarge):
        logo(cluster, large)
    with pytest.raises(filters.UnsupportedFormat):
        logo(cluster, b"no picture")


@pytest.mark.usefixtures("_node")
def test_its_bytes_count_like_those_of_photos(cluster: Cluster) -> None:
    both = len(PHOTO) + len(LOGO)
    small = Cluster(load_settings(max_store_bytes=both - 1), home=True)
    with pytest.raises(StoreFull):
        send(small, steps(STEP), [logo(small)])
    small.redis.close()
    send(cluster, steps(STEP), [logo(cluster)])
    assert cluster.blobs.bytes_in_use() == both


@pytest.mark.usefixtures("_node")
def test_one_that_is_used_again_is_not_removed_meanwhile(cluster: Cluster) -> None:
    """Its last batch goes between the look and the new batch: the file's age has begun anew."""
    pipeline, _ = cluster.resolve(steps(STEP), [logo(cluster)])
    send(cluster, pipeline, [logo(cluster)])
    path = cluster.home_store.path(LOGO_SHA)
    os.utime(path, (time.time() - 3600,) * 2)
    cluster.resolve(pipeline, [])
    assert not cluster.home_store.discard(LOGO_SHA, 900, lambda sha256: True)


@pytest.mark.usefixtures("_node")
def test_one_that_has_gone_from_the_store_fails_the_job_with_words(cluster: Cluster) -> None:
    other = encoded(noise(9, 9, seed=3), "png")
    [job] = send(cluster, steps(STEP), [logo(cluster, other)])["jobs"]
    cluster.home_store.path(hashlib.sha256(other).hexdigest()).unlink()
    work(cluster)
    job = cluster.job(job["id"])
    assert (job["state"], job["error"]["type"]) == ("failed", "input-missing")


# -- files of this PC -----------------------------------------------------------------------------------------------


@pytest.fixture
def brand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "brand.png"
    path.write_bytes(LOGO)
    (tmp_path / "photo.png").write_bytes(PHOTO)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.usefixtures("brand")
def test_files_are_read_once_and_called_by_their_content(tmp_path: Path) -> None:
    (tmp_path / "same.png").write_bytes(LOGO)
    pipeline, files = read_files(steps(STEP, "logo:image=same.png", "sepia", STEP), LIMITS, stored=False)
    assert [name for _, name in pipeline.assets()] == [LOGO_SHA] * 3
    assert files == {LOGO_SHA: LOGO}


@pytest.mark.usefixtures("brand")
def test_a_sha256_needs_a_cluster() -> None:
    known = steps(f"logo:image={'0' * 64}")
    assert read_files(known, LIMITS, stored=True) == (known, {})
    with pytest.raises(filters.MissingAsset, match="cannot be read"):
        read_files(known, LIMITS, stored=False)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("logo:image=none.png", "none.png cannot be read: No such file or directory"),
        ("logo:image=notes.txt", "notes.txt: this is not an image"),
        ("logo", "write logo:image=FILE"),
    ],
)
@pytest.mark.parametrize("way", [(), ("--local",)])
def test_the_command_says_what_is_wrong_before_it_begins(
    brand: Path, step: str, words: str, way: tuple[str, ...]
) -> None:
    brand.with_name("notes.txt").write_text("no picture at all, just some words")
    ended = CliRunner().invoke(main, ["apply", "photo.png", "-f", step, "-o", "out", *way], prog_name="cumulo")
    assert ended.exit_code == 2
    assert words in " ".join(ended.output.replace("│", "").split())
    assert not brand.with_name("out").exists()


@pytest.mark.usefixtures("brand", "_node")
def test_a_program_names_the_file(cluster: Cluster) -> None:
    answer = submit_files(["photo.png"], [STEP])
    assert answer["jobs"][0]["pipeline"][0]["image"] == LOGO_SHA
    work(cluster)
    assert result(cluster, answer["jobs"][0]) == PLACED


@pytest.mark.usefixtures("brand", "_node")
@pytest.mark.parametrize("way", ["store", "http", "local"])
def test_every_way_of_the_command_brings_the_file_along(
    served: Cluster, server: redis.Redis, tmp_path: Path, way: str
) -> None:
    running = Running(os.environ["CUMULO_URL"], os.environ["CUMULO_TOKEN"], "", "", 0)
    pipeline, files = read_files(steps(STEP), LIMITS, stored=True)
    runner: Runner = {
        "store": lambda: StoreRunner(running, served.home_store, files),
        "http": lambda: HttpRunner(running, files),
        "local": lambda: local_runner(files),
    }[way]()
    paths = [tmp_path / f"photo-{number}.png" for number in range(3)]
    for path in paths:
        path.write_bytes(PHOTO)
    ended = 0
    for finished in _while_it_works(served, runner, paths, pipeline):
        assert finished.error == ""
        finished.save(tmp_path / "out.png")
        assert (tmp_path / "out.png").read_bytes() == PLACED
        ended += 1
    assert ended == 3


def _while_it_works(cluster: Cluster, runner: Runner, paths: Sequence[Path], pipeline: filters.Pipeline) -> list[Any]:
    """What the runner gives out while pc-1, a thread of this process, works."""
    stopped = threading.Event()

    def node() -> None:
        while not stopped.wait(0.01):
            cluster.registry.keep_alive("pc-1")
            work(cluster)

    thread = threading.Thread(target=node)
    thread.start()
    try:
        return list(runner.run(paths, pipeline, None, None))
    finally:
        stopped.set()
        thread.join()


def test_the_logo_of_these_tests_shows() -> None:
    assert opened(PLACED).tobytes() != opened(PHOTO).tobytes()

"""A whole cluster that keeps things for seconds only, and one that takes no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.clusters import Up, wait_until
from tests.integration.photos import jpeg, jpegs

TRANSIENT = ("worker:", "_kombu.", "unacked", "node.", "monitor.", "celery")


def lasting(up: Up) -> set[str]:
    """Keys without a life span, but for those of the nodes and of Celery."""
    found = [key for key in up.redis.scan_iter() if not key.startswith(TRANSIENT)]
    return {key for key in found if up.redis.ttl(key) == -1}


def stored(up: Up) -> list[str]:
    return [path.name for path in (up.data / "blobs").glob("??/*")]


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path, keep_days=4 / 86400, keep_unused=2)
    try:
        yield up
    finally:
        up.clean_up()


def test_after_the_retention_time_all_is_as_it_was(short: Up) -> None:
    short.await_nodes()
    [first] = short.submit([("first.jpg", jpeg(800, 600))], filter="sepia")  # leaves the keys of a fixed size
    assert short.result(first)
    wait_until(lambda: short.get("jobs")["items"] == [] and not stored(short), "the first job's end")
    before = lasting(short)
    ids = short.submit(jpegs(12, 800, 600), filter="blur:radius=2")
    assert all(short.result(job_id) for job_id in ids)
    batch = short.get(f"jobs/{ids[0]}")["batch"]
    assert lasting(short) > before
    wait_until(lambda: short.get("jobs")["items"] == [], "the jobs' deletion")
    for path in (f"jobs/{ids[0]}", f"jobs/{ids[0]}/result", f"batches/{batch}"):
        assert short.http.get(f"/api/v1/{path}").status_code == 404
    wait_until(lambda: not stored(short), "the images' removal")
    assert lasting(short) - {"trace:nodes"} == before - {"trace:nodes"}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path, max_store_bytes=400_000, max_jobs_per_submitter=3)
    try:
        yield up
    finally:
        up.clean_up()


def test_what_is_too_much_is_refused_and_what_was_accepted_stays(small: Up) -> None:
    small.await_nodes()
    refused = small.post_images(jpegs(4, 200, 150), filter="sepia")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:cumulo:problem:quota-reached")
    assert int(refused.headers["Retry-After"]) > 0
    assert small.get("jobs")["items"] == []
    accepted = small.submit(jpegs(3, 200, 150), filter="sepia")
    assert all(small.result(job_id) for job_id in accepted)
    too_large = small.post_images([("large.jpg", jpeg(2400, 1800))], filter="sepia")
    assert (too_large.status_code, too_large.json()["type"]) == (507, "urn:cumulo:problem:store-full")
    assert int(too_large.headers["Retry-After"]) > 0
    assert sorted(job["id"] for job in small.get("jobs")["items"]) == sorted(accepted)
    assert small.result(accepted[0])

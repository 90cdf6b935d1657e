"""An image store that is full or away: no job is done without its stored result, and none is lost over it."""

from __future__ import annotations

import resource
import sys

import httpx
import pytest

from tests.integration.clusters import Plain, Program, wait_until
from tests.integration.photos import jpeg_files

SUBMIT = """
import json, sys
from cluster import submit
print(json.dumps([job["id"] for job in submit(json.load(sys.stdin), ["negative"], format="bmp")["jobs"]]))
"""


def limit_file_size(worker: Program, most: int) -> None:
    """No process of the node's pool may write a larger file: what a full disk is to them, for root as well."""
    for child in worker.descendants():
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process")
def test_a_full_disk_is_waited_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Plain(tmp_path_factory.mktemp("full")) as plain:
        worker = plain.image_worker("pc-a", "-c", "1")
        plain.await_live("pc-a")
        limit_file_size(worker, 2**20)
        files = jpeg_files(plain.folder / "photos", 1)
        ids = plain.python(SUBMIT, [str(path) for path in files])  # the result is a BMP of 6 MB
        wait_until(lambda: "waiting: cannot write into" in worker.output(), "the worker to say what it waits for")
        assert [job["state"] for job in plain.jobs(ids)] == ["running"]
        limit_file_size(worker, resource.RLIM_INFINITY)
        [job] = plain.await_jobs(ids)
        assert (job["state"], job["attempt"], job["lost"]) == ("done", 1, 0)
        assert plain.commits(ids) == {ids[0]: 1}
        assert worker.output().count("waiting: ") == worker.output().count("the image store is back") == 1
        stored = (plain.folder / "images").rglob("*")
        assert sorted(path.stat().st_size > 2**20 for path in stored if path.is_file()).count(True) == 1
        assert not list((plain.folder / "images").glob("in-*")), "nothing half-written is left"


def test_a_web_app_that_is_away_is_waited_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Plain(tmp_path_factory.mktemp("away")) as plain:
        url = plain.web()
        assert httpx.get(f"{url}/readyz").is_success, "by which it tells the nodes their token"
        worker = plain.image_worker("pc-a", "-c", "1", store=url)
        plain.await_live("pc-a")
        plain.programs["web-0"].end()
        ids = plain.submit(jpeg_files(plain.folder / "photos", 2), "sepia")
        wait_until(lambda: "waiting: cannot reach the web app's store" in worker.output(), "the worker to say so")
        assert not plain.finished(ids)
        del plain.programs["web-0"]
        plain.web(url)
        jobs = plain.await_jobs(ids)
        assert [job["state"] for job in jobs] == ["done", "done"]
        assert set(plain.commits(ids).values()) == {1}
        assert worker.output().count("waiting: ") == worker.output().count("the image store is back") == 1

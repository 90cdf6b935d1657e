"""A primary, a replica and a Sentinel that makes one of the other: nodes and clients follow it by themselves."""

from __future__ import annotations

import contextlib
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from cluster import valkey
from cluster.errors import ClusterUnavailable
from tests.integration.clusters import Plain, wait_until
from tests.integration.photos import jpeg_files
from tests.servers import PASSWORD, start_valkey, stop_server, unused_port

CONFIG = """\
port {port}
bind 127.0.0.1
dir {folder}
sentinel monitor mymaster 127.0.0.1 {primary} 1
sentinel auth-pass mymaster {password}
sentinel down-after-milliseconds mymaster 1000
sentinel failover-timeout mymaster 5000
"""


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2].partition("/")[0])


class Watched(Plain):
    """Everybody knows the Sentinel's address only; `redis` is whatever server is the primary by then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.first_url = self.redis_url
        self.replica_url, self.replica = start_valkey(folder / "replica")
        with contextlib.closing(redis.Redis.from_url(self.replica_url, decode_responses=True)) as replica:
            replica.config_set("masterauth", PASSWORD)
            replica.execute_command("REPLICAOF", "127.0.0.1", port_of(self.first_url))
            wait_until(lambda: replica.info("replication")["master_link_status"] == "up", "the replica")
        port = unused_port()
        config = folder / "sentinel.conf"
        config.write_text(CONFIG.format(port=port, folder=folder, primary=port_of(self.first_url), password=PASSWORD))
        with (folder / "sentinel.log").open("ab") as log:
            self.sentinel = subprocess.Popen(
                [valkey.find_server(), str(config), "--sentinel"], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        with contextlib.closing(redis.Redis(port=port, decode_responses=True)) as watcher:

            def knows_both() -> bool:
                with contextlib.suppress(redis.ConnectionError):
                    return watcher.sentinel_master("mymaster")["num-slaves"] == 1
                return False

            wait_until(knows_both, "the Sentinel to know the replica")
        self.redis_url = f"sentinel://:{PASSWORD}@127.0.0.1:{port},127.0.0.1:{unused_port()}/mymaster"

    @property
    def redis(self) -> redis.Redis:  # type: ignore[override]
        return self.view.redis

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        stop_server(self.sentinel)
        stop_server(self.replica)


@pytest.fixture
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with Watched(tmp_path_factory.mktemp("sentinel")) as watched:
        yield watched


def test_jobs_go_on_after_the_primary_has_died(watched: Watched) -> None:
    worker, monitor = watched.image_worker("pc-a", "-c", "1"), watched.monitor("pc-a")
    watched.await_live("pc-a")
    pids = {child.pid for program in (worker, monitor) for child in program.descendants()}
    files = jpeg_files(watched.folder / "photos", 8, 3000, 2000)
    ids = watched.submit(files, {"filter": "blur", "radius": 20})
    wait_until(lambda: watched.redis.zcard("worker:pc-a:running"), "work")
    watched.server.kill()

    def follows() -> bool:
        with contextlib.suppress(ClusterUnavailable):
            watched.view.check_writable()
            return True
        return False

    wait_until(follows, "the replica to become the primary")
    jobs = watched.await_jobs(ids)
    assert Counter(job["state"] for job in jobs) == {"done": 8}
    assert port_of(watched.replica_url) == watched.redis.connection_pool.get_master_address()[1]
    watched.await_live("pc-a")
    later = watched.submit(jpeg_files(watched.folder / "later", 4), "sepia")
    assert Counter(job["state"] for job in watched.await_jobs(later)) == {"done": 4}
    assert set(watched.commits(later).values()) == {1}
    assert {child.pid for program in (worker, monitor) for child in program.descendants()} == pids
    for program in (worker, monitor):
        assert "Traceback" not in program.output()

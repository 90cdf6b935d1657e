"""A node on another PC: it shares no folder with the cluster, so images travel by the web app's blob route."""

from __future__ import annotations

from pathlib import Path

from tests.filters.images import opened
from tests.integration.clusters import CUMULO, Program, Up, environment, wait_until
from tests.integration.photos import jpegs


def test_a_second_pc_joins_by_one_line_and_gives_the_same_results(cluster: Up, tmp_path: Path) -> None:
    here = cluster.await_nodes()
    data = tmp_path / "other-pc"
    command = [*CUMULO, "worker", "--name", "pc2", "--redis", cluster.redis_url, "--concurrency", "1"]
    env = environment(store=cluster.url)
    worker = Program([*command, "--data", str(data)], tmp_path / "pc2.log", cwd=tmp_path, env=env)
    photos = jpegs(4, 1200, 900)
    try:
        wait_until(lambda: cluster.states().get("pc2") == "live", "the new node", 120)
        for node in here:
            cluster.http.post(f"/api/v1/nodes/{node}/pause").raise_for_status()
        there = cluster.submit(photos, pipeline='["sepia", {"filter": "blur", "radius": 4}]')
        assert {job["node"] for job in cluster.await_jobs(there)} == {"pc2"}
    finally:
        for node in here:
            cluster.http.post(f"/api/v1/nodes/{node}/resume").raise_for_status()
        code = worker.end()
        worker.clean_up()
    assert code == 0
    assert worker.left() == []

    assert not list(data.rglob("blobs")), "nothing was stored on the other PC"
    again = cluster.submit(photos, pipeline='["sepia", {"filter": "blur", "radius": 4}]')
    assert {job["node"] for job in cluster.await_jobs(again)} <= set(here)
    for one, other in zip(there, again, strict=True):
        assert opened(cluster.result(one)).size == (1200, 900)
        assert cluster.result(one) == cluster.result(other)

    wait_until(lambda: cluster.states()["pc2"] == "offline", "the node's goodbye")
    assert cluster.http.delete("/api/v1/nodes/pc2").status_code == 204

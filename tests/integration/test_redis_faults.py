"""Redis killed, frozen, cut off, out of memory or read-only: everybody waits, says so once, and goes on by themselves.

That a worker survives a dropped connection with a task unacknowledged is also what Celery is pinned for: workers of
5.7.0 exit here (pyproject.toml). `make test-faults` breaks Redis for 20 s each time instead of a few.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from time import monotonic, sleep

import httpx
import pytest

from tests.integration.clusters import ROOT, TOKEN, Plain, Program, cumulo, wait_until
from tests.integration.photos import jpeg, jpeg_files
from tests.servers import PASSWORD, unused_port

SECONDS = float(os.environ.get("TEST_FAULT_SECONDS", "6"))  # that Redis is away
SLOW = {"filter": "median", "size": 3}
SAYS = re.compile(r"(MainProcess|ForkPoolWorker-\d+|Beat|cluster\.outage)\W.*(waiting: |Redis is back after)")


class Broken(Plain):
    """One node of two processes, its monitor and a web app: none of their processes may exit, whatever Redis does."""

    def begin(self) -> None:
        self.image_worker("pc-a", "-c", "2", "-l", "info")
        self.monitor("pc-a")
        self.url = self.web()
        self.await_live("pc-a")
        self.pids = self.processes()

    def processes(self) -> dict[str, set[int]]:
        return {
            name: {program.pid, *(child.pid for child in program.descendants())}
            for name, program in self.programs.items()
        }

    def begin_to_work(self) -> list[str]:
        """Jobs of which some run, and some wait."""
        ids = self.submit(jpeg_files(self.folder / "photos", 16, 3000, 2000), SLOW)
        wait_until(lambda: self.redis.zcard("worker:pc-a:running") == 2, "work in both processes")
        return ids

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)

    def post_image(self) -> httpx.Response:
        files = {"image": ("photo.jpg", jpeg(200, 100), "image/jpeg")}
        return httpx.post(
            f"{self.url}/api/v1/jobs",
            files=files,
            data={"filter": "sepia"},
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=30,
        )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broken]:
    with Broken(tmp_path_factory.mktemp("faults")) as broken:
        broken.begin()
        yield broken


@contextmanager
def killed(broken: Broken) -> Iterator[None]:
    broken.server.kill()
    yield
    broken.restart_server()


@contextmanager
def frozen(broken: Broken) -> Iterator[None]:
    broken.server.send_signal(signal.SIGSTOP)
    yield
    broken.server.send_signal(signal.SIGCONT)


@contextmanager
def out_of_memory(broken: Broken) -> Iterator[None]:
    broken.redis.config_set("maxmemory", "1mb")
    yield
    broken.redis.config_set("maxmemory", 0)


@contextmanager
def read_only(broken: Broken) -> Iterator[None]:
    broken.redis.execute_command("REPLICAOF", "127.0.0.1", str(unused_port()))
    yield
    broken.redis.execute_command("REPLICAOF", "NO", "ONE")


@contextmanager
def cannot_save(broken: Broken) -> Iterator[None]:
    in_the_way = broken.folder / "valkey" / "dump.rdb" / "anything"
    in_the_way.mkdir(parents=True)
    broken.redis.config_set("save", "3600 1")
    save(broken, "err")
    yield
    shutil.rmtree(in_the_way.parent)
    save(broken, "ok")
    broken.redis.config_set("save", "")


def save(broken: Broken, outcome: str) -> None:
    broken.redis.bgsave()
    wait_until(lambda: broken.redis.info("persistence")["rdb_last_bgsave_status"] == outcome, f"saving: {outcome}")


FAULTS: dict[str, tuple[Callable[[Broken], AbstractContextManager[None]], int, str]] = {
    "killed": (killed, 503, "Redis does not answer"),
    "frozen": (frozen, 503, "Redis does not answer"),
    "out-of-memory": (out_of_memory, 507, "raise its maxmemory"),
    "read-only": (read_only, 503, "read-only replica"),
    "cannot-save": (cannot_save, 503, "cannot save its data"),
}


def news(program: Program, since: int) -> str:
    return program.log.read_bytes()[since:].decode(errors="replace")


def said(text: str) -> Counter[tuple[str, str]]:
    """How many times which process said what about Redis."""
    return Counter((found[1], found[2]) for found in SAYS.finditer(text))


@pytest.mark.parametrize("fault", FAULTS)
def test_everybody_waits_says_so_once_and_goes_on(broken: Broken, fault: str) -> None:
    breaks, status, words = FAULTS[fault]
    ids = broken.begin_to_work()
    before = {name: program.log.stat().st_size for name, program in broken.programs.items()}
    until = monotonic() + SECONDS
    with breaks(broken):
        with ThreadPoolExecutor() as pool:  # at once: each may wait for Redis for a while
            posted = pool.submit(broken.post_image)
            ready = pool.submit(broken.get, "/readyz")
            command = pool.submit(cumulo, "worker", "--name", "pc-b", cwd=broken.folder, redis_url=broken.redis_url)
            if fault in ("killed", "frozen"):
                assert broken.get("/api/v1/nodes").status_code == 503
            else:
                assert broken.get("/api/v1/nodes").is_success, "what is only read is still answered"
        refused = posted.result()
        assert refused.status_code == status
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert words in refused.json()["detail"]
        assert ready.result().status_code == 503
        ended = command.result()
        assert ended.returncode == 1
        assert words in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        sleep(max(0.0, until - monotonic()))  # how long Redis is away is what the test is about

    jobs = broken.await_jobs(ids)
    assert Counter(job["state"] for job in jobs) == {"done": len(ids)}
    assert set(broken.commits(ids).values()) == {1}
    assert [job["lost"] for job in jobs] == [0] * len(ids)
    assert broken.processes() == broken.pids, "nobody has exited"
    broken.await_live("pc-a")
    wait_until(lambda: broken.get("/readyz").is_success, "the web app")
    assert broken.post_image().status_code == 202

    for name, program in broken.programs.items():

        def back(program: Program = program, name: str = name) -> bool:
            broken.get("/readyz")
            told = said(news(program, before[name]))
            # One of the web app's processes may say that of the outage before: it has had no request since.
            return {who for who, what in told if what == "waiting: "} <= {who for who, what in told if "back" in what}

        wait_until(back, f"whoever waited in {name} to say that it is over")
        text = news(program, before[name])
        assert "Traceback" not in text, text
        processes = 2 if name.startswith("web") else 1  # gunicorn's do not say which they are
        told = said(text)
        assert all(count <= processes for count in told.values()), text
        # Who has nothing to do with Redis while it is frozen notices nothing, nor need each process of the web app.
        if fault == "killed" or (fault != "frozen" and not name.startswith("web")):
            assert "waiting: " in text, f"{name} has said nothing"


def test_a_connection_that_is_cut_again_and_again_while_tasks_run(broken: Broken) -> None:
    """With Celery 5.7.0 the worker exits at the first cut: its task is not acknowledged yet."""
    ids = broken.begin_to_work()
    before = {name: program.log.stat().st_size for name, program in broken.programs.items()}
    for _ in range(4):
        broken.redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        broken.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        assert broken.get("/api/v1/nodes").is_success, "a cut connection is replaced before anybody notices"
        sleep(0.7)  # in the midst of whatever the workers do by then
    jobs = broken.await_jobs(ids)
    assert Counter(job["state"] for job in jobs) == {"done": len(ids)}
    assert set(broken.commits(ids).values()) == {1}
    assert broken.processes() == broken.pids
    for name, program in broken.programs.items():
        assert "Traceback" not in news(program, before[name])


def test_the_celery_that_is_installed_is_the_one_that_was_shown_to_resume() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [pinned] = [line for line in project["dependencies"] if line.startswith("celery")]
    assert pinned == f"celery[redis]=={version('celery')}"
    assert tuple(map(int, version("celery").split("."))) < (5, 7), "see the test above before you raise it"


def test_with_a_wrong_password_commands_end_and_workers_wait(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Plain(tmp_path_factory.mktemp("password")) as plain:
        right, wrong = plain.redis_url, plain.redis_url.replace(PASSWORD, "other-password")
        plain.redis_url = wrong
        worker, monitor = plain.image_worker("pc-a", "-c", "1"), plain.monitor("pc-a")
        url = plain.web()

        ready = httpx.get(f"{url}/readyz")
        assert ready.status_code == 503
        assert "refuses the password" in ready.json()["detail"]
        for arguments in (("worker", "--name", "pc-b"), ("apply", "photo.jpg", "-f", "sepia", "-o", "out")):
            given = {"redis_url": wrong} if arguments[0] == "worker" else {"url": url, "token": TOKEN}
            (plain.folder / "photo.jpg").write_bytes(jpeg(200, 100))
            ended = cumulo(*arguments, cwd=plain.folder, **given)
            assert ended.returncode == 1
            assert "refuses the password" in ended.stderr + ended.stdout
            assert "Traceback" not in ended.stderr

        wait_until(lambda: "refuses the password" in worker.output(), "the worker to say what it waits for")
        wait_until(lambda: "refuses the password" in monitor.output(), "the monitor to say what it waits for")
        plain.redis_url = right
        plain.redis.config_set("requirepass", "other-password")
        plain.redis_url = wrong
        plain.close()
        plain.__dict__.pop("redis", None)
        plain.await_live("pc-a")
        for program in (worker, monitor):
            told = said(program.output())
            assert {told["MainProcess", "waiting: "], told["MainProcess", "Redis is back after"]} == {1}
            assert "Traceback" not in program.output()
        assert httpx.get(f"{url}/readyz").is_success
        log = plain.programs["web-2"].output()
        assert 1 <= log.count("waiting: Redis refuses the password") <= 2, "once in each of its processes"
        assert "Traceback" not in log


def test_a_worker_that_waits_for_redis_can_be_stopped(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Plain(tmp_path_factory.mktemp("away")) as plain:
        plain.server.kill()
        programs = [plain.image_worker("pc-a", "-c", "1"), plain.monitor("pc-a")]
        for program in programs:
            wait_until(
                lambda log=program: "waiting: Redis does not answer" in log.output(), "it to say what it waits for"
            )
            assert program.end() == 0
            assert "Traceback" not in program.output()

"""Real clusters for the tests: `cumulo up`, or a Valkey with plain Celery workers. Every process is a real one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import psutil
import redis

from cluster.service import Cluster
from cluster.settings import PREFIX, load_settings
from tests.servers import start_valkey, stop_server, unused_port

ROOT = Path(__file__).resolve().parents[2]
CUMULO = (sys.executable, "-c", "from cluster.cli import main; main()")
CELERY = (sys.executable, "-m", "celery", "-A", "cluster")
FINISHED = {"done", "failed", "cancelled", "quarantined"}
MARK = "TEST_CLUSTER"
START = 120.0  # seconds; a busy machine with two cores takes long to start ten Pythons
STOP = 90.0
TOKEN = "test-token"  # of a web app that a test starts

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, seconds: float = 60.0) -> T:
    """The first true value that `condition` returns. AssertionError that says what did not come, and what was."""
    until = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < until, f"{what}: not within {seconds:g} s; last seen: {value!r}"
        time.sleep(0.03)
    return value


def environment(**settings: object) -> dict[str, str]:
    """The environment without anybody's own `CUMULO_*`, with the given settings, finding this checkout's code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = {PREFIX + name.upper(): str(value) for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(ROOT), **given}


def cumulo(*arguments: object, cwd: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    """Runs a `cumulo` command to its end."""
    return subprocess.run(
        [*CUMULO, *map(str, arguments)],
        cwd=cwd,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


class Program:
    """One program and all that comes of it: its processes carry a mark that their children inherit.

    It leads a process group of the session that the tests run in, and ends with the tests if those are killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path,
        env: Mapping[str, str],
        cpus: Sequence[int] = (),
    ) -> None:
        self._mark = secrets.token_hex(8)
        self._tree: list[psutil.Process] = []
        self.log = log
        pinned = ["--cpus", ",".join(map(str, cpus))] if cpus else []
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cluster.launch", *pinned, "--", *command],
                cwd=cwd,
                env={**env, MARK: self._mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children(recursive=True)

    def child(self, *words: str) -> psutil.Process | None:
        """The direct child whose command line has all the words, None while there is none."""
        for process in psutil.Process(self.pid).children():
            with contextlib.suppress(psutil.Error):
                if all(word in " ".join(process.cmdline()) for word in words):
                    return process
        return None

    def left(self) -> list[str]:
        """What still runs of the program's processes."""
        marked = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get(MARK) == self._mark:
                    marked.append(process)
        found = []
        for process in {*marked, *self._tree}:
            with contextlib.suppress(psutil.Error):
                if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid} {' '.join(process.cmdline())[:150]}")
        return found

    def ask_to_end(self, number: int = signal.SIGTERM) -> None:
        """The signal to the main process's group, which is what Ctrl-C in a terminal does, and SIGTERM to it alone."""
        if self.exit_code is not None:
            return
        self._tree = self.descendants()
        if number == signal.SIGINT:
            os.killpg(self.pid, number)
        else:
            self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Asks, waits, and says with which code the main process ended."""
        self.ask_to_end(number)
        return self._process.wait(STOP)

    def wait(self, seconds: float) -> int:
        """The code with which the main process ends by itself."""
        return self._process.wait(seconds)

    def kill(self) -> None:
        """kill -9 of the whole process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(STOP)

    def clean_up(self) -> None:
        """For the end of a test, whatever happened in it: no process stays."""
        if self.exit_code is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.end()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(STOP)


class Watched:
    """What the tests read of any cluster, through Redis."""

    redis_url: str

    @cached_property
    def redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.redis_url, decode_responses=True)

    @cached_property
    def view(self) -> Cluster:
        """For reading. What submits is a process of its own, as it is for people."""
        return Cluster(load_settings(redis_url=self.redis_url))

    def clock(self) -> float:
        seconds, micros = self.redis.time()
        return float(seconds) + float(micros) / 1e6

    def age(self, node: str) -> float:
        """Seconds since the node's last sample, by the server's clock."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.hget(f"worker:{node}", "last_heartbeat")
        pipe.time()
        beat, (seconds, micros) = pipe.execute()
        return float(seconds) + float(micros) / 1e6 - float(beat or 0)

    def states(self) -> dict[str, str]:
        """State of every known node."""
        return {node["worker_id"]: node["state"] for node in self.view.nodes()}

    def jobs(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        return [self.view.job(job_id) for job_id in ids]

    def await_jobs(self, ids: Sequence[str], seconds: float = 90.0) -> list[dict[str, Any]]:
        """The jobs once all of them have ended."""
        until = time.monotonic() + seconds
        while not self.finished(ids):
            assert time.monotonic() < until, f"not finished within {seconds:g} s: {self._state_counts(ids)}"
            time.sleep(0.05)
        return self.jobs(ids)

    def finished(self, ids: Sequence[str]) -> bool:
        return self._state_counts(ids).keys() <= FINISHED

    def _state_counts(self, ids: Sequence[str]) -> Counter[str]:
        pipe = self.redis.pipeline(transaction=False)
        for job_id in ids:
            pipe.hget(f"job:{job_id}", "state")
        return Counter(map(str, pipe.execute()))

    def commits(self, ids: Sequence[str]) -> Counter[str]:
        """How many times each of the jobs was reported as done."""
        found: Counter[str] = Counter(dict.fromkeys(ids, 0))
        for _, event in self.redis.xrange("events"):
            if event.get("job") in found and event.get("state") == "done":
                found[event["job"]] += 1
        return found

    def close(self) -> None:
        if "redis" in self.__dict__:
            self.redis.close()
        if "view" in self.__dict__:
            self.view.redis.close()


class Up(Watched):
    """`cumulo up` on a data folder; can be ended and started again."""

    def __init__(self, folder: Path, *options: str, **settings: object) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._options = options
        self._settings = settings
        self._starts = 0
        self.program: Program = self.start()

    def start(self) -> Program:
        self._starts += 1
        command = [*CUMULO, "up", "--data", str(self.data), "--no-browser", *self._options]
        for option in ("--port", "--flower-port"):
            if option not in self._options:
                command += [option, str(unused_port())]
        log = self.folder / f"up-{self._starts}.log"
        self.program = Program(command, log, cwd=self.folder, env=environment(**self._settings))
        try:
            wait_until(self._is_up, f"`cumulo up` with its log in {log}", START)
        except BaseException:
            self.program.clean_up()
            raise
        self.known = json.loads((self.data / "cluster.json").read_text())
        self.url: str = self.known["url"]
        self.token: str = self.known["token"]
        self.redis_url = self.known["redis_url"]
        self.http = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=httpx.Timeout(60)
        )
        return self.program

    def _is_up(self) -> bool:
        assert self.program.exit_code is None, f"`cumulo up` ended: {self.program.output()}"
        return "Cúmulo is up" in self.program.output()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code. Nothing may be left of it."""
        code = self.program.end(number)
        self.close()
        assert self.program.left() == []
        return code

    def close(self) -> None:
        super().close()
        self.__dict__.pop("redis", None)
        self.__dict__.pop("view", None)
        self.http.close()

    def clean_up(self) -> None:
        self.close()
        self.program.clean_up()

    # -- through HTTP ------------------------------------------------------------------------------------------

    def get(self, path: str, **params: Any) -> Any:
        response = self.http.get(f"/api/v1/{path}", params=params)
        response.raise_for_status()
        return response.json()

    def post_images(self, images: Sequence[tuple[str, bytes]], **fields: Any) -> httpx.Response:
        """POST /api/v1/jobs with files of (name, content)."""
        files = [("image", (name, data, "application/octet-stream")) for name, data in images]
        return self.http.post("/api/v1/jobs", files=files, data=fields)

    def submit(self, images: Sequence[tuple[str, bytes]], **fields: Any) -> list[str]:
        """Ids of the jobs made of the images."""
        response = self.post_images(images, **fields)
        assert response.status_code == 202, response.text
        return [job["id"] for job in response.json()["jobs"]]

    def await_job(self, job_id: str, seconds: float = 60.0) -> dict[str, Any]:
        """The job, once it has ended, as the API shows it."""

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.get(f"jobs/{job_id}")
            return job if job["state"] in FINISHED else None

        job = wait_until(ended, f"the end of job {job_id}", seconds)
        assert job is not None
        return job

    def result(self, job_id: str) -> bytes:
        """The result's file, once the job is done."""
        job = self.await_job(job_id)
        assert job["state"] == "done", job["error"]
        response = self.http.get(f"/api/v1/jobs/{job_id}/result")
        response.raise_for_status()
        return response.content

    def await_nodes(self, state: str = "live") -> list[str]:
        """The names of the nodes once all that are known are in that state."""

        def names() -> list[str]:
            nodes = self.get("nodes")["items"]
            return [node["worker_id"] for node in nodes if node["state"] == state] if nodes else []

        return wait_until(lambda: len(found := names()) == len(self.states()) and found, f"every node {state}")


CLIENT = """
import json, sys
from cluster import submit

for line in sys.stdin:
    given = json.loads(line)
    print(json.dumps(submit(given["files"], given["pipeline"])), flush=True)
"""


class Client:
    """A Python program of somebody who uses the cluster: `cluster.submit()`. It waits for orders without any load."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self._log = folder / "client.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", CLIENT],
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def submit(self, files: Sequence[Path], pipeline: Sequence[object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"files": [str(path) for path in files], "pipeline": pipeline}
        print(json.dumps(order), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, self._log.read_text()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=STOP)


class Plain(Watched):
    """A Valkey, a folder for images, and what the test starts beside them. Needs no web app."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.redis_url, self.server = start_valkey(folder / "valkey")
        self.programs: dict[str, Program] = {}

    def restart_server(self) -> None:
        """The server again, at its old address and with its files, after the test has killed it."""
        stop_server(self.server)
        port = int(self.redis_url.rpartition(":")[2].partition("/")[0])
        self.redis_url, self.server = start_valkey(self.folder / "valkey", port)

    def environment(self, node: str = "client", **settings: object) -> dict[str, str]:
        given = {"redis_url": self.redis_url, "store": self.folder / "images", "data": self.folder / node}
        return environment(**{**given, "node": node, **settings})

    def run(self, name: str, command: Sequence[str], cpus: Sequence[int] = (), **settings: object) -> Program:
        """Starts a program in a folder of its own; `name` is also that of its log."""
        (self.folder / name).mkdir(exist_ok=True)
        env = self.environment(**settings)
        log = self.folder / f"{name}.log"
        self.programs[name] = Program(command, log, cwd=self.folder / name, env=env, cpus=cpus)
        return self.programs[name]

    def image_worker(self, node: str, *options: str, cpus: Sequence[int] = (), **settings: object) -> Program:
        """`celery -A cluster worker -n images@NODE -Q node.NODE`"""
        command = [*CELERY, "worker", "-n", f"images@{node}", "-Q", f"node.{node}", *options]
        return self.run(f"images-{node}", command, cpus, node=node, **settings)

    def monitor(self, pc: str, *nodes: str) -> Program:
        """`celery -A cluster worker -n monitor@PC -Q monitor.PC -P solo -B`"""
        command = [*CELERY, "worker", "-n", f"monitor@{pc}", "-Q", f"monitor.{pc}", "-P", "solo", "-B"]
        return self.run(f"monitor-{pc}", command, node=pc, nodes=",".join(nodes or (pc,)))

    def web(self, address: str = "", **settings: object) -> str:
        """The web app, served as `cumulo up` serves it; its address, whether or not it can reach Redis yet."""
        url = address.removeprefix("http://") or f"127.0.0.1:{unused_port()}"
        command = [sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "--bind", url]
        name = f"web-{len(self.programs)}"
        self.run(name, [*command, "webapp.wsgi:app"], token=TOKEN, **settings)

        def answers() -> bool:
            assert self.programs[name].exit_code is None, self.programs[name].output()[-2000:]
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://{url}/healthz").is_success
            return False

        wait_until(answers, f"the web app with its log in {self.programs[name].log}", START)
        return f"http://{url}"

    def await_live(self, *nodes: str) -> None:
        def live() -> bool:
            for program in self.programs.values():
                assert program.exit_code is None, f"ended: {program.output()[-2000:]}"
            states = self.states()
            return all(states.get(node) == "live" for node in nodes)

        wait_until(live, f"live nodes {', '.join(nodes)}", START)

    def python(self, code: str, given: object = None) -> Any:
        """What a Python client of this cluster prints as JSON; `given` is its standard input, as JSON."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=self.folder,
            env=self.environment(),
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @cached_property
    def client(self) -> Client:
        return Client(self.environment(), self.folder)

    def submit(self, files: Sequence[Path], *pipeline: object) -> list[str]:
        """Ids of the jobs made of the files."""
        return [job["id"] for job in self.client.submit(files, pipeline)["jobs"]]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if "client" in self.__dict__:
            self.client.close()
        for program in self.programs.values():
            program.ask_to_end()
        for program in self.programs.values():
            program.clean_up()
        self.close()
        stop_server(self.server)


@contextlib.contextmanager
def cpu_burner(folder: Path, cpu: int) -> Iterator[None]:
    """Somebody else's program that keeps one core busy."""
    command = [sys.executable, "-c", "while True: pass"]
    program = Program(command, folder / "burner.log", cwd=folder, env=environment(), cpus=[cpu])
    try:
        yield
    finally:
        program.kill()

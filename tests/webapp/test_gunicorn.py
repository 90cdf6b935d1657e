"""What only a real server shows: refusing while the client still sends, live streams, the start and the end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.webapp.conftest import TOKEN, picture

ROOT = Path(__file__).parents[2]
AUTH = {"Authorization": f"Bearer {TOKEN}"}
MIB = 2**20


class Server:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"


def launch(data: Path, app: str = "tests.webapp.served:app", **variables: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CUMULO_")}
    command = [sys.executable, "-m", "gunicorn", "-c", "python:webapp.gunicorn_conf", "--bind", "127.0.0.1:0"]
    return subprocess.Popen(
        # Far longer than our own setting: what holds up the end shows as a stop that takes this long.
        [*command, "--workers", "1", "--log-level", "info", "--graceful-timeout", "60", app],
        cwd=ROOT,
        env=environment | {"CUMULO_DATA": str(data), **variables},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its workers can be ended with it
    )


def end(process: subprocess.Popen[str]) -> None:
    """Politely, and by force if it does not go."""
    process.terminate()
    try:
        process.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    process = launch(tmp_path, CUMULO_TOKEN=TOKEN, CUMULO_MAX_UPLOAD_BYTES=str(MIB))
    assert process.stderr is not None
    log: list[str] = []
    for line in process.stderr:
        log.append(line)
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line)
        if found:
            break
    else:
        raise AssertionError("".join(log))
    # Nobody else reads it, and a full pipe would stop the server.
    reader = threading.Thread(target=lambda: log.extend(process.stderr or ()), daemon=True)
    reader.start()
    yield Server(process, int(found[1]))
    try:
        end(process)
    finally:
        reader.join(10)
        process.stderr.close()
    assert not any("Traceback" in line for line in log), "".join(log)


def form_head(name: str = "big.jpg") -> bytes:
    return f'--x\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'.encode()


def post(server: Server, *headers: str) -> bytes:
    lines = ("POST /api/v1/jobs HTTP/1.1", "Host: localhost", *headers)
    content = "Content-Type: multipart/form-data; boundary=x"
    return "\r\n".join((*lines, content, "", "")).encode()


def answer_of(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """Reads one response; its status and JSON."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        assert piece, f"the connection ended with {data!r}"
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), json.loads(body)


# -- refusing while the client still sends -------------------------------------------------------------------------


@pytest.mark.parametrize("megabytes", [5, 100], ids=["one file too large", "the whole form too large"])
def test_a_client_that_sends_everything_first_still_gets_the_413(server: Server, megabytes: int) -> None:
    piece = b"\xff" * MIB
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        size = len(form_head()) + megabytes * MIB
        connection.sendall(post(server, f"Authorization: Bearer {TOKEN}", f"Content-Length: {size}") + form_head())
        for _ in range(megabytes):
            connection.sendall(piece)
        status, problem = answer_of(connection)
    assert status == 413
    assert "1 MiB" in str(problem["detail"])
    if megabytes == 5:
        assert problem["file"] == "big.jpg"


def test_the_same_without_a_length(server: Server) -> None:
    """Chunked, as programs send that make the body as they go."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(post(server, f"Authorization: Bearer {TOKEN}", "Transfer-Encoding: chunked"))
        for piece in (form_head(), *[b"\xff" * MIB] * 30, b"\r\n--x--\r\n"):
            connection.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        assert answer_of(connection)[0] == 413


def test_an_ordinary_client_gets_it_too(server: Server) -> None:
    response = httpx.post(
        f"{server.url}/api/v1/jobs",
        headers=AUTH,
        data={"filter": "sepia"},
        files={"image": ("big.jpg", b"\xff" * (30 * MIB))},
        timeout=30,
    )
    assert response.status_code == 413
    assert response.headers["Content-Type"] == "application/problem+json"


def test_without_a_token_a_large_upload_is_told_so(server: Server) -> None:
    response = httpx.post(f"{server.url}/api/v1/jobs", files={"image": ("big.jpg", b"\xff" * (10 * MIB))}, timeout=30)
    assert response.status_code == 401


def test_after_a_refusal_the_connection_goes_on(server: Server) -> None:
    size = len(form_head()) + 3 * MIB
    request = post(server, f"Authorization: Bearer {TOKEN}", f"Content-Length: {size}") + form_head()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for _ in range(2):
            connection.sendall(request + b"\xff" * (3 * MIB))
            assert answer_of(connection)[0] == 413


def test_an_upload_that_breaks_off_disturbs_nobody(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(post(server, f"Authorization: Bearer {TOKEN}", "Content-Length: 100000") + form_head())
        connection.shutdown(socket.SHUT_WR)
        status, problem = answer_of(connection)
    assert status == 400
    assert "cut off" in str(problem["detail"])
    files = {"image": ("a.png", picture())}
    response = httpx.post(f"{server.url}/api/v1/jobs", headers=AUTH, data={"filter": "sepia"}, files=files)
    assert response.status_code == 202


# -- streams -------------------------------------------------------------------------------------------------------


def test_a_stream_and_the_api_side_by_side(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/api/v1/stream", headers=AUTH, timeout=20) as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: hello"
        files = {"image": ("a.png", picture())}
        httpx.post(f"{server.url}/api/v1/jobs", headers=AUTH, data={"filter": "sepia"}, files=files)
        next(line for line in lines if line == "event: jobs")
        assert "assigned" in next(line for line in lines if line.startswith("data:"))


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_streams_do_not_hold_up_the_end(server: Server, stop: signal.Signals) -> None:
    ended = threading.Event()
    begun = threading.Event()

    def listen() -> None:
        try:
            with httpx.stream("GET", f"{server.url}/api/v1/stream", headers=AUTH, timeout=20) as stream:
                for line in stream.iter_lines():
                    if line == "event: summary":
                        begun.set()
        except httpx.HTTPError:
            pass
        ended.set()

    threads = [threading.Thread(target=listen) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert begun.wait(20)
    server.process.send_signal(stop)
    assert server.process.wait(30) == 0
    assert ended.wait(10)
    for thread in threads:
        thread.join(10)


# -- the start -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "CUMULO_TOKEN"),
        ({"CUMULO_TOKEN": "x", "CUMULO_MAX_PIXELS": "many"}, "CUMULO_MAX_PIXELS"),
        ({"CUMULO_TOKEN_FILE": "/nowhere/token"}, "CUMULO_TOKEN_FILE"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path, variables: dict[str, str], said: str) -> None:
    process = launch(tmp_path, **variables)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in errors
    (line,) = [line for line in errors.splitlines() if not re.match(r"\[.*\[INFO\]", line)]
    assert said in line


def eventually(check: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_wsgi_module_is_the_application(tmp_path: Path) -> None:
    """The command of the documentation, on settings alone; Redis need not be there for it to live."""
    process = launch(tmp_path, "webapp.wsgi:app", CUMULO_TOKEN=TOKEN, CUMULO_REDIS_URL="redis://127.0.0.1:1/0")
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "Listening at" in line)
        url = re.search(r"http://[\d.:]+", line)[0]  # type: ignore[index]

        def lives() -> bool:
            try:
                return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        eventually(lives, 30)
        ready = httpx.get(f"{url}/readyz", timeout=20)
        assert ready.status_code == 503
        assert ready.json()["type"] == "urn:cumulo:problem:cluster-unavailable"
    finally:
        end(process)
        process.communicate()

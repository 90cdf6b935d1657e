"""Real servers for the tests, each on a free port of this PC."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from cluster import valkey

PASSWORD = "test-password"
ATTEMPTS = 5  # somebody else may take the port between finding it and listening on it
PATIENCE = 20.0  # seconds to start or to stop


def unused_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_valkey(folder: Path, port: int = 0) -> tuple[str, subprocess.Popen[bytes]]:
    """Starts the server that `cumulo up` would start, its files in `folder`: (redis:// URL, process).

    Without `port` on a free one. It answers when this returns; whoever started it calls `stop_server`.
    """
    for _ in range(1 if port else ATTEMPTS):
        chosen = port or unused_port()
        command = valkey.server_command(folder, "127.0.0.1", chosen, PASSWORD)
        with (folder / "valkey.log").open("ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        url = f"redis://:{PASSWORD}@127.0.0.1:{chosen}/0"
        if _answers(url, process):
            return url, process
        stop_server(process)
    raise RuntimeError(f"no Valkey: {(folder / 'valkey.log').read_text()[-2000:]}")


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            try:
                # Its own process id, for it may be another server that has taken the port.
                return int(client.info("server")["process_id"]) == process.pid
            except redis.AuthenticationError:
                return False
            except redis.RedisError:
                time.sleep(0.02)
    return False


def stop_server(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, then SIGKILL for one that does not end."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


@contextlib.contextmanager
def running_valkey(folder: Path) -> Iterator[str]:
    """The URL of a server that lives as long as the block."""
    url, process = start_valkey(folder)
    try:
        yield url
    finally:
        stop_server(process)

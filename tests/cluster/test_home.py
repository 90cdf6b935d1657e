"""The data folder: one cluster at a time, secrets that last, and where the cluster answers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import ClusterError, SettingsError
from cluster.home import Home, Running
from cluster.network import free_port, local_address
from cluster.valkey import find_server, server_command
from tests.servers import unused_port


def running(pid: int) -> Running:
    return Running("http://127.0.0.1:8000", "token", "redis://", "http://127.0.0.1:5555", pid)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "data")
    home.lock()
    yield home
    home._lock.close()


# -- one at a time --------------------------------------------------------------------------------------------------

SECOND = "import sys, pathlib; from cluster.home import Home; Home(pathlib.Path(sys.argv[1])).lock()"


def test_a_second_cluster_is_told_where_the_first_answers(home: Home) -> None:
    home.announce(running(os.getpid()))
    with pytest.raises(ClusterError, match=r"already runs from .* at http://127.0.0.1:8000; stop it first"):
        Home(home.data).lock()
    second = subprocess.run([sys.executable, "-c", SECOND, str(home.data)], capture_output=True, text=True, check=False)
    assert "already runs" in second.stderr


def test_the_folder_is_free_again_when_its_cluster_has_ended(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SECOND, str(tmp_path)], check=True)
    home = Home(tmp_path)
    home.lock()
    home._lock.close()


def test_the_folder_is_private_to_its_owner(home: Home) -> None:
    assert stat.S_IMODE(home.data.stat().st_mode) == 0o700


# -- secrets --------------------------------------------------------------------------------------------------------


def test_a_secret_is_made_once_and_kept(home: Home) -> None:
    token, flower = home.secret("token"), home.secret("flower")
    assert token != flower
    assert len(token) >= 32
    assert Home(home.data).secret("token") == token
    assert Home(home.data).secret("flower") == flower


def test_only_the_owner_can_read_secrets(home: Home) -> None:
    home.secret("token")
    home.announce(running(os.getpid()))
    for name in ("secrets.json", "cluster.json"):
        assert stat.S_IMODE((home.data / name).stat().st_mode) == 0o600


# -- where it answers -----------------------------------------------------------------------------------------------


def test_other_commands_find_the_running_cluster(home: Home) -> None:
    assert home.running() is None
    home.announce(running(os.getpid()))
    assert Home(home.data).running() == running(os.getpid())
    home.withdraw()
    home.withdraw()
    assert home.running() is None


def test_a_cluster_that_was_killed_is_not_found(home: Home) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    home.announce(running(gone.pid))
    assert home.running() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"url": 1}'])
def test_a_torn_file_is_no_running_cluster(home: Home, content: str) -> None:
    (home.data / "cluster.json").write_text(content)
    assert home.running() is None


# -- ports ----------------------------------------------------------------------------------------------------------


def test_a_busy_port_gives_the_next_free_one() -> None:
    import socket

    wanted = unused_port()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", wanted))
        busy.listen()
        found = free_port("127.0.0.1", wanted)
        assert wanted < found < wanted + 50
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", found))
    assert free_port("127.0.0.1", wanted) == wanted


def test_an_address_that_is_not_of_this_pc_is_said_in_words() -> None:
    with pytest.raises(ClusterError, match=r"cannot listen on 192\.0\.2\.1"):
        free_port("192.0.2.1", 8000)


def test_no_port_is_beyond_the_last() -> None:
    assert free_port("127.0.0.1", 65535) <= 65535


def test_this_pc_has_an_address() -> None:
    assert local_address().count(".") == 3


# -- the embedded server --------------------------------------------------------------------------------------------


def test_the_servers_password_is_in_a_private_file_and_not_in_the_process_list(tmp_path: Path) -> None:
    command = server_command(tmp_path / "valkey", "127.0.0.1", 6390, "the-password")
    assert not any("the-password" in part for part in command)
    config = Path(command[1])
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    lines = config.read_text().splitlines()
    assert {"requirepass the-password", "port 6390", "appendonly yes", "maxmemory-policy noeviction"} <= set(lines)


def test_the_server_is_a_program_of_this_pc() -> None:
    version = subprocess.run([find_server(), "--version"], capture_output=True, text=True, check=True).stdout
    assert "server" in version.lower()


def test_without_any_server_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match="install `valkey-server` or `redis-server`"):
        find_server()


def test_a_server_on_the_path_is_used_where_there_is_no_embedded_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_server() == str(server)

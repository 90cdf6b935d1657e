"""What `cumulo up` leaves in the data folder: secrets that outlive a restart, and where the running cluster is."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.errors import ClusterError

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where `up` has no embedded server anyway
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Running:
    """Where a cluster of this PC answers, for the other commands."""

    url: str
    token: str
    redis_url: str
    flower_url: str
    pid: int
    store: str = ""
    """The folder of its images, where this PC has it."""
    max_bytes: int = 0
    """The largest file that it takes; 0 where that is not known."""


def own_data() -> Path:
    """The user's own folder for Cúmulo, where nothing else is said."""
    import platformdirs

    return Path(platformdirs.user_data_dir("cumulo", appauthor=False))


def data_here() -> Path:
    """The data folder by `CUMULO_DATA`, else the user's own; without `Settings`, which take 40 ms to load."""
    given = os.environ.get("CUMULO_DATA")
    return Path(given) if given else own_data()


def _write_private(path: Path, content: object) -> None:
    temporary = path.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file, indent=1)
    temporary.replace(path)


class Home:
    def __init__(self, data: Path) -> None:
        self.data = data
        self._lock: object | None = None

    def secret(self, name: str) -> str:
        """A random word, made once and kept."""
        path = self.data / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if name not in known:
            known[name] = secrets.token_urlsafe(24)
            _write_private(path, known)
        return known[name]

    def lock(self) -> None:
        """Only one `up` per data folder. Raises ClusterError that says where the other one answers."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (self.data / "up.lock").open("w")
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                other = self.running()
                where = f" at {other.url}" if other else ""
                raise ClusterError(
                    f"a cluster already runs from {self.data}{where}; stop it first, or use another --data folder"
                ) from None
        self._lock = file

    def announce(self, running: Running) -> None:
        _write_private(self.data / "cluster.json", asdict(running))

    def withdraw(self) -> None:
        (self.data / "cluster.json").unlink(missing_ok=True)

    def running(self) -> Running | None:
        """The cluster that runs from this folder, None if none does."""
        try:
            found = Running(**json.loads((self.data / "cluster.json").read_text()))
            os.kill(found.pid, 0)
        except (OSError, ValueError, TypeError):
            return None
        return found

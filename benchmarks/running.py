"""A real cluster for a benchmark, in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster.settings import environment

CUMULO = [sys.executable, "-c", "from cluster.cli import main; main()"]
READY_SECONDS = 60


@dataclass(frozen=True)
class Running:
    data: Path
    url: str
    token: str
    redis_url: str
    pid: int

    @property
    def entrance(self) -> str:
        return f"{self.url}/?token={self.token}"

    def apply(self, folder: str, *options: str) -> list[str]:
        """The command `cumulo apply FOLDER OPTIONS...` on this cluster."""
        return [*CUMULO, "apply", folder, *options, "--data", str(self.data)]

    def forget_images(self) -> None:
        """Takes stored images away, so that a second round writes them again instead of finding them.

        Emptied and put aside, not deleted: for some minutes ext4 passes by deleted files one by one whenever it makes
        one near them, which took 0.2 ms a file instead of 0.01 (measured).
        """
        aside = self.data / "forgotten"
        aside.mkdir(exist_ok=True)
        for path in (self.data / "blobs").glob("??/*"):
            os.truncate(path, 0)
            path.rename(aside / uuid.uuid4().hex)


@contextmanager
def cluster(nodes: int, **settings: object) -> Iterator[Running]:
    """`cumulo up --nodes N` with these settings and no others, ready; stopped and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder:
        data = Path(folder)
        process = subprocess.Popen(
            [*CUMULO, "up", "--nodes", str(nodes), "--data", folder, "--no-browser"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("CUMULO_")},
                **environment(**settings),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until = time.monotonic() + READY_SECONDS
            while not (data / "cluster.json").exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("`cumulo up` did not come up")
                time.sleep(0.1)
            found = json.loads((data / "cluster.json").read_text())
            yield Running(data, found["url"], found["token"], found["redis_url"], process.pid)
        finally:
            process.terminate()
            process.wait()


def timed(command: list[str]) -> float:
    """Seconds from the start to the end of a command; RuntimeError with what it said if it fails."""
    begin = time.perf_counter()
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-2000:]}")
    return time.perf_counter() - begin

"""What every process of a node works on at this moment, each in a small file of its own.

A process that dies cannot say over which of its jobs; the worker's main process reads it here. A file and not Redis,
because it is written five times a job: about 4 microseconds each (measured).
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from cluster.settings import Settings

FETCHING, WORKING, STORING = "fetching", "working", "storing"
SIZE = 512  # bytes: every entry covers the one before
END = "end"  # what lacks it was read while it was written

_own = threading.local()


@dataclass(frozen=True, slots=True)
class Work:
    """What a process said last. `job` is empty between two jobs, `step` 0 before the first one; `limit` is how many
    seconds by the clock the phase may take."""

    process: int
    lease: str
    job: str = ""
    attempt: int = 0
    phase: str = ""
    limit: float = 0.0
    step: int = 0
    filter: str = ""

    def same_job(self, other: Work | None) -> bool:
        return other is not None and (self.lease, self.job, self.attempt) == (other.lease, other.job, other.attempt)

    def words(self) -> str:
        """How far the job had got, for a sentence."""
        if self.phase == FETCHING:
            return "while the image was fetched from the store"
        if self.phase == STORING:
            return "while the result was stored"
        if self.step:
            return f"after step {self.step} ({self.filter}) had begun"
        return "while the image was decoded"


def folder_of(settings: Settings, node: str) -> Path:
    return settings.data / "run" / f"work-{node}"


class Progress:
    """The file of this process, or of this thread. Trouble with the disk costs the knowledge and never the work."""

    def __init__(self, folder: Path) -> None:
        self._process = os.getpid()
        self._file: int | None = None
        self._work = Work(self._process, "")
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = folder / f"{self._process}-{threading.get_native_id()}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)

    def between(self, lease: str) -> None:
        """No job is in hand; `lease` is the message that is, '' for none."""
        self._write(Work(self._process, lease))

    def begin(self, lease: str, job: str, attempt: int, limit: float) -> None:
        """The job is in hand; its image is fetched first."""
        self._write(Work(self._process, lease, job, attempt, FETCHING, limit))

    def enter(self, phase: str, limit: float) -> None:
        work = self._work
        self._write(Work(self._process, work.lease, work.job, work.attempt, phase, limit))

    def step(self, number: int, filter: str) -> None:
        """A step of the pipeline begins; the phase and its limit go on."""
        work = self._work
        self._write(Work(self._process, work.lease, work.job, work.attempt, work.phase, work.limit, number, filter))

    def _write(self, work: Work) -> None:
        self._work = work
        if self._file is None:
            return
        text = (
            f"{work.process} {work.lease or '-'} {work.job or '-'} {work.attempt} {work.phase or '-'} {work.limit:.3f} "
            f"{work.step} {work.filter or '-'} {END}"
        )
        with contextlib.suppress(OSError):
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, text.ljust(SIZE).encode())


def own(folder: Path) -> Progress:
    """The one of this process and thread."""
    known: tuple[int, Path, Progress] | None = getattr(_own, "progress", None)
    if known is None or known[:2] != (os.getpid(), folder):
        known = _own.progress = os.getpid(), folder, Progress(folder)
    return known[2]


def in_hand(folder: Path) -> dict[str, tuple[Work, Path]]:
    """What all processes of the node said last, by lease."""
    found = {}
    for path, work in entries(folder):
        if work.lease:
            found[work.lease] = work, path
    return found


def entries(folder: Path) -> list[tuple[Path, Work]]:
    """Every file and what it says; those that cannot be read at this moment are left out."""
    try:
        return [(path, work) for path in folder.iterdir() if (work := read(path))]
    except OSError:
        return []


def read(path: Path) -> Work | None:
    try:
        return _parsed(path.read_text())
    except (OSError, ValueError):
        return None


def _parsed(text: str) -> Work:
    """Raises ValueError for what is torn."""
    process, lease, job, attempt, phase, limit, step, name, end = text.split()
    if end != END:
        raise ValueError(text)
    words = ["" if word == "-" else word for word in (lease, job, phase, name)]
    return Work(int(process), words[0], words[1], int(attempt), words[2], float(limit), int(step), words[3])


def forget(path: Path) -> None:
    """Removes the file of a process that is no more."""
    with contextlib.suppress(OSError):
        path.unlink()


def clear(folder: Path) -> None:
    """For a node that starts anew: what its processes did in an earlier life is over."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            forget(path)

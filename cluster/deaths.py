"""Deaths of pool processes: over which job, of what, and the ones that the worker's main process brings about itself.

Here is the main process of an image worker. It knows from `cluster.progress` what each of its processes has in hand.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from cluster import progress
from cluster.ledger import Blame
from cluster.progress import Work

if TYPE_CHECKING:
    from cluster.service import Cluster

logger = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two looks at what the processes do
KILLER_MEMORY = 5.0  # seconds for which a kill by the system for want of memory explains the death of a process

STARTED_ANEW = "the node was started anew"
UNWANTED = "its process was ended, because another image of the same message was cancelled"

_HOW = re.compile(r"signal \d+(?: \((?P<signal>\w+)\))?|exitcode (?P<code>-?\d+)")


@dataclass(frozen=True, slots=True)
class Ended:
    """The main process ended a process itself, over that job. `lost`: the job is to blame, because it took too long."""

    work: Work
    why: str
    lost: bool


_ended: dict[int, Ended] = {}  # by process, until its death is reported


def report(cluster: Cluster, node: str, lease: str, how: str) -> None:
    """The process that had `lease` in hand is dead; `how` is what is known of it, as Celery says it.

    The job it died over counts a lost attempt, the others go back without blame. Raises ClusterUnavailable; it may be
    called again.
    """
    work, path = progress.in_hand(progress.folder_of(cluster.settings, node)).get(lease, (None, None))
    ended = _ended.get(work.process) if work else None
    if ended is not None and not ended.lost:
        cluster.ledger.give_back(node, ended.why, lost=False, lease=lease)
    else:
        blame, words = _judged(work, how, ended)
        returned = cluster.ledger.give_back(node, words, lost=True, lease=lease, blame=blame)
        logger.warning("a process of %s is dead: %s; %d jobs go back to the backlog", node, words, returned)
    if path is not None and work is not None and not _is_own(work):
        _ended.pop(work.process, None)
        progress.forget(path)
    cluster.dispatch()


def bury(cluster: Cluster, node: str, why: str) -> None:
    """Whatever the ledger still believes to be on the node belonged to an earlier life of it.

    What a process had in hand counts a lost attempt, what it had only claimed does not.
    """
    folder = progress.folder_of(cluster.settings, node)
    for lease, (work, _) in progress.in_hand(folder).items():
        cluster.ledger.give_back(node, why, lost=True, lease=lease, blame=Blame(work.job))
    cluster.ledger.give_back(node, why, lost=True)
    progress.clear(folder)


def _judged(work: Work | None, how: str, ended: Ended | None) -> tuple[Blame | None, str]:
    """Which job the death is laid to, and the words for it."""
    name = _signal(how)
    cause = ended.why if ended else _cause(how, name)
    if work is None:
        return None, cause
    if not work.job or (ended and not ended.work.same_job(work)):  # the second: it went on in the very last moment
        return Blame(""), cause
    step = work.step if work.phase == progress.WORKING and work.step else None
    return Blame(work.job, step, name), f"{cause}, {work.words()}"


def _signal(how: str) -> str:
    found = _HOW.search(how)
    return (found and found["signal"]) or ""


def _cause(how: str, name: str) -> str:
    if name == "SIGKILL" and out_of_memory().recently():
        return "out of memory: the system ended its process (SIGKILL)"
    if name:
        return f"its process was ended by {name}"
    found = _HOW.search(how)
    return f"its process ended with exit code {found['code']}" if found and found["code"] else how


def _is_own(work: Work) -> bool:
    """In a pool of threads the process is this one."""
    return work.process == os.getpid()


class Watch:
    """Looks at what the processes have in hand: ends those whose job took too long or is nobody's any more."""

    def __init__(self) -> None:
        self._ages: dict[tuple[int, str, int, str], float] = {}
        self._looked = time.monotonic()

    def look(self, cluster: Cluster, nodes: Sequence[str], processes: Mapping[str, int]) -> None:
        """To be called every `EVERY` seconds; `processes` says which one has a lease in hand.

        Raises ClusterUnavailable.
        """
        out_of_memory().look()
        now = time.monotonic()
        # Time in which this process was frozen is not held against a job: its own was frozen as well, most likely.
        passed, self._looked = min(now - self._looked, 4 * EVERY), now
        ages = {}
        for node in nodes:
            found = progress.entries(progress.folder_of(cluster.settings, node))
            busy = [(path, work) for path, work in found if work.job]
            held = cluster.ledger.still_held({(work.job, work.attempt): work.lease for _, work in busy})
            for path, work in found:
                if (work.job, work.attempt) not in held and not _is_own(work) and not psutil.pid_exists(work.process):
                    progress.forget(path)
            for path, work in busy:
                key = (work.process, work.job, work.attempt, work.phase)
                age = ages[key] = self._ages[key] + passed if key in self._ages else 0.0
                if (work.job, work.attempt) in held:
                    if age > work.limit:
                        self._too_long(cluster, node, path, work, processes)
                elif age:  # what is over before the next look is not worth a process
                    _end(path, Ended(work, UNWANTED, lost=False), processes)
        self._ages = ages

    def _too_long(self, cluster: Cluster, node: str, path: Path, work: Work, processes: Mapping[str, int]) -> None:
        why = f"it took longer than {work.limit:g} s and was ended"
        if not _is_own(work):
            _end(path, Ended(work, why, lost=True), processes)
            return
        # A thread cannot be ended: its jobs are taken from it, and what it still says of them is dropped.
        words = f"{why}, {work.words()}"
        cluster.ledger.give_back(node, words, lost=True, lease=work.lease, blame=Blame(work.job, work.step or None))
        logger.warning("job %s on %s: %s", work.job, node, words)
        cluster.dispatch()


def _end(path: Path, ended: Ended, processes: Mapping[str, int]) -> None:
    """SIGKILL, if the process is one of this worker's and still works on this job; Celery reports the death."""
    work = ended.work
    if _is_own(work) or processes.get(work.lease) != work.process or not work.same_job(progress.read(path)):
        return
    if work.same_job(known.work if (known := _ended.get(work.process)) else None):
        return  # it is dead already, and its death will be reported
    _ended[work.process] = ended
    logger.info("process %d is ended over job %s: %s", work.process, work.job, ended.why)
    with contextlib.suppress(ProcessLookupError):
        os.kill(work.process, signal.SIGKILL)


class OutOfMemory:
    """Whether the system has just ended a process for want of memory, by the counter of `read`."""

    def __init__(self, read: Callable[[], int]) -> None:
        self._read = read
        self._looks: deque[tuple[float, int]] = deque([(time.monotonic(), read())])

    def look(self) -> None:
        now = time.monotonic()
        self._looks.append((now, self._read()))
        while len(self._looks) > 1 and self._looks[1][0] < now - KILLER_MEMORY:
            self._looks.popleft()

    def recently(self) -> bool:
        return self._read() > self._looks[0][1]


@cache
def out_of_memory() -> OutOfMemory:
    return OutOfMemory(memory_kills)


def memory_kills(root: Path = Path("/")) -> int:
    """How many processes the system has ended for want of memory, in this cgroup (v2, v1) or else on this PC."""
    for path in _counters(root):
        try:
            found = re.search(r"^oom_kill (\d+)$", path.read_text(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found[1])
    return 0


def _counters(root: Path) -> list[Path]:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    found = []
    for line in lines:
        _, controllers, place = line.split(":", 2)
        # In a container the cgroup's own folder is the root of what is mounted.
        for where in (place.strip("/"), ""):
            if not controllers:
                found.append(root / "sys/fs/cgroup" / where / "memory.events")
            elif "memory" in controllers.split(","):
                found.append(root / "sys/fs/cgroup/memory" / where / "memory.oom_control")
    return [*found, root / "proc/vmstat"]

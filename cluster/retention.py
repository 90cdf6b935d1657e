"""How long finished jobs and their images are kept: the leader deletes the rest, in slices.

Two steps, so that a crash between them leaks nothing: the ledger forgets jobs and notes which images none of them uses
any more, and whoever reaches the folder removes those files, and whatever else lies there without a job.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cluster import keys
from cluster.connection import reported
from cluster.errors import ClusterError
from cluster.storage import ASIDE, FolderStore

if TYPE_CHECKING:
    from cluster.blobs import Blobs
    from cluster.service import Cluster
    from cluster.settings import Settings

logger = logging.getLogger(__name__)

SECONDS = 0.9  # of every second, at most, for either step
SETTLED = 1.0
"""Seconds for which a finished job is kept however many there are: whoever waits for it has fetched it by then."""
AT_ONCE = 200  # images looked up together
SWEEP_SECONDS = 10.0  # between two parts of the folder, of which there are 257
TEMPORARY = "in-"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept, as the web app's settings say it for the whole cluster; 0 is without a limit."""

    days: float
    jobs: int
    bytes: int
    unused: float  # seconds

    @classmethod
    def of(cls, settings: Settings) -> Keep:
        return cls(settings.keep_days, settings.keep_jobs, settings.keep_bytes, settings.keep_unused)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def announced(cluster: Cluster) -> Keep | None:
    """What the web app has announced; None before it did: then nothing is deleted."""
    with reported():
        text = cluster.redis.hget(keys.CLUSTER, "keep")
    return Keep(**json.loads(text)) if text else None


def purge(cluster: Cluster, keep: Keep) -> int:
    """Deletes finished jobs beyond what is kept, for SECONDS; returns how many."""
    now = cluster.registry.clock()
    return cluster.ledger.purge(
        before=now - keep.days * 86400 if keep.days else float("-inf"),
        keep=keep.jobs or float("inf"),
        keep_bytes=keep.bytes or float("inf"),
        settled=now - SETTLED,
        seconds=SECONDS,
    )


class FolderTidier:
    """Removes images that no job uses from a folder, a little at a time."""

    def __init__(self, store: FolderStore, blobs: Blobs) -> None:
        self.store = store
        self._blobs = blobs
        self._part = 0
        self._swept = float("-inf")

    def tidy(self, keep: Keep, seconds: float = SECONDS) -> int:
        """Returns how many files were removed."""
        until, removed = time.monotonic() + seconds, 0
        while unused := self._blobs.unused(keep.unused, AT_ONCE):
            for sha256 in unused:
                if time.monotonic() >= until:
                    return removed
                removed += self._discard(sha256, keep)
        if time.monotonic() - self._swept >= SWEEP_SECONDS:
            self._swept = time.monotonic()
            removed += self.sweep(self._part, keep)
            self._part = (self._part + 1) % 257
        return removed

    def sweep(self, part: int, keep: Keep) -> int:
        """Removes what has no job from one of the folder's 256 parts, or (the last one) what uploads left behind.

        Such files come of uploads that were never submitted, and of processes that died between two steps.
        """
        if part == 256:
            return sum(_removed(entry) for entry in self._old("", keep) if entry.name.startswith(TEMPORARY))
        names = [entry.name for entry in self._old(f"{part:02x}", keep)]
        for name in names:
            if name.endswith(ASIDE):
                self.store.recover(name.removesuffix(ASIDE))
        orphans = self._blobs.without_job([name for name in names if _SHA256.fullmatch(name)])
        return sum(self._discard(sha256, keep) for sha256 in orphans)

    def _old(self, folder: str, keep: Keep) -> Iterator[os.DirEntry[str]]:
        """The folder's files that nobody has written or stored again for long enough."""
        before = time.time() - keep.unused
        try:
            with os.scandir(self.store.root / folder) as entries:
                found = list(entries)
        except FileNotFoundError:
            return
        for entry in found:
            try:
                if entry.is_file(follow_symlinks=False) and entry.stat().st_mtime < before:
                    yield entry
            except FileNotFoundError:
                continue

    def _discard(self, sha256: str, keep: Keep) -> bool:
        if self.store.discard(sha256, keep.unused, self._blobs.forget):
            return True
        self._blobs.postpone(sha256)
        return False


def _removed(entry: os.DirEntry[str]) -> bool:
    os.unlink(entry.path)
    return True


class Retention:
    """The leader's part, in threads beside the other chores: there may be much to delete, and a disk may be slow."""

    def __init__(self) -> None:
        self._threads: dict[str, threading.Thread] = {}
        self._said = ""

    def tick(self, cluster: Cluster) -> None:
        for name, step in (("purge", self._purge), ("tidy", self._tidy)):
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._do, args=(step, cluster), name=name, daemon=True)
                self._threads[name] = thread
                thread.start()

    def wait(self) -> None:
        """Until both steps of the last tick are done."""
        for thread in self._threads.values():
            thread.join()

    @staticmethod
    def _purge(cluster: Cluster) -> None:
        keep = announced(cluster)
        if keep and (removed := purge(cluster, keep)):
            logger.info("%d jobs were deleted: they are older, or more, than what is kept", removed)

    def _tidy(self, cluster: Cluster) -> None:
        cluster.tidy()
        self._said = ""

    def _do(self, step: Callable[[Cluster], object], cluster: Cluster) -> None:
        try:
            step(cluster)
        except (ClusterError, OSError) as error:
            if str(error) != self._said:
                logger.warning("old jobs or their images cannot be deleted: %s", error)
            self._said = str(error)
        except Exception:
            logger.exception("old jobs or their images cannot be deleted")

"""Running many image files through a pipeline, for `cumulo apply`: on the cluster, or on this PC alone.

Three ways with one face. On the PC that has the cluster's store, images go straight into it and results come straight
out of it, while jobs are recorded and asked for through the HTTP API; from elsewhere all goes through the API;
`--local` needs no cluster. None of them loads Redis or Celery, which take longer to load than a photo to process.
"""

from __future__ import annotations

import io
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any, Protocol

import filters
from cluster.api import Api, File
from cluster.cores import usable_cpus
from cluster.errors import ClusterError, ClusterUnavailable
from cluster.home import Running
from cluster.storage import FolderStore, nothing_to_check
from filters import memory

GROUP = 16  # least number of files sent together: the cluster begins while the rest is still being read
GROUP_SECONDS = 0.05
MOST = 500  # that one request names
PATIENCE = 30.0  # seconds for which a web app that does not answer is asked again
POLL = 0.01
RELAXED_POLL = 0.25  # while many images are left: each time costs a third of a thumbnail
UPLOADS = 4
BYTES = "application/octet-stream"
NO_ASSETS: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Finished:
    """One input's end: `error` in words, or a result in `format` that `save(path)` writes."""

    name: str
    error: str = ""
    format: str = ""
    save: Callable[[Path], object] = lambda path: None


class Runner(Protocol):
    def run(
        self, paths: Sequence[Path], pipeline: filters.Pipeline, format: str | None, quality: int | None
    ) -> Iterator[Finished]:
        """One `Finished` per path, in the order in which they end."""


def runner_for(cluster: Running, assets: Mapping[str, bytes] = NO_ASSETS) -> Runner:
    """The short way if the cluster's store is on this PC, else all through HTTP.

    `assets` are the pictures that the pipeline's steps name, by those names.
    """
    if cluster.store and Path(cluster.store).is_dir():
        return StoreRunner(cluster, FolderStore(Path(cluster.store)), assets)
    return HttpRunner(cluster, assets)


def local_runner(assets: Mapping[str, bytes] = NO_ASSETS) -> Runner:
    return LocalRunner(assets)


class StoreRunner:
    """Two threads: one stores the images and has them recorded, the other gives out the results that are there."""

    def __init__(self, cluster: Running, store: FolderStore, assets: Mapping[str, bytes] = NO_ASSETS) -> None:
        self._api = Api(cluster)
        self._store = store
        self._assets = assets
        self._max_bytes = cluster.max_bytes or sys.maxsize

    def run(
        self, paths: Sequence[Path], pipeline: filters.Pipeline, format: str | None, quality: int | None
    ) -> Iterator[Finished]:
        assets = [{"sha256": self._store.put(data), "name": name} for name, data in self._assets.items()]
        order = {"pipeline": pipeline.to_json(), "format": format, "quality": quality}
        feed = _Feed(self._api, self._store, paths, order, assets, self._max_bytes)
        feed.start()  # now, and not with the first result that is asked for
        return self._results(feed, len(paths))

    def _results(self, feed: _Feed, left: int) -> Iterator[Finished]:
        after, told, begun = 0, set[str](), time.monotonic()
        silent: float | None = None  # since when there has been no answer
        try:
            while True:
                # Asked in this order: what the feed left behind, and what is finished now, is seen below.
                ended = not feed.is_alive()
                refused = feed.refused()
                left -= len(refused)
                yield from refused
                batch, results = None, []
                if feed.batch:
                    try:
                        batch = self._api.get(f"batches/{feed.batch}", after=after, brief="true")
                    except ClusterUnavailable:
                        silent = silent or time.monotonic()
                        if time.monotonic() - silent > PATIENCE:
                            raise
                        time.sleep(RELAXED_POLL)
                        continue
                    after, results, silent = batch["next_after"], batch["outcomes"], None
                for job in results:
                    # Somebody may try a job again: it is told as it ended first.
                    if job["id"] not in told:
                        told.add(job["id"])
                        yield self._finished(job)
                if ended and not results and (batch is None or batch["state"] == "finished"):
                    yield from _deleted(batch["total"] - len(told) if batch else 0)
                    break
                if told and left > len(told):
                    # Half of what the rest should take, but no longer than a quarter of the time so far.
                    past = time.monotonic() - begun
                    rest = past * (left - len(told)) / len(told)
                    time.sleep(max(POLL, min(rest / 2, past / 4, RELAXED_POLL)))
                elif not results:
                    time.sleep(POLL)
            if feed.failure is not None:
                raise feed.failure
        finally:
            feed.stop()

    def _finished(self, job: dict[str, Any]) -> Finished:
        if job["state"] != "done":
            return Finished(job["name"], _words(job))
        source = self._store.path(job["result"]["sha256"])
        return Finished(job["name"], "", job["result"]["format"], partial(_copy, source))


class _Feed(threading.Thread):
    """Stores the files and has them recorded as one batch, a group at a time."""

    def __init__(
        self,
        api: Api,
        store: FolderStore,
        paths: Sequence[Path],
        order: Mapping[str, Any],
        assets: Sequence[Mapping[str, str]],
        max_bytes: int,
    ) -> None:
        super().__init__(name="feed", daemon=True)
        self._api = api
        self._store = store
        self._paths = paths
        self._order = order
        self._assets = assets
        self._limits = filters.Limits(max_bytes=max_bytes, max_pixels=sys.maxsize, max_frames=sys.maxsize)
        self._refused: SimpleQueue[Finished] = SimpleQueue()
        self._stopped = threading.Event()
        self.batch: str | None = None
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            for group in self._groups():
                images = [{"sha256": sha256, "name": _readable(path.name)} for path, sha256 in group]
                # The first request brings the assets, which the others name by their SHA-256.
                first = {} if self.batch else {"assets": self._assets}
                answer = self._api.post("batches", {**self._order, **first, "images": images, "batch": self.batch})
                for refused in answer["refused"]:
                    path, _ = group[refused["position"]]
                    self._refused.put(Finished(str(path), refused["detail"]))
                self.batch = answer["batch"]
        except Exception as error:  # noqa: BLE001 - raised again where the results are given out
            self.failure = error

    def _groups(self) -> Iterator[list[tuple[Path, str]]]:
        """GROUP files at first, then as many as are read in GROUP_SECONDS: thumbnails would cost more to send.

        Each with its SHA-256. What is no image or too large a file is refused here already, so that it is not stored;
        the cluster has further limits.
        """
        group: list[tuple[Path, str]] = []
        until = time.monotonic() + GROUP_SECONDS
        for path in self._paths:
            if self._stopped.is_set():
                return
            try:
                with path.open("rb") as stream:
                    filters.inspect(stream, self._limits)
                    sha256, _, _ = self._store.add(stream, self._limits.max_bytes, nothing_to_check)
                group.append((path, sha256))
            except filters.FilterError as error:
                self._refused.put(Finished(str(path), error.detail))
            except OSError as error:
                self._refused.put(Finished(str(path), f"cannot be read: {error.strerror}"))
            if len(group) == MOST or (len(group) >= GROUP and (self.batch is None or time.monotonic() >= until)):
                yield group
                group = []
                until = time.monotonic() + GROUP_SECONDS
        if group:
            yield group

    def refused(self) -> list[Finished]:
        """The files that were not taken since the last call."""
        found = []
        while not self._refused.empty():
            found.append(self._refused.get())
        return found

    def stop(self) -> None:
        """No further group is recorded; returns when the thread has ended."""
        self._stopped.set()
        self.join()


class HttpRunner:
    def __init__(self, cluster: Running, assets: Mapping[str, bytes] = NO_ASSETS) -> None:
        self._api = Api(cluster)
        self._assets = assets

    def run(
        self, paths: Sequence[Path], pipeline: filters.Pipeline, format: str | None, quality: int | None
    ) -> Iterator[Finished]:
        fields: dict[str, str] = {"pipeline": json.dumps(pipeline.to_json())}
        if format:
            fields["format"] = format
        if quality:
            fields["quality"] = str(quality)
        after, told, finished, complete = 0, set[str](), False, False
        remaining = list(paths)
        while remaining and "batch" not in fields:  # the first accepted file makes the batch
            path = remaining.pop(0)
            outcome = self._send(path, fields, self._assets)
            if isinstance(outcome, Finished):
                yield outcome
            else:
                fields["batch"] = outcome
        with ThreadPoolExecutor(UPLOADS) as pool:
            uploads: set[Future[Finished | str]] = {pool.submit(self._send, path, fields) for path in remaining}
            while uploads or ("batch" in fields and not complete):
                if uploads:
                    ready, uploads = wait(uploads, timeout=POLL, return_when=FIRST_COMPLETED)
                    for outcome in (future.result() for future in ready):
                        if isinstance(outcome, Finished):
                            yield outcome
                elif not finished:  # else the rest is asked for at once
                    time.sleep(10 * POLL)
                if "batch" in fields:
                    batch = self._api.get(f"batches/{fields['batch']}", after=after, brief="true")
                    after, results = batch["next_after"], batch["outcomes"]
                    finished = batch["state"] == "finished"
                    complete = finished and not results
                    for job in results:
                        # Somebody may try a job again: it is told as it ended first.
                        if job["id"] not in told:
                            told.add(job["id"])
                            yield self._finished(job)
                    if complete:
                        yield from _deleted(batch["total"] - len(told))

    def _send(self, path: Path, fields: dict[str, str], assets: Mapping[str, bytes] = NO_ASSETS) -> Finished | str:
        """The batch. Its first request brings the assets, which the others then name by their SHA-256."""
        try:
            with path.open("rb") as stream:
                files: list[File] = [("image", (path.name, stream, BYTES))]
                files += [("asset", (name, io.BytesIO(data), BYTES)) for name, data in assets.items()]
                answer = self._api.send_form("jobs", fields, files)
        except ClusterError as error:
            return Finished(str(path), error.detail.removeprefix(f"{path.name}: "))
        except OSError as error:
            return Finished(str(path), f"cannot be read: {error.strerror}")
        return str(answer["batch"])

    def _finished(self, job: dict[str, Any]) -> Finished:
        if job["state"] != "done":
            return Finished(job["name"], _words(job))
        data = self._api.download(f"jobs/{job['id']}/result")
        return Finished(job["name"], "", job["result"]["format"], partial(_write, data=data))


class LocalRunner:
    def __init__(self, assets: Mapping[str, bytes] = NO_ASSETS) -> None:
        self._assets = dict(assets)

    def run(
        self, paths: Sequence[Path], pipeline: filters.Pipeline, format: str | None, quality: int | None
    ) -> Iterator[Finished]:
        # Late: the other ways need no processes.
        import multiprocessing
        from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

        from cluster.settings import load_settings

        settings = load_settings()
        limits = filters.Limits(max_bytes=settings.max_upload_bytes, max_pixels=settings.max_pixels)
        steps = pipeline.to_json()
        with ProcessPoolExecutor(
            len(usable_cpus()), multiprocessing.get_context("spawn"), memory.keep, (memory.MEGABYTES,)
        ) as pool:
            waiting = iter(paths)
            futures: dict[Future[filters.Result], Path] = {}
            while True:
                for path in waiting:  # never more in hand than the pool can start at once, twice
                    try:
                        data = path.read_bytes()
                    except OSError as error:
                        yield Finished(str(path), f"cannot be read: {error.strerror}")
                        continue
                    futures[pool.submit(_apply, data, steps, format, quality, limits, self._assets)] = path
                    if len(futures) >= 2 * len(usable_cpus()):
                        break
                if not futures:
                    return
                for future in wait(futures, return_when=FIRST_COMPLETED).done:
                    path = futures.pop(future)
                    try:
                        result = future.result()
                    except filters.FilterError as error:
                        yield Finished(str(path), error.detail)
                    except BrokenProcessPool as error:
                        raise ClusterError(f"a process died while it worked on {path} or an image beside it") from error
                    else:
                        save = partial(_write, data=result.data)
                        yield Finished(path.name, "", result.format, save)


def _deleted(count: int) -> Iterator[Finished]:
    """What a cluster that keeps too little has deleted before it was seen here."""
    for _ in range(count):
        yield Finished("one image", "its result was deleted before it was fetched; let the cluster keep more jobs")


def _readable(name: str) -> str:
    """A file's name may be no text, such as one out of an old archive."""
    return os.fsencode(name).decode(errors="replace")


def _copy(source: Path, path: Path) -> None:
    """As shutil.copyfile, whose sendfile takes twice as long for a file of this size on ext4 (measured)."""
    _write(path, source.read_bytes())


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _apply(
    data: bytes,
    steps: list[dict[str, Any]],
    format: str | None,
    quality: int | None,
    limits: filters.Limits,
    assets: dict[str, bytes],
) -> filters.Result:
    return filters.apply(data, steps, format=format, quality=quality, limits=limits, assets=assets.get)


def _words(job: dict[str, Any]) -> str:
    error = job["error"]
    if not error:
        return str(job["state"])
    step = f" (step {error['step']})" if error.get("step") else ""
    return f"{error['detail']}{step}"

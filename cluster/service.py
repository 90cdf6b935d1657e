"""`Cluster`: what the web app, the command line, the tasks and other programs use. Everything else is behind it."""

from __future__ import annotations

import io
import json
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import filters
from cluster import assets as pictures
from cluster import intake, keys, placement, retention
from cluster.blobs import Blobs
from cluster.connection import Scripts, connect, reported
from cluster.dispatch import dispatch
from cluster.errors import (
    BadWeights,
    ClusterUnavailable,
    Conflict,
    NoLiveNode,
    NotAccepting,
    NotFound,
    StoreError,
    StoreFull,
    UnknownNode,
    UnknownPolicy,
)
from cluster.intake import Upload
from cluster.learning import Costs
from cluster.ledger import ENDED_BADLY, STORE_FULL, UNFINISHED, UNLIMITED, Ledger, NewJob
from cluster.nodes import MODES, Nodes, Snapshot
from cluster.placement import Placer
from cluster.scheduling import DEFAULT_POLICY, FIXED, HOLD, POLICIES, Job, Weights
from cluster.scheduling.policies import rule_of
from cluster.settings import Settings
from cluster.storage import OWNER, FolderStore, Store, WebStore, nothing_to_check

logger = logging.getLogger(__name__)
T = TypeVar("T")

BLOBS = "blobs"
ADDRESS = ("http://", "https://")  # how a store begins that is another PC's
STORE_LOOK_SECONDS = 1.0  # how old the view of the store's fill may be when an upload comes
STORE_AGAIN = 0.5  # seconds between two attempts to reach a store
REPORT_FIELDS = (
    "worker_id ip port cpu_usage memory_usage disk_usage network_usage tasks_processed last_heartbeat"
).split()


def store_folder(settings: Settings) -> Path | None:
    """Where the web app of these settings keeps the images; None where `store` is an address."""
    if settings.store.startswith(ADDRESS):
        return None
    return (Path(settings.store) if settings.store else settings.data / BLOBS).absolute()


class Cluster:
    """The cluster as one object: thread-safe, one per process, connects when first used.

    Every method raises ClusterUnavailable when Redis does not answer. `patient` is for processes that hold
    finished work: they go on trying for minutes. `home` is for the web app: its PC's data folder is the store.
    """

    def __init__(self, settings: Settings, *, patient: bool = False, home: bool = False) -> None:
        self.settings = settings
        self.limits = filters.Limits(
            max_bytes=settings.max_upload_bytes,
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            max_steps=settings.max_steps,
        )
        self.redis = connect(settings.redis_url, patient=patient)
        scripts = Scripts(self.redis)
        self._scripts = scripts
        self.ledger = Ledger(self.redis, scripts, max_lost=settings.max_lost)
        self.registry = Nodes(self.redis, scripts)
        self.blobs = Blobs(self.redis, scripts)
        self.placer = Placer(self.ledger, self.registry)
        self._costs = Costs(self.redis)
        self._recent: tuple[float, Snapshot] | None = None
        self._had_room_at = float("-inf")
        self._home = home

    def ping(self) -> None:
        """Raises ClusterUnavailable. The web app's ping also tells the nodes where the images lie."""
        with reported():
            self.redis.ping()
        if self._home:
            self._announce(self.home_store)

    def check_writable(self) -> None:
        """Raises ClusterUnavailable that says why where Redis answers, yet takes no writes. Nothing is written."""
        with reported():
            self.redis.setrange(
                keys.POLICY, 0, ""
            )  # by definition changes nothing, not even where there is no such key

    # -- storage -----------------------------------------------------------------------------------------------

    @cached_property
    def home_store(self) -> FolderStore:
        """The store that this process keeps for the cluster, announced to the nodes at its first use."""
        given = self.settings.store
        folder = FolderStore(Path(given) if given else self.settings.data.absolute() / BLOBS)
        self._announce(folder)
        return folder

    def _announce(self, folder: FolderStore) -> None:
        home = {
            "store_path": str(folder.root),
            "store_id": folder.identity(),
            "web_url": self.settings.web_url,
            "keep": retention.Keep.of(self.settings).to_json(),
        }
        with reported():
            self.redis.hset(keys.CLUSTER, mapping=home)
            self.redis.hsetnx(keys.CLUSTER, "node_token", secrets.token_urlsafe(32))
        folder.belongs_to(self._id())

    def _id(self) -> str:
        """A random word by which a store's folder knows this cluster."""
        with reported():
            self.redis.hsetnx(keys.CLUSTER, "id", secrets.token_hex(16))
            return cast(str, self.redis.hget(keys.CLUSTER, "id"))

    @cached_property
    def store(self) -> Store:
        """The cluster's store as this process reaches it: the same folder, or the web app's blob route."""
        if self._home:
            return self.home_store
        place = self.settings.store
        with reported():
            home = self.redis.hgetall(keys.CLUSTER)
        if place and not place.startswith(ADDRESS):
            return FolderStore(Path(place))
        if not place:
            if "store_path" not in home:
                raise StoreError("the cluster has no store yet: start the web app first (`cumulo up`)")
            folder = FolderStore(Path(home["store_path"]))
            if folder.root.is_dir() and folder.identity() == home["store_id"]:
                return folder
            place = home["web_url"]
            if not place:
                raise StoreError(
                    f"the images lie in {home['store_path']} on another PC: start the web app there with "
                    "`--host 0.0.0.0`, or set CUMULO_STORE to its address"
                )
        return WebStore(place, home.get("node_token", ""))

    def with_store(self, use: Callable[[Store], T]) -> T:
        """What `use` answers. A store that cannot be read or written is waited for, `store_seconds` long.

        Raises StoreError after that, and NotFound at once.
        """
        until, waiting = time.monotonic() + self.settings.store_seconds, False
        while True:
            try:
                answer = use(self.store)
            except StoreError as error:
                if time.monotonic() >= until:
                    raise
                if not waiting:
                    logger.warning("waiting: %s", error.detail)
                waiting = True
                self.__dict__.pop("store", None)  # the web app may have moved, or have a new token
                time.sleep(STORE_AGAIN)
            else:
                if waiting:
                    logger.warning("the image store is back")
                return answer

    def node_token(self) -> str:
        """The token that opens the blob route and nothing else."""
        with reported():
            return cast(str, self.redis.hget(keys.CLUSTER, "node_token") or "")

    def blob_path(self, sha256: str) -> Path:
        path = self.home_store.find(sha256)
        if path is None:
            raise NotFound(f"there is no stored image {sha256[:12]}")
        return path

    def open_blob(self, sha256: str) -> BinaryIO:
        return self.home_store.open(sha256)

    def store_blob(self, sha256: str, stream: BinaryIO) -> None:
        """Stores what a node sends. Raises Conflict if the content does not have the hash it claims."""
        # A result may be larger than any upload: an uncompressed picture of as many pixels as allowed.
        limit = max(self.settings.max_upload_bytes, 8 * self.settings.max_pixels)
        found, _, _ = self.home_store.add(stream, limit, nothing_to_check)
        if found != sha256:
            raise Conflict(f"the content has SHA-256 {found}, not {sha256}")

    def tidy(self) -> int:
        """Removes some of the stored images that no job uses, here or by the web app; returns how many went here."""
        store = self.store
        if isinstance(store, WebStore):
            store.tidy()
            return 0
        keep = retention.announced(self)
        if keep is None:
            return 0
        if not self._tidier.store.belongs_to(self._id()):
            raise StoreError(
                f"{self._tidier.store.root} was used by another cluster, so nothing is deleted there; if that one is "
                f"gone and none of its images are wanted, write {self._id()} into the file {OWNER} there"
            )
        return self._tidier.tidy(keep)

    @cached_property
    def _tidier(self) -> retention.FolderTidier:
        return retention.FolderTidier(cast(FolderStore, self.store), self.blobs)

    # -- jobs --------------------------------------------------------------------------------------------------

    def receive(self, stream: BinaryIO, name: str) -> Upload:
        """Checks and stores one image file; see `cluster.intake.receive`. Raises NotAccepting and StoreFull as well."""
        self._admit()
        return intake.receive(self.store, self.limits, stream, name)

    def receive_stored(self, sha256: str, name: str) -> Upload:
        """The same for an image that lies in the home's store already. Raises NotFound where it does not."""
        return intake.stored(self.home_store, self.limits, sha256, name)

    def receive_stored_asset(self, sha256: str, name: str) -> Upload:
        return intake.stored(self.home_store, self.limits.of_assets, sha256, name)

    def receive_asset(self, stream: BinaryIO, name: str) -> Upload:
        """The same for a picture that a step needs, such as a logo; it has to be small."""
        self._admit()
        return intake.receive(self.store, self.limits.of_assets, stream, name)

    def resolve(self, pipeline: filters.Pipeline, sent: Sequence[Upload]) -> tuple[filters.Pipeline, list[Upload]]:
        """The pipeline with the SHA-256 of the pictures that its steps name, and those pictures.

        A step names one of those `sent`, or gives the SHA-256 of one that an earlier batch which is still kept was
        sent with; no other stored image can be had so. Raises filters.MissingAsset that says what to send.
        """
        return pictures.resolve(pipeline, sent, self._sent_before)

    def _sent_before(self, sha256: str) -> Upload | None:
        if not self.blobs.is_asset(sha256):
            return None
        try:
            data = self.store.get(sha256)
        except NotFound:
            return None
        # Stored again, so that it is not removed before the jobs that need it are recorded.
        return intake.receive(self.store, self.limits.of_assets, io.BytesIO(data), sha256)

    def _admit(self) -> None:
        """Refuses what would be refused anyway, before anything is stored."""
        if self.settings.max_jobs_per_submitter == 0:
            raise NotAccepting("this cluster takes no images at present: the quota of each submitter is 0")
        now = time.monotonic()
        if now - self._had_room_at < STORE_LOOK_SECONDS:
            return
        most = self.settings.max_store_bytes
        if most and self.blobs.bytes_in_use() >= most:
            raise StoreFull(STORE_FULL)
        if isinstance(self.store, FolderStore) and (free := self.store.free_bytes()) < self.settings.min_free_bytes:
            raise StoreFull(
                f"the disk for images has only {free / 2**20:.0f} MiB left, and the last "
                f"{self.settings.min_free_bytes / 2**20:.0f} are for what was accepted; free some space and try again"
            )
        self._had_room_at = now

    def submit(
        self,
        uploads: Sequence[Upload],
        pipeline: filters.Pipeline,
        *,
        format: str | None = None,
        quality: int | None = None,
        priority: int = 0,
        submitter: str = "",
        batch: str | None = None,
        assets: Sequence[Upload] = (),
    ) -> dict[str, Any]:
        """Records one job per image and sends what finds room: {"batch": id, "jobs": [job, ...]}; see `record`."""
        batch_id, ids = self.record(
            uploads,
            pipeline,
            format=format,
            quality=quality,
            priority=priority,
            submitter=submitter,
            batch=batch,
            assets=assets,
        )
        return {"batch": batch_id, "jobs": self.ledger.views(ids)}

    def record(
        self,
        uploads: Sequence[Upload],
        pipeline: filters.Pipeline,
        *,
        format: str | None = None,
        quality: int | None = None,
        priority: int = 0,
        submitter: str = "",
        batch: str | None = None,
        assets: Sequence[Upload] = (),
    ) -> tuple[str, list[str]]:
        """Records one job per image and sends what finds room: (batch id, job ids).

        `format` None keeps each input's own; `priority` goes from -9 to 9, higher first. With `batch` the jobs are
        appended to an earlier batch of the same pipeline and output. `assets` are pictures that steps name, as
        `receive_asset` gave them. Raises NotAccepting, NoLiveNode, BacklogFull, QuotaReached, StoreFull, Conflict,
        NotFound, filters.MissingAsset; then nothing is recorded.
        """
        self._admit()
        pipeline, needed = self.resolve(pipeline, assets)
        # A stale node may only be late: its jobs wait for it, or for another.
        snapshot = self.registry.snapshot()
        if not any(node.state in ("live", "stale") and node.cores for node in snapshot.state.nodes):
            self.check_writable()  # else the nodes could not tell that they live
            raise NoLiveNode("no live node: start one with `cumulo worker`, or resume a paused one")
        jobs = [self._new_job(upload, pipeline, format) for upload in uploads]
        batch_id, ids = self.ledger.submit(
            jobs,
            pipeline=pipeline.to_json(),
            format=format,
            quality=quality,
            priority=priority,
            submitter=submitter,
            max_backlog=self.settings.max_backlog,
            quota=self.settings.max_jobs_per_submitter,
            max_bytes=self.settings.max_store_bytes or UNLIMITED,
            batch=batch,
            longest_first=rule_of(placement.policy_of(snapshot), snapshot.state).longest_first,
            assets=[{"sha256": asset.sha256, "bytes": asset.bytes} for asset in needed],
        )
        self._send_on()
        return batch_id, ids

    def _send_on(self) -> None:
        """Dispatches after a change that stands, whatever becomes of Redis now: the leader dispatches every second."""
        try:
            dispatch(self)
        except ClusterUnavailable:
            pass

    def _new_job(self, upload: Upload, pipeline: filters.Pipeline, format: str | None) -> NewJob:
        """With its cost as learned so far."""
        model = self._costs.model()
        size = upload.header.width, upload.header.height
        features = filters.cost_features(pipeline, upload.header.format, format, size)
        megapixels = filters.megapixels(pipeline, upload.header, format)
        return NewJob(
            upload.name,
            upload.to_json(),
            model.predict(features, megapixels),
            model.peak(features, megapixels),
            ",".join(features),
            megapixels,
        )

    def dispatch(self) -> int:
        """Sends what waits to nodes that have room; returns how many messages."""
        return dispatch(self)

    def recent_snapshot(self, seconds: float) -> Snapshot:
        """A snapshot that may be that old: for decisions many times a second in one process."""
        now = time.monotonic()
        if self._recent is None or now - self._recent[0] > seconds:
            self._recent = now, self.registry.snapshot()
        return self._recent[1]

    def job(self, job_id: str) -> dict[str, Any]:
        return {**self.ledger.job(job_id), "timeline": self.ledger.timeline(job_id)}

    def job_blob(self, job_id: str, which: str) -> dict[str, Any]:
        """Where a job's `input`, `result` or `thumbnail` is: {"sha256", "format"}. Raises Conflict if not there yet."""
        record = self.ledger.record(job_id)
        if which == "input":
            found = json.loads(record["input"])
        else:
            found = json.loads(record.get("result") or "{}")
            if which == "thumbnail" and found:
                found = {"sha256": found.get("thumbnail"), "format": found.get("thumbnail_format")}
        if not found.get("sha256"):
            raise Conflict(f"job {job_id} is {record['state']}: it has no {which}")
        return {"sha256": found["sha256"], "format": found["format"]}

    def jobs(
        self,
        *,
        state: str | None = None,
        node: str | None = None,
        filter: str | None = None,
        q: str | None = None,
        since: float | None = None,
        until: float | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> dict[str, Any]:
        """Jobs, newest first: {"items", "next"}; `cursor` is a former `next`.

        `q` is the beginning of the file name in any case, `since` and `until` say when the job was created (epoch
        seconds, from and before). A page may hold fewer than `limit` though there is a next one.
        """
        ids, following = self.ledger.page(
            state=state,
            node=node,
            filter=filter,
            name=q or "",
            since=since,
            until=until,
            before=int(cursor) if cursor else None,
            count=limit,
        )
        return {"items": self.ledger.views(ids), "next": None if following is None else str(following)}

    def retry(self, job_id: str) -> dict[str, Any]:
        self.ledger.retry(job_id)
        self._send_on()
        return self.ledger.job(job_id)

    def cancel(self, job_id: str) -> dict[str, Any]:
        view = self.ledger.cancel(job_id)
        self._send_on()
        return view

    def retry_batch(self, batch_id: str) -> int:
        """Every failed, quarantined or cancelled job of the batch waits again; returns how many. Raises NotFound."""
        self.ledger.batch(batch_id)
        return self._retry(self.ledger.batch_slices(batch_id), ENDED_BADLY)

    def retry_all(self, state: str) -> int:
        """Every job that is in the state, one of ENDED_BADLY, waits again; returns how many."""
        return self._retry(self.ledger.state_slices(state), (state,))

    def _retry(self, slices: Iterable[list[str]], states: Sequence[str]) -> int:
        changed = 0
        for ids in slices:
            changed += sum(before in states for before in self.ledger.retry_each(ids, states).values())
        if changed:
            self._send_on()
        return changed

    def cancel_batch(self, batch_id: str) -> int:
        """Cancels every job of the batch that is not finished; returns how many. Raises NotFound."""
        self.ledger.batch(batch_id)
        changed = 0
        for ids in self.ledger.batch_slices(batch_id):
            changed += sum(before in UNFINISHED for before in self.ledger.cancel_each(ids).values())
        if changed:
            self._send_on()
        return changed

    def batch(self, batch_id: str, after: int | None = None, *, brief: bool = False) -> dict[str, Any]:
        """A batch; with `after` also its jobs in order of finishing from that position on.

        `results` are whole jobs; if `brief`, there are `outcomes` instead, for those who fetch thousands.
        """
        view = self.ledger.batch(batch_id)
        if after is not None:
            ids, view["next_after"] = self.ledger.finished_after(batch_id, after)
            found = self.ledger.outcomes(ids) if brief else self.ledger.views(ids)
            # One may have been tried again at this moment.
            view["outcomes" if brief else "results"] = [job for job in found if job["state"] in keys.FINISHED]
        return view

    def batches(self, batch_ids: Sequence[str]) -> list[dict[str, Any]]:
        return self.ledger.batches(batch_ids)

    def batch_jobs(self, batch_id: str) -> Iterator[dict[str, Any]]:
        """Every job of the batch in order of submission."""
        self.ledger.batch(batch_id)
        ids = self.ledger.batch_ids(batch_id)
        for start in range(0, len(ids), 200):
            yield from self.ledger.views(ids[start : start + 200])

    # -- nodes and policy --------------------------------------------------------------------------------------

    def nodes(self) -> list[dict[str, Any]]:
        """Every known node, by name."""
        return [row.view() for row in self.registry.rows()]

    def node(self, node: str) -> dict[str, Any]:
        return self.registry.row(node).view()

    def forget_node(self, node: str) -> None:
        row = self.registry.row(node)
        if row.state != "offline":
            raise Conflict(f"node {node} is {row.state}; only an offline node can be forgotten")
        self.ledger.give_back(node, f"node {node} was forgotten", lost=True)
        with reported():
            self.redis.srem(keys.ACTIVE, node)
        self.registry.forget(node)

    def set_node_mode(self, node: str, mode: str) -> dict[str, Any]:
        """`active`, `paused` (no new work) or `draining` (waiting jobs go back to the backlog as well)."""
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}")
        self.registry.set_mode(node, mode)
        if mode == "draining":
            self.ledger.return_waiting(node)
        self._send_on()
        return self.node(node)

    def node_history(self, node: str, seconds: int) -> list[dict[str, float]]:
        return self.registry.history(node, seconds)

    def policy(self) -> dict[str, Any]:
        """The policy in force, those there are, what `weighted` weighs and what `adaptive` follows."""
        snapshot = self.registry.snapshot()
        return {
            "policy": placement.policy_of(snapshot),
            "available": [{"name": policy.name, "description": policy.description} for policy in POLICIES.values()],
            "weights": snapshot.state.weights.to_json(),
            "adapted": snapshot.state.adapted if snapshot.state.adapted in FIXED else DEFAULT_POLICY,
        }

    def set_policy(self, name: str, weights: Mapping[str, float] | None = None) -> dict[str, Any]:
        """Switches the policy, and sets those of the weights of `weighted` that are given.

        Raises UnknownPolicy or BadWeights, which say what is allowed; then nothing is changed.
        """
        if name not in POLICIES:
            raise UnknownPolicy(f"there is no policy {name!r}; there are {', '.join(POLICIES)}")
        text = ""
        if weights:
            try:
                text = json.dumps(Weights(**{**self.registry.snapshot().state.weights.to_json(), **weights}).to_json())
            except (TypeError, ValueError) as error:
                raise BadWeights(
                    "weights are cpu, memory, network and disk: numbers from 0 to 1000000, at least one of them above 0"
                ) from error
        self._scripts.run("policy", name, text)
        return self.policy()

    def lead(self, candidate: str, milliseconds: int) -> bool:
        """Takes or renews the leader lease; True if `candidate` holds it now."""
        return bool(self._scripts.run("lead", candidate, milliseconds))

    # -- what is going on --------------------------------------------------------------------------------------

    def summary(self) -> dict[str, Any]:
        snapshot = self.registry.snapshot()
        states: dict[str, int] = {}
        for row in self.registry.rows():
            states[row.state] = states.get(row.state, 0) + 1
        bucket = int(snapshot.now // 10)
        with reported():
            pipe = self.redis.pipeline(transaction=False)
            pipe.mget([keys.done_bucket(bucket - back) for back in range(6)])
            pipe.zrange(keys.state("queued"), 0, 0)
            done, oldest = pipe.execute()
            created = self.redis.hget(keys.job(oldest[0]), "created_at") if oldest else None
        return {
            "backlog": snapshot.state.backlog,
            "oldest_age": max(0.0, snapshot.now - float(created)) if created else None,
            "counts": self.ledger.counts(),
            "images_per_minute": sum(int(count or 0) for count in done),
            "policy": placement.policy_of(snapshot),
            "nodes": states,
        }

    def events(self, after: str = "$", block_ms: int = 0, count: int = 500) -> list[tuple[str, dict[str, str]]]:
        """Events after the stream id `after`; waits up to `block_ms` for the first (0: does not wait)."""
        with reported():
            answer = self.redis.xread({keys.EVENTS: after}, count=count, block=block_ms or None)
        return [(event_id, fields) for _, rows in answer for event_id, fields in rows] if answer else []

    def last_event(self) -> str:
        """The id of the newest event, to go on from."""
        with reported():
            rows = self.redis.xrevrange(keys.EVENTS, count=1)
        return rows[0][0] if rows else "0-0"

    def recent_events(self, limit: int = 100) -> list[dict[str, Any]]:
        """The last events of nodes and policy, newest first."""
        found = []
        with reported():
            for event_id, fields in self.redis.xrevrange(keys.EVENTS, count=5000):
                if fields.get("type") != "job":
                    found.append({"id": event_id, **fields, "at": float(fields["at"])})
                    if len(found) == limit:
                        break
        return found

    # -- the original report's routes --------------------------------------------------------------------------

    def report_workers(self) -> list[dict[str, str]]:
        """The active workers' hashes under the report's field names; values are strings, as Redis has them."""
        return [self._report_fields(row.id, row.fields) for row in self.registry.rows() if row.active]

    def report_worker(self, node: str) -> dict[str, str]:
        return self._report_fields(node, self.registry.row(node).fields)

    @staticmethod
    def _report_fields(node: str, fields: Mapping[str, str]) -> dict[str, str]:
        return {"worker_id": node, **{name: fields.get(name) or "0" for name in REPORT_FIELDS[1:]}}

    def report_favourite(self) -> dict[str, str]:
        """The node that the policy would choose now. Raises NoLiveNode."""
        snapshot = self.registry.snapshot()
        decision = placement.decide_in(snapshot, snapshot.state, Job(""), need_room=False)
        if decision.node is HOLD:
            raise NoLiveNode("No active workers")
        return self.report_worker(decision.node)

    def register_watched(self, worker_id: str, ip: str, port: int) -> None:
        """A machine that is only watched: it shows on the dashboard and never gets work. Its metrics start at zero."""
        self._refuse_celery(worker_id)
        zero = dict.fromkeys(("cpu_usage", "memory_usage", "disk_usage", "network_usage"), 0)
        self.registry.sample(worker_id, {"worker_id": worker_id, "kind": "watched", "ip": ip, "port": port, **zero})

    def watched_heartbeat(self, worker_id: str, metrics: Mapping[str, float]) -> None:
        """Raises UnknownNode for a machine that never registered."""
        with reported():
            kind = self.redis.hget(keys.worker(worker_id), "kind")
        if kind is None:
            raise UnknownNode("Worker not registered")
        self._refuse_celery(worker_id)
        self.registry.sample(worker_id, metrics)

    def _refuse_celery(self, worker_id: str) -> None:
        with reported():
            kind = self.redis.hget(keys.worker(worker_id), "kind")
        if kind == "celery":
            raise Conflict(f"{worker_id} is a Celery node, which reports by itself")


def submit(files: Sequence[str | Path], pipeline: object, **options: Any) -> dict[str, Any]:
    """Records the image files as jobs of the cluster that `CUMULO_REDIS_URL` names, and sends what finds room.

    `pipeline` is a list such as `["sepia", {"filter": "blur", "radius": 4}]`, in which a step that needs a picture
    names its file; options are those of `Cluster.submit`. Returns {"batch": id, "jobs": [job, ...]}.
    """
    from cluster.settings import load_settings

    cluster = Cluster(load_settings())
    steps, logos = pictures.read_files(filters.parse_pipeline(pipeline, cluster.limits), cluster.limits, stored=True)
    assets = [cluster.receive_asset(io.BytesIO(data), name) for name, data in logos.items()]
    uploads = []
    for path in map(Path, files):
        with path.open("rb") as stream:
            uploads.append(cluster.receive(stream, path.name))
    return cluster.submit(uploads, steps, assets=assets, **options)

"""The live stream's producer: one thread per process reads the cluster and writes each message once for all.

Messages are server-sent events, ready as bytes. A listener that does not take them in time is dropped; its
browser connects again and names the last event it saw (`Last-Event-ID`, the id of the Redis stream), so it
misses nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from flask import json

from cluster.errors import ClusterUnavailable

if TYPE_CHECKING:
    from cluster.service import Cluster

MAX_STREAMS = 200
"""Listeners per process. Each holds a thread; `webapp/gunicorn_conf.py` adds some for the API."""

TICK_SECONDS = 1.0
COALESCE_SECONDS = 0.15
"""Least time between two tellings about jobs while much happens: thumbnails are thousands of events a second."""

PROMPT_SECONDS = 0.03
PROMPT_MESSAGES = 4
"""After a quiet moment so many go out promptly: a lone photo is queued, bound, running and done within 0.1 s."""

QUEUE_LENGTH = 256
PAGE = 500
MOST_REPLAYED = 10_000
"""As many events as Redis keeps."""

BACK_OFF = (0.5, 5.0)
CLOSED: Final = b""
"""What a closed listener gets."""

log = logging.getLogger(__name__)


class StreamsFull(Exception):
    """This process has as many listeners as it may."""


class Pace:
    """How long to gather events before the next message: little while little happens, COALESCE_SECONDS under load."""

    def __init__(self) -> None:
        self._credit = float(PROMPT_MESSAGES)
        self._last = 0.0

    def pause(self, now: float) -> float:
        """Seconds to wait after a message sent at `now` (monotonic)."""
        earned = (now - self._last) / COALESCE_SECONDS
        self._credit = min(float(PROMPT_MESSAGES), self._credit + earned) - 1
        self._last = now
        return PROMPT_SECONDS if self._credit >= 1 else COALESCE_SECONDS


class Listener:
    """One client's queue of messages."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, message: bytes) -> None:
        with self._changed:
            if len(self._messages) >= QUEUE_LENGTH:
                self._closed = True
            self._messages.append(message)
            self._changed.notify()

    def get(self, timeout: float) -> bytes | None:
        """The next message, None after `timeout` seconds without one, CLOSED at the end."""
        with self._changed:
            if not self._closed and not self._messages:
                self._changed.wait(timeout)
            if self._closed:
                return CLOSED
            return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()


class Broadcaster:
    """Starts its thread with the first listener; without listeners it rests and asks Redis for nothing."""

    def __init__(self, cluster: Cluster, *, capacity: int = MAX_STREAMS) -> None:
        self._cluster = cluster
        self._capacity = capacity
        self._listeners: set[Listener] = set()
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._latest: dict[str, bytes] = {}
        self._position = ""
        self._next_tick = 0.0
        self._batches: dict[str, None] = {}
        self._pace = Pace()

    # -- the listeners' side -------------------------------------------------------------------------------

    def listen(self) -> tuple[Listener, list[bytes], str]:
        """A new listener, the messages that bring it up to date, and the id of the last event before it.

        The id is "" while that is not known. Raises StreamsFull.
        """
        listener = Listener()
        with self._changed:
            if len(self._listeners) >= self._capacity or self._closing.is_set():
                raise StreamsFull
            # While nobody listened the thread has rested, and what it knew is old.
            first, position = (list(self._latest.values()), self._position) if self._listeners else ([], "")
            self._listeners.add(listener)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="broadcaster", daemon=True)
                self._thread.start()
            self._changed.notify()
        return listener, first, position

    def leave(self, listener: Listener) -> None:
        listener.close()
        with self._changed:
            self._listeners.discard(listener)

    def replay(self, after: str) -> Iterator[bytes]:
        """What happened after the event with this id, in as few messages as the live stream would have taken.

        Nothing while Redis is away: the listener then gets it from the thread, or loads the page's data anew.
        """
        events: list[tuple[str, dict[str, str]]] = []
        try:
            while len(events) < MOST_REPLAYED:
                more = self._cluster.events(after=events[-1][0] if events else after, count=PAGE)
                events += more
                if len(more) < PAGE:
                    break
            batches = dict.fromkeys(event["batch"] for _, event in events if event.get("batch"))
            yield from self._messages(events, batches)
        except ClusterUnavailable:
            return

    def close(self) -> None:
        """Ends every stream now; for the shutdown."""
        self._closing.set()
        with self._changed:
            for listener in self._listeners:
                listener.close()
            self._changed.notify()

    # -- the thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        pause = BACK_OFF[0]
        while not self._closing.is_set():
            self._rest_without_listeners()
            try:
                self._round()
                pause = BACK_OFF[0]
            except Exception as error:  # the page must come back to life whatever happened
                if not isinstance(error, ClusterUnavailable):
                    log.exception("the live stream failed; it goes on in %.1f s", pause)
                self._closing.wait(pause)
                pause = min(pause * 2, BACK_OFF[1])

    def _rest_without_listeners(self) -> None:
        with self._changed:
            if self._listeners:
                return
            while not self._listeners and not self._closing.is_set():
                self._changed.wait()
        # What happened meanwhile is in nobody's page yet, and the state as of then in nobody's either.
        self._position = ""
        self._latest.clear()
        self._next_tick = 0.0

    def _round(self) -> None:
        """Waits for the next event or the next second, and tells about it."""
        if not self._position:
            self._position = self._cluster.last_event()
        now = time.monotonic()
        if now >= self._next_tick:
            # In step with the clock, but without catching up on ticks that Redis' absence has swallowed.
            self._next_tick = max(self._next_tick + TICK_SECONDS, now + TICK_SECONDS / 2)
            self._tick()
        # With batches still to tell about, only what is there already.
        wait = 0 if self._batches else max(1, int((self._next_tick - time.monotonic()) * 1000))
        events = self._cluster.events(after=self._position, block_ms=wait, count=PAGE)
        batches = {**self._batches, **dict.fromkeys(event["batch"] for _, event in events if event.get("batch"))}
        if not events and not batches:
            return
        # A full page: more is waiting, and the batches' figures come once, at its end.
        more = len(events) == PAGE
        # Made before anything is noted as told: Redis may go away in between.
        messages = list(self._messages(events, () if more else batches))
        self._position = events[-1][0] if events else self._position
        self._batches = batches if more else {}
        self._send(messages)
        if not more:
            self._closing.wait(self._pace.pause(time.monotonic()))

    def _tick(self) -> None:
        nodes = {"items": self._cluster.nodes(), "at": time.time()}
        self._latest = {
            "nodes": message("nodes", nodes),
            "summary": message("summary", self._cluster.summary()),
        }
        self._send(self._latest.values())

    def _messages(self, events: Iterable[tuple[str, Mapping[str, str]]], batches: Iterable[str]) -> Iterator[bytes]:
        """Events as messages, each job once with its last state; the last one carries the position."""
        jobs: dict[str, dict[str, Any]] = {}
        others: list[dict[str, Any]] = []
        position = ""
        for position, event in events:  # the last one's is used below
            if event["type"] == "job":
                jobs[event["job"]] = {
                    "id": event["job"],
                    "batch": event["batch"],
                    "state": event["state"],
                    "node": event["node"] or None,
                    "attempt": int(event["attempt"]),
                    "name": event["name"],
                }
            else:
                others.append({"id": position, **event, "at": float(event["at"])})
        figures = [
            {name: batch[name] for name in ("id", "total", "finished", "counts")}
            for batch in self._cluster.batches(list(batches))
        ]
        groups = {"jobs": list(jobs.values()), "batches": figures, "events": others}
        kinds = [kind for kind, items in groups.items() if items]
        for kind in kinds:
            yield message(kind, {"items": groups[kind]}, position if kind == kinds[-1] else "")

    def _send(self, messages: Iterable[bytes]) -> None:
        for one in messages:
            with self._changed:
                listeners = list(self._listeners)
            for listener in listeners:
                listener.put(one)


def message(kind: str, data: object, id: str = "") -> bytes:
    """One server-sent event. JSON has no raw line breaks, so one `data:` line holds it."""
    head = f"event: {kind}\nid: {id}\n" if id else f"event: {kind}\n"
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()

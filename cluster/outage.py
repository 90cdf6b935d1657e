"""Whether Redis is away, as this process sees it: said once in the log, and once more when it is back."""

from __future__ import annotations

import logging
import threading
import time

logger = logging.getLogger(__name__)

CALM = 3.0
"""Seconds without a new failure before it counts as back: out of memory, it refuses writes and answers every read."""

AFTERMATH = 1.0  # seconds


class Outage:
    """One per process. Silent until `speak`: a command that ends with the error in one line needs no log."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._aloud = False
        self._since: float | None = None
        self._last = 0.0
        self._ended = float("-inf")

    def speak(self) -> None:
        """For processes that go on: workers, monitors, the web app."""
        self._aloud = True

    def failed(self, why: str) -> None:
        with self._lock:
            now = time.monotonic()
            self._last = now
            # Just after an outage it is a connection that was broken in it: if it is not, there will be more.
            if self._since is not None or now - self._ended < AFTERMATH:
                return
            self._since = now
        if self._aloud:
            logger.warning("waiting: %s", why)

    def answered(self, *, sure: bool = False) -> None:
        """It did something. `sure`: the very thing that it had failed to do."""
        if self._since is None:  # nearly always, so without the lock
            return
        with self._lock:
            if self._since is None or not (sure or time.monotonic() - self._last > CALM):
                return
            self._ended = time.monotonic()
            seconds, self._since = self._ended - self._since, None
        if self._aloud:
            logger.warning("Redis is back after %.0f s", seconds)


REDIS = Outage()

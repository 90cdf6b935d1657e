"""`adaptive` at work. `python -m cluster.adaptive` is one evaluation, in a process of its own that the leader starts.

It replays the trace of the last minutes under every sensible policy, and has `policy:adapted` name the one to follow.
Whatever fails here leaves the last choice as it is.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from cluster.scheduling import ADAPTIVE, DEFAULT_POLICY, FIXED
from cluster.settings import Settings, environment

if TYPE_CHECKING:
    import redis

    from cluster.scheduling.adaptive import Choice

logger = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two evaluations
LIMIT = 30.0  # seconds that one may take
MEMORY = 600.0  # seconds of the trace that it looks at, of these ...
JOBS = 3000  # ... the newest jobs
NICE = 5
"""It is to yield to the images, not to starve: on a core with one busy process, nice 19 gets 1.5 % (measured), too
little to be done within the limit on just those PCs where the policy matters."""


class Evaluations:
    """The leader's part, done in well under 5 ms a tick: starts an evaluation every minute, never two at once.

    While `adaptive` is not in force nothing runs.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started = float("-inf")

    def tick(self, settings: Settings, policy: str, now: float) -> None:
        """`now` is monotonic."""
        if policy != ADAPTIVE:
            self.stop()
            return
        if self._process is not None:
            if self._process.poll() is None and now - self._started <= LIMIT:
                return
            if self._process.poll() is None:
                logger.warning("comparing the policies took more than %.0f s and was given up", LIMIT)
            self.stop()
        if now - self._started >= EVERY:
            self._started = now
            self._process = _start(settings)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Ends the evaluation that runs, if one does; its choice would not count any more."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()  # SIGKILL: at once
        self._process = None


def _start(settings: Settings) -> subprocess.Popen[bytes] | None:
    try:
        return subprocess.Popen(
            [sys.executable, "-m", "cluster.adaptive"],
            # The address holds a password, which has no business in the list of processes.
            env={**os.environ, **environment(redis_url=settings.redis_url)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    except OSError as error:
        logger.warning("the policies cannot be compared: %s", error)
        return None


def evaluate(client: redis.Redis) -> Choice | None:
    """One evaluation; None where there is nothing to do now. Raises ClusterUnavailable."""
    from cluster import keys, trace
    from cluster.connection import Scripts, reported, server_time
    from cluster.scheduling.adaptive import SENSIBLE, History, choose
    from cluster.scheduling.replay import compare

    with reported():
        policy, adapted, before = client.mget(keys.POLICY, keys.ADAPTED, keys.ADAPTATION)
    now = server_time(client)
    history = History.from_json(before or "")
    if policy != ADAPTIVE or 0.0 <= now - history.at < 0.75 * EVERY:
        return None  # another leader has just asked for the same
    current = adapted if adapted in FIXED else DEFAULT_POLICY
    recording = trace.read(client, MEMORY, most=JOBS)
    try:
        rows = compare(recording, list(dict.fromkeys((current, *SENSIBLE))))
    except ValueError:
        rows = ()  # nothing was done, or nothing is known of the nodes
    choice = choose(current, rows, history, now)
    switched = choice.policy != current
    applied = Scripts(client).run(
        "adapt", before or "", choice.history.to_json(), choice.policy, choice.reason if switched else ""
    )
    return choice if applied else None


def main() -> None:
    if hasattr(signal, "alarm"):
        signal.alarm(int(LIMIT))  # its default action ends this process, should nobody be left who would
    if hasattr(os, "nice"):
        os.nice(NICE)
    from cluster.connection import connect
    from cluster.errors import ClusterError
    from cluster.settings import load_settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        choice = evaluate(connect(load_settings().redis_url))
    except ClusterError as error:
        sys.exit(f"the policies were not compared: {error.detail}")
    if choice is not None:
        logger.info("adaptive follows %s: %s", choice.policy, choice.reason)


if __name__ == "__main__":
    main()

"""What jobs cost, kept in Redis: the leader learns from finished jobs, everybody else reads what it knows."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any

import redis

import filters
from cluster import keys
from cluster.connection import reported
from cluster.scheduling.costs import CostModel, Observation

logger = logging.getLogger(__name__)

MOST = 500
"""Jobs to learn from in one call, about 15 ms: the newest, where more have finished. So many are a fair sample."""

SECONDS = 0.02
SLICE = 50  # jobs between two looks at the clock
KEPT_SECONDS = 2.0

_ENTRY_ID = re.compile(r"\d+-\d+")


def learn_from_trace(client: redis.Redis) -> int:
    """Learns from the jobs in the stream `trace` that the stored model has not seen; returns from how many.

    To be called every second by the leader. Two leaders for a moment do no harm: a model is stored together with the id
    of the last entry it has seen.
    """
    model, seen = _load(client)
    with reported():
        newest_first: list[tuple[str, dict[str, str]]] = client.xrevrange(keys.TRACE, "+", f"({seen}", count=MOST)
        known: set[str] = set(client.smembers(keys.KNOWN))
    entries = newest_first[::-1]
    calibrated = _calibrated(client, known)
    after = model.with_calibrated(calibrated)
    learned, before = 0, seen
    until = time.monotonic() + SECONDS
    for start in range(0, len(entries), SLICE):
        part = entries[start : start + SLICE]
        observations = [seen_job for _, fields in part if (seen_job := observation(fields))]
        after = after.learn(*observations)
        learned += len(observations)
        seen = part[-1][0]
        if time.monotonic() > until:
            break
    if after is not model or seen != before:
        with reported():
            pipe = client.pipeline(transaction=False)
            pipe.set(keys.COSTS, json.dumps({"seen": seen, **after.to_json()}))
            for name in calibrated:  # where the policies read it
                pipe.hset(keys.worker(name), "speed", f"{after.speed(name):.4f}")
            pipe.execute()
    return learned


def observation(fields: Mapping[str, str]) -> Observation | None:
    """What an entry of the stream teaches; None for what is no finished job, failed, or makes no sense."""
    if fields.get("kind") != "job" or fields.get("state") != "done":
        return None
    try:
        found = Observation(
            fields["node"],
            tuple(feature for feature in fields["features"].split(",") if feature),
            float(fields["mp"]),
            float(fields["cpu"]),
            float(fields.get("peak") or 0),
        )
    except (KeyError, ValueError):
        return None
    return found if found.usable else None


class Costs:
    """What is known, for every process that predicts. The copy in memory is at most `KEPT_SECONDS` old."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._kept: tuple[float, CostModel] | None = None

    def model(self) -> CostModel:
        """Two threads may both read it anew; either answer is good."""
        now = time.monotonic()
        kept = self._kept
        if kept is None or now - kept[0] > KEPT_SECONDS:
            kept = self._kept = now, _load(self._client)[0]
        return kept[1]


def _load(client: redis.Redis) -> tuple[CostModel, str]:
    """The stored model and the last entry it has seen; a new model where there is none or it is damaged."""
    with reported():
        text = client.get(keys.COSTS)
    data: Any = None
    if text:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            logger.warning("the learned costs are damaged; they are learned anew")
    seen = data.get("seen") if isinstance(data, dict) else None
    seen = seen if isinstance(seen, str) and _ENTRY_ID.fullmatch(seen) else "0-0"
    return CostModel.from_json(data, filters.prior_seconds_per_mp, filters.FIXED_SECONDS), seen


def _calibrated(client: redis.Redis, nodes: Iterable[str]) -> dict[str, float]:
    """What nodes measured of themselves when they first joined."""
    names = sorted(nodes)
    with reported():
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.hget(keys.worker(name), "calibrated")
        values = pipe.execute()
    found = {}
    for name, value in zip(names, values, strict=True):
        try:
            found[name] = float(value)
        except (TypeError, ValueError):
            continue
    return found

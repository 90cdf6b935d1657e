"""How many small jobs travel together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from cluster.scheduling.state import Job


def share(backlog: int, cores: float) -> int:
    """Most jobs that one message or one take may carry while that many wait.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987): half an equal share for each core, so that chunks
    shrink towards the end of a batch and no core is left alone with a long last one.
    """
    return max(1, math.ceil(backlog / (2.0 * max(1.0, cores))))


def chunks(jobs: Sequence[Job], most: int, budget: float) -> list[list[Job]]:
    """The jobs, in their order, in chunks of at least one, at most `most` and at most `budget` predicted seconds.

    A job that must run alone is a chunk by itself, and none holds jobs of two lanes or with different nodes to avoid.
    """
    found: list[list[Job]] = []
    spent = 0.0
    for job in jobs:
        last = found[-1] if found else None
        if (
            last is None
            or len(last) >= most
            or spent + job.seconds > budget
            or (job.lane, job.avoid) != (last[0].lane, last[0].avoid)
            or job.alone
            or last[0].alone
        ):
            found.append([job])
            spent = job.seconds
        else:
            last.append(job)
            spent += job.seconds
    return found


def together(jobs: Sequence[Job]) -> Job:
    """Jobs that travel in one message, as the one that the policies place."""
    return replace(
        jobs[0],
        seconds=sum(job.seconds for job in jobs),
        peak_bytes=max(job.peak_bytes for job in jobs),
    )

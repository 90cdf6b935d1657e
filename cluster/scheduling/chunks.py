"""How many small jobs travel together."""

from __future__ import annotations

import math
from collections.abc import Sequence


def share(backlog: int, cores: float) -> int:
    """Most jobs that one message or one take may carry while that many wait.

    Guided self-scheduling (Polychronopoulos and Kuck, 1987): half an equal share for each core, so that chunks
    shrink towards the end of a batch and no core is left alone with a long last one.
    """
    return max(1, math.ceil(backlog / (2.0 * max(1.0, cores))))


def first_chunk(seconds: Sequence[float], alone: Sequence[bool], most: int, budget: float) -> int:
    """Length of the first chunk: at least one job, at most `most`, at most `budget` predicted seconds in all.

    A job that must run alone is a chunk by itself.
    """
    spent = 0.0
    for count, (cost, single) in enumerate(zip(seconds, alone, strict=True)):
        if count and (count >= most or spent + cost > budget or single):
            return count
        if single:
            return 1
        spent += cost
    return len(seconds)

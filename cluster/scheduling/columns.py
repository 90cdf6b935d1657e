"""The nodes of a large cluster as arrays: what a policy's formula reads of one node, it reads here of all at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from cluster.scheduling.formulas import foreign_load
from cluster.scheduling.state import Node

Array = npt.NDArray[np.float64]

FIGURES: Final = (
    "cores",
    "cpu",
    "own",
    "speed",
    "running",
    "waiting",
    "work",
    "memory_free",
    "memory",
    "network",
    "disk",
    "failures",
    "failed_at",
)
LIVE: Final = len(FIGURES)  # the row after them: 1 for a live node


class Columns:
    """One row per figure of `Node`, under the same name; `live` is True where a node's state is."""

    __slots__ = (*FIGURES, "_foreign", "data", "in_flight", "live", "number")

    cores: Array
    cpu: Array
    own: Array
    speed: Array
    running: Array
    waiting: Array
    work: Array
    memory_free: Array
    memory: Array
    network: Array
    disk: Array
    failures: Array
    failed_at: Array

    def __init__(self, data: Array, number: Array) -> None:
        self.data = data
        self.number = number
        for row, name in enumerate(FIGURES):
            setattr(self, name, data[row])
        self.in_flight: Array = data[FIGURES.index("running")] + data[FIGURES.index("waiting")]
        self.live: npt.NDArray[np.bool_] = data[LIVE] > 0
        self._foreign: Array | None = None

    @property
    def foreign(self) -> Array:
        """`Node.foreign` of each; worked out once, for several formulas want it."""
        if self._foreign is None:
            with np.errstate(divide="ignore", invalid="ignore"):
                self._foreign = foreign_load(self, np)
        return self._foreign

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> Columns:
        data = np.array([_figures(node) for node in nodes], dtype=np.float64).reshape(len(nodes), LIVE + 1)
        return cls(np.ascontiguousarray(data.T), np.arange(len(nodes), dtype=np.float64))

    def with_nodes(self, numbers: Sequence[int], nodes: Sequence[Node]) -> Columns:
        data = self.data.copy()
        for number, node in zip(numbers, nodes, strict=True):
            data[:, number] = _figures(node)
        return Columns(data, self.number)


def _figures(node: Node) -> list[Any]:
    return [*(getattr(node, name) for name in FIGURES), node.state == "live"]

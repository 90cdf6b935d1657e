"""What a policy may know about the cluster."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from cluster.scheduling.formulas import foreign_load

if TYPE_CHECKING:
    from cluster.scheduling.columns import Columns

CLASSES_PER_LANE = 20
"""Single images are of a class below it, by priority; the jobs of batches come after them."""

SLACK = 0.25
"""Share of a node's cores that may wait on it beyond those at work; at least one message."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node as last sampled. CPU figures are shares from 0 to 1 of the cores that the node may use."""

    id: str
    cores: float
    state: str = "live"
    cpu: float = 0.0
    own: float = 0.0  # CPU used by this node's and its siblings' workers: never foreign load
    speed: float = 1.0  # of a core, against the machine on which the costs of filters were measured
    running: int = 0  # messages being worked on
    waiting: int = 0  # messages sent and not yet claimed
    work: float = 0.0  # predicted CPU seconds, at speed 1, of the jobs bound to it
    sampled_at: float = 0.0  # epoch seconds, the server's clock
    memory_free: float = float("inf")  # bytes
    memory: float = 0.0  # share of memory in use
    network: float = 0.0  # share of the interface's speed
    disk: float = 0.0  # share of the volume in use
    failures: int = 0  # jobs in a row that failed here for a reason of the node's own
    failed_at: float = 0.0  # when the last of them did

    @property
    def in_flight(self) -> int:
        return self.running + self.waiting

    @property
    def foreign(self) -> float:
        """Cores' worth of CPU that other people's programs want here."""
        return float(foreign_load(self))


@dataclass(frozen=True, slots=True)
class Job:
    """What matters of a job for its placement: predicted CPU seconds (speed 1) and peak memory in bytes."""

    id: str
    seconds: float = 0.0
    peak_bytes: float = 0.0
    avoid: str = ""  # node that lost it before
    batch: str = ""
    lane: int = 0  # its class: jobs of a lower one go first
    alone: bool = False  # it shared a process that died, so it travels by itself

    @property
    def interactive(self) -> bool:
        """A single image, for which somebody waits."""
        return self.lane < CLASSES_PER_LANE


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each usage counts under `weighted`. ValueError unless they are finite, not negative and not all 0."""

    cpu: float = 0.6
    memory: float = 0.2
    network: float = 0.1
    disk: float = 0.1

    def __post_init__(self) -> None:
        values = (self.cpu, self.memory, self.network, self.disk)
        if not all(math.isfinite(value) and value >= 0 for value in values) or sum(values) <= 0:
            raise ValueError("weights must be numbers from 0 on, at least one of them above 0")
        if max(values) > 1e6:
            raise ValueError("a weight may be 1000000 at most")

    def to_json(self) -> dict[str, float]:
        return {"cpu": self.cpu, "memory": self.memory, "network": self.network, "disk": self.disk}


DEFAULT_WEIGHTS: Final = Weights()


@dataclass(frozen=True)
class State:
    """The cluster at one moment. `turn` counts bindings (for round-robin), `head` is the front of the backlog."""

    nodes: tuple[Node, ...] = ()
    backlog: int = 0
    turn: int = 0
    head: tuple[Job, ...] = ()
    weights: Weights = field(default=DEFAULT_WEIGHTS)
    adapted: str = ""
    """The fixed policy that `adaptive` follows at present; empty: the default."""
    waiting_since: float = float("inf")
    """Since when there have been jobs in the backlog without a break, epoch seconds; infinity: there are none."""

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Where each node stands in `nodes`."""
        return {node.id: number for number, node in enumerate(self.nodes)}

    @cached_property
    def columns(self) -> Columns:
        """The same nodes as arrays, for clusters so large that a loop would be slow."""
        from cluster.scheduling.columns import Columns  # late: numpy takes long to load, and small clusters need none

        return Columns.of(self.nodes)

    def but(self, **fields: Any) -> State:
        """The state with other fields; its nodes are the same, so what was worked out of them is kept."""
        return self._carrying(replace(self, **fields), self.__dict__.get("columns"))

    def with_nodes(self, nodes: Sequence[Node]) -> State:
        """The state in which these nodes, which it has by their names, are as given."""
        numbers = [self.position[node.id] for node in nodes]
        changed = list(self.nodes)
        for number, node in zip(numbers, nodes, strict=True):
            changed[number] = node
        columns = self.__dict__.get("columns")
        return self._carrying(
            replace(self, nodes=tuple(changed)), columns.with_nodes(numbers, nodes) if columns is not None else None
        )

    def _carrying(self, changed: State, columns: Columns | None) -> State:
        changed.__dict__["position"] = self.position
        if columns is not None:
            changed.__dict__["columns"] = columns
        return changed

    def with_node(self, node: Node, *, backlog: int | None = None, turn: int | None = None) -> State:
        """The state in which the node of that name is `node`; what was worked out before is kept."""
        number = self.position[node.id]
        changed = State(
            (*self.nodes[:number], node, *self.nodes[number + 1 :]),
            self.backlog if backlog is None else backlog,
            self.turn if turn is None else turn,
            self.head,
            self.weights,
            self.adapted,
            self.waiting_since,
        )
        columns = self.__dict__.get("columns")
        return self._carrying(changed, columns.with_nodes([number], [node]) if columns is not None else None)


def slots_of(cores: Any, ops: Any = None) -> Any:
    """How many messages a node with that many cores may hold: it has room while it holds fewer.

    `cores` is a number, or with numpy as `ops` a column.
    """
    return cores + (ops.maximum if ops else max)(1.0, SLACK * cores)


def has_room(node: Node) -> bool:
    return bool(node.in_flight < slots_of(node.cores))

"""What happens to the cluster, as pure changes of its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cluster.scheduling.state import Node, State


@dataclass(frozen=True, slots=True)
class Bound:
    """A message with jobs of `seconds` predicted work was sent to a node."""

    node: str
    seconds: float = 0.0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Claimed:
    """A process of the node has begun with a message that waited there."""

    node: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A process that goes on with its message has taken more jobs from the backlog."""

    node: str
    seconds: float = 0.0
    jobs: int = 1


@dataclass(frozen=True, slots=True)
class Done:
    """Jobs of `seconds` predicted work have ended; `failed`: for a reason of the node's own, at epoch seconds `at`."""

    node: str
    seconds: float = 0.0
    failed: bool = False
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A message has ended: its process is free. `seconds` as for `Done`."""

    node: str
    seconds: float = 0.0
    failed: bool = False
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Sampled:
    """New figures of a node: fields of `Node` by name, such as cpu, own, memory_free, sampled_at."""

    node: str
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Joined:
    """A node came, or came back with other cores."""

    node: Node


@dataclass(frozen=True, slots=True)
class Left:
    """A node went, with all that it held."""

    node: str


Event = Bound | Claimed | Taken | Done | Ended | Sampled | Joined | Left


def reduce(state: State, event: Event) -> State:
    """The state after the event. Counts never fall below zero; events of unknown nodes change nothing."""
    if isinstance(event, Joined):
        if event.node.id in state.position:
            return state.with_node(event.node)
        return replace(state, nodes=(*state.nodes, event.node))
    number = state.position.get(event.node)
    if number is None:
        return state
    node = state.nodes[number]
    match event:
        case Bound(seconds=seconds, jobs=jobs):
            changed = replace(node, waiting=node.waiting + 1, work=node.work + seconds)
            return state.with_node(changed, backlog=max(0, state.backlog - jobs), turn=state.turn + 1)
        case Taken(seconds=seconds, jobs=jobs):
            return state.with_node(replace(node, work=node.work + seconds), backlog=max(0, state.backlog - jobs))
        case Claimed():
            moved = 1 if node.waiting else 0
            return state.with_node(replace(node, waiting=node.waiting - moved, running=node.running + 1))
        case Done() | Ended():
            ended = 1 if isinstance(event, Ended) else 0
            return state.with_node(
                replace(
                    node,
                    running=max(0, node.running - ended),
                    work=max(0.0, node.work - event.seconds),
                    failures=node.failures + 1 if event.failed else 0,
                    failed_at=event.at if event.failed else node.failed_at,
                )
            )
        case Sampled(figures=figures):
            return state.with_node(replace(node, **figures))
        case Left():
            return replace(state, nodes=(*state.nodes[:number], *state.nodes[number + 1 :]))

"""From the steps that someone wrote to the cheapest operations that give the same result.

Exactly the same: steps that change nothing are left out, neighbouring tables become one, what takes or turns pixels
unchanged (crop, flip) goes before what changes each pixel by itself, and where only the luma matters only the luma is
decoded. The same within a level or two: neighbouring matrices that cannot clip become one, luma goes before means of
pixels. At 42 dB or more: a JPEG is decoded at a half to an eighth of its size where what comes next needs no more. A
step with `exact` set keeps the planner from all that is not exact, and so do steps that make many levels of one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from filters import planes, registry
from filters.errors import FilterError
from filters.limits import DEFAULT_LIMITS, Limits
from filters.operations import (
    IDENTITY,
    STEEP,
    Effect,
    Geometry,
    Matrix,
    Operation,
    Size,
    Table,
    Writing,
    check_pixels,
)
from filters.output import Output
from filters.pipeline import Pipeline
from filters.planes import OnPlanes

SHRINKS = (8, 4, 2)
"""Parts of its size at which a JPEG can be decoded."""

SPARE = 2
"""A scaled decode is at least so many times the size to which it is resized, as Pillow's `thumbnail` has it."""

LEAST_SHRUNK = 128
"""Pixels a side that a scaled decode leaves to an effect at least: those at the border are partly made up, unless the
size is a multiple of 8, and must be few."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One operation and the 1-based numbers of the steps that it does."""

    steps: tuple[int, ...]
    text: str
    operation: Operation
    shrinks: bool = False  # to half the pixels or fewer

    @property
    def kind(self) -> str:
        """table, matrix, effect or geometry."""
        return type(self.operation).__name__.lower()

    @property
    def per_pixel(self) -> bool:
        match self.operation:
            case Effect(per_pixel=per_pixel):
                return per_pixel
            case Geometry():
                return False
        return True

    @property
    def reads_luma_only(self) -> bool:
        match self.operation:
            case Effect(reads_luma_only=True):
                return True
            case Matrix() as matrix:
                return matrix.reads_luma_only
        return False

    @property
    def rearranges(self) -> bool:
        return isinstance(self.operation, Geometry) and self.operation.rearranges

    @property
    def is_linear(self) -> bool:
        """Whether luma may be taken before it, to a level."""
        match self.operation:
            case Effect(linear=linear):
                return linear
            case Geometry(scales_to=scales_to):
                return scales_to is not None
        return False

    @property
    def gain(self) -> float:
        """The most levels that one level more or less in may make out."""
        match self.operation:
            case Effect(steep=True):
                return math.inf
            case Table() | Matrix():
                return self.operation.gain
        return 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to decode, what to do then, and how to write it.

    `size` is that of the result, at most, `largest` that of the image or of what a step leaves, whichever is largest.
    """

    stages: tuple[Stage, ...]
    size: Size
    largest: Size
    output: Output
    luma: bool = False
    shrink: int = 1
    notes: tuple[str, ...] = ()
    exact: bool = False

    def on_planes(self) -> list[OnPlanes] | None:
        """What does the same on the planes of a JPEG (see `filters.planes`); None where that is not so."""
        if self.luma or self.exact or self.output.max_bytes or self.output.keep != "nothing":
            return None
        return planes.forms(stage.operation for stage in self.stages)


def plan(
    pipeline: Pipeline,
    size: Size,
    *,
    shrinks: bool = False,
    shrinks_evenly: bool = False,
    output: Output = Output(),  # noqa: B008 - frozen
    limits: Limits = DEFAULT_LIMITS,
    optimise: bool = True,
) -> Plan:
    """The plan for an image of that size (width, height), which can be decoded at a part of it if it `shrinks`, and
    whose pixels are then the means of those that they stand for if it `shrinks_evenly`.

    `output` is what it is written as where no step says otherwise. Without `optimise` every step is done as it
    stands. FilterError, with `step` set: a step cannot be done on what the steps before it leave, or leaves more
    pixels than `limits`.
    """
    output = written_as(pipeline, output)
    stages, sizes = _stages(pipeline, size, limits)
    result, largest = sizes[-1], max(sizes, key=math.prod)
    if not optimise:
        return Plan(tuple(stages), result, largest, output)
    exact = any(step.params.exact for step in pipeline)
    strict = exact or _steep(stages)
    notes: list[str] = []
    stages = _geometry_first(stages, notes, strict=strict)
    stages = _joined(stages, notes, strict=strict)
    luma = _luma_will_do(stages, exact=exact)
    if luma:
        notes.append("only the luma is decoded: nothing that follows reads colours")
    shrink = _shrink(stages, size, evenly=shrinks_evenly) if shrinks and not strict else 1
    if shrink > 1:
        notes.append(f"a JPEG is decoded at 1/{shrink} of its size: {stages[0].text} needs no more")
    return Plan(tuple(stages), result, largest, output, luma, shrink, tuple(notes), exact)


def written_as(pipeline: Pipeline, output: Output) -> Output:
    """What the steps make of `output`."""
    for step in pipeline:
        operation = registry.find(step.filter).operation(step.params)
        if isinstance(operation, Writing):
            output = operation.function(output, step.params)
    return output


def _stages(pipeline: Pipeline, size: Size, limits: Limits) -> tuple[list[Stage], list[Size]]:
    """A stage for each step that does anything to pixels; the size of the image, and that of what each leaves."""
    stages = []
    sizes = [size]
    for number, step in enumerate(pipeline, start=1):
        operation = registry.find(step.filter).operation(step.params)
        if operation is None or isinstance(operation, Writing):
            continue
        before = size
        if isinstance(operation, Geometry):
            size = _size_after(operation, size, str(step), number, limits)
            operation = replace(operation, max_pixels=limits.max_pixels)
        shrinks = 2 * size[0] * size[1] <= before[0] * before[1]
        stages.append(Stage((number,), str(step), operation, shrinks))
        sizes.append(size)
    return stages, sizes


def _size_after(geometry: Geometry, size: Size, text: str, number: int, limits: Limits) -> Size:
    try:
        after = geometry.size(geometry.params, size)
        check_pixels(text, after, limits.max_pixels)
    except FilterError as error:
        error.step = number
        raise
    return after


def _geometry_first(stages: Sequence[Stage], notes: list[str], *, strict: bool) -> list[Stage]:
    """What takes or turns pixels unchanged moves before what changes each pixel by itself; so does what makes the
    image smaller where that is a straight line."""
    moved: list[Stage] = []
    for stage in stages:
        place = len(moved)
        while place and _commute(moved[place - 1], stage, strict=strict):
            place -= 1
        if place < len(moved):
            notes.append(f"{stage.text} goes before {moved[place].text}")
        moved.insert(place, stage)
    return moved


def _commute(pixels: Stage, geometry: Stage, *, strict: bool) -> bool:
    """Whether that geometry may go before what changes the pixels."""
    if geometry.rearranges:
        return pixels.per_pixel
    if strict or not (geometry.shrinks and geometry.is_linear):
        return False
    match pixels.operation:
        case Table(is_affine=True) | Matrix(never_clips=True):
            return True
    return False


def _joined(stages: Sequence[Stage], notes: list[str], *, strict: bool) -> list[Stage]:
    """Neighbouring tables become one, and so do neighbouring matrices where nothing is clipped between them."""
    joined: list[Stage] = []
    for stage in stages:
        operation = _join(joined[-1].operation, stage.operation, strict=strict) if joined else None
        if operation is None:
            joined.append(stage)
            continue
        before = joined.pop()
        text = f"{before.text}, {stage.text}"
        joined.append(replace(before, steps=before.steps + stage.steps, text=text, operation=operation))
    notes += [
        f"{stage.text}: {'nothing to do' if _does_nothing(stage) else f'one {stage.kind}'}"
        for stage in joined
        if len(stage.steps) > 1
    ]
    return [stage for stage in joined if not _does_nothing(stage)]


def _does_nothing(stage: Stage) -> bool:
    return isinstance(stage.operation, Table) and set(stage.operation.channels) == {IDENTITY}


def _join(first: Operation, second: Operation, *, strict: bool) -> Operation | None:
    match first, second:
        case Table(), Table():
            return first.then(second)
        case Matrix(never_clips=True, leaves_gray=False), Matrix() if not strict:
            return first.then(second)
    return None


def _luma_will_do(stages: Sequence[Stage], *, exact: bool) -> bool:
    for number, stage in enumerate(stages):
        if stage.reads_luma_only:
            moved_only = all(earlier.rearranges for earlier in stages[:number])
            return not exact and (moved_only or not _steep(stages[number:]))
        if not (stage.rearranges or stage.is_linear):
            return False
    return False


def _steep(stages: Sequence[Stage]) -> bool:
    """Whether stages one after the other may make much of a small difference."""
    gain = 1.0
    for stage in stages:
        gain = max(gain, 1.0) * stage.gain
        if gain > STEEP:
            return True
    return False


def _shrink(stages: Sequence[Stage], size: Size, *, evenly: bool) -> int:
    match stages[0].operation if stages else None:
        case Effect(from_shrunk=from_shrunk, shrink=shrink) if from_shrunk and evenly:
            return shrink if min(size) >= LEAST_SHRUNK * shrink else 1
        case Geometry(scales_to=scales_to, params=params) if scales_to:
            width, height = scales_to(params, size)
            for shrink in SHRINKS:
                if width * SPARE * shrink <= size[0] and height * SPARE * shrink <= size[1]:
                    return shrink
    return 1

"""What holds for every filter, whatever its parameters and the image.

They are made up from each filter's JSON Schema, so a new filter is in here by being in the catalog.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import filters
from filters import Limits, planner, registry
from filters.operations import Effect, Geometry, Matrix, Operation, Table, Writing
from filters.planner import Plan, Stage
from tests.filters import reference
from tests.filters.images import opened, photo, rgb

LIMITS = Limits(max_pixels=400_000)
"""What makes an image larger is refused, so that no example takes long."""

CATALOG = {info.name: info for info in filters.catalog()}

COLOURS = ("white", "#102030", "#ff880080", "transparent")

TEXTS = {
    ("convolution", "kernel"): (
        *("0 -1 0; -1 5 -1; 0 -1 0", "1 1 1; 1 1 1; 1 1 1", "-1 0 1; -2 0 2; -1 0 1", "0 0 0; 0 1 0; 0 0 0"),
        *("; ".join(["0.5 0 -1 0 1"] * 5), "; ".join(["1 2 3 4 3 2 1"] * 7)),
    ),
    ("crop", "ratio"): ("1:1", "16:9", "2:3"),
    ("pad", "ratio"): ("", "1:1", "16:9"),
}
"""Examples for texts that cannot be made up; of others the default is taken."""

CONTENT_DECIDES = {"trim"}
"""Filters whose result may be smaller than planned, because it depends on the pixels."""


# -- Parameters -----------------------------------------------------------------------------------------------------


def steps(*names: str, exact: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Any step of these filters, valid by the schema, some parameters left out; `exact` may be set or never is."""
    return st.sampled_from(names).flatmap(lambda name: _step(name, exact=exact))


def _step(name: str, *, exact: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    schema = CATALOG[name].schema
    optional = {
        field: _value(field_schema, schema.get("$defs", {}), TEXTS.get((name, field)))
        for field, field_schema in schema["properties"].items()
        if exact or field != "exact"
    }
    return st.fixed_dictionaries({"filter": st.just(name)}, optional=optional)


def _value(schema: Mapping[str, Any], definitions: Mapping[str, Any], texts: tuple[str, ...] | None) -> Any:
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
    if "anyOf" in schema:
        return st.one_of([_value({**schema, **one, "anyOf": ()}, definitions, texts) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "boolean":
            return st.booleans()
        case "integer":
            step = int(schema.get("step", 1))
            low = schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
            high = schema.get("maximum", schema.get("exclusiveMaximum", 0) - 1)
            places = (high - low) // step
            near = st.integers(0, min(places, 50))
            return st.one_of(near, st.integers(0, places)).map(lambda place: low + place * step)
        case "number":
            low, high = schema["minimum"], schema["maximum"]
            return st.one_of(st.floats(low, high), st.integers(math.ceil(low), math.floor(high)))
        case "null":
            return st.none()
    if schema.get("format") == "color":
        return st.sampled_from(COLOURS)
    return st.sampled_from(texts or (schema["default"],))


# -- Images ---------------------------------------------------------------------------------------------------------

MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")


@dataclass(frozen=True)
class Drawn:
    """An image file, and the image in it."""

    mode: str
    size: tuple[int, int]
    seed: int

    @property
    def image(self) -> Image.Image:
        width, height = self.size
        generator = np.random.default_rng(self.seed)
        if self.mode == "I;16":
            return Image.fromarray(generator.integers(0, 2**16, (height, width), np.uint16))
        bands = {"L": 1, "LA": 2, "RGBA": 4, "CMYK": 4}.get(self.mode, 3)
        pixels = generator.integers(0, 256, (height, width, bands), np.uint8)
        if self.seed % 2:  # an even area with something in it
            pixels[: height // 3] = pixels[0, 0]
        image = Image.fromarray(pixels[..., 0] if bands == 1 else pixels, {3: "RGB"}.get(bands, self.mode))
        return image.convert(self.mode)

    @property
    def data(self) -> bytes:
        buffer = io.BytesIO()
        self.image.save(buffer, "tiff" if self.mode == "CMYK" else "png")
        return buffer.getvalue()


SIDES = st.one_of(st.integers(1, 12), st.integers(1, 300))

IMAGES = st.builds(Drawn, st.sampled_from(MODES), st.tuples(SIDES, SIDES), st.integers(0, 9))


@pytest.mark.parametrize("name", CATALOG)
@settings(max_examples=20)
@given(data=st.data(), drawn=IMAGES)
def test_a_filter_gives_an_image_of_the_planned_size_and_of_a_mode_that_we_know(
    name: str, data: st.DataObject, drawn: Drawn
) -> None:
    step = data.draw(_step(name))
    result = attempt(drawn.data, [step])
    if isinstance(result, filters.FilterError):
        assert result.step == 1 or isinstance(result, filters.InvalidOutput)
        assert len(result.detail) > 20, "a sentence"
        return
    size = (result.width, result.height)
    planned = planner.plan(filters.parse_pipeline([step]), drawn.size, limits=LIMITS)
    if name in CONTENT_DECIDES:
        assert size[0] <= planned.size[0]
        assert size[1] <= planned.size[1]
    else:
        assert size == planned.size
    image = opened(result.data)
    assert image.size == size
    if planned.output.format not in (None, "png"):
        return
    assert image.mode in ("L", "LA", "RGB", "RGBA")
    if not any(isinstance(stage.operation, Geometry) for stage in planned.stages):
        assert size == drawn.size
        if drawn.mode in ("LA", "RGBA"):
            assert image.getchannel("A").tobytes() == drawn.image.getchannel("A").tobytes()
        else:
            assert image.mode in ("L", "RGB")


def attempt(
    data: bytes, pipeline: list[dict[str, Any]], *, optimise: bool = True
) -> filters.Result | filters.FilterError:
    """The result as a PNG, or the error by which valid parameters may be refused for an image."""
    try:
        return filters.apply(data, pipeline, format="png", limits=LIMITS, optimise=optimise)
    except filters.FilterError as error:
        known = filters.InvalidParameter | filters.ImageTooLarge | filters.InvalidOutput
        if not (isinstance(error, known) or "that were allowed" in error.detail):
            raise
        return error


# -- The planner ----------------------------------------------------------------------------------------------------


def _kind(name: str) -> str:
    """What the planner makes of the filter with default parameters."""
    found = registry.find(name)
    match found.operation(found.model()):
        case Geometry(scales_to=scales_to):
            return "scales" if scales_to else "moves"
        case Effect(linear=True):
            return "mean"
        case Effect(reads_luma_only=True):
            return "luma"
        case Effect() | Writing() | None:
            return ""
        case operation:
            return type(operation).__name__


KINDS = sorted({*map(_kind, CATALOG)} - {""})


def planned_steps(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Steps of that kind without `exact`, which keeps the planner from most of what it does."""
    return steps(*(name for name in CATALOG if _kind(name) == kind), exact=False)


def _natural(width: int, height: int) -> Image.Image:
    """Like a photo, and without colours that JPEG has and RGB has not."""
    return photo(width, height).point([round(64 + level / 2) for level in range(256)] * 3)


SIZES = st.tuples(st.integers(1, 120), st.integers(1, 120))


@settings(max_examples=100)
@given(pipeline=st.lists(steps(*CATALOG), min_size=1, max_size=5), size=SIZES, format=st.sampled_from(["png", "jpeg"]))
def test_a_planned_pipeline_gives_what_its_steps_give(
    pipeline: list[dict[str, Any]], size: tuple[int, int], format: str
) -> None:
    check(pipeline, size, format)


@pytest.mark.parametrize("second", KINDS)
@pytest.mark.parametrize("first", KINDS)
@settings(max_examples=10)
@given(data=st.data(), size=SIZES, format=st.sampled_from(["png", "jpeg"]))
def test_two_neighbours_of_which_the_planner_may_make_something_give_what_they_give_apart(
    first: str, second: str, data: st.DataObject, size: tuple[int, int], format: str
) -> None:
    check([data.draw(planned_steps(first)), data.draw(planned_steps(second))], size, format)


def test_a_step_with_exact_set_counts_though_it_changes_nothing() -> None:
    steps = filters.parse_pipeline(["bw", {"filter": "blur", "radius": 0, "exact": True}])
    assert not planner.plan(steps, (600, 400), shrinks=True).luma
    assert planner.plan(filters.parse_pipeline(["bw", "blur:radius=0"]), (600, 400), shrinks=True).luma


def check(pipeline: list[dict[str, Any]], size: tuple[int, int], format: str) -> None:
    """Whether a plan's result is that of the steps: exactly, or as near as the planner promises."""
    if format == "jpeg":  # small ones are not decoded at a part of their size
        size = (size[0] + 60, size[1] + 60)
    buffer = io.BytesIO()
    _natural(*size).save(buffer, format, quality=95)
    planned, stepwise = (attempt(buffer.getvalue(), pipeline, optimise=optimise) for optimise in (True, False))
    if isinstance(planned, filters.FilterError) or isinstance(stepwise, filters.FilterError):
        assert isinstance(planned, filters.FilterError)
        assert isinstance(stepwise, filters.FilterError)
        assert (planned.type, planned.detail, planned.step) == (stepwise.type, stepwise.detail, stepwise.step)
        return
    parsed = filters.parse_pipeline(pipeline)
    plan = planner.plan(parsed, size, shrinks=format == "jpeg", limits=LIMITS)
    assert (planned.width, planned.height, planned.format) == (stepwise.width, stepwise.height, stepwise.format)
    rewrites = inexact(plan, format)
    if any(step.params.exact for step in parsed):
        assert not rewrites
    if not rewrites:
        assert planned.data == stepwise.data
        return
    amplified = math.prod(gain(stage.operation) for stage in plan.stages)
    if amplified == math.inf or plan.output.format not in (None, "png"):
        return
    one, other = rgb(planned.data), rgb(stepwise.data)
    if rewrites <= {"matrix", "luma"}:
        assert np.abs(one - other).max() <= 2 * amplified * len(plan.notes)
    least = 42 if min(planned.width, planned.height) >= 16 else 34  # a few pixels are not a photo
    assert reference.psnr(one, other) >= least - 20 * math.log10(amplified)


def inexact(plan: Plan, format: str) -> set[str]:
    """Which of the rewrites that change levels the plan holds."""
    found = set()
    stages = plan.stages
    if any(isinstance(stage.operation, Matrix) and len(stage.steps) > 1 for stage in stages):
        found.add("matrix")
    if any(first.steps > second.steps and not first.rearranges for first, second in pairwise(stages)):
        found.add("smaller first")
    if plan.luma and not (format == "png" and _only_moved_before_luma(stages)):
        found.add("luma" if format == "png" else "stored luma")
    if plan.shrink > 1:
        found.add("scaled decode")
    return found


def _only_moved_before_luma(stages: tuple[Stage, ...]) -> bool:
    first = next(number for number, stage in enumerate(stages) if stage.reads_luma_only)
    return all(stage.rearranges for stage in stages[:first])


def gain(operation: Operation) -> float:
    """What a level of difference may become, at most; infinite where nothing is promised."""
    match operation:
        case Table():
            slopes = [
                np.abs(np.diff(np.frombuffer(values, np.uint8).astype(int))).max() for values in operation.channels
            ]
            return max(1.0, *map(float, slopes))
        case Matrix():
            return max(1.0, *(sum(map(abs, row[:3])) for row in operation.rows))
        case Effect(linear=True) | Geometry():
            return 1.0
        case Effect(steep=False):
            return 8.0
    return math.inf

"""Other pictures that steps need, such as a logo."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from filters.codec import Source
from filters.errors import FilterError, MissingAsset, shown
from filters.header import inspect
from filters.limits import Limits
from filters.operations import Geometry
from filters.picture import Picture
from filters.pipeline import Pipeline, Step
from filters.planner import Plan


def with_assets(planned: Plan, pipeline: Pipeline, assets: Callable[[str], bytes | None], limits: Limits) -> Plan:
    """The plan with the pictures that its steps need. MissingAsset, or what is wrong with one, with `step` set."""
    if not pipeline.assets():
        return planned
    stages = []
    for stage in planned.stages:
        number, operation = stage.steps[0], stage.operation
        step = pipeline.steps[number - 1]
        if step.asset and isinstance(operation, Geometry):
            operation = replace(operation, asset=_asset(step, number, assets(step.asset), limits))
        stages.append(replace(stage, operation=operation))
    return replace(planned, stages=tuple(stages))


def _asset(step: Step, number: int, data: bytes | None, limits: Limits) -> Picture:
    name = shown(step.asset)
    if data is None:
        raise MissingAsset(f"{step.filter} needs the picture '{name}', which is not there", step=number)
    try:
        return _decoded(data, limits)
    except FilterError as error:
        raise type(error)(f"{step.filter}: {name}: {error.detail}", step=number) from error


@lru_cache(maxsize=4)
def _decoded(data: bytes, limits: Limits) -> Picture:
    """The first frame of a picture that a step needs."""
    return next(Source(data, inspect(data, limits), limits).decode()).picture

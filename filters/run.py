"""A photo through a pipeline: bytes in, bytes out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from filters.codec import Source, encode, output_format
from filters.errors import FilterError, MissingAsset, shown
from filters.header import inspect
from filters.limits import DEFAULT_LIMITS, Limits
from filters.operations import Geometry
from filters.output import Output
from filters.picture import Frame, Picture
from filters.pipeline import Pipeline, Step, parse_pipeline
from filters.planner import Plan, plan
from filters.thumbnail import thumbnail as make_thumbnail


@dataclass(frozen=True, slots=True)
class Result:
    """An encoded result; `width` and `height` are after EXIF orientation, `thumbnail` is JPEG or WebP."""

    data: bytes
    format: str
    width: int
    height: int
    thumbnail: bytes | None


def apply(
    data: bytes,
    pipeline: Pipeline | Sequence[object],
    *,
    format: str | None = None,
    quality: int | None = None,
    thumbnail: int = 0,
    limits: Limits = DEFAULT_LIMITS,
    assets: Callable[[str], bytes | None] = lambda name: None,
    on_step: Callable[[int], None] | None = None,
    optimise: bool = True,
) -> Result:
    """Run an image file through a pipeline.

    `pipeline` is parsed or anything that `parse_pipeline` reads. `format` None keeps the input's. `quality`
    is 1..100 for jpeg and webp, 90 by default. `thumbnail` is the longest side of a thumbnail to make as
    well, 0 for none. `assets` gives the file of a picture that a step names, such as a logo, or None where there is
    none of that name. `on_step` is called with a 1-based number before each operation of the plan: that of the
    first step that it does. Of an animation or a multi-page file the first frame is used. `optimise` False does
    every step as it stands, to compare with.

    Raises FilterError alone, or what `on_step` raises; a step that fails is a FilterError with `step` set.
    """
    pipeline = parse_pipeline(pipeline, limits)
    header = inspect(data, limits)
    source = Source(data, header, limits)
    planned = plan(
        pipeline,
        source.size,
        shrinks=source.shrinks,
        output=Output(format, quality),
        limits=limits,
        optimise=optimise,
    )
    chosen = output_format(planned.output, header.format, planned.size)
    planned = _with_assets(planned, pipeline, assets, limits.of_assets)
    frames = _filtered(source.decode(luma=planned.luma, shrink=planned.shrink), planned, on_step)
    picture = next(frames).picture
    try:
        small = make_thumbnail(picture, thumbnail) if thumbnail > 0 else None
        written = encode(picture, chosen, planned.output.quality)
        return Result(written, chosen, *picture.size, small)
    except Exception as error:
        raise FilterError(f"the result could not be written as {chosen}: {_reason(error)}") from error


def _with_assets(planned: Plan, pipeline: Pipeline, assets: Callable[[str], bytes | None], limits: Limits) -> Plan:
    """The plan with the pictures that its steps need. MissingAsset, or what is wrong with one, with `step` set."""
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


def _filtered(frames: Iterator[Frame], planned: Plan, on_step: Callable[[int], None] | None) -> Iterator[Frame]:
    for frame in frames:
        picture = frame.picture
        for stage in planned.stages:
            if on_step:
                on_step(stage.steps[0])
            try:
                picture = stage.operation(picture)
            except FilterError as error:
                error.step = stage.steps[0]
                raise
            except Exception as error:
                raise FilterError(f"{stage.text} failed: {_reason(error)}", step=stage.steps[0]) from error
        yield Frame(picture, frame.milliseconds)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

"""A photo through a pipeline: bytes in, bytes out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from filters import planes
from filters.codec import DEFAULT_QUALITY, Source, encode, output_format
from filters.errors import FilterError
from filters.header import inspect
from filters.limits import DEFAULT_LIMITS, Limits
from filters.operations import Size
from filters.output import Output
from filters.picture import Frame
from filters.pipeline import Pipeline, parse_pipeline
from filters.planner import Plan, Stage, plan
from filters.thumbnail import thumbnail as make_thumbnail
from filters.thumbnail import thumbnail_of_planes

T = TypeVar("T")


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
    on_step: Callable[[int], None] | None = None,
    optimise: bool = True,
) -> Result:
    """Run an image file through a pipeline.

    `pipeline` is parsed or anything that `parse_pipeline` reads. `format` None keeps the input's. `quality`
    is 1..100 for jpeg and webp, 90 by default. `thumbnail` is the longest side of a thumbnail to make as
    well, 0 for none. `on_step` is called with a 1-based number before each operation of the plan: that of the
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
        shrinks_evenly=source.shrinks_evenly,
        output=Output(format, quality),
        limits=limits,
        optimise=optimise,
    )
    chosen = output_format(planned.output, header.format, planned.size)
    if optimise and chosen == "jpeg" and source.is_plain_jpeg:
        result = _on_planes(data, source.size, planned, thumbnail, on_step)
        if result:
            return result
    frames = _filtered(source.decode(luma=planned.luma, shrink=planned.shrink), planned, on_step)
    picture = next(frames).picture
    with _writing(chosen):
        small = make_thumbnail(picture, thumbnail) if thumbnail > 0 else None
        written = encode(picture, chosen, planned.output.quality)
        return Result(written, chosen, *picture.size, small)


def _on_planes(
    data: bytes, size: Size, planned: Plan, thumbnail: int, on_step: Callable[[int], None] | None
) -> Result | None:
    """The whole job on the planes of a JPEG of that size; None where it cannot be done on these."""
    stages, output = planned.stages, planned.output
    if planned.luma or output.max_bytes or output.keep != "nothing" or planned.exact:
        return None
    forms = planes.forms(stage.operation for stage in stages)
    picture = planes.decode(data, size, planned.shrink) if forms else None
    if picture is None or not forms:
        return None
    for stage, form in zip(stages, forms, strict=True):
        picture = _done(stage, form, picture, on_step)
    with _writing("jpeg"):
        small = thumbnail_of_planes(picture, thumbnail) if thumbnail > 0 else None
        return Result(planes.encode(picture, output.quality or DEFAULT_QUALITY), "jpeg", *picture.size, small)


def _filtered(frames: Iterator[Frame], planned: Plan, on_step: Callable[[int], None] | None) -> Iterator[Frame]:
    for frame in frames:
        picture = frame.picture
        for stage in planned.stages:
            picture = _done(stage, stage.operation, picture, on_step)
        yield Frame(picture, frame.milliseconds)


def _done(stage: Stage, operation: Callable[[T], T], picture: T, on_step: Callable[[int], None] | None) -> T:
    if on_step:
        on_step(stage.steps[0])
    try:
        return operation(picture)
    except FilterError as error:
        error.step = stage.steps[0]
        raise
    except Exception as error:
        raise FilterError(f"{stage.text} failed: {_reason(error)}", step=stage.steps[0]) from error


@contextmanager
def _writing(format: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise FilterError(f"the result could not be written as {format}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

"""A photo through a pipeline: bytes in, bytes out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from filters import planes
from filters.assets import with_assets
from filters.codec import Source
from filters.encoding import QUALITY, encode, output_format, within
from filters.errors import FilterError
from filters.formats import holds_frames
from filters.header import ImageHeader, check_pixels, inspect
from filters.limits import DEFAULT_LIMITS, Limits
from filters.operations import Geometry, Size
from filters.output import Output
from filters.picture import Frame
from filters.pipeline import Pipeline, parse_pipeline
from filters.planner import Plan, Stage, plan, written_as
from filters.thumbnail import is_its_own, thumbnail_of_planes
from filters.thumbnail import thumbnail as make_thumbnail

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result:
    """An encoded result; `width` and `height` are those of its first frame, `thumbnail` is JPEG or WebP."""

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

    `pipeline` is parsed or anything that `parse_pipeline` reads. `format` None keeps the input's (jpeg for heic, which
    is only read). `quality` is 1..100 for jpeg, webp and avif, by default 90, 90 and 80. Steps that say how to write
    the result go before both.
    Of an animation every frame is processed where the result's format holds several (gif, webp, png, avif, and tiff as
    pages), of a TIFF every page where the result is one too; else the first.
    `thumbnail` is the longest side of a thumbnail to make as well, of the first frame, where the result is more than
    twice as large or in a format that browsers do not show; 0 for none.
    `assets` gives the file of a picture that a step names, such as a logo, or None where there is none of that name.
    `on_step` is called with a 1-based number before each operation of the plan, for each frame: that of the first step
    that it does. `optimise` False does every step as it stands, to compare with.

    Raises FilterError alone, or what `on_step` raises; a step that fails is a FilterError with `step` set.
    """
    pipeline = parse_pipeline(pipeline, limits)
    header = inspect(data, limits)
    source = Source(data, header, limits)

    wanted = Output(format, quality)

    @cache
    def plan_of(size: Size) -> Plan:
        planned = plan(
            pipeline,
            size,
            shrinks=source.shrinks,
            shrinks_evenly=source.shrinks_evenly,
            output=wanted,
            limits=limits,
            optimise=optimise,
        )
        return with_assets(planned, pipeline, assets, limits.of_assets)

    planned = plan_of(source.size)
    chosen = _format(pipeline, planned, header)
    if optimise and chosen == "jpeg" and source.is_plain_jpeg:
        result = _on_planes(data, source.size, planned, thumbnail, on_step)
        if result:
            return result
    output = planned.output
    every = header.frames > 1 and holds_frames(chosen, header.format)
    if every:
        _check_all(planned, header, limits)
    metadata = source.metadata(output.keep)
    decoded = source.decode(luma=planned.luma, shrink=planned.shrink, every=every)
    filtered = _filtered(decoded, plan_of, limits, on_step)
    # Not to its end for one: what was decoded would be freed, and its memory asked of the system anew to write.
    frames = list(filtered) if every else [next(filtered)]
    first = frames[0].picture
    with _writing(chosen, pipeline):
        small = make_thumbnail(first, thumbnail) if _wants_thumbnail(first.size, chosen, thumbnail) else None
        if output.max_bytes:
            written = within(output.max_bytes, frames, chosen, output.quality, source.plays, metadata)
        else:
            written = encode(frames, chosen, output.quality, source.plays, metadata)
        return Result(written, chosen, *first.size, small)


def _wants_thumbnail(size: Size, format: str, longest: int) -> bool:
    return longest > 0 and not is_its_own(size, format, longest)


def _format(pipeline: Pipeline, planned: Plan, header: ImageHeader) -> str:
    try:
        return output_format(planned.output, header.format, planned.size)
    except FilterError as error:
        error.step = _deciding(pipeline, "format")
        raise


def _on_planes(
    data: bytes, size: Size, planned: Plan, thumbnail: int, on_step: Callable[[int], None] | None
) -> Result | None:
    """The whole job on the planes of a JPEG of that size; None where it cannot be done on these."""
    forms = planned.on_planes()
    picture = planes.decode(data, size, planned.shrink) if forms else None
    if picture is None or not forms:
        return None
    for stage, form in zip(planned.stages, forms, strict=True):
        picture = _done(stage, form, picture, on_step)
    with _writing("jpeg"):
        wanted = _wants_thumbnail(picture.size, "jpeg", thumbnail)
        small = thumbnail_of_planes(picture, thumbnail) if wanted else None
        return Result(planes.encode(picture, planned.output.quality or QUALITY["jpeg"]), "jpeg", *picture.size, small)


def _check_all(planned: Plan, header: ImageHeader, limits: Limits) -> None:
    """ImageTooLarge where all frames together become too large at some step, though none is by itself."""
    width, height = planned.largest
    try:
        check_pixels(width * height * header.frames, width, height, header.frames, limits)
    except FilterError as error:
        steps = [stage.steps[0] for stage in planned.stages if isinstance(stage.operation, Geometry)]
        error.step = max(steps, default=None)
        raise


def _deciding(pipeline: Pipeline, what: str) -> int | None:
    """The number of the last step that changes this field of the output, None if none does."""
    output, decides = Output(), None
    for number, step in enumerate(pipeline, start=1):
        before, output = output, written_as(Pipeline((step,)), output)
        if getattr(output, what) != getattr(before, what):
            decides = number
    return decides


def _filtered(
    frames: Iterator[Frame],
    plan_of: Callable[[Size], Plan],
    limits: Limits,
    on_step: Callable[[int], None] | None,
) -> Iterator[Frame]:
    pixels = 0
    for count, frame in enumerate(frames, start=1):
        picture = frame.picture
        planned = plan_of(picture.size)
        width, height = planned.largest
        pixels += width * height
        check_pixels(pixels, width, height, count, limits)  # pages have sizes of their own
        if planned.luma and picture.pixels.mode != "L":
            picture = picture.with_pixels(picture.pixels.convert("L"))
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
def _writing(format: str, pipeline: Pipeline = Pipeline(())) -> Iterator[None]:  # noqa: B008 - frozen
    try:
        yield
    except FilterError as error:
        error.step = error.step or _deciding(pipeline, "max_bytes")
        raise
    except Exception as error:
        raise FilterError(f"the result could not be written as {format}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

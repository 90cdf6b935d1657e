"""A photo through a pipeline: bytes in, bytes out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from filters.codec import Source
from filters.encoding import encode, output_format, within
from filters.errors import FilterError
from filters.formats import holds_frames
from filters.header import ImageHeader, check_pixels, inspect
from filters.limits import DEFAULT_LIMITS, Limits
from filters.operations import Geometry, Size
from filters.output import Output
from filters.picture import Frame
from filters.pipeline import Pipeline, parse_pipeline
from filters.planner import Plan, plan, written_as
from filters.thumbnail import is_its_own
from filters.thumbnail import thumbnail as make_thumbnail


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
    `on_step` is called with a 1-based number before each operation of the plan, for each frame: that of the first step
    that it does. `optimise` False does every step as it stands, to compare with.

    Raises FilterError alone, or what `on_step` raises; a step that fails is a FilterError with `step` set.
    """
    pipeline = parse_pipeline(pipeline, limits)
    header = inspect(data, limits)
    source = Source(data, header, limits)

    wanted, shrinks = Output(format, quality), source.shrinks

    @cache
    def plan_of(size: Size) -> Plan:
        return plan(pipeline, size, shrinks=shrinks, output=wanted, limits=limits, optimise=optimise)

    planned = plan_of(source.size)
    output = planned.output
    try:
        chosen = output_format(output, header.format, planned.size)
    except FilterError as error:
        error.step = _deciding(pipeline, "format")
        raise
    every = header.frames > 1 and holds_frames(chosen, header.format)
    if every:
        _check_all(planned, header, limits)
    metadata = source.metadata(output.keep)
    decoded = source.decode(luma=planned.luma, shrink=planned.shrink, every=every)
    filtered = _filtered(decoded, plan_of, limits, on_step)
    # Not to its end for one: what was decoded would be freed, and its memory asked of the system anew to write.
    frames = list(filtered) if every else [next(filtered)]
    first = frames[0].picture
    try:
        small = None
        if thumbnail > 0 and not is_its_own(first.size, chosen, thumbnail):
            small = make_thumbnail(first, thumbnail)
        if output.max_bytes:
            written = within(output.max_bytes, frames, chosen, output.quality, source.plays, metadata)
        else:
            written = encode(frames, chosen, output.quality, source.plays, metadata)
        return Result(written, chosen, *first.size, small)
    except FilterError as error:
        error.step = _deciding(pipeline, "max_bytes")
        raise
    except Exception as error:
        raise FilterError(f"the result could not be written as {chosen}: {_reason(error)}") from error


def _check_all(planned: Plan, header: ImageHeader, limits: Limits) -> None:
    """ImageTooLarge where all frames together become too large, though none is by itself."""
    width, height = planned.size
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
        if planned.luma and picture.pixels.mode != "L":
            picture = picture.with_pixels(picture.pixels.convert("L"))
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
        width, height = picture.pixels.size
        pixels += width * height
        check_pixels(pixels, width, height, count, limits)  # pages have sizes of their own
        yield Frame(picture, frame.milliseconds)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__

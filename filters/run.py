"""A photo through a pipeline: bytes in, bytes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from filters import registry
from filters.codec import Picture, decode, encode, output_format
from filters.errors import FilterError
from filters.header import inspect
from filters.limits import DEFAULT_LIMITS, Limits
from filters.pipeline import Pipeline, Step, parse_pipeline
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
    on_step: Callable[[int], None] | None = None,
) -> Result:
    """Run an image file through a pipeline.

    `pipeline` is parsed or anything that `parse_pipeline` reads. `format` None keeps the input's. `quality`
    is 1..100 for jpeg and webp, 90 by default. `thumbnail` is the longest side of a thumbnail to make as
    well, 0 for none. `on_step` is called with the 1-based number of each step before it starts. Of an
    animation or a multi-page file the first frame is used.

    Raises FilterError alone, or what `on_step` raises; a step that fails is a FilterError with `step` set.
    """
    pipeline = parse_pipeline(pipeline, limits)
    header = inspect(data, limits)
    chosen = output_format(format, quality, header)
    picture = decode(data, header, limits, luma_only=_reads_luma_only(pipeline.steps[0]))
    pixels = picture.pixels
    for number, step in enumerate(pipeline, start=1):
        if on_step:
            on_step(number)
        try:
            pixels = registry.find(step.filter).effect(pixels, step.params)
        except Exception as error:
            raise FilterError(f"{step.filter} failed: {_reason(error)}", step=number) from error
    picture = Picture(pixels, picture.alpha)
    try:
        small = make_thumbnail(picture, thumbnail) if thumbnail > 0 else None
        return Result(encode(picture, chosen, quality), chosen, *pixels.size, small)
    except Exception as error:
        raise FilterError(f"the result could not be written as {chosen}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _reads_luma_only(step: Step) -> bool:
    return registry.find(step.filter).reads_luma_only(step.params)

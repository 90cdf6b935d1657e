"""What a job should cost before anything has been learned, and the names of what it costs.

A cluster learns costs by *feature*. Those of a job are its codecs, "jpeg>png", and one for each step: "sepia", or
"blur/33ms" where the parameters matter. The number is the step's expected cost, rounded so that settings of much
the same cost share what is learned about either. "/gray" at the end says that the step works on, or that the
file is written from, one channel instead of three; "@0.25" that a step works on about a quarter of the image's
pixels, or that the file has a quarter.
"""

import bisect
import math
from functools import lru_cache

from filters import formats, planner, registry
from filters.errors import FilterError
from filters.header import ImageHeader
from filters.operations import Geometry, Operation, Size
from filters.output import Output
from filters.pipeline import Pipeline

FIXED_SECONDS = 0.0015
"""For every job, however small: opening, thumbnail, storing."""

DECODE_MS_PER_MP = {
    "jpeg": 4.9,
    "png": 25.0,
    "webp": 18.0,
    "gif": 10.0,
    "tiff": 12.6,
    "bmp": 1.5,
    "avif": 22.0,
    "heic": 60.0,
}
ENCODE_MS_PER_MP = {"jpeg": 3.2, "png": 80.0, "webp": 38.0, "gif": 77.0, "tiff": 45.0, "bmp": 1.6, "avif": 90.0}
"""Photos in colour; what a filter does to their noise moves png and tiff by a factor of two either way."""

LUMA_DECODE_MS_PER_MP = 2.9
ENCODE_GRAY_MS_PER_MP = {"jpeg": 2.1, "png": 20.0, "webp": 36.0, "gif": 12.0, "tiff": 10.0, "bmp": 0.3, "avif": 90.0}

GRAY_SHARE = 0.4
"""Cost of a step on gray pixels over its cost on colour: 0.35 for blur, 0.5 to 0.8 for most others (measured)."""

UNKNOWN_MS_PER_MP = 5.0
"""A filter or format that this version does not have."""

LEAST_MS_PER_MP = 0.01

# E6, the preferred numbers of IEC 60063: six to a decade, no cost further than 21 % from the nearest.
_STEPS = (1.0, 1.5, 2.2, 3.3, 4.7, 6.8)
_ROUND = tuple(step * 10.0**power for power in range(-2, 5) for step in _STEPS)

_GRAY = "/gray"
_LEAST_POWER, _MOST_POWER = -4, 13
"""Of 4, of the pixels that are left: from 1/256 to what a limit of 100 megapixels lets one pixel become."""


def cost_features(
    pipeline: Pipeline, input_format: str, output_format: str | None = None, size: Size | None = None
) -> tuple[str, ...]:
    """The features of a job: first its codecs, then one for each step, in order. `output_format` None is the input's.

    `size` is that of the image; without it no step is taken to change it. Features hold no commas or spaces, and stay
    the same as long as the filters' expected costs do.
    """
    gray = False
    steps = []
    now = size
    for step in pipeline:
        found = registry.find(step.filter)
        name = found.name
        if found.cost_varies:
            name += f"/{_rounded(found.cost(step.params)):g}ms"
        steps.append(name + (_GRAY if gray else "") + _share(now, size))
        now = now and _after(found.operation(step.params), now)
        colours = found.colours(step.params)
        gray = colours == "gray" or (gray and colours == "same")
    written = _written(pipeline, input_format, output_format)
    return (f"{input_format}>{written}{_GRAY if gray else ''}{_share(now, size)}", *steps)


def _after(operation: Operation | None, size: Size) -> Size:
    """The size that the operation leaves; the same where it cannot be done, for then it costs nothing."""
    if not isinstance(operation, Geometry):
        return size
    try:
        return operation.size(operation.params, size)
    except FilterError:
        return size


def _share(now: Size | None, size: Size | None) -> str:
    """How many of the image's pixels are left, to the nearest power of 4."""
    if not now or not size:
        return ""
    power = round(math.log(now[0] * now[1] / (size[0] * size[1]), 4))
    return f"@{4.0 ** max(_LEAST_POWER, min(power, _MOST_POWER)):.3g}" if power else ""


@lru_cache(maxsize=1024)
def prior_seconds_per_mp(feature: str) -> float:
    """CPU seconds per megapixel that the feature should cost on the machine where the priors were measured.

    Any text has an answer, because a newer node may report what this version does not know.
    """
    text, _, share = feature.partition("@")
    pixels = _number(share, 4.0**_MOST_POWER, 1.0) if share else 1.0
    plain = text.removesuffix(_GRAY)
    gray = plain != text
    before, arrow, after = plain.partition(">")
    cost = _codecs(before, after, gray=gray, written=pixels) if arrow else _step(plain, gray=gray) * pixels
    return max(cost, LEAST_MS_PER_MP) / 1000


def estimate_seconds(
    pipeline: Pipeline, megapixels: float, input_format: str = "jpeg", output_format: str | None = None
) -> float:
    """CPU seconds that one image should take on one ordinary core, before anything has been learned."""
    features = cost_features(pipeline, input_format, output_format)
    return FIXED_SECONDS + megapixels * sum(map(prior_seconds_per_mp, features))


def megapixels(pipeline: Pipeline, header: ImageHeader, output_format: str | None = None) -> float:
    """Those that a job works on: of every frame where its result keeps them, else of the first."""
    written = _written(pipeline, header.format, output_format)
    frames = header.frames if formats.holds_frames(written, header.format) else 1
    return header.width * header.height * frames / 1e6


def _written(pipeline: Pipeline, input_format: str, output_format: str | None) -> str:
    return planner.written_as(pipeline, Output(output_format)).format or formats.same_format(input_format)


def _codecs(before: str, after: str, *, gray: bool, written: float) -> float:
    """Per megapixel of the image, of which `written` is the share that the result has."""
    decode = DECODE_MS_PER_MP.get(before, UNKNOWN_MS_PER_MP)
    if gray and before == "jpeg":
        # Most pipelines that end in gray begin with it, and then the colour is not even decoded.
        decode = LUMA_DECODE_MS_PER_MP
    encode = (ENCODE_GRAY_MS_PER_MP if gray else ENCODE_MS_PER_MP).get(after, UNKNOWN_MS_PER_MP)
    return decode + written * encode


def _step(feature: str, *, gray: bool) -> float:
    name, slash, number = feature.partition("/")
    default = registry.default_cost(name, UNKNOWN_MS_PER_MP)
    cost = _number(number.removesuffix("ms"), _ROUND[-1], UNKNOWN_MS_PER_MP) if slash else default
    return cost * (GRAY_SHARE if gray else 1.0)


def _number(text: str, most: float, otherwise: float) -> float:
    """The number that a feature names."""
    try:
        number = float(text)
    except ValueError:
        return otherwise
    return number if 0 <= number <= most else otherwise


def _rounded(cost: float) -> float:
    """The nearest round number, by ratio; 0 for what costs nothing."""
    if cost < LEAST_MS_PER_MP:
        return 0.0
    place = min(bisect.bisect_left(_ROUND, cost), len(_ROUND) - 1)
    below, above = _ROUND[max(place - 1, 0)], _ROUND[place]
    return below if cost * cost < below * above else above

"""What a job should cost before anything has been learned, and the names of what it costs.

A cluster learns costs by *feature*. Those of a job are its codecs, "jpeg>png", and one for each step: "sepia", or
"blur/33ms" where the parameters matter. The number is the step's expected cost, rounded so that settings of much
the same cost share what is learned about either. "/gray" at the end says that the step works on, or that the
file is written from, one channel instead of three.
"""

import bisect
from functools import lru_cache

from filters import formats, planner, registry
from filters.header import ImageHeader
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


def cost_features(pipeline: Pipeline, input_format: str, output_format: str | None = None) -> tuple[str, ...]:
    """The features of a job: first its codecs, then one for each step, in order. `output_format` None is the input's.

    They hold no commas or spaces, and stay the same as long as the filters' expected costs do.
    """
    gray = False
    steps = []
    for step in pipeline:
        found = registry.find(step.filter)
        name = found.info.name
        if found.cost_varies:
            name += f"/{_rounded(found.cost(step.params)):g}ms"
        steps.append(name + _GRAY if gray else name)
        colours = found.colours(step.params)
        gray = colours == "gray" or (gray and colours == "same")
    written = _written(pipeline, input_format, output_format)
    codecs = f"{input_format}>{written}"
    return (codecs + _GRAY if gray else codecs, *steps)


@lru_cache(maxsize=1024)
def prior_seconds_per_mp(feature: str) -> float:
    """CPU seconds per megapixel that the feature should cost on the machine where the priors were measured.

    Any text has an answer, because a newer node may report what this version does not know.
    """
    plain = feature.removesuffix(_GRAY)
    gray = plain != feature
    before, arrow, after = plain.partition(">")
    cost = _codecs(before, after, gray=gray) if arrow else _step(plain, gray=gray)
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
    return planner.written_as(pipeline, Output(output_format)).format or formats.same(input_format)


def _codecs(before: str, after: str, *, gray: bool) -> float:
    decode = DECODE_MS_PER_MP.get(before, UNKNOWN_MS_PER_MP)
    if gray and before == "jpeg":
        # Most pipelines that end in gray begin with it, and then the colour is not even decoded.
        decode = LUMA_DECODE_MS_PER_MP
    return decode + (ENCODE_GRAY_MS_PER_MP if gray else ENCODE_MS_PER_MP).get(after, UNKNOWN_MS_PER_MP)


def _step(feature: str, *, gray: bool) -> float:
    name, slash, number = feature.partition("/")
    cost = _named(number) if slash else registry.default_cost(name, UNKNOWN_MS_PER_MP)
    return cost * (GRAY_SHARE if gray else 1.0)


def _named(number: str) -> float:
    """The cost that a feature names."""
    try:
        cost = float(number.removesuffix("ms"))
    except ValueError:
        return UNKNOWN_MS_PER_MP
    return cost if 0 <= cost <= _ROUND[-1] else UNKNOWN_MS_PER_MP


def _rounded(cost: float) -> float:
    """The nearest round number, by ratio; 0 for what costs nothing."""
    if cost < LEAST_MS_PER_MP:
        return 0.0
    place = min(bisect.bisect_left(_ROUND, cost), len(_ROUND) - 1)
    below, above = _ROUND[max(place - 1, 0)], _ROUND[place]
    return below if cost * cost < below * above else above

"""Autocontrast: the image's own range, stretched to the whole."""

from collections.abc import Sequence

from PIL import Image
from pydantic import Field

from filters import registry
from filters.operations import Table


class Autocontrast(registry.Params):
    cutoff: float = Field(
        0.5,
        ge=0,
        le=49,
        description="Share of the pixels at either end that do not count, so that a few odd ones decide nothing.",
        json_schema_extra={"label": {"en": "Cutoff", "es": "Recorte"}, "unit": "%", "step": 0.1},
    )
    per_channel: bool = Field(
        False,
        description="Each channel by itself: this takes away a colour cast, and also a sunset.",
        json_schema_extra={"label": {"en": "Each channel by itself", "es": "Cada canal por separado"}},
    )


@registry.filter(
    "autocontrast",
    aliases=("autocontraste",),
    label={"en": "Autocontrast", "es": "Autocontraste"},
    description={
        "en": "Makes the darkest parts black and the brightest white, whatever they were.",
        "es": "Hace negro lo más oscuro y blanco lo más claro, sean como sean.",
    },
    category="light",
    cost_ms_per_mp=lambda params: 3.2 if params.per_channel else 2.2,
    steep=True,
)
def autocontrast(image: Image.Image, params: Autocontrast) -> Image.Image:
    """(x - low) * 255 / (high - low), clipped, where at most `cutoff` percent of the values lie below `low`, and as
    many above `high`; unchanged where the two are one.

    The values are those of the luma, and all channels get the same table, so that no colour is shifted
    (ImageOps.autocontrast with `preserve_tone`); with `per_channel` those of each channel (the same without).
    """
    channels = image.split() if params.per_channel else (image.convert("L"),)
    tables = [_stretched(channel.histogram(), params.cutoff) for channel in channels]
    repeated = tables * (len(image.getbands()) // len(tables))
    return image.point([level for table in repeated for level in table])


def _stretched(histogram: Sequence[int], cutoff: float) -> bytes:
    spare = sum(histogram) * cutoff / 100
    low, high = _first_above(histogram, spare), 255 - _first_above(histogram[::-1], spare)
    if low >= high:
        return bytes(range(256))
    return Table.of([(level - low) * 255 / (high - low) for level in range(256)]).values


def _first_above(histogram: Sequence[int], spare: float) -> int:
    """The first level up to which there are more than `spare` values."""
    total = 0
    for level, count in enumerate(histogram):
        total += count
        if total > spare:
            return level
    return len(histogram) - 1

"""Exposure: more or less light, as a camera counts it."""

from pydantic import Field

from filters import registry
from filters.operations import Table


class Exposure(registry.Params):
    stops: float = Field(
        0.7,
        ge=-10,
        le=10,
        description="0 leaves the image as it is; each stop more doubles the light, each less halves it.",
        json_schema_extra={"label": {"en": "Stops", "es": "Pasos"}, "unit": "EV", "step": 0.1},
    )


@registry.point(
    "exposure",
    aliases=("exposicion",),
    label={"en": "Exposure", "es": "Exposición"},
    description={
        "en": "More or less light, in stops, as if the photo had been exposed longer or shorter.",
        "es": "Más o menos luz, en pasos de diafragma, como si la foto se hubiera expuesto más o menos tiempo.",
    },
    cost_ms_per_mp=lambda params: 1.1 if params.stops != 0 else 0.0,
)
def exposure(params: Exposure) -> Table:
    """Light times 2 ^ stops, clipped. Light is the sRGB value made linear (IEC 61966-2-1), which is what sets this
    apart from `brightness`; GIMP's Exposure with black level 0 does the same."""
    gain = 2.0**params.stops
    return Table.of([255 * _encoded(min(1.0, gain * _linear(level / 255))) for level in range(256)])


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(light: float) -> float:
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055

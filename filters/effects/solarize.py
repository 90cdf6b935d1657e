"""Solarize: bright values inverted."""

from pydantic import Field

from filters import registry
from filters.operations import Table


class Solarize(registry.Params):
    threshold: int = Field(
        128,
        ge=0,
        le=256,
        description="Values from this one on are inverted: 0 inverts all, 256 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Threshold", "es": "Umbral"}},
    )


@registry.point(
    "solarize",
    aliases=("solarizar",),
    label={"en": "Solarize", "es": "Solarizar"},
    description={
        "en": "Inverts what is bright, like a print that saw light while it was developed.",
        "es": "Invierte lo claro, como una copia que recibió luz durante el revelado.",
    },
    category="colour",
    cost_ms_per_mp=lambda params: 1.1 if params.threshold < 256 else 0.0,
)
def solarize(params: Solarize) -> Table:
    """255 - x where x is at least the threshold: Pillow's ImageOps.solarize."""
    return Table.of([255 - level if level >= params.threshold else level for level in range(256)])

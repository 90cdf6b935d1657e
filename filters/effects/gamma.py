"""Gamma: the middle tones, with black and white where they are."""

from pydantic import Field

from filters import registry
from filters.operations import Table


class Gamma(registry.Params):
    gamma: float = Field(
        1.5,
        ge=0.1,
        le=10,
        description="1 leaves the image as it is, more lightens its middle tones, less darkens them.",
        json_schema_extra={"label": {"en": "Gamma", "es": "Gamma"}, "step": 0.05},
    )


@registry.point(
    "gamma",
    label={"en": "Gamma", "es": "Gamma"},
    description={
        "en": "Lightens or darkens the middle tones; black and white stay as they are.",
        "es": "Aclara u oscurece los tonos medios; el blanco y el negro no cambian.",
    },
    cost_ms_per_mp=lambda params: 1.1 if params.gamma != 1 else 0.0,
)
def gamma(params: Gamma) -> Table:
    """255 * (x / 255) ^ (1 / gamma): ImageMagick's `-gamma`, and the middle slider of GIMP's Levels."""
    return Table.of([255 * (level / 255) ** (1 / params.gamma) for level in range(256)])

"""Posterize: few values in each channel."""

from pydantic import Field

from filters import registry
from filters.operations import Table


class Posterize(registry.Params):
    levels: int = Field(
        4,
        ge=2,
        le=256,
        description="How many values each channel may have; 256 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Levels", "es": "Niveles"}},
    )


@registry.point(
    "posterize",
    aliases=("posterizar",),
    label={"en": "Posterize", "es": "Posterizar"},
    description={
        "en": "Reduces each channel to a few even steps, like a screen-printed poster.",
        "es": "Reduce cada canal a unos pocos escalones, como un cartel serigrafiado.",
    },
    category="colour",
    cost_ms_per_mp=lambda params: 1.1 if params.levels < 256 else 0.0,
)
def posterize(params: Posterize) -> Table:
    """The nearest of `levels` values spaced evenly from 0 to 255: the Posterize of GIMP and ImageMagick.

    Pillow's ImageOps.posterize cuts off bits instead: white becomes gray there.
    """
    steps = params.levels - 1
    return Table.of([int(level * steps / 255 + 0.5) * 255 / steps for level in range(256)])

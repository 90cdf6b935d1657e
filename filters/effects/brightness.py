"""Brightness: every value times a factor."""

from pydantic import Field

from filters import registry
from filters.operations import Table


class Brightness(registry.Params):
    factor: float = Field(
        1.25,
        ge=0,
        le=10,
        description="1 leaves the image as it is, 0 makes it black, 2 doubles every value.",
        json_schema_extra={"label": {"en": "Factor", "es": "Factor"}, "step": 0.05},
    )


@registry.point(
    "brightness",
    aliases=("brillo",),
    label={"en": "Brightness", "es": "Brillo"},
    description={
        "en": "Makes everything lighter or darker by the same factor; black stays black.",
        "es": "Aclara u oscurece todo con el mismo factor; el negro sigue negro.",
    },
    cost_ms_per_mp=lambda params: 1.1 if params.factor != 1 else 0.0,
)
def brightness(params: Brightness) -> Table:
    """x * factor, clipped: `brightness()` of CSS (W3C Filter Effects 1) and Pillow's ImageEnhance.Brightness."""
    return Table.of([level * params.factor for level in range(256)])

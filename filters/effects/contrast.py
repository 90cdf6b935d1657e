"""Contrast: distances from middle gray, stretched or shrunk."""

from pydantic import Field

from filters import registry
from filters.operations import Table

MIDDLE = 127.5


class Contrast(registry.Params):
    factor: float = Field(
        1.3,
        ge=0,
        le=10,
        description="1 leaves the image as it is, 0 makes it gray all over, 2 doubles the distance from middle gray.",
        json_schema_extra={"label": {"en": "Factor", "es": "Factor"}, "step": 0.05},
    )


@registry.point(
    "contrast",
    aliases=("contraste",),
    label={"en": "Contrast", "es": "Contraste"},
    description={
        "en": "Moves dark and bright further apart, or closer together.",
        "es": "Separa lo oscuro de lo claro, o los acerca.",
    },
    cost_ms_per_mp=lambda params: 1.1 if params.factor != 1 else 0.0,
)
def contrast(params: Contrast) -> Table:
    """(x - 127.5) * factor + 127.5, clipped: `contrast()` of CSS (W3C Filter Effects 1).

    Pillow's ImageEnhance.Contrast turns about the image's mean instead, and so needs the image to know its table.
    """
    return Table.of([(level - MIDDLE) * params.factor + MIDDLE for level in range(256)])

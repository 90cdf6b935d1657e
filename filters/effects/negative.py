"""Negative: every value turned around."""

from filters import registry
from filters.operations import Table


class Negative(registry.Params):
    pass


@registry.point(
    "negative",
    aliases=("negativo",),
    label={"en": "Negative", "es": "Negativo"},
    description={
        "en": "Inverts every colour, like a photographic negative.",
        "es": "Invierte cada color, como un negativo fotográfico.",
    },
    category="colour",
    cost_ms_per_mp=0.3,
)
def negative(params: Negative) -> Table:
    """255 - x in every channel."""
    return Table.of([255 - level for level in range(256)])

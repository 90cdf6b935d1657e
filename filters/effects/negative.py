"""Negative: every value turned around."""

from PIL import Image, ImageChops

from filters import registry


class Negative(registry.Params):
    pass


@registry.filter(
    "negative",
    aliases=("negativo",),
    label={"en": "Negative", "es": "Negativo"},
    description={
        "en": "Inverts every colour, like a photographic negative.",
        "es": "Invierte cada color, como un negativo fotográfico.",
    },
    cost_ms_per_mp=0.3,
)
def negative(image: Image.Image, params: Negative) -> Image.Image:
    """255 - x in every channel."""
    return ImageChops.invert(image)

"""Pixelate: blocks of one colour."""

from PIL import Image
from pydantic import Field

from filters import registry

MAX_REDUCE = 128
"""Up to this factor Image.reduce is right to a level; larger blocks it darkens by up to 12 levels."""


class Pixelate(registry.Params):
    block: int = Field(
        16,
        ge=1,
        le=1024,
        description="Side of the square blocks; 1 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Block", "es": "Bloque"}, "unit": "px"},
    )


@registry.filter(
    "pixelate",
    aliases=("pixelado",),
    label={"en": "Pixelate", "es": "Pixelado"},
    description={
        "en": "Replaces blocks of pixels by their mean colour.",
        "es": "Sustituye bloques de píxeles por su color medio.",
    },
    cost_ms_per_mp=lambda params: 0.0 if params.block == 1 else 1.2 if params.block <= MAX_REDUCE else 2.0,
    linear=True,
)
def pixelate(image: Image.Image, params: Pixelate) -> Image.Image:
    """Each block its mean; those that the right and bottom border cut: the mean of what is left of them."""
    block = params.block
    means = image.reduce(block) if block <= MAX_REDUCE else _means(image, block)
    box = (0, 0, image.width / block, image.height / block)
    return means.resize(image.size, Image.Resampling.NEAREST, box=box)


def _means(image: Image.Image, block: int) -> Image.Image:
    """What Image.reduce gives, block by block."""
    width, height = image.size
    means = Image.new(image.mode, (-(-width // block), -(-height // block)))
    for column in range(means.width):
        for row in range(means.height):
            left, top = column * block, row * block
            box = (left, top, min(left + block, width), min(top + block, height))
            means.paste(image.resize((1, 1), Image.Resampling.BOX, box=box), (column, row))
    return means

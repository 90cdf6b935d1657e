"""Thumbnail: a small picture of the image, fast."""

from fractions import Fraction

from pydantic import Field

from filters import registry
from filters.lengths import MAX_LENGTH, rounded
from filters.operations import Size
from filters.picture import Picture
from filters.resizing import resized


class Thumbnail(registry.Params):
    size: int = Field(
        256,
        ge=1,
        le=MAX_LENGTH,
        description="Longest side of the result; a smaller image stays as it is.",
        json_schema_extra={"label": {"en": "Longest side", "es": "Lado mayor"}, "unit": "px"},
    )


def _size(params: Thumbnail, size: Size) -> Size:
    scale = min(Fraction(params.size, max(size)), Fraction(1))
    return max(1, rounded(size[0] * scale)), max(1, rounded(size[1] * scale))


@registry.geometry(
    "thumbnail",
    aliases=("miniatura",),
    label={"en": "Thumbnail", "es": "Miniatura"},
    description={
        "en": "Makes the image small, whole and never larger than it is.",
        "es": "Reduce la imagen, entera y sin ampliarla nunca.",
    },
    cost_ms_per_mp=2.0,
    size=_size,
    scales_to=_size,
)
def thumbnail(picture: Picture, params: Thumbnail) -> Picture:
    """Lanczos, from a JPEG decoded at a part of its size."""
    return resized(picture, _size(params, picture.size), exact=params.exact)

"""Trim: an even border is cut off."""

from PIL import Image, ImageChops
from pydantic import Field

from filters import registry
from filters.picture import Picture
from filters.placing import premultiplied


class Trim(registry.Params):
    tolerance: int = Field(
        10,
        ge=0,
        le=255,
        description="How many levels a channel may differ from the pixel in the top left corner and still be border.",
        json_schema_extra={"label": {"en": "Tolerance", "es": "Tolerancia"}},
    )


@registry.geometry(
    "trim",
    aliases=("recortar-bordes",),
    label={"en": "Trim", "es": "Recortar bordes"},
    description={
        "en": "Cuts off a border of one colour.",
        "es": "Quita un borde de un solo color.",
    },
    cost_ms_per_mp=4.0,
)
def trim(picture: Picture, params: Trim) -> Picture:
    """To the smallest rectangle with every pixel that is unlike the top left one.

    Of pixels that cannot be seen the colour does not count. An image without any other pixel stays as it is: there is
    no border without something in it.
    """
    image = picture.pixels if picture.alpha is None else premultiplied(picture)
    even = Image.new(image.mode, image.size, image.getpixel((0, 0)))
    table = [255 if level > params.tolerance else 0 for level in range(256)]
    unlike = ImageChops.difference(image, even).point(table * len(image.getbands()))
    box = unlike.getbbox(alpha_only=False)
    return picture.moved(lambda image: image.crop(box)) if box else picture

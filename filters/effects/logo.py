"""Another picture over the image: a logo, a stamp, a frame."""

from PIL import Image
from pydantic import Field

from filters import registry
from filters.lengths import pixels
from filters.params import Asset
from filters.picture import Picture
from filters.placing import Gravity, Margin, Opacity, Tiled, place


class Logo(registry.Params):
    image: Asset = Field(
        "",
        description="The picture to place: the name of a file sent along, or the SHA-256 of one sent before. "
        "Without one the image stays as it is.",
        json_schema_extra={"label": {"en": "Picture", "es": "Imagen"}},
    )
    size: float = Field(
        20.0,
        ge=1,
        le=100,
        description="Width of the picture in percent of the image's width; it is never made higher than the image.",
        json_schema_extra={"label": {"en": "Size", "es": "Tamaño"}, "unit": "%", "step": 1},
    )
    opacity: Opacity = 0.8
    gravity: Gravity = Field(
        "southeast",
        description="The edge or corner at which it is placed.",
        json_schema_extra={"label": {"en": "Gravity", "es": "Posición"}},
    )
    margin: Margin = 0.03
    tiled: Tiled = False


@registry.geometry(
    "logo",
    aliases=("watermark-image", "marca-imagen"),
    label={"en": "Logo", "es": "Logotipo"},
    description={
        "en": "Places another picture, such as a logo, over the image.",
        "es": "Coloca otra imagen, por ejemplo un logotipo, sobre la foto.",
    },
    category="finish",
    cost_ms_per_mp=lambda params: 1.0 if params.image and params.opacity > 0 else 0.0,
    colours=lambda params: "colour",
)
def logo(picture: Picture, params: Logo, asset: Picture) -> Picture:
    """Resized by Lanczos' kernel, with its colours weighted by their alpha, then placed by Porter and Duff's *over*."""
    width, height = picture.size
    scale = min(params.size / 100 * width / asset.size[0], height / asset.size[1])
    across, down = (max(1, round(scale * side)) for side in asset.size)
    stamp = asset.joined().convert("RGBA").resize((across, down), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return place(
        picture,
        stamp,
        gravity=params.gravity,
        margin=pixels(params.margin, min(width, height)),
        opacity=params.opacity,
        tiled=params.tiled,
    )

"""Duotone: the luma between two colours."""

from PIL import Image
from pydantic import Field

from filters import registry
from filters.params import SolidColour, rgba


class Duotone(registry.Params):
    shadows: SolidColour = Field(
        "#24105a",
        description="What black becomes, an opaque colour.",
        json_schema_extra={"label": {"en": "Shadows", "es": "Sombras"}},
    )
    highlights: SolidColour = Field(
        "#ffc48f",
        description="What white becomes, an opaque colour.",
        json_schema_extra={"label": {"en": "Highlights", "es": "Luces"}},
    )
    amount: float = Field(
        1.0,
        ge=0,
        le=1,
        description="0 leaves the image as it is, 1 leaves the two colours only.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "step": 0.05},
    )


@registry.filter(
    "duotone",
    aliases=("duotono",),
    label={"en": "Duotone", "es": "Duotono"},
    description={
        "en": "Two colours and what lies between them, one for the shadows and one for the highlights.",
        "es": "Dos colores y lo que hay entre ellos, uno para las sombras y otro para las luces.",
    },
    category="colour",
    cost_ms_per_mp=lambda params: 1.3 if params.amount == 1 else 3.4 if params.amount > 0 else 0.0,
    reads_luma_only=lambda params: params.amount == 1,
    per_pixel=True,
    colours=lambda params: "colour" if params.amount > 0 else "same",
)
def duotone(image: Image.Image, params: Duotone) -> Image.Image:
    """shadows + (highlights - shadows) * Y / 255, Y being the Rec. 601 luma, blended with the image.

    The gradient map of Photoshop and GIMP with two stops, mixed in sRGB as the gradients of CSS are.
    """
    pairs = list(zip(rgba(params.shadows)[:3], rgba(params.highlights)[:3], strict=True))
    toned = image.convert("L")
    toned.putpalette([int(dark + (light - dark) * luma / 255 + 0.5) for luma in range(256) for dark, light in pairs])
    toned = toned.convert("RGB")
    return toned if params.amount == 1 else Image.blend(image.convert("RGB"), toned, params.amount)

"""Black and white: a threshold on the luma."""

from PIL import Image
from pydantic import Field

from filters import buffers, registry


class Bw(registry.Params):
    threshold: int = Field(
        128,
        ge=0,
        le=255,
        description="Pixels at least this bright turn white, all others black.",
        json_schema_extra={"label": {"en": "Threshold", "es": "Umbral"}},
    )


@registry.filter(
    "bw",
    aliases=("blanco-negro",),
    label={"en": "Black and white", "es": "Blanco y negro"},
    description={
        "en": "Two tones only: white where the image is bright, black elsewhere.",
        "es": "Solo dos tonos: blanco donde la imagen es clara y negro en el resto.",
    },
    category="colour",
    cost_ms_per_mp=1.1,
    reads_luma_only=lambda params: True,
    per_pixel=True,
    steep=True,
    colours=lambda params: "gray",
)
def bw(image: Image.Image, params: Bw) -> Image.Image:
    """White where the Rec. 601 luma, rounded to 8 bits, is at least the threshold."""
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    luma = buffers.luma(image)
    white = (luma >= params.threshold).view(np.uint8)
    return Image.fromarray(np.negative(white, out=white))  # 1 becomes 255: a third of the time of a table

"""Strip: how much of the photo's metadata the result carries."""

from dataclasses import replace

from pydantic import Field

from filters import registry
from filters.output import Keep, Output


class Strip(registry.Params):
    keep: Keep = Field(
        "nothing",
        description="`copyright` keeps who made the photo and whose it is, `all` the EXIF and XMP data as well.",
        json_schema_extra={"label": {"en": "Keep", "es": "Conservar"}},
    )


@registry.output(
    "strip",
    aliases=("quitar-metadatos",),
    label={"en": "Strip metadata", "es": "Quitar metadatos"},
    description={
        "en": "Says which data about the photo (place, camera, author) the result keeps; without this step, none.",
        "es": "Decide qué datos de la foto (lugar, cámara, autor) conserva el resultado; sin este paso, ninguno.",
    },
    cost_ms_per_mp=0.01,
)
def strip(output: Output, params: Strip) -> Output:
    return replace(output, keep=params.keep)

"""Convert: the format, quality and size in bytes of the result."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from filters import registry
from filters.output import Output


class Convert(registry.Params):
    format: Literal["webp", "jpeg", "png", "gif", "tiff", "bmp", "avif", "same"] = Field(
        "webp",
        description="The format of the result; `same` leaves it as it would be without this step.",
        json_schema_extra={"label": {"en": "Format", "es": "Formato"}},
    )
    quality: int = Field(
        0,
        ge=0,
        le=100,
        description="For jpeg, webp and avif: 1 is the smallest file, 100 the best; 0 leaves what was asked before.",
        json_schema_extra={"label": {"en": "Quality", "es": "Calidad"}},
    )
    max_bytes: int = Field(
        0,
        ge=0,
        le=100_000_000,
        description="The result's largest size; jpeg, webp and avif get the best quality that fits. 0 sets no limit.",
        json_schema_extra={"label": {"en": "Largest size", "es": "Tamaño máximo"}, "unit": "bytes", "step": 1000},
    )


@registry.output(
    "convert",
    aliases=("convertir",),
    label={"en": "Convert", "es": "Convertir"},
    description={
        "en": "Writes the result in another format, quality or size of the file.",
        "es": "Escribe el resultado con otro formato, calidad o tamaño de archivo.",
    },
    # Halving the interval takes up to seven files more.
    cost_ms_per_mp=lambda params: 150.0 if params.max_bytes else 0.01,
)
def convert(output: Output, params: Convert) -> Output:
    """What is given here replaces what was asked for before."""
    return replace(
        output,
        format=output.format if params.format == "same" else params.format,
        quality=params.quality or output.quality,
        max_bytes=params.max_bytes or output.max_bytes,
    )

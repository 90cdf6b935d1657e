"""Equalize: all brightnesses equally often."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from PIL import Image
from pydantic import Field

from filters import bands, registry
from filters.operations import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Equalize(registry.Params):
    amount: float = Field(
        0.6,
        ge=0,
        le=1,
        description="0 leaves the image as it is, 1 equalizes it in full, which many a photo does not bear.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "step": 0.05},
    )


@registry.filter(
    "equalize",
    aliases=("ecualizar",),
    label={"en": "Equalize", "es": "Ecualizar"},
    description={
        "en": "Spreads the brightness evenly from black to white, which shows detail in dull photos.",
        "es": "Reparte la luminosidad por igual entre el negro y el blanco, lo que saca detalle de fotos apagadas.",
    },
    category="light",
    cost_ms_per_mp=lambda params: 5.7 if params.amount > 0 else 0.0,
    steep=True,
)
def equalize(image: Image.Image, params: Equalize) -> Image.Image:
    """x + amount * (T(Y) - Y), clipped, with Y the Rec. 601 luma and T(Y) = 255 * (n(Y) - n0) / (n - n0): n(Y) pixels
    are no brighter than Y, n0 have the least luma, n are all (Gonzalez and Woods, Digital Image Processing, 3.3; as
    OpenCV's equalizeHist).

    Only the luma is equalized; the colour differences stay as they are. Channels equalized one by one, as ImageOps
    does it, shift every colour.
    """
    import numpy as np

    luma = image.convert("L")
    table = _equalized(luma.histogram(), params.amount)
    if image.mode == "L":
        return image.point(list(table))
    moves = np.frombuffer(table, np.uint8).astype(np.int16) - np.arange(256, dtype=np.int16)
    lumas = np.asarray(luma)

    def move(rows: slice, planes: Sequence[NDArray[np.uint8]]) -> None:
        by = moves.take(lumas[rows], mode="clip")
        for plane in planes:
            plane[:] = np.clip(plane + by, 0, 255)

    return bands.changed(image, move)


def _equalized(histogram: Sequence[int], amount: float) -> bytes:
    darkest = next(count for count in histogram if count)
    brighter = sum(histogram) - darkest
    if not brighter:
        return bytes(range(256))
    full = [max(0, below - darkest) * 255 / brighter for below in accumulate(histogram)]
    return Table.of([level + amount * (new - level) for level, new in enumerate(full)]).values

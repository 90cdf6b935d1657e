"""NumPy on the channels of an image, a band of rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BAND_PIXELS = 65_536
"""So that what lies between stays in the processor's cache: twice as fast."""


def changed(image: Image.Image, change: Callable[[slice, Sequence[NDArray[np.uint8]]], None]) -> Image.Image:
    """The image after `change` went over it from top to bottom.

    It gets a slice of rows and, for each channel, those rows as an array (rows, width) to write into. Channels apart
    are three times as fast as values of pixels side by side, which NumPy works on in loops of three.
    """
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    planes = [np.array(channel) for channel in image.split()]
    height = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, height):
        rows = slice(top, min(top + height, image.height))
        change(rows, [plane[rows] for plane in planes])
    return Image.merge(image.mode, [Image.fromarray(plane) for plane in planes])

"""What every filter works on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame: upright sRGB pixels (`L` or `RGB`), and apart from them the alpha (`L`, same size) if there is one.

    `full` is the size that the picture stands for, where it was decoded at a part of it.
    """

    pixels: Image.Image
    alpha: Image.Image | None = None
    full: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels that users mean by this picture."""
        return self.full or self.pixels.size

    def with_pixels(self, pixels: Image.Image) -> Picture:
        """The same with other pixels of the same size; the alpha stays."""
        return replace(self, pixels=pixels)

    def moved(self, move: Callable[[Image.Image], Image.Image]) -> Picture:
        """Pixels and alpha after the same change of their places."""
        return Picture(move(self.pixels), move(self.alpha) if self.alpha else None)

    def joined(self) -> Image.Image:
        """One image of mode `L`, `LA`, `RGB` or `RGBA`."""
        if self.alpha is None:
            return self.pixels
        return Image.merge(self.pixels.mode + "A", (*self.pixels.split(), self.alpha))

    def on_white(self) -> Image.Image:
        """Composited on white, for formats that have no alpha."""
        if self.alpha is None:
            return self.pixels
        white = Image.new(self.pixels.mode, self.pixels.size, "white")
        return Image.composite(self.pixels, white, self.alpha)


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of an animation or a document; `milliseconds` is how long it is shown, 0 in a still."""

    picture: Picture
    milliseconds: int = 0

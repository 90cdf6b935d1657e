"""What one image and one pipeline may ask for at most."""

from dataclasses import dataclass, replace

ASSET_BYTES = 2 * 2**20
ASSET_PIXELS = 8_000_000
"""Of a picture that a step needs, such as a logo: every process of a pool keeps a few of them decoded."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Checked from the file's header before anything is decoded.

    `max_pixels` counts the pixels of all frames or pages of a file together.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 100_000_000
    max_frames: int = 1000
    max_steps: int = 32

    @property
    def of_assets(self) -> "Limits":
        """The same for a picture that a step needs, which has to be small."""
        bytes_, pixels = min(self.max_bytes, ASSET_BYTES), min(self.max_pixels, ASSET_PIXELS)
        return replace(self, max_bytes=bytes_, max_pixels=pixels)


DEFAULT_LIMITS = Limits()

"""What one image and one pipeline may ask for at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Checked from the file's header before anything is decoded.

    `max_pixels` counts the pixels of all frames or pages of a file together.
    """

    max_bytes: int = 50 * 2**20
    max_pixels: int = 100_000_000
    max_frames: int = 1000
    max_steps: int = 32


DEFAULT_LIMITS = Limits()

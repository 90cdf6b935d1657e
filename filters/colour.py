"""Colour management: pixels of any profile become sRGB."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

PROFILE_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile to sRGB for images of that mode; None if there is nothing to do or the profile is bad.

    Relative colorimetric with black point compensation is what photo programs use by default.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space != PROFILE_SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if mode == "RGB" and _is_identity(transform) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A damaged profile is no reason to refuse the photo: it is shown as if it had none, as browsers do.
        return None


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Most photos carry an sRGB profile; finding that out on 9^3 colours saves them the transform."""
    levels = range(0, 257, 32)
    grid = bytes(min(level, 255) for r in levels for g in levels for b in levels for level in (r, g, b))
    image = Image.frombytes("RGB", (len(grid) // 3, 1), grid)
    moved = transform.apply(image).tobytes()
    return max(abs(a - b) for a, b in zip(grid, moved, strict=True)) <= 1


def changes_colours(profile: bytes | None, mode: str) -> bool:
    """Whether `to_srgb` would do anything with an image of that mode."""
    return profile is not None and mode in PROFILE_SPACES and _transform(profile, mode) is not None


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """An `L`, `RGB` or `CMYK` image in sRGB: `L` stays `L`, the others become `RGB`."""
    transform = _transform(profile, image.mode) if profile else None
    if image.mode == "L":
        if transform is None:
            return image
        ramp = Image.frombytes("L", (256, 1), bytes(range(256)))
        return image.point(list(transform.apply(ramp).convert("L").tobytes()))
    return image.convert("RGB") if transform is None else transform.apply(image)

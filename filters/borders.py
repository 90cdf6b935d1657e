"""What lies outside an image, where a filter reads there: the border, repeated."""

from PIL import Image


def extended(image: Image.Image, before: int, right: int, bottom: int) -> Image.Image:
    """The image with its border repeated: `before` pixels to the left and above, the others as they say."""
    if before == right == bottom == 0:
        return image
    end_x, end_y = before + image.width, before + image.height
    wide = Image.new(image.mode, (end_x + right, end_y + bottom))
    wide.paste(image, (before, before))
    # The columns first, so that the rows bring the corners along.
    for source, target in (
        ((before, before, before + 1, end_y), (0, before, before, end_y)),
        ((end_x - 1, before, end_x, end_y), (end_x, before, wide.width, end_y)),
        ((0, before, wide.width, before + 1), (0, 0, wide.width, before)),
        ((0, end_y - 1, wide.width, end_y), (0, end_y, wide.width, wide.height)),
    ):
        size = (target[2] - target[0], target[3] - target[1])
        if min(size) > 0:
            wide.paste(wide.resize(size, Image.Resampling.NEAREST, box=source), target)
    return wide

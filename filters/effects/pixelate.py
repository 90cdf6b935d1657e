"""Pixelate: blocks of one colour."""

from PIL import Image
from pydantic import Field

from filters import registry
from filters.operations import Size
from filters.planes import OnPlanes, Planes

MAX_REDUCE = 128
"""Up to this factor Image.reduce is right to a level; larger blocks it darkens by up to 12 levels."""


class Pixelate(registry.Params):
    block: int = Field(
        16,
        ge=1,
        le=1024,
        description="Side of the square blocks; 1 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Block", "es": "Bloque"}, "unit": "px"},
    )


def _shrink(params: Pixelate) -> int:
    """At least two pixels to a block's side, and none for small blocks: their colours, stored coarser, would differ."""
    return 8 if params.block % 16 == 0 else 4 if params.block % 8 == 0 else 1


def _from_shrunk(image: Image.Image, params: Pixelate, size: Size) -> Image.Image:
    return _pixelated(image, params.block, size, _shrink(params))


def _pixelated(image: Image.Image, block: int, size: Size, shrink: int) -> Image.Image:
    """Of an image that is one `shrink`-th of `size`."""
    side = block // shrink
    means = _means(image, side)
    # Blocks that the border cuts: of the last pixel counts only the part that is within the image.
    columns, rows = size[0] // block, size[1] // block
    whole = ((0, columns * side, columns), (0, rows * side, rows))
    rest = ((columns * side, size[0] / shrink, 1), (rows * side, size[1] / shrink, 1))
    for across, down in ((rest[0], whole[1]), (whole[0], rest[1]), (rest[0], rest[1])):
        if shrink > 1 and across[0] < across[1] and down[0] < down[1]:
            box = (across[0], down[0], across[1], down[1])
            cut = image.resize((across[2], down[2]), Image.Resampling.BOX, box=box)
            means.paste(cut, (across[0] // side, down[0] // side))
    return _enlarged(means, block, size)


def _on_planes(params: Pixelate) -> OnPlanes | None:
    """Blocks of an odd size begin between two pixels of the colours."""
    if params.block % 2:
        return None

    def pixelated(planes: Planes) -> Planes:
        return planes.with_planes(
            _pixelated(planes.luma, params.block, planes.luma_size, planes.shrink),
            _pixelated(planes.blue, params.block // 2, planes.colour_size, planes.shrink),
            _pixelated(planes.red, params.block // 2, planes.colour_size, planes.shrink),
        )

    return pixelated


def _cost(params: Pixelate) -> float:
    if params.block == 1:
        return 0.0
    if params.exact:
        return 4.4
    return 1.2 if params.block <= MAX_REDUCE else 2.0


@registry.filter(
    "pixelate",
    aliases=("pixelado",),
    label={"en": "Pixelate", "es": "Pixelado"},
    description={
        "en": "Replaces blocks of pixels by their mean colour.",
        "es": "Sustituye bloques de píxeles por su color medio.",
    },
    cost_ms_per_mp=_cost,
    linear=True,
    shrink=_shrink,
    from_shrunk=_from_shrunk,
    on_planes=_on_planes,
)
def pixelate(image: Image.Image, params: Pixelate) -> Image.Image:
    """Each block its mean; those that the right and bottom border cut: the mean of what is left of them.

    Of a JPEG decoded at 1/8 of its size each pixel is the mean of 8 x 8, so that blocks of a multiple of 16 need no
    more; those of a multiple of 8 take one decoded at 1/4. 43 dB or more on photos: colours beyond RGB are clipped
    after the mean and not before, and so are the pixels from beyond the border that the last ones hold.
    """
    means = _exact_means(image, params.block) if params.exact else _means(image, params.block)
    return _enlarged(means, params.block, image.size)


def _enlarged(means: Image.Image, block: int, size: Size) -> Image.Image:
    return means.resize(size, Image.Resampling.NEAREST, box=(0, 0, size[0] / block, size[1] / block))


def _means(image: Image.Image, block: int) -> Image.Image:
    """One pixel for each block."""
    if block <= MAX_REDUCE:
        return image.reduce(block)
    width, height = image.size
    means = Image.new(image.mode, (-(-width // block), -(-height // block)))
    for column in range(means.width):
        for row in range(means.height):
            left, top = column * block, row * block
            box = (left, top, min(left + block, width), min(top + block, height))
            means.paste(image.resize((1, 1), Image.Resampling.BOX, box=box), (column, row))
    return means


def _exact_means(image: Image.Image, block: int) -> Image.Image:
    """The same, rounded once: Image.reduce divides by reciprocals, right to a fifth of a level."""
    # Imported here: 0.1 s and 14 MB that the web page and the commands can do without.
    import numpy as np

    width, height = image.size
    pixels = np.asarray(image).reshape(height, width, -1)
    columns, rows = np.arange(0, width, block), np.arange(0, height, block)
    down = np.stack([pixels[top : top + block].sum(0, dtype=np.int64) for top in rows])
    sums = np.add.reduceat(down, columns, axis=1)
    counts = np.minimum(block, height - rows)[:, None, None] * np.minimum(block, width - columns)[:, None]
    means = ((2 * sums + counts) // (2 * counts)).astype(np.uint8)
    return Image.fromarray(means[..., 0] if image.mode == "L" else means)

"""Small pictures of results, for lists and previews."""

from PIL import Image

from filters.encoding import encode
from filters.formats import SHOWN_BY_BROWSERS
from filters.picture import Frame, Picture
from filters.planes import Planes


def is_its_own(size: tuple[int, int], format: str, longest: int) -> bool:
    """Whether a result is small enough to be shown itself: making a thumbnail would cost as much as the job."""
    return max(size) <= 2 * longest and format in SHOWN_BY_BROWSERS


def thumbnail(picture: Picture, longest: int) -> bytes:
    """At most `longest` pixels a side, aspect kept, never enlarged: JPEG, or WebP where there is alpha."""
    size = _size(picture.pixels.size, longest)
    alpha = _small(picture.alpha, size) if picture.alpha else None
    return encode([Frame(Picture(_small(picture.pixels, size), alpha))], "webp" if alpha else "jpeg", 80)


def thumbnail_of_planes(planes: Planes, longest: int) -> bytes:
    """The same of a JPEG's planes."""
    size = _size(planes.size, longest)
    luma = planes.luma if planes.luma.size == planes.size else planes.luma.crop((0, 0, *planes.size))
    bands = [_small(band, size) for band in (luma, planes.blue, planes.red)]
    return encode([Frame(Picture(Image.merge("YCbCr", bands).convert("RGB")))], "jpeg", 80)


def _size(size: tuple[int, int], longest: int) -> tuple[int, int]:
    width, height = size
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _small(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Nearest to three times the size, then the mean of 3 x 3: looks like a good resize, costs a tenth."""
    if image.size == size:
        return image
    if image.width < 3 * size[0] or image.height < 3 * size[1]:
        return image.resize(size, Image.Resampling.BOX)
    return image.resize((3 * size[0], 3 * size[1]), Image.Resampling.NEAREST).reduce(3)

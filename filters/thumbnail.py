"""Small pictures of results, for lists and previews."""

from PIL import Image

from filters import turbojpeg
from filters.encoding import encode
from filters.formats import SHOWN_BY_BROWSERS
from filters.picture import Frame, Picture
from filters.planes import Planes

QUALITY = 80


def is_its_own(size: tuple[int, int], format: str, longest: int) -> bool:
    """Whether a result is small enough to be shown itself: making a thumbnail would cost as much as the job."""
    return max(size) <= 2 * longest and format in SHOWN_BY_BROWSERS


def thumbnail(picture: Picture, longest: int) -> bytes:
    """At most `longest` pixels a side, aspect kept, never enlarged: JPEG, or WebP where there is alpha."""
    size = _size(picture.pixels.size, longest)
    alpha = _small(picture.alpha, size) if picture.alpha else None
    return encode([Frame(Picture(_small(picture.pixels, size), alpha))], "webp" if alpha else "jpeg", QUALITY)


def thumbnail_of_planes(planes: Planes, longest: int) -> bytes:
    """The same of a JPEG's planes, which it stays: two fifths of the time."""
    size = _size(planes.size, longest)
    half = (size[0] + 1) // 2, (size[1] + 1) // 2
    luma = _small(planes.luma, (2 * half[0], 2 * half[1]))
    return turbojpeg.encode((luma, _small(planes.blue, half), _small(planes.red, half)), size, QUALITY)


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

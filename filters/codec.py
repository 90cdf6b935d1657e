"""Bytes to pixels: formats, frames, orientation, colour, alpha."""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from filters import colour, metadata, turbojpeg
from filters.errors import BrokenImage, ImageTooLarge
from filters.header import ImageHeader, check_pixels
from filters.limits import Limits
from filters.output import Keep
from filters.picture import Frame, Picture

# The plugins themselves and not Image.open: no other format can be reached, a multi-picture JPEG is its first
# picture, and our own pixel limit is the one that counts, without touching Pillow's global MAX_IMAGE_PIXELS.
_PLUGINS: dict[str, type[ImageFile]] = {
    "jpeg": JpegImageFile,
    "png": PngImageFile,
    "webp": WebPImageFile,
    "gif": GifImageFile,
    "tiff": TiffImageFile,
    "bmp": BmpImageFile,
}


def _opened(data: bytes, format: str) -> ImageFile:
    match format:  # late, because few need these two and they take 6 and 38 ms; one thread, as a process has one core
        case "avif":
            from PIL import AvifImagePlugin

            AvifImagePlugin.DEFAULT_MAX_THREADS = 1
            return AvifImagePlugin.AvifImageFile(io.BytesIO(data))
        case "heic":
            import pillow_heif

            pillow_heif.options.DECODE_THREADS = 1
            plugin: type[ImageFile] = pillow_heif.HeifImageFile
            return plugin(io.BytesIO(data))
    return _PLUGINS[format](io.BytesIO(data))


_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_TURNED = (5, 6, 7, 8)
"""Orientations that swap width and height."""


class Source:
    """An image file that has been opened: its header is known, no pixel has been decoded yet.

    Raises as `decode` does.
    """

    def __init__(self, data: bytes, header: ImageHeader, limits: Limits) -> None:
        self.header = header
        self._data = data
        self._limits = limits
        with self._named():
            self._image = _opened(data, header.format)
            check_pixels(self._image.width * self._image.height, *self._image.size, 1, limits)
            if header.format == "png":
                self._image.load()  # its EXIF data may come after the pixels, and Pillow hides what is wrong with these
            self._orientation = _orientation(self._image)
            width, height = self._image.size
            self.size = (height, width) if self._orientation in _TURNED else (width, height)

    @property
    def shrinks(self) -> bool:
        """Whether it can be decoded at a part of its size."""
        return self.header.format == "jpeg"

    @property
    def is_plain_jpeg(self) -> bool:
        """Whether it is a JPEG in colour that is upright and in sRGB as it is."""
        image = self._image
        as_it_is = self._orientation not in _ORIENTATIONS and image.mode == "RGB"
        return self.shrinks and as_it_is and not colour.changes_colours(image.info.get("icc_profile"), image.mode)

    @property
    def shrinks_evenly(self) -> bool:
        """Whether each of its pixels is then the mean of those that it stands for.

        Colours that are stored with half the columns but all rows (4:2:2) lose half of either.
        """
        return (
            isinstance(self._image, JpegImageFile)
            and all(across == down for _, across, down, _ in self._image.layer[1:])
            and self._image.layer[0][1] == self._image.layer[0][2]
        )

    @property
    def plays(self) -> int:
        """How often an animation is played, 0 for ever."""
        loop = self._image.info.get("loop")
        if self.header.format == "gif":  # it counts the repetitions after the first time
            return 1 if loop is None else loop + 1 if loop else 0
        return loop if isinstance(loop, int) else 0

    def metadata(self, keep: Keep) -> metadata.Metadata:
        """To be asked for before anything is decoded."""
        return metadata.read(self._image, keep)

    def decode(self, *, luma: bool = False, shrink: int = 1, every: bool = False) -> Iterator[Frame]:
        """The first frame, or `every` one, as a person would see it; metadata is left behind.

        Where `luma` will do, of a JPEG only the luma as stored is decoded: a quarter faster, and the same but for
        colours beyond RGB, where the stored luma is nearer to the original than that of the clipped colours.
        `shrink` 2, 4 or 8 decodes at that part of the size, where the file `shrinks`.
        BrokenImage: cut short, damaged, or of a kind that cannot be decoded. ImageTooLarge: more than the header
        admitted, or more than the memory holds.
        """
        if every and self.header.frames > 1:
            yield from self._all()
            return
        with self._named():
            image = self._image
            profile = image.info.get("icc_profile")
            pixels = None
            if self.header.format == "jpeg":
                # Rounded down, because Pillow takes the smallest scale that gives at least that size.
                size = (image.width // shrink, image.height // shrink)
                as_stored = luma and image.mode != "CMYK" and not colour.changes_colours(profile, image.mode)
                if as_stored and shrink == 1:
                    pixels = turbojpeg.decode_luma(self._data, size)
                if pixels is None and (as_stored or shrink > 1):
                    image.draft("L" if as_stored else None, size)
            if pixels is None:
                image.load()
            picture = _upright(Picture(pixels) if pixels else _split(image, profile), self._orientation)
        # Savers write what they find in `info` (comments, profiles, transparency), and filters copy it along.
        picture.pixels.info.clear()
        yield Frame(picture if picture.pixels.size == self.size else replace(picture, full=self.size))

    def _all(self) -> Iterator[Frame]:
        """As many frames as the header promised, each as it is to be seen: on top of those before it."""
        image = self._image
        # A PNG's picture for programs that know no animations may be none of its frames.
        first = 1 if image.info.get("default_image") else 0
        pixels = 0
        for number in range(first, first + self.header.frames):
            with self._named():
                if self.header.format == "tiff":
                    for inherited in ("icc_profile", "transparency"):  # each page has its own, or none
                        if number:
                            image.info.pop(inherited, None)
                image.seek(number)
                pixels += image.width * image.height
                check_pixels(pixels, *image.size, number + 1, self._limits)
                frame = image.copy()
                milliseconds = round(image.info.get("duration", 0))
                picture = _upright(_split(frame, frame.info.get("icc_profile")), self._orientation)
            picture.pixels.info.clear()
            yield Frame(picture, milliseconds)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """What Pillow raises, as one of our errors."""
        name = self.header.format.upper()
        try:
            yield
        except ImageTooLarge:
            raise
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            # In the decoders of WebP, GIF and TIFF Pillow's own bound still holds.
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
            raise ImageTooLarge(f"the image is too large: of {name} we decode at most {most:.0f} megapixels") from error
        except MemoryError as error:
            size = f"{self.header.width} x {self.header.height}"
            raise ImageTooLarge(f"the image is {size} pixels, more than fit in the memory of this PC") from error
        except Exception as error:
            reason = str(error) or type(error).__name__
            raise BrokenImage(f"the {name} is damaged, cut short or of a rare kind: {reason}") from error


def _split(image: Image.Image, profile: bytes | None) -> Picture:
    """Any mode that Pillow decodes to, as 8-bit sRGB pixels and alpha."""
    if image.mode.startswith("I;16"):
        image = _from_16_bits(image)
    elif "transparency" in image.info:
        image = _with_alpha(image)
    alpha = None
    match image.mode:
        case "L" | "RGB" | "CMYK":
            pixels = image
        case "LA" | "La":
            image = image.convert("LA")
            pixels, alpha = image.convert("L"), image.getchannel("A")
        case "RGBA" | "RGBa" | "PA":
            image = image.convert("RGBA")
            pixels, alpha = image.convert("RGB"), image.getchannel("A")
        case "1":
            pixels = image.convert("L")
        case "I" | "F":
            pixels = _stretched(image)
        case _:
            pixels = image.convert("RGB")
    return Picture(colour.to_srgb(pixels, profile), alpha)


def _with_alpha(image: Image.Image) -> Image.Image:
    """The colour, or the palette entries, that a PNG or GIF declares transparent as an alpha channel."""
    transparent = image.info["transparency"]
    if image.mode == "RGB" and max(transparent) > 255:
        # Of 16-bit colours Pillow keeps the high byte, but it leaves the transparent one as it was.
        image.info["transparency"] = tuple(value >> 8 for value in transparent)
    return image.convert("LA" if image.mode in ("1", "L") else "RGBA")


def _from_16_bits(image: Image.Image) -> Image.Image:
    """The high byte of 16-bit grays (convert("L") would clip them), with alpha if one gray is transparent."""
    deep = image.convert("I")
    gray = deep.point(lambda value: value * (1 / 256)).convert("L")
    if "transparency" not in image.info:
        return gray
    opaque = bytearray(b"\xff" * 65536)
    opaque[image.info["transparency"]] = 0
    return Image.merge("LA", (gray, deep.point(opaque, "L")))


def _stretched(image: Image.Image) -> Image.Image:
    """32-bit and floating point images have no agreed white: from their darkest to their brightest value."""
    image = image.convert("F")
    low, high = cast(tuple[float, float], image.getextrema())
    if not math.isfinite(high - low):
        raise ValueError("it has pixels without a finite value")
    scale = 255 / (high - low) if high > low else 0.0
    return image.point(lambda value: value * scale - low * scale).convert("L")


def _orientation(image: ImageFile) -> int:
    """The EXIF orientation that is still to be applied; to TIFF Pillow applies it while loading."""
    if image.format == "TIFF":
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF data, which must not cost the photo
        return 1


def _upright(picture: Picture, orientation: int) -> Picture:
    method = _ORIENTATIONS.get(orientation)
    if method is None:
        return picture
    alpha = picture.alpha.transpose(method) if picture.alpha else None
    return Picture(picture.pixels.transpose(method), alpha)

"""Bytes to pixels and back: the six formats, orientation, colour, alpha."""

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

from PIL import ExifTags, Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from filters import colour
from filters.errors import BrokenImage, ImageTooLarge, InvalidOutput, shown
from filters.header import ImageHeader, check_pixels
from filters.limits import Limits
from filters.output import Output
from filters.picture import Frame, Picture

FORMATS = ("jpeg", "png", "webp", "gif", "tiff", "bmp")

MEDIA_TYPES: dict[str, str] = {name: f"image/{name}" for name in FORMATS}

EXTENSIONS: dict[str, str] = {name: f".{name}" for name in FORMATS} | {"jpeg": ".jpg", "tiff": ".tif"}

MAX_SIDE = {"jpeg": 65_500, "webp": 16_383, "gif": 65_535}
"""The longest side that a format can hold, where a photo could reach it."""

DEFAULT_QUALITY = 90

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

_TIFF_PREDICTOR = 317


class Source:
    """An image file that has been opened: its header is known, no pixel has been decoded yet.

    Raises as `decode` does.
    """

    def __init__(self, data: bytes, header: ImageHeader, limits: Limits) -> None:
        self.header = header
        self._limits = limits
        with self._named():
            self._image = _PLUGINS[header.format](io.BytesIO(data))
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

    def decode(self, *, luma: bool = False, shrink: int = 1) -> Iterator[Frame]:
        """The first frame, as a person would see it; metadata is left behind.

        With `luma` it has one channel. Of a JPEG that is the luma as stored: a quarter faster, and the same but for
        colours beyond RGB, where the stored luma is nearer to the original than that of the clipped colours.
        `shrink` 2, 4 or 8 decodes at that part of the size, where the file `shrinks`.
        BrokenImage: cut short, damaged, or of a kind that cannot be decoded. ImageTooLarge: more than the header
        admitted, or more than the memory holds.
        """
        with self._named():
            image = self._image
            profile = image.info.get("icc_profile")
            if self.header.format == "jpeg":
                # Rounded down, because Pillow takes the smallest scale that gives at least that size.
                size = (image.width // shrink, image.height // shrink)
                as_stored = luma and image.mode != "CMYK" and not colour.changes_colours(profile, image.mode)
                if as_stored or shrink > 1:
                    image.draft("L" if as_stored else None, size)
            image.load()
            picture = _split(image, profile)
            if luma and picture.pixels.mode != "L":
                picture = picture.with_pixels(picture.pixels.convert("L"))
            picture = _upright(picture, self._orientation)
        # Savers write what they find in `info` (comments, profiles, transparency), and filters copy it along.
        picture.pixels.info.clear()
        yield Frame(picture if picture.pixels.size == self.size else replace(picture, full=self.size))

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


def output_format(output: Output, input_format: str, size: tuple[int, int]) -> str:
    """The format to write an image of that size in: the input's if `output` names none.

    InvalidOutput: there is no such format or quality, or the format cannot hold an image of that size.
    """
    chosen = input_format if output.format is None else str(output.format).strip().lower()
    chosen = {"jpg": "jpeg", "tif": "tiff"}.get(chosen, chosen)
    if chosen not in FORMATS:
        raise InvalidOutput(f"there is no output format '{shown(output.format)}'; choose one of {', '.join(FORMATS)}")
    quality = output.quality
    if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
        raise InvalidOutput(f"quality must be a whole number between 1 and 100, got {shown(quality)}")
    limit = MAX_SIDE.get(chosen)
    if limit and max(size) > limit:
        raise InvalidOutput(
            f"{chosen.upper()} holds at most {limit} pixels a side and the image is "
            f"{size[0]} x {size[1]}; choose png, tiff or bmp"
        )
    return chosen


def encode(picture: Picture, format: str, quality: int | None = None) -> bytes:
    """The file's bytes, without metadata. `quality` (1..100, 90 by default) matters to jpeg and webp only.

    PNG, WebP and TIFF keep the alpha, GIF keeps it as transparent or not; JPEG and BMP get the image on white
    (few programs heed the alpha of a BMP).
    """
    image = picture.joined() if format in ("png", "webp", "tiff") else picture.on_white()
    options: Mapping[str, Any] = {}
    match format:
        case "jpeg":
            options = {"quality": quality or DEFAULT_QUALITY}
        case "webp":
            # Method 1: 37 ms/MP where the default 4 takes 97, at the same size and quality.
            options = {"quality": quality or DEFAULT_QUALITY, "method": 1}
        case "png":
            # Level 1: 80 ms/MP on a photo where 6 takes 500 for a tenth less bytes.
            options = {"compress_level": 1}
        case "tiff":
            # With the predictor LZW halves a photo, without it the file grows.
            options = {"compression": "tiff_lzw", "tiffinfo": {_TIFF_PREDICTOR: 2}}
        case "gif":
            image, options = _indexed(picture)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def _indexed(picture: Picture) -> tuple[Image.Image, Mapping[str, Any]]:
    """At most 256 colours, and how to save them; pixels less than half opaque become transparent."""
    if picture.alpha is None:
        pixels = picture.pixels
        return (pixels if pixels.mode == "L" else _quantized(pixels, 256)), {}
    indexed = _quantized(picture.pixels.convert("RGB"), 255)
    indexed.putpalette((indexed.getpalette() or []) + [255, 255, 255])
    indexed.paste(255, mask=picture.alpha.point([255 if value < 128 else 0 for value in range(256)]))
    return indexed, {"transparency": 255}


def _quantized(image: Image.Image, colours: int) -> Image.Image:
    """Exact where the image has that few colours, else dithered to a palette made from a sample of it.

    A palette made from all pixels takes 530 ms/MP instead of 77 and is hardly better.
    """
    if image.getcolors(colours):
        return image.quantize(colours, Image.Quantize.MEDIANCUT)
    width, height = image.size
    sample = image.resize((min(width, 320), min(height, 320)), Image.Resampling.NEAREST)
    palette = sample.quantize(colours, Image.Quantize.MEDIANCUT)
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)

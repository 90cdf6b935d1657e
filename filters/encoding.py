"""Pixels to bytes: the formats that are written, their palettes, animations and pages."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import Image, PngImagePlugin
from PIL.ImageFile import ImageFile

from filters.errors import FilterError, InvalidOutput, shown
from filters.formats import FORMATS, LOSSY, MAX_SIDE, same
from filters.metadata import MOST_IN_JPEG, Metadata
from filters.output import Output
from filters.picture import Frame, Picture

QUALITY = {"jpeg": 90, "webp": 90, "avif": 80}
"""By default. An AVIF of 80 looks as good as the others at 90, to half a decibel."""

_TIFF_PREDICTOR, _TIFF_XMP = 317, 700
_GIF_REPLACES = 2  # the way of disposal: before the next frame this one is cleared
_SHORTEST_IN_GIF = 20  # ms; what is shorter browsers show for 100


def output_format(output: Output, input_format: str, size: tuple[int, int]) -> str:
    """The format to write an image of that size in: the input's if `output` names none and it can be written.

    InvalidOutput: there is no such format or quality, or the format cannot hold an image of that size.
    """
    chosen = same(input_format) if output.format is None else str(output.format).strip().lower()
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


def within(
    max_bytes: int, frames: Sequence[Frame], format: str, quality: int | None, plays: int, metadata: Metadata
) -> bytes:
    """The file in the best quality, at most `quality`, that takes no more than `max_bytes`, found by bisection.

    FilterError: none does.
    """
    written = encode(frames, format, quality, plays, metadata)
    if len(written) <= max_bytes:
        return written
    has, may = _bytes(len(written)), _bytes(max_bytes)
    if format not in LOSSY:
        raise FilterError(
            f"the result takes {has} as {format}, more than the {may} that were allowed; make it smaller, or choose "
            f"jpeg, webp or avif, whose quality can be lowered"
        )
    best = b""
    low, high = 1, (quality or QUALITY[format]) - 1
    while low <= high:
        middle = (low + high) // 2
        written = encode(frames, format, middle, plays, metadata)
        if len(written) <= max_bytes:
            best, low = written, middle + 1
        else:
            high = middle - 1
    if not best:
        least = _bytes(len(written))
        raise FilterError(
            f"the result takes {least} as {format} even in the lowest quality, more than the {may} that were allowed; "
            f"make it smaller with fewer pixels, or allow more bytes"
        )
    return best


def _bytes(count: int) -> str:
    return f"{count} bytes" if count < 10_000 else f"{count / 1000:.0f} kB"


def encode(
    frames: Sequence[Frame],
    format: str,
    quality: int | None = None,
    plays: int = 0,
    metadata: Metadata = Metadata(),  # noqa: B008 - frozen
) -> bytes:
    """One file of all frames, with that metadata and no other. `quality` (1..100) matters to jpeg, webp and avif only.

    PNG, WebP, AVIF and TIFF keep the alpha, GIF keeps it as transparent or not; JPEG and BMP get the image on white
    (few programs heed the alpha of a BMP). An animation is played `plays` times, 0 for ever; frames of another size
    than the first are cut, or get transparent margins. The pages of a TIFF keep their sizes.
    """
    if format == "tiff":
        return _tiff(frames, metadata)
    if len(frames) > 1:
        frames = _alike(frames)
    first = frames[0].picture
    buffer = io.BytesIO()
    options: dict[str, Any] = {}
    prepare: Callable[[Picture], Image.Image] = Picture.joined
    match format:
        case "jpeg":
            prepare = Picture.on_white
            options = {"quality": quality or QUALITY[format]}
        case "bmp":
            prepare = Picture.on_white
        case "webp":
            # Method 1: 37 ms/MP where the default 4 takes 97, at the same size and quality.
            options = {"quality": quality or QUALITY[format], "method": 1}
        case "png":
            # Level 1: 80 ms/MP on a photo where 6 takes 500 for a tenth less bytes.
            options = {"compress_level": 1}
        case "avif":
            from PIL import AvifImagePlugin  # noqa: F401 - its saver; late, 6 ms

            # Speed 9: 90 ms/MP where the default 6 takes 1200 for a quarter less bytes. A process has one core.
            options = {"quality": quality or QUALITY[format], "speed": 9, "max_threads": 1}
        case "gif":
            prepare = _indexed
    options |= _carried(metadata, format, first.pixels.size)
    if len(frames) > 1:
        options |= _animation([frame.milliseconds for frame in frames], format, plays)
        if format == "gif" and first.alpha:
            options["disposal"] = _GIF_REPLACES
        options["append_images"] = [_plain(prepare(frame.picture)) for frame in frames[1:]]
    _plain(prepare(first)).save(buffer, format, **options)
    return buffer.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """Without the file that it came from: savers would write what they find there (frames, tags, resolution)."""
    return image.copy() if isinstance(image, ImageFile) else image


def _alike(frames: Sequence[Frame]) -> list[Frame]:
    """All of the first one's size, in colour if one is, and with alpha if one has it."""
    size = frames[0].picture.pixels.size
    pictures = [_fitted(frame.picture, size) for frame in frames]
    mode = "RGB" if any(picture.pixels.mode == "RGB" for picture in pictures) else "L"
    has_alpha = any(picture.alpha for picture in pictures)
    alike = []
    for frame, picture in zip(frames, pictures, strict=True):
        pixels = picture.pixels if picture.pixels.mode == mode else picture.pixels.convert(mode)
        alpha = picture.alpha or (Image.new("L", size, 255) if has_alpha else None)
        alike.append(replace(frame, picture=Picture(pixels, alpha)))
    return alike


def _fitted(picture: Picture, size: tuple[int, int]) -> Picture:
    if picture.pixels.size == size:
        return picture
    alpha = picture.alpha or Image.new("L", picture.pixels.size, 255)
    box = (0, 0, *size)  # what lies outside the image is 0, black and transparent
    smaller = picture.pixels.width < size[0] or picture.pixels.height < size[1]
    return Picture(picture.pixels.crop(box), alpha.crop(box) if picture.alpha or smaller else None)


def _animation(milliseconds: list[int], format: str, plays: int) -> dict[str, Any]:
    """How the savers want to hear of times and repetitions."""
    options: dict[str, Any] = {"save_all": True, "duration": milliseconds}
    match format:
        case "gif":
            options["duration"] = [_hundredths(time) for time in milliseconds]
            if plays != 1:  # the loop count is that of repetitions after the first time
                options["loop"] = max(0, min(plays, 65_536) - 1)
        case "webp" | "png":
            options["loop"] = min(plays, 65_535)
    return options


def _hundredths(milliseconds: int) -> int:
    """The nearest time that a GIF can hold, in ms."""
    if milliseconds % 10 == 0:
        return min(milliseconds, 655_350)
    return min(max(_SHORTEST_IN_GIF, round(milliseconds, -1)), 655_350)


def _carried(metadata: Metadata, format: str, size: tuple[int, int]) -> Mapping[str, Any]:
    """How the savers want to get metadata, as far as the format and its limits can hold it."""
    options: dict[str, Any] = {}
    if format not in ("jpeg", "png", "webp", "avif"):
        return options
    if exif := metadata.exif_bytes(*size, most=MOST_IN_JPEG if format == "jpeg" else None):
        options["exif"] = exif.removeprefix(b"Exif\0\0") if format == "webp" else exif
    if metadata.xmp:
        if format == "png":
            text = PngImagePlugin.PngInfo()
            text.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode(errors="replace"))
            options["pnginfo"] = text
        elif format != "jpeg" or len(metadata.xmp) <= MOST_IN_JPEG:
            options["xmp"] = metadata.xmp
    return options


def _tiff(frames: Sequence[Frame], metadata: Metadata) -> bytes:
    first, *others = (_plain(frame.picture.joined()) for frame in frames)
    # With the predictor LZW halves a photo, without it the file grows.
    tags: dict[int, Any] = {_TIFF_PREDICTOR: 2, **metadata.exif(*first.size)}
    if metadata.xmp:
        tags[_TIFF_XMP] = metadata.xmp
    options: dict[str, Any] = {"compression": "tiff_lzw", "tiffinfo": tags}
    if others:
        options |= {"save_all": True, "append_images": others}
    buffer = io.BytesIO()
    first.save(buffer, "tiff", **options)
    return buffer.getvalue()


def _indexed(picture: Picture) -> Image.Image:
    """At most 256 colours; pixels less than half opaque become transparent.

    Each frame of an animation has its own palette: one for all would be worse where the scene changes.
    """
    if picture.alpha is None:
        pixels = picture.pixels
        return pixels if pixels.mode == "L" else _quantized(pixels, 256)
    indexed = _quantized(picture.pixels.convert("RGB"), 255)
    palette = indexed.getpalette() or []
    indexed.putpalette(palette + [255] * (768 - len(palette)))
    indexed.paste(255, mask=picture.alpha.point([255 if value < 128 else 0 for value in range(256)]))
    indexed.info["transparency"] = 255
    return indexed


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

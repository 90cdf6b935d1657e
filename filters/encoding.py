"""Pixels to bytes: the formats that are written, their palettes, animations and pages."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from PIL import GifImagePlugin, Image, ImageChops, PngImagePlugin, TiffImagePlugin, TiffTags
from PIL.ImageFile import ImageFile

from filters import turbojpeg
from filters.errors import FilterError, InvalidOutput, shown
from filters.formats import ALIASES, FORMATS, LOSSY, MAX_SIDE, same_format
from filters.metadata import MOST_IN_JPEG, Metadata
from filters.output import Output
from filters.picture import Frame, Picture

QUALITY = {"jpeg": 90, "webp": 90, "avif": 80}
"""By default. An AVIF of 80 looks as good as the others at 90, to half a decibel."""

_TIFF_PREDICTOR, _TIFF_XMP = 317, 700
_GIF_STAYS, _GIF_GOES = 1, 2  # ways of disposal: the next frame comes on top of this one, or in place of it
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10
_SHORTEST_IN_GIF = 20  # ms; what is shorter browsers show for 100


def output_format(output: Output, input_format: str, size: tuple[int, int]) -> str:
    """The format to write an image of that size in: the input's if `output` names none and it can be written.

    InvalidOutput: there is no such format or quality, or the format cannot hold an image of that size.
    """
    chosen = same_format(input_format) if output.format is None else str(output.format).strip().lower()
    chosen = ALIASES.get(chosen, chosen)
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
    return f"{count} bytes" if count < 10_000 else f"{count / 1000:.4g} kB"


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
        if format == "gif":
            return _moving_gif(frames, plays)
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
    options |= (carried := _carried(metadata, format, first.pixels.size))
    image = prepare(first)
    if format == "jpeg" and image.mode == "L" and not carried and turbojpeg.is_there():
        return turbojpeg.encode((image,), image.size, options["quality"])
    if len(frames) > 1:
        options |= _animation([frame.milliseconds for frame in frames], format, plays)
        options["append_images"] = [_plain(prepare(frame.picture)) for frame in frames[1:]]
    _plain(image).save(buffer, format, **options)
    if format == "webp" and len(frames) > 1 and first.alpha:
        # libwebp forgets it where frames are smaller than the canvas and opaque.
        buffer.getbuffer()[_WEBP_FLAGS] |= _WEBP_ALPHA
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
    if format in ("webp", "png"):
        options["loop"] = min(plays, 65_535)
    return options


def _moving_gif(frames: Sequence[Frame], plays: int) -> bytes:
    """Frame by frame: Pillow's own way keeps all in memory, shimmers where nothing moves, and writes a damaged file
    where a frame is all transparent."""
    parts = [b"GIF89a", struct.pack("<HHBBB", *frames[0].picture.pixels.size, 0, 0, 0)]
    if plays != 1:  # the count is that of repetitions after the first time
        again = max(0, min(plays, 65_536) - 1)
        parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", again, 0))
    before: Picture | None = None
    for frame in frames:
        picture = frame.picture
        options: dict[str, Any] = {"duration": _hundredths(frame.milliseconds), "disposal": _GIF_STAYS}
        indexed, place = _indexed(picture), (0, 0)
        if indexed.mode == "L":
            indexed = indexed.copy()
            indexed.putpalette([level for level in range(256) for _ in range(3)])
        if picture.alpha:
            options |= {"disposal": _GIF_GOES, "transparency": indexed.info["transparency"]}
        elif before:
            indexed, place, spare = _changed(indexed, before.pixels, picture.pixels)
            if spare is not None:
                options["transparency"] = spare
        parts += GifImagePlugin.getdata(indexed, place, include_color_table=True, interlace=False, **options)
        before = picture
    return b"".join((*parts, b";"))


def _changed(
    indexed: Image.Image, before: Image.Image, now: Image.Image
) -> tuple[Image.Image, tuple[int, int], int | None]:
    """The part of a frame that differs from the one before, where it lies, and the index of its transparent pixels:
    those within it that are as they were, if the palette has room for one."""
    difference = ImageChops.difference(before, now)
    left, top, right, bottom = difference.getbbox() or (0, 0, 1, 1)
    part = indexed.crop((left, top, right, bottom))
    palette = part.getpalette(None) or []
    spare = len(palette) // 3
    if spare > 255:
        return part, (left, top), None
    same = Image.new("L", part.size, 255)
    for band in difference.crop((left, top, right, bottom)).split():
        same = ImageChops.darker(same, band.point([255] + [0] * 255))
    part.putpalette([*palette, 0, 0, 0])
    part.paste(spare, mask=same)
    return part, (left, top), spare


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
    exif = metadata.exif(*first.size)
    inner = {tag: value for tag, value in exif.items() if isinstance(value, Mapping)}
    # With the predictor LZW halves a photo, without it the file grows.
    tags: dict[int, Any] = {_TIFF_PREDICTOR: 2, **exif, **dict.fromkeys(inner, 1)}
    if metadata.xmp:
        tags[_TIFF_XMP] = metadata.xmp
    options: dict[str, Any] = {"compression": "tiff_lzw", "tiffinfo": tags}
    if others:
        options |= {"save_all": True, "append_images": others}
    buffer = io.BytesIO()
    first.save(buffer, "tiff", **options)
    return _with_directories(buffer.getvalue(), inner)


def _with_directories(tiff: bytes, inner: Mapping[int, Mapping[int, Any]]) -> bytes:
    """With those directories at the end, and each page's tags of these numbers pointing at them: libtiff, which
    compresses, can write none."""
    data = bytearray(tiff)
    order = "<" if data.startswith(b"II") else ">"
    places = {}
    for tag, values in inner.items():
        data += b"\0" * (len(data) % 2)
        directory = TiffImagePlugin.ImageFileDirectory_v2(ifh=bytes(data[:8]), group=tag)
        for name, value in values.items():
            directory[name] = value
        places[tag] = len(data)
        data += directory.tobytes(len(data))
    (page,) = struct.unpack_from(f"{order}I", data, 4)
    while page and places:
        (count,) = struct.unpack_from(f"{order}H", data, page)
        for entry in range(page + 2, page + 2 + 12 * count, 12):
            (tag,) = struct.unpack_from(f"{order}H", data, entry)
            if tag in places:
                struct.pack_into(f"{order}HHII", data, entry, tag, TiffTags.LONG, 1, places[tag])
        (page,) = struct.unpack_from(f"{order}I", data, page + 2 + 12 * count)
    return bytes(data)


def _indexed(picture: Picture) -> Image.Image:
    """Gray, or at most 256 colours; pixels less than half opaque become transparent.

    Each frame of an animation has its own palette: one for all would be worse where the scene changes.
    """
    if picture.alpha is None:
        return picture.pixels if picture.pixels.mode == "L" else _quantized(picture.pixels, 256)
    indexed = _quantized(picture.pixels.convert("RGB"), 255)
    palette = indexed.getpalette(None) or []
    spare = len(palette) // 3
    indexed.putpalette([*palette, 255, 255, 255])
    indexed.paste(spare, mask=picture.alpha.point([255 if value < 128 else 0 for value in range(256)]))
    indexed.info["transparency"] = spare
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

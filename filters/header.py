"""What a file says about itself: format, size and frames, read without decoding a pixel.

Own readers rather than Pillow's, because uploads are judged in the web process: Pillow reads a whole WebP
and allocates its canvas to tell its size, and counts the frames of a hostile GIF or TIFF without bound. Here
every loop is bounded by the limits or by `MAX_CHUNKS`, and only the bytes that are needed are read.
"""

import contextlib
import io
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from filters.errors import BrokenImage, ImageTooLarge, UnsupportedFormat
from filters.limits import DEFAULT_LIMITS, Limits

MAX_CHUNKS = 1_000_000
"""Segments, chunks or sub-blocks before we give up: a GIF of 50 MiB has 210,000 of them."""

MAX_TAGS = 4096
"""Tags in one TIFF directory."""

BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Sizes of the BMP headers there are; "BM" alone could begin any text."""

LOOKALIKES = (
    (b"%PDF", "a PDF"),
    (b"8BPS", "a Photoshop file"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    *((magic, "a camera's raw file") for magic in (b"II*\0", b"IIRO", b"IIRS", b"IIU\0", b"FUJIFILM")),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file or an SVG drawing"),
)
"""What people drop by mistake, by the first bytes."""

BRANDS = {
    **dict.fromkeys((b"avif", b"avis"), "avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "heic"),
}
"""What a file of the MP4 family says that it holds; some say so in their list of compatible brands only."""

MAX_BRANDS_BYTES = 256
"""Of that list as much is read."""

MAX_BOX = 2**20
"""Bytes of a box of an AVIF or HEIC file that is read as a whole; the properties of a photo take some kilobytes."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """`width` and `height` are those of the first frame as stored, before EXIF orientation."""

    format: str
    width: int
    height: int
    frames: int

    @property
    def megapixels(self) -> float:
        """Millions of pixels of all frames together."""
        return self.width * self.height * self.frames / 1e6


def inspect(source: bytes | BinaryIO, limits: Limits = DEFAULT_LIMITS) -> ImageHeader:
    """Format, size and frames of an image from its header alone; the format is decided by the content.

    `source` is the file's bytes or a seekable binary stream at any position, which is put back afterwards.
    UnsupportedFormat: not an image that we read. BrokenImage: cut short or damaged, if the header shows it.
    ImageTooLarge: more bytes, pixels or frames than `limits`.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    before = stream.tell()
    try:
        return _read(stream, limits)
    finally:
        stream.seek(before)


def check_frames(frames: int, limits: Limits) -> None:
    """ImageTooLarge when there are more frames than the limit."""
    if frames > limits.max_frames:
        raise ImageTooLarge(f"the image has more than {limits.max_frames} frames, the limit")


def check_pixels(pixels: int, width: int, height: int, frames: int, limits: Limits) -> None:
    """ImageTooLarge when `pixels`, those of all frames together, are above the limit."""
    if pixels > limits.max_pixels:
        size = f"{frames} frames of up to {width} x {height}" if frames > 1 else f"{width} x {height}"
        has, may = (_short(count / 1e6) for count in (pixels, limits.max_pixels))
        raise ImageTooLarge(f"the image is {size} = {has} megapixels; the limit is {may}")


def _short(value: float) -> str:
    return f"{value:.4g}" if value < 1000 else f"{value:.0f}"


class _Reader:
    """Reads a seekable stream; running out of bytes is an EOFError."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._chunks = 0

    def take(self, count: int) -> bytes:
        data = self._stream.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def unpack(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))

    def skip(self, count: int) -> None:
        self._stream.seek(count, io.SEEK_CUR)

    def tell(self) -> int:
        return self._stream.tell()

    def go_to(self, offset: int) -> None:
        self._stream.seek(offset)

    def count_chunk(self) -> None:
        self._chunks += 1
        if self._chunks > MAX_CHUNKS:
            raise BrokenImage(f"the image is damaged: it consists of more than {MAX_CHUNKS} tiny parts")


class _Frames:
    """Adds frames up and raises as soon as a limit is passed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._pixels = 0
        self.first: tuple[int, int] | None = None
        self.count = 0

    def add(self, width: int, height: int, times: int = 1) -> None:
        if min(width, height, times) < 1:
            raise BrokenImage(f"the image is damaged: its header says {width} x {height} pixels")
        self.first = self.first or (width, height)
        self.count += times
        self._pixels += width * height * times
        check_frames(self.count, self._limits)
        check_pixels(self._pixels, width, height, self.count, self._limits)


def _read(stream: BinaryIO, limits: Limits) -> ImageHeader:
    size = stream.seek(0, io.SEEK_END)
    if size > limits.max_bytes:
        has, may = (_short(count / 2**20) for count in (size, limits.max_bytes))
        raise ImageTooLarge(f"the file is {has} MiB; the limit is {may} MiB")
    stream.seek(0)
    kind = _sniff(stream.read(MAX_BRANDS_BYTES))
    stream.seek(0)
    frames = _Frames(limits)
    # A file that ends within its later frames is fine here: only decoding tells whether the first is whole.
    with contextlib.suppress(EOFError):
        _READERS[kind](_Reader(stream), frames)
    if frames.first is None:
        raise BrokenImage(f"the image is damaged or cut short: its {kind.upper()} header is not complete")
    return ImageHeader(kind, *frames.first, frames.count)


def _sniff(prefix: bytes) -> str:
    """The format by the first bytes."""
    if prefix.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if prefix.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if prefix.startswith(b"RIFF") and prefix[8:12] == b"WEBP":
        return "webp"
    if prefix.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if prefix.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")) and prefix[8:10] != b"CR":
        return "tiff"
    if prefix.startswith(b"BM") and (len(prefix) < 18 or int.from_bytes(prefix[14:18], "little") in BMP_HEADERS):
        return "bmp"
    for brand in _brands(prefix):
        if brand in BRANDS:
            return BRANDS[brand]
    raise _unsupported(_guess(prefix))


def _brands(prefix: bytes) -> list[bytes]:
    """The major and the compatible brands of a file of the MP4 family."""
    if prefix[4:8] != b"ftyp":
        return []
    listed = prefix[16 : int.from_bytes(prefix[:4], "big")]
    return [prefix[8:12], *(listed[place : place + 4] for place in range(0, len(listed), 4))]


def _guess(prefix: bytes) -> str:
    if not prefix:
        return "an empty file"
    if brands := _brands(prefix):
        if brands[0] == b"crx ":
            return "a camera's raw file"
        return "a HEIF image without AVIF or HEIC in it" if b"mif1" in brands else "a video or a sound, not an image"
    names = (name for magic, name in LOOKALIKES if prefix.startswith(magic))
    return next(names, "not an image that we know")


def _unsupported(what: str) -> UnsupportedFormat:
    return UnsupportedFormat(f"this is {what}; we read {', '.join(_READERS)}")


def _jpeg(reader: _Reader, frames: _Frames) -> None:
    reader.skip(2)
    while True:
        reader.count_chunk()
        # Decoders skip junk between segments, and 0xff may be repeated as padding.
        while reader.take(1) != b"\xff":
            reader.count_chunk()
        while (marker := reader.take(1)[0]) == 0xFF:
            reader.count_chunk()
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            height, width = reader.unpack(">3xHH")
            frames.add(width, height)
            return
        if marker in (0xD9, 0xDA):
            return
        if marker not in (0x00, 0x01, *range(0xD0, 0xD9)):
            reader.skip(max(0, reader.unpack(">H")[0] - 2))


def _png(reader: _Reader, frames: _Frames) -> None:
    reader.skip(8)
    if reader.unpack(">I4s") != (13, b"IHDR"):
        return
    width, height = reader.unpack(">II")
    reader.skip(9)
    count = 1
    with contextlib.suppress(EOFError):
        kind = b""
        while kind not in (b"acTL", b"IDAT", b"IEND"):
            reader.count_chunk()
            length, kind = reader.unpack(">I4s")
            if kind == b"acTL":
                (count,) = reader.unpack(">I")
            else:
                reader.skip(length + 4)
    frames.add(width, height, count)


def _webp(reader: _Reader, frames: _Frames) -> None:
    reader.skip(12)
    kind, length = reader.unpack("<4sI")
    if kind == b"VP8 ":
        magic, width, height = reader.unpack("<3x3sHH")
        if magic == b"\x9d\x01\x2a":
            frames.add(width & 0x3FFF, height & 0x3FFF)
    elif kind == b"VP8L":
        magic, bits = reader.unpack("<BI")
        if magic == 0x2F:
            frames.add((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    elif kind == b"VP8X":
        flags, width, width_high, height, height_high = reader.unpack("<B3xHBHB")
        size = (width + (width_high << 16) + 1, height + (height_high << 16) + 1)
        if not flags & 0x02:
            frames.add(*size)
            return
        reader.skip(length - 10 + length % 2)
        while True:
            reader.count_chunk()
            kind, length = reader.unpack("<4sI")
            if kind == b"ANMF":
                frames.add(*size)
            reader.skip(length + length % 2)


def _gif(reader: _Reader, frames: _Frames) -> None:
    width, height, flags = reader.unpack("<6xHHB")
    reader.skip(2 + _gif_palette(flags))
    while (mark := reader.take(1)) != b";":
        reader.count_chunk()
        if mark == b"!":
            reader.skip(1)
        elif mark == b",":
            left, top, across, down, flags = reader.unpack("<HHHHB")
            # Pillow enlarges the canvas to hold every frame, so a small canvas proves nothing.
            width, height = max(width, left + across), max(height, top + down)
            frames.add(width, height)
            reader.skip(_gif_palette(flags) + 1)
        else:
            continue
        while length := reader.take(1)[0]:
            reader.count_chunk()
            reader.skip(length)


def _gif_palette(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _tiff(reader: _Reader, frames: _Frames) -> None:
    order = "<" if reader.take(2) == b"II" else ">"
    big = reader.unpack(order + "H") == (43,)
    count_layout, entry_layout, offset_layout = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    # 1 byte, 3 short, 4 long, 16 long8
    integers = {1: "B", 3: "H", 4: "I"} | ({16: "Q"} if big else {})
    if big:
        reader.skip(4)
    (offset,) = reader.unpack(order + offset_layout)
    seen: set[int] = set()
    while 0 < offset < 2**63 and offset not in seen:
        seen.add(offset)
        reader.go_to(offset)
        (count,) = reader.unpack(order + count_layout)
        if count > MAX_TAGS:
            raise BrokenImage(f"the image is damaged: a TIFF directory with {count} tags")
        table = reader.take(count * struct.calcsize(order + entry_layout))
        tags = {
            tag: struct.unpack_from(order + integers[kind], value)[0]
            for tag, kind, _, value in struct.iter_unpack(order + entry_layout, table)
            if kind in integers
        }
        # DNG says what it is (0xC612); other raw files have only a small preview (254) in their first
        # directory and the photo elsewhere (330). Nobody wants the preview filtered.
        if frames.first is None and (0xC612 in tags or (tags.get(254) == 1 and 330 in tags)):
            raise _unsupported("a camera's raw file")
        if 256 in tags and 257 in tags:
            frames.add(tags[256], tags[257])
        (offset,) = reader.unpack(order + offset_layout)


def _bmp(reader: _Reader, frames: _Frames) -> None:
    reader.skip(14)
    (size,) = reader.unpack("<I")
    width, height = reader.unpack("<HH" if size == 12 else "<ii")
    # A negative height means rows from the top down.
    frames.add(width, abs(height))


def _heif(reader: _Reader, frames: _Frames) -> None:
    """AVIF and HEIC: the size that the `meta` box gives the primary image, and the samples of a `moov` box if the
    file says that it is a sequence."""
    size: tuple[int, int] | None = None
    major = reader.unpack(">8x4s")[0]
    reader.go_to(0)
    for kind, end in _boxes(reader, None):
        if kind == b"meta" and size is None:
            size = _primary_size(reader, end)
            if size and major != b"avis":
                frames.add(*size)
                return
        elif kind == b"moov" and major == b"avis":
            samples, track = _samples(reader, end)
            size = track or size
            if size:
                frames.add(*size, max(1, samples))
            return
    if size:
        frames.add(*size)


def _boxes(reader: _Reader, parent: int | None) -> Iterator[tuple[bytes, int]]:
    """The kind of each box in turn, and where it ends; the reader stands at its contents. `parent` is where the box
    that holds them ends, None for the file."""
    place = reader.tell()
    while parent is None or place < parent:
        reader.count_chunk()
        reader.go_to(place)
        length, kind = reader.unpack(">I4s")
        if length == 1:
            (length,) = reader.unpack(">Q")
        elif length == 0 and parent is None:  # up to the end of the file
            length = 2**62
        end = place + length
        if end < reader.tell() or end >= 2**63 or (parent is not None and end > parent):
            raise BrokenImage(f"the image is damaged: a part of it says that it has {length} bytes")
        yield kind, end
        place = end


def _primary_size(reader: _Reader, end: int) -> tuple[int, int] | None:
    """Of the primary image by its `ispe` property; of the largest image if no property is its."""
    reader.skip(4)
    primary, sizes, owners = 0, {}, {}
    for kind, box_end in _boxes(reader, end):
        if kind == b"pitm":
            (version,) = reader.unpack(">B3x")
            (primary,) = reader.unpack(">I" if version else ">H")
        elif kind == b"iprp":
            for part, part_end in _boxes(reader, box_end):
                if part == b"ipco":
                    for index, (name, _) in enumerate(_boxes(reader, part_end), start=1):
                        if name == b"ispe":
                            sizes[index] = reader.unpack(">4xII")
                elif part == b"ipma":
                    owners = _owners(reader, part_end)
    own = [sizes[index] for index in owners.get(primary, ()) if index in sizes]
    return max(own or sizes.values(), key=lambda size: size[0] * size[1], default=None)


def _owners(reader: _Reader, end: int) -> dict[int, list[int]]:
    """From the image's number to the numbers of its properties."""
    data = reader.take(min(end - reader.tell(), MAX_BOX)).ljust(8, b"\0")
    version, flags, count = struct.unpack_from(">B2xBI", data)
    item, property = (">IB" if version else ">HB"), (">H" if flags & 1 else ">B")
    unessential = 0x7FFF if flags & 1 else 0x7F
    place, owners = 8, {}
    for _ in range(count):
        if place + struct.calcsize(item) > len(data):
            break
        owner, length = struct.unpack_from(item, data, place)
        place += struct.calcsize(item)
        listed = data[place : place + length * struct.calcsize(property)]
        place += len(listed)
        whole = len(listed) // struct.calcsize(property) * struct.calcsize(property)
        owners[owner] = [index & unessential for (index,) in struct.iter_unpack(property, listed[:whole])]
    return owners


def _samples(reader: _Reader, end: int) -> tuple[int, tuple[int, int] | None]:
    """How many pictures the longest track of a sequence has, and the size of the largest."""
    most, sizes = 0, []
    for kind, track_end in _boxes(reader, end):
        for part, part_end in _boxes(reader, track_end) if kind == b"trak" else ():
            if part == b"tkhd":
                version = reader.unpack(">B3x")[0]
                width, height = reader.unpack(">84xII" if version else ">72xII")
                sizes.append((width >> 16, height >> 16))
            elif part == b"mdia":
                most = max(most, _sample_count(reader, part_end))
    return most, max(sizes, key=lambda size: size[0] * size[1], default=None)


def _sample_count(reader: _Reader, end: int) -> int:
    """As the sample table within a track's media says."""
    for name in (b"minf", b"stbl", b"stsz"):
        end = next((inner for kind, inner in _boxes(reader, end) if kind == name), 0)
        if not end:
            return 0
    return int(reader.unpack(">8xI")[0])


_READERS: dict[str, Callable[[_Reader, _Frames], None]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "tiff": _tiff,
    "bmp": _bmp,
    "avif": _heif,
    "heic": _heif,
}

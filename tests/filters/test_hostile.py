"""Bad files and too large ones: a named error in words, never a crash and never half a picture."""

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import filters
from filters import Limits
from tests.filters.images import encoded, noise, opened, photo, png

# Pillow warns of damaged metadata; here files are damaged on purpose, and a warning must not hide the outcome.
pytestmark = pytest.mark.filterwarnings("ignore")

VARIANTS = {
    "jpeg": encoded(photo(), "jpeg"),
    "progressive jpeg": encoded(photo(), "jpeg", progressive=True),
    "png": encoded(photo(), "png"),
    "webp": encoded(photo(), "webp"),
    "lossless webp": encoded(photo(), "webp", lossless=True),
    "gif": encoded(photo(), "gif"),
    "tiff": encoded(photo(), "tiff"),
    "lzw tiff": encoded(photo(), "tiff", compression="tiff_lzw"),
    "jpeg tiff": encoded(photo(), "tiff", compression="jpeg"),
    "bmp": encoded(photo(), "bmp"),
    "avif": encoded(photo(), "avif"),
    "heic": encoded(photo(), "heic"),
}

MOVING = {
    format: encoded(
        noise(40, 30, seed=0),
        format,
        save_all=True,
        append_images=[noise(40, 30, seed=seed) for seed in (1, 2)],
        exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x3b\1\2\0\4\0\0\0Ana\0\0\0\0\0",
    )
    for format in ("gif", "webp", "png", "avif", "tiff")
}


@pytest.mark.parametrize("pipeline", [["negative"], ["gray"]])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_truncated_file_is_refused_and_never_half_a_picture(variant: str, pipeline: list[str]) -> None:
    """Cut anywhere: refused, or (the last bytes are padding and end marks) the same as from the whole file."""
    data = VARIANTS[variant]
    whole = filters.apply(data, pipeline, format="bmp").data
    step = max(1, len(data) // 150)
    cuts = [*range(0, len(data), step), *range(len(data) - 20, len(data))]
    refused = 0
    for cut in cuts:
        try:
            result = filters.apply(data[:cut], pipeline, format="bmp").data
        except (filters.BrokenImage, filters.UnsupportedFormat):
            refused += 1
        else:
            assert result == whole
            assert cut > len(data) - 400
    assert refused > len(cuts) * 0.8


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "an empty file"),
        (b"hello, this is a text", "not an image that we know"),
        (b"BMW makes cars, and this is a text", "not an image that we know"),
        (b"\x89PNX\r\n\x1a\n" + b"\0" * 50, "not an image that we know"),
        (b"%PDF-1.7 ...", "a PDF"),
        (b"PK\x03\x04....", "a ZIP archive"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1miaf" + b"\0" * 20, "a HEIF image without AVIF or HEIC in it"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + b"\0" * 20, "a camera's raw file"),
        (b"\0\0\0\x18ftypisom" + b"\0" * 20, "a video"),
        (b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 20, "a camera's raw file"),
        (b"<svg xmlns=''/>", "an SVG drawing"),
    ],
)
def test_what_is_no_image_of_ours_is_named(data: bytes, what: str) -> None:
    for attempt in (lambda: filters.inspect(data), lambda: filters.apply(data, ["gray"])):
        with pytest.raises(filters.UnsupportedFormat) as caught:
            attempt()
        assert what in caught.value.detail
        assert "we read jpeg, png, webp, gif, tiff, bmp, avif, heic" in caught.value.detail


def test_a_format_that_pillow_could_read_but_we_do_not_allow_is_refused() -> None:
    for format in ("ppm", "ico", "tga", "pcx", "sgi"):
        with pytest.raises(filters.UnsupportedFormat):
            filters.apply(encoded(photo(), format), ["gray"])


def test_camera_raw_is_not_taken_for_the_preview_in_it() -> None:
    preview = encoded(photo(), "tiff", tiffinfo={254: 1, 330: 8})
    dng = encoded(photo(), "tiff", tiffinfo={0xC612: b"\1\4\0\0"})
    for data in (preview, dng):
        with pytest.raises(filters.UnsupportedFormat, match="a camera's raw file"):
            filters.inspect(data)


def test_200_megapixels_in_the_header_are_refused_before_anything_is_decoded() -> None:
    data = png(14142, 14142)
    assert len(data) < 100
    with pytest.raises(filters.ImageTooLarge) as caught:
        filters.inspect(data)
    assert caught.value.detail == "the image is 14142 x 14142 = 200 megapixels; the limit is 100"


def test_pixels_of_all_frames_count() -> None:
    data = encoded(photo(), "gif", save_all=True, append_images=[noise(160, 120, seed=n).quantize(9) for n in range(9)])
    assert filters.inspect(data).megapixels == pytest.approx(0.192)
    with pytest.raises(filters.ImageTooLarge, match=r"6 frames of up to 160 x 120 = 0\.1152 megapixels"):
        filters.inspect(data, Limits(max_pixels=100_000))


@pytest.mark.parametrize("format", ["gif", "webp", "png", "tiff"])
def test_frames_are_limited(format: str) -> None:
    frames = [noise(8, 8, seed=seed) for seed in range(7)]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:])
    assert filters.inspect(data, Limits(max_frames=7)).frames == 7
    with pytest.raises(filters.ImageTooLarge, match="more than 6 frames, the limit"):
        filters.inspect(data, Limits(max_frames=6))


def test_bytes_are_limited() -> None:
    with pytest.raises(filters.ImageTooLarge, match="the file is 2 MiB; the limit is 1 MiB"):
        filters.inspect(encoded(photo(), "jpeg").ljust(2**21, b"\0"), Limits(max_bytes=2**20))


@pytest.mark.parametrize("format", ["jpeg", "png", "bmp", "gif"])
def test_our_limit_counts_and_not_that_of_pillow(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert filters.apply(encoded(photo(), format), ["gray"]).width == 160
    assert Image.MAX_IMAGE_PIXELS == 1000


@pytest.mark.parametrize("format", ["webp", "tiff"])
def test_where_that_of_pillow_cannot_be_avoided_it_is_named(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(filters.ImageTooLarge, match=r"of (WEBP|TIFF) we decode at most"):
        filters.apply(encoded(photo(), format), ["gray"])


def test_a_gif_with_a_small_canvas_and_a_huge_frame_is_measured_by_the_frame() -> None:
    data = bytearray(encoded(photo(), "gif"))
    data[6:10] = struct.pack("<HH", 1, 1)
    frame = data.index(b",\0\0\0\0")
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60000, 60000)
    with pytest.raises(filters.ImageTooLarge, match="60000 x 60000"):
        filters.inspect(bytes(data))


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_an_image_without_pixels_is_broken(size: tuple[int, int]) -> None:
    with pytest.raises(filters.BrokenImage, match=f"{size[0]} x {size[1]} pixels"):
        filters.inspect(png(*size))


def test_a_png_whose_header_promises_more_than_there_is_is_broken() -> None:
    with pytest.raises(filters.BrokenImage, match="the PNG is damaged, cut short or of a rare kind"):
        filters.apply(png(2000, 2000, b"\0" * 50), ["gray"])


def test_pixels_that_are_not_numbers_are_broken() -> None:
    with pytest.raises(filters.BrokenImage, match="without a finite value"):
        filters.apply(encoded(Image.new("F", (4, 4), float("inf")), "tiff"), ["gray"])


def test_a_tiff_that_points_at_itself_ends() -> None:
    data = bytearray(encoded(photo(), "tiff"))
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    struct.pack_into("<I", data, first + 2 + 12 * count, first)
    assert filters.inspect(bytes(data)).frames == 1


def test_a_tiff_directory_with_too_many_tags_is_broken() -> None:
    with pytest.raises(filters.BrokenImage, match="a TIFF directory with 65535 tags"):
        filters.inspect(b"II*\0\x08\0\0\0\xff\xff" + b"\0" * 100)


@pytest.mark.parametrize(
    "endless",
    [
        b"GIF89a\x08\0\x08\0\0\0\0!\xfe" + b"\x01x" * 2000,
        b"\xff\xd8\xff" + b"\xe1\0\2\xff" * 2000,
        png(8, 8)[:33] + b"\0\0\0\0teXt\0\0\0\0" * 2000,
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\2\0\0\0\7\0\0\7\0\0" + b"JUNK\0\0\0\0" * 2000,
    ],
    ids=["gif", "jpeg", "png", "webp"],
)
def test_a_file_of_endless_tiny_parts_is_given_up(endless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filters.header.MAX_CHUNKS", 1000)
    with pytest.raises(filters.BrokenImage, match="more than 1000 tiny parts"):
        filters.inspect(endless)


@settings(max_examples=300, deadline=None)
@given(
    variant=st.sampled_from(sorted(VARIANTS)),
    patches=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    in_header=st.booleans(),
)
def test_damaged_bytes_give_a_picture_or_a_named_error(
    variant: str, patches: list[tuple[float, int]], in_header: bool
) -> None:
    data = bytearray(VARIANTS[variant])
    reach = min(len(data), 200) if in_header else len(data)
    for place, value in patches:
        data[int(place * reach)] = value
    try:
        result = filters.apply(bytes(data), ["negative"], format="png", limits=Limits(max_pixels=1_000_000))
    except (filters.BrokenImage, filters.UnsupportedFormat, filters.ImageTooLarge):
        return
    assert opened(result.data).size == (result.width, result.height)


@settings(max_examples=300, deadline=None)
@given(
    variant=st.sampled_from(sorted(MOVING)),
    patches=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    in_header=st.booleans(),
)
def test_damaged_animations_give_an_animation_or_a_named_error(
    variant: str, patches: list[tuple[float, int]], in_header: bool
) -> None:
    data = bytearray(MOVING[variant])
    reach = min(len(data), 200) if in_header else len(data)
    for place, value in patches:
        data[int(place * reach)] = value
    try:
        result = filters.apply(bytes(data), ["negative", "strip:keep=all"], limits=Limits(max_pixels=1_000_000))
    except (filters.BrokenImage, filters.UnsupportedFormat, filters.ImageTooLarge):
        return
    assert opened(result.data).size == (result.width, result.height)
    assert filters.inspect(result.data).frames <= 1_000_000


# -- AVIF and HEIC: boxes within boxes ------------------------------------------------------------------------------


def box(kind: bytes, *contents: bytes, length: int | None = None) -> bytes:
    body = b"".join(contents)
    return struct.pack(">I4s", 8 + len(body) if length is None else length, kind) + body


def ispe(width: int, height: int) -> bytes:
    return box(b"ispe", bytes(4), struct.pack(">II", width, height))


def heif(*properties: bytes, brand: bytes = b"heic", owners: bytes | None = None, primary: int = 1) -> bytes:
    """An image whose first property is that of item 1, unless `owners` say otherwise."""
    if owners is None:
        owners = struct.pack(">IIHBB", 0, 1, 1, 1, 0x81)
    meta = box(
        b"meta",
        bytes(4),
        box(b"pitm", bytes(4), struct.pack(">H", primary)),
        box(b"iprp", box(b"ipco", *properties), box(b"ipma", owners)),
    )
    return box(b"ftyp", brand, bytes(4), b"mif1", brand) + meta


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_the_size_of_the_primary_image_counts(brand: bytes) -> None:
    """A photo of an iPhone lists its tiles, its thumbnail and what it was put together to."""
    data = heif(ispe(512, 512), ispe(4032, 3024), ispe(320, 240), brand=brand)
    assert filters.inspect(data).width == 512
    second = struct.pack(">IIHBBB", 0, 1, 1, 2, 0x03 | 0x80, 0x02)
    assert filters.inspect(heif(ispe(512, 512), ispe(4032, 3024), box(b"pixi"), brand=brand, owners=second)) == (
        filters.ImageHeader({b"heic": "heic", b"avif": "avif"}[brand], 4032, 3024, 1)
    )
    wide = struct.pack(">BBBBIIBHH", 1, 0, 0, 1, 1, 1, 1, 0x8002, 0)  # numbers of 32 and of 15 bits
    assert filters.inspect(heif(ispe(512, 512), ispe(4032, 3024), brand=brand, owners=wide)).width == 4032


def test_without_a_property_of_its_own_the_largest_counts() -> None:
    data = heif(ispe(512, 512), ispe(4032, 3024), ispe(320, 240), primary=7)
    assert (filters.inspect(data).width, filters.inspect(data).height) == (4032, 3024)


@pytest.mark.parametrize("brand", [b"heic", b"avif"])
def test_too_many_pixels_in_a_box_are_refused_before_anything_is_decoded(brand: bytes) -> None:
    with pytest.raises(filters.ImageTooLarge, match="20000 x 10000 = 200 megapixels"):
        filters.apply(heif(ispe(20_000, 10_000), brand=brand), ["negative"])


def test_frames_of_an_avif_sequence_are_counted_before_anything_is_decoded() -> None:
    data = bytearray(MOVING["avif"])
    place = data.index(b"stsz") + 12
    assert struct.unpack_from(">I", data, place) == (3,)
    struct.pack_into(">I", data, place, 2**32 - 1)
    with pytest.raises(filters.ImageTooLarge, match="more than 1000 frames"):
        filters.inspect(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        heif(),
        heif(box(b"ispe", length=4)),
        heif(box(b"ispe", length=0)),
        heif(box(b"ispe", length=2**32 - 1)),
        heif(box(b"ispe", struct.pack(">Q", 2**64 - 1), length=1)),
        heif(ispe(0, 10)),
        heif(ispe(100, 100), owners=b""),
        heif(ispe(100, 100), owners=struct.pack(">II", 0, 2**32 - 1)),
        heif(ispe(100, 100))[:-30],
        box(b"ftyp", b"avis", bytes(4), b"avis") + box(b"moov", box(b"trak", length=9)),
        box(b"ftyp", b"avif", bytes(4)) + box(b"meta", length=8),
        box(b"ftyp", b"heic", bytes(4)) + box(b"meta", length=0),
    ],
)
def test_boxes_that_lie_about_their_length_are_broken(data: bytes) -> None:
    with pytest.raises(filters.BrokenImage):
        filters.apply(data, ["negative"])


def test_boxes_within_boxes_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("filters.header.MAX_CHUNKS", 1000)
    start = box(b"ftyp", b"avis", bytes(4), b"avis")
    nested = b""
    for _ in range(3000):
        nested = box(b"minf", nested)
    for data in (start + box(b"free") * 2000, start + box(b"moov", box(b"trak", box(b"mdia", nested)))):
        with pytest.raises(filters.BrokenImage):
            filters.inspect(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from([data[:30] for data in VARIANTS.values()]))
def test_inspect_of_any_bytes_gives_a_header_or_a_named_error(tail: bytes, head: bytes) -> None:
    try:
        header = filters.inspect(head + tail)
    except filters.FilterError:
        return
    assert header.megapixels > 0


class Counting(io.BytesIO):
    """Counts the bytes that are read from it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("format", filters.INPUT_FORMATS)
def test_inspect_reads_a_stream_no_further_than_the_header(format: str) -> None:
    stream = Counting(encoded(noise(300, 200), format))
    stream.seek(7)
    header = filters.inspect(stream)
    assert header == filters.ImageHeader(format, 300, 200, 1)
    assert stream.tell() == 7
    # A GIF's frames can only be counted by hopping over its blocks of 255 bytes, each of which says its length.
    assert stream.taken < (len(stream.getvalue()) / 100 if format == "gif" else 1000)


def test_inspect_decodes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a decoder was made")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.__init__", refuse)
    monkeypatch.setattr("PIL.Image.open", refuse)
    for data in VARIANTS.values():
        assert filters.inspect(data).width == 160


def test_a_png_without_its_pixels_is_broken_though_its_header_is_whole() -> None:
    data = encoded(photo(), "png")[:60] + b"\0" * 20
    assert filters.inspect(data).format == "png"
    with pytest.raises(filters.BrokenImage):
        filters.apply(data, ["negative"])

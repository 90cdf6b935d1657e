"""Steps that say how the result is written: convert and strip."""

from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import filters
from filters import encoding
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb

# -- convert --------------------------------------------------------------------------------------------------------


def test_convert_alone_makes_a_webp() -> None:
    data = encoded(photo(), "png")
    result = filters.apply(data, ["convert"])
    assert result.format == "webp"
    assert reference.psnr(rgb(result.data), rgb(photo())) > 28


@pytest.mark.parametrize("format", filters.FORMATS)
def test_convert_goes_before_what_was_asked_for(format: str) -> None:
    data = encoded(photo(), "png")
    result = filters.apply(data, [f"convert:format={format}", "negative"], format="gif" if format != "gif" else "png")
    assert filters.inspect(result.data).format == result.format == format


def test_the_last_convert_counts_and_what_it_does_not_say_stays() -> None:
    data = encoded(photo(), "png")
    twice = filters.apply(data, ["convert:format=jpeg,quality=20", "convert:format=same"])
    assert twice.data == filters.apply(data, ["convert:format=jpeg,quality=20"]).data
    assert twice.data == filters.apply(data, ["convertir:format=jpeg"], quality=20).data
    assert filters.apply(data, ["convert:format=same"]).format == "png"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("convert:format=heic", "convert: format must be one of webp, jpeg, png, gif, tiff, bmp, avif, same, got heic"),
        ("convert:quality=101", "convert: quality must be a whole number between 0 and 100, got 101"),
        ("convert:max_bytes=-1", "convert: max_bytes must be a whole number between 0 and 100000000, got -1"),
        ("strip:keep=some", "strip: keep must be one of nothing, copyright, all, got some"),
    ],
)
def test_wrong_parameters_are_refused_in_words(text: str, detail: str) -> None:
    with pytest.raises(filters.InvalidParameter) as caught:
        filters.parse_step(text)
    assert caught.value.detail == detail


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.3])
def test_the_best_quality_that_fits(format: str, share: float) -> None:
    data = encoded(photo(), "png")
    most = int(share * len(filters.apply(data, ["negative"], format=format).data))
    result = filters.apply(data, ["negative", f"convert:format={format},max_bytes={most}"])
    assert len(result.data) <= most
    sizes = {
        quality: len(filters.apply(data, ["negative"], format=format, quality=quality).data)
        for quality in range(1, encoding.QUALITY[format] + 1)
    }
    chosen = [quality for quality, size in sizes.items() if size == len(result.data)]
    assert chosen
    assert sizes.get(max(chosen) + 1, most + 1) > most, "one step better would not fit"


def test_a_format_that_cannot_hold_the_size_is_the_fault_of_the_step_that_chose_it() -> None:
    data = encoded(Image.new("L", (17_000, 2)), "png")
    for pipeline in (["gray", "convert"], ["convert:format=gif", "convert:format=webp", "convert:format=same"]):
        with pytest.raises(filters.InvalidOutput, match="WEBP holds at most 16383 pixels a side") as caught:
            filters.apply(data, pipeline)
        assert caught.value.step == 2
    with pytest.raises(filters.InvalidOutput) as caught:
        filters.apply(data, ["gray", "convert:format=same"], format="webp")
    assert caught.value.step is None


def test_what_fits_is_written_as_without_a_limit() -> None:
    data = encoded(photo(), "png")
    free = filters.apply(data, ["gray", "convert:format=jpeg,quality=95"]).data
    assert filters.apply(data, ["gray", f"convert:format=jpeg,quality=95,max_bytes={len(free)}"]).data == free


def test_few_files_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int | None] = []
    original = encoding.encode

    def counted(frames: Any, format: str, quality: int | None = None, *others: Any) -> bytes:
        tried.append(quality)
        return original(frames, format, quality, *others)

    monkeypatch.setattr(encoding, "encode", counted)
    filters.apply(encoded(photo(), "png"), ["convert:format=jpeg,quality=100,max_bytes=3000"], thumbnail=0)
    assert 2 < len(tried) <= 8


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_not_even_the_lowest_quality_fits(format: str) -> None:
    with pytest.raises(
        filters.FilterError, match=f"as {format} even in the lowest quality, more than the 100 bytes"
    ) as e:
        filters.apply(encoded(photo(), "png"), ["gray", f"convert:format={format},max_bytes=100", "bw"])
    assert (type(e.value), e.value.step) == (filters.FilterError, 2)


@pytest.mark.parametrize("format", ["png", "gif", "tiff", "bmp"])
def test_formats_without_quality_fit_or_do_not(format: str) -> None:
    data = encoded(noise(100, 100), "png")
    with pytest.raises(filters.FilterError, match="choose jpeg, webp or avif, whose quality can be lowered") as caught:
        filters.apply(data, [f"convert:format={format},max_bytes=1000"])
    assert caught.value.step == 1
    assert filters.apply(data, [f"convert:format={format},max_bytes=100000"]).format == format


def test_an_animation_is_limited_as_a_whole() -> None:
    frames = [photo(80, 60).rotate(90 * number) for number in range(4)]
    data = encoded(frames[0], "webp", save_all=True, append_images=frames[1:], duration=50)
    most = len(data) // 2
    result = filters.apply(data, ["negative", f"convert:format=webp,max_bytes={most}"])
    assert len(result.data) <= most
    assert filters.inspect(result.data).frames == 4


def test_the_limit_is_not_for_the_thumbnail() -> None:
    data = encoded(photo(600, 400), "png")
    free = filters.apply(data, ["negative", "convert:format=jpeg"], thumbnail=100).thumbnail
    assert free
    assert filters.apply(data, ["negative", "convert:format=jpeg,max_bytes=9000"], thumbnail=100).thumbnail == free


# -- strip ----------------------------------------------------------------------------------------------------------

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" dc:title="Sea"/></x:xmpmeta>'
SOURCES = ("jpeg", "png", "webp", "tiff", "avif", "heic")
TARGETS = ("jpeg", "png", "webp", "tiff", "avif")
EXIF, GPS = 0x8769, 0x8825


def described(format: str, size: tuple[int, int] = (160, 120), orientation: int = 6) -> bytes:
    """A file with EXIF data and an XMP packet, stored on its side."""
    exif = Image.Exif()
    exif[0x010E], exif[0x010F], exif[0x0112] = "The sea", "Camera", orientation
    exif[0x013B], exif[0x8298] = "Ana", "(c) Ana"
    inner = exif.get_ifd(EXIF)
    inner |= {0x829A: 0.01, 0x9003: "2020:01:01 00:00:00", 0x927C: b"the maker's own", 0xA001: 65535}
    inner |= {0xA002: size[0], 0xA003: size[1]}
    exif.get_ifd(GPS).update({1: "N", 2: (40.0, 26.0, 46.0)})
    options: dict[str, Any] = {"exif": exif, "xmp": XMP}
    if format == "png":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        options = {"exif": exif, "pnginfo": text}
    if format == "tiff":
        options = {"tiffinfo": {**dict(exif), EXIF: dict(inner), GPS: dict(exif.get_ifd(GPS)), 700: XMP}}
    return encoded(photo(*size), format, **options)


def xmp_of(image: Image.Image) -> bytes:
    packet = image.info.get("xmp", b"")
    return packet.encode() if isinstance(packet, str) else bytes(packet)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_all_metadata_can_be_kept_and_is_true_of_the_result(source: str, target: str) -> None:
    result = filters.apply(described(source), ["gray", "strip:keep=all"], format=target)
    image = opened(result.data)
    exif = image.getexif()
    assert (image.width, image.height) == (result.width, result.height) == (120, 160)
    assert (exif[0x010E], exif[0x010F], exif[0x013B], exif[0x8298]) == ("The sea", "Camera", "Ana", "(c) Ana")
    assert exif.get(0x0112, 1) == 1
    inner = exif.get_ifd(EXIF)
    assert (inner[0xA002], inner[0xA003], inner[0xA001]) == (120, 160, 1), "its size now, and sRGB"
    assert (inner[0x9003], inner[0x927C], float(inner[0x829A])) == ("2020:01:01 00:00:00", b"the maker's own", 0.01)
    assert exif.get_ifd(GPS)[2] == (40.0, 26.0, 46.0)
    assert b'dc:title="Sea"' in xmp_of(image)
    assert b'tiff:Orientation="6"' not in xmp_of(image)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_the_copyright_alone_can_be_kept(source: str, target: str) -> None:
    result = filters.apply(described(source), ["gray", "quitar-metadatos:keep=copyright"], format=target)
    exif = opened(result.data).getexif()
    assert (exif[0x013B], exif[0x8298]) == ("Ana", "(c) Ana")
    assert not exif.keys() & {0x010E, 0x010F, EXIF, GPS}
    for secret in (b"The sea", b"Camera", b"the maker", b'"Sea"'):
        assert secret not in result.data


@pytest.mark.parametrize("pipeline", [["gray"], ["gray", "strip"], ["sepia:intensity=0"], ["strip:keep=all", "strip"]])
@pytest.mark.parametrize("source", SOURCES)
def test_nothing_is_kept_unless_asked_for(source: str, pipeline: list[str]) -> None:
    """Not even where no step touches the pixels."""
    data = described(source, orientation=1)
    for target in filters.FORMATS:
        result = filters.apply(data, pipeline, format=target).data
        for secret in (b"The sea", b"Camera", b"Ana", b'"Sea"'):
            assert secret not in result


@pytest.mark.parametrize("format", ["gif", "bmp"])
def test_formats_without_metadata_are_written_without(format: str) -> None:
    result = filters.apply(described("jpeg"), ["gray", "strip:keep=all"], format=format)
    assert result.format == format
    assert b"Ana" not in result.data


def test_the_thumbnail_in_a_photo_is_not_kept() -> None:
    """It would show what the filters were to hide."""
    exif = Image.Exif()
    exif[0x013B] = "Ana"
    body = exif.tobytes()
    preview = encoded(noise(16, 12), "jpeg")
    start = len(body) - 6
    directory = bytes([0, 2]) if body[6:8] == b"MM" else bytes([2, 0])
    order = "big" if body[6:8] == b"MM" else "little"
    for tag, value in ((0x0201, start + 2 + 24 + 4), (0x0202, len(preview))):
        directory += tag.to_bytes(2, order) + (4).to_bytes(2, order) + (1).to_bytes(4, order) + value.to_bytes(4, order)
    directory += bytes(4)
    entries = int.from_bytes(body[14:16], order)
    after = 16 + 12 * entries
    data = body[:after] + start.to_bytes(4, order) + body[after + 4 :] + directory + preview
    photo_with_preview = encoded(photo(), "jpeg", exif=data)
    assert preview in photo_with_preview
    result = filters.apply(photo_with_preview, ["pixelate", "strip:keep=all"]).data
    assert opened(result).getexif()[0x013B] == "Ana"
    assert preview[-100:] not in result


@pytest.mark.filterwarnings("ignore")
def test_damaged_exif_is_not_kept_and_does_not_cost_the_photo() -> None:
    data = encoded(photo(), "jpeg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    result = filters.apply(data, ["gray", "strip:keep=all"])
    assert not opened(result.data).getexif()


def test_what_a_jpeg_has_no_room_for_is_left_out() -> None:
    exif = Image.Exif()
    exif[0x013B] = "Ana"
    exif.get_ifd(EXIF)[0x927C] = b"m" * 100_000
    data = encoded(photo(), "webp", exif=exif, xmp=b"x" * 100_000)
    result = opened(filters.apply(data, ["gray", "strip:keep=all"], format="jpeg").data)
    assert result.getexif()[0x013B] == "Ana"
    assert 0x927C not in result.getexif().get_ifd(EXIF)
    assert "xmp" not in result.info
    assert xmp_of(opened(filters.apply(data, ["gray", "strip:keep=all"], format="webp").data)) == b"x" * 100_000


def test_pages_of_a_tiff_keep_the_metadata_of_the_first() -> None:
    pages = encoded(photo(), "tiff", save_all=True, append_images=[noise(20, 10)], tiffinfo={0x013B: "Ana"})
    described_too = described("tiff")
    assert opened(filters.apply(pages, ["gray", "strip:keep=copyright"]).data).getexif()[0x013B] == "Ana"
    result = opened(filters.apply(described_too, ["strip:keep=all", "negative", "negative"]).data)
    assert np.array_equal(rgb(result), np.rot90(rgb(photo()), -1)), "the directories at its end do no harm"

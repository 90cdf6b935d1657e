"""Every kind of file comes in as a person sees it and goes out as the format can hold it."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

import filters
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, png, rgb

ALPHA = {"png", "webp", "tiff", "gif", "avif"}
PILLOW_NAMES = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "avif": "AVIF",
}


def unchanged(data: bytes, format: str = "png") -> Image.Image:
    """The picture as the filters get it: a negative of a negative, written without loss."""
    return opened(filters.apply(data, ["negative", "negative"], format=format).data)


@pytest.mark.parametrize("format", filters.FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_round_trip(format: str, mode: str) -> None:
    """In as a format and out as the same; what is lossy, or has 256 colours only, is held to a PSNR."""
    source = photo().convert(mode)
    if mode.endswith("A"):
        source.putalpha(Image.fromarray(np.repeat(np.uint8([[0, 255]]), 80, 1).repeat(120, 0)))
    data = filters.apply(encoded(source, "png"), ["negative"], format=format).data
    result = filters.apply(data, ["negative"])
    assert result.format == format
    image = opened(result.data)
    assert image.format == PILLOW_NAMES[format]
    assert (image.width, image.height) == (result.width, result.height) == source.size
    expected = rgb(source)
    if mode.endswith("A"):
        if format in ALPHA:
            alpha = np.asarray(image.convert("RGBA").getchannel("A"))
            # An AVIF's alpha is as lossy as its colours.
            difference = alpha.astype(int) - np.asarray(source.getchannel("A"))
            assert np.abs(difference).max() <= (12 if format == "avif" else 0)
        else:
            # Twice through a format without alpha: the transparent half was put on white before the second pass.
            assert image.mode == mode[:-1]
        visible = np.asarray(source.getchannel("A")) == 255
    else:
        visible = np.ones((120, 160), bool)
    difference = rgb(image)[visible] - expected[visible]
    least = {"jpeg": 28, "webp": 28, "avif": 26, "gif": 24}.get(format, 300)
    assert reference.psnr(difference, np.zeros_like(difference)) >= least


@pytest.mark.parametrize("target", filters.FORMATS)
@pytest.mark.parametrize("source", filters.INPUT_FORMATS)
def test_every_format_becomes_every_other(source: str, target: str) -> None:
    result = filters.apply(encoded(photo(), source), ["sepia"], format=target)
    assert result.format == target
    assert filters.inspect(result.data) == filters.ImageHeader(target, 160, 120, 1)


def test_the_content_and_not_the_name_decides() -> None:
    assert filters.apply(encoded(photo(), "webp"), ["gray"]).format == "webp"


@pytest.mark.parametrize("spelling", ["jpg", "JPEG", " Jpg "])
def test_output_formats_have_their_usual_spellings(spelling: str) -> None:
    assert filters.apply(encoded(photo(), "png"), ["gray"], format=spelling).format == "jpeg"


@pytest.mark.parametrize("format", ["jpeg", "webp", "avif"])
def test_quality_matters(format: str) -> None:
    data = encoded(photo(), "png")
    low, middle, high = (
        len(filters.apply(data, ["negative"], format=format, quality=quality).data) for quality in (10, None, 100)
    )
    assert low < middle < high


@pytest.mark.parametrize("format", ["jpeg", "bmp"])
def test_without_alpha_the_picture_lies_on_white(format: str) -> None:
    source = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    source.paste((255, 0, 0, 255), (0, 0, 16, 32))
    result = rgb(filters.apply(encoded(source, "png"), ["negative"], format=format).data)
    assert result[16, 4] == pytest.approx([0, 255, 255], abs=6)
    assert result[16, 28] == pytest.approx([255, 255, 255], abs=6)


def test_gif_keeps_few_colours_exactly_and_alpha_as_transparent_or_not() -> None:
    source = noise(40, 30).quantize(200).convert("RGBA")
    source.putalpha(Image.linear_gradient("L").resize(source.size))
    result = opened(filters.apply(encoded(source, "png"), ["negative"], format="gif").data).convert("RGBA")
    visible = np.asarray(source.getchannel("A")) >= 128
    assert (np.asarray(result.getchannel("A")) == np.where(visible, 255, 0)).all()
    assert (rgb(result)[visible] == 255 - rgb(source)[visible]).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif", "heic"])
def test_exif_orientation_is_applied_and_then_gone(format: str, orientation: int) -> None:
    """The flag says how to turn the stored pixels; its inverse makes the stored pixels from the upright ones."""
    inverse = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = photo(64, 48)
    stored = upright.transpose(inverse[orientation]) if orientation in inverse else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "webp" else {}
    result = filters.apply(encoded(stored, format, exif=exif, **options), ["negative"], format="png")
    assert (result.width, result.height) == (64, 48)
    image = opened(result.data)
    assert not image.getexif()
    assert reference.psnr(255 - rgb(image), rgb(upright)) > ({"jpeg": 30, "avif": 30, "heic": 25}.get(format, 300))


def test_orientation_turns_the_alpha_too() -> None:
    source = noise(20, 10, "RGBA")
    exif = Image.Exif()
    exif[0x0112] = 6
    result = opened(filters.apply(encoded(source, "png", exif=exif), ["gray"]).data)
    assert result.getchannel("A").tobytes() == source.getchannel("A").transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_cost_the_photo() -> None:
    data = encoded(photo(), "jpeg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff nonsense")
    assert filters.apply(data, ["gray"]).width == 160


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "avif"])
def test_metadata_is_stripped(format: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options = {"comment": b"where I live"} if format == "jpeg" else {}
    data = encoded(photo(), format, exif=exif, icc_profile=profile, **options)
    assert b"where I live" in data
    result = filters.apply(data, ["negative"]).data
    assert b"where I live" not in result
    assert not opened(result).info.keys() & {"icc_profile", "exif", "comment", "xmp"}


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged: whoever heeds it sees them exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("format", ["png", "tiff", "webp", "jpeg", "avif", "heic"])
def test_icc_profile_is_converted_to_srgb(format: str) -> None:
    options = {"lossless": True} if format == "webp" else {"quality": 95} if format in ("jpeg", "avif", "heic") else {}
    data = encoded(photo(), format, icc_profile=swapped_profile(), **options)
    result = rgb(unchanged(data))
    least = {"jpeg": 30, "avif": 30, "heic": 27}.get(format, 45)
    assert reference.psnr(result, rgb(photo())[..., [1, 0, 2]]) > least


def test_the_luma_of_a_profiled_jpeg_is_that_of_its_srgb_colours() -> None:
    """A JPEG's own luma channel is right only where the profile changes nothing."""
    data = encoded(photo(), "jpeg", quality=95, icc_profile=swapped_profile())
    expected = reference.gray(rgb(photo())[..., [1, 0, 2]])
    assert reference.psnr(rgb(filters.apply(data, ["gray"], format="png").data), expected) > 33


def test_alpha_does_not_get_in_the_way_of_the_profile() -> None:
    source = noise(30, 20, "RGBA")
    result = unchanged(encoded(source, "png", icc_profile=swapped_profile()))
    assert result.getchannel("A").tobytes() == source.getchannel("A").tobytes()
    assert np.abs(rgb(result) - rgb(source)[..., [1, 0, 2]]).max() <= 2


def gray_profile(gamma: float) -> bytes:
    """A minimal ICC profile of a gray device with that gamma (ICC.1:2001-04)."""
    white = struct.pack(">4s4x3i", b"XYZ ", 63190, 65536, 54061)
    curve = struct.pack(">4s4xIH2x", b"curv", 1, round(gamma * 256))
    tags = struct.pack(">I4sII4sII", 2, b"wtpt", 156, len(white), b"kTRC", 156 + len(white), len(curve))
    body = tags + white + curve
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x3i", 128 + len(body), 0x02400000, b"mntr", b"GRAY", b"XYZ ", b"acsp", 63190, 65536, 54061
    )
    return head.ljust(128, b"\0") + body


def test_gray_profile_is_converted_too() -> None:
    """A linear gray of a half is a light gray in sRGB: 188."""
    source = Image.new("L", (8, 8), 128)
    result = unchanged(encoded(source, "png", icc_profile=gray_profile(1.0)))
    assert result.mode == "L"
    assert result.getpixel((0, 0)) == pytest.approx(188, abs=1)


@pytest.mark.parametrize("profile", [b"no profile at all", gray_profile(1.0)])
def test_a_profile_that_does_not_fit_is_ignored(profile: bytes) -> None:
    data = encoded(photo(), "png", icc_profile=profile)
    assert np.array_equal(rgb(unchanged(data)), rgb(photo()))


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
def test_cmyk(format: str) -> None:
    source = photo().convert("CMYK")
    options = {"quality": 95} if format == "jpeg" else {}
    result = rgb(unchanged(encoded(source, format, **options)))
    assert reference.psnr(result, rgb(photo())) > 30


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_sixteen_bit_gray_keeps_its_tones(format: str) -> None:
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    result = unchanged(encoded(Image.fromarray(ramp), format))
    assert np.asarray(result).tolist() == (ramp >> 8).tolist()


def test_sixteen_bit_colour_and_alpha_keep_their_tones() -> None:
    pixel = struct.pack(">4H", 1000, 30000, 65535, 32768)
    result = unchanged(png(1, 1, b"\0" + pixel, depth=16, colour=6))
    assert result.getpixel((0, 0)) == (3, 117, 255, 128)


@pytest.mark.parametrize(
    ("depth", "colour", "row", "transparent", "alphas"),
    [
        (8, 0, bytes([1, 9]), struct.pack(">H", 9), [255, 0]),
        (1, 0, b"\x80", struct.pack(">H", 1), [0, 255]),
        (16, 0, struct.pack(">2H", 1000, 65535), struct.pack(">H", 1000), [0, 255]),
        (8, 2, bytes([1, 2, 3, 9, 9, 9]), struct.pack(">3H", 9, 9, 9), [255, 0]),
        (16, 2, struct.pack(">6H", 1000, 1000, 1000, 9, 9, 9), struct.pack(">3H", 1000, 1000, 1000), [0, 255]),
        (8, 3, bytes([0, 1]), bytes([0, 128]), [0, 128]),
    ],
)
def test_colours_declared_transparent_are(
    depth: int, colour: int, row: bytes, transparent: bytes, alphas: list[int]
) -> None:
    palette = [(b"PLTE", bytes([255, 0, 0, 0, 255, 0]))] if colour == 3 else []
    data = png(2, 1, b"\0" + row, depth=depth, colour=colour, chunks=[*palette, (b"tRNS", transparent)])
    result = unchanged(data).convert("RGBA")
    assert list(result.getchannel("A").tobytes()) == alphas


@pytest.mark.parametrize("format", ["png", "gif", "bmp", "tiff"])
def test_palette_images(format: str) -> None:
    source = photo().quantize(64)
    assert np.array_equal(rgb(unchanged(encoded(source, format))), rgb(source))


@pytest.mark.parametrize("format", ["png", "bmp", "tiff"])
def test_one_bit_images(format: str) -> None:
    source = photo().convert("1")
    assert np.array_equal(rgb(unchanged(encoded(source, format))), rgb(source))


@pytest.mark.parametrize("low_high", [(0.0, 1.0), (-500.0, 1000.0), (7.0, 7.0)])
def test_floating_point_tiff_is_stretched(low_high: tuple[float, float]) -> None:
    low, high = low_high
    source = Image.fromarray(np.linspace(low, high, 256, dtype=np.float32).reshape(16, 16))
    result = np.asarray(unchanged(encoded(source, "tiff"))).ravel()
    expected = np.zeros(256) if low == high else np.arange(256)
    assert np.abs(result - expected).max() <= 1


@pytest.mark.parametrize("mode", ["YCbCr", "LAB"])
def test_other_colour_spaces(mode: str) -> None:
    source = photo()
    result = rgb(unchanged(encoded(source.convert(mode), "tiff")))
    assert reference.psnr(result, rgb(source)) > 30


def test_of_a_multi_picture_jpeg_the_first_is_used() -> None:
    """Phones write them: the photo, and beside it another for depth or a panorama."""
    data = encoded(photo(), "mpo", save_all=True, append_images=[noise(80, 60)])
    assert filters.inspect(data) == filters.ImageHeader("jpeg", 160, 120, 1)
    assert reference.psnr(rgb(unchanged(data)), rgb(photo())) > 25


def test_luma_of_a_jpeg_is_the_luma_of_its_colours() -> None:
    """The short cut past the colours: within a level, and identical but for colours that RGB cannot hold."""
    image = photo(400, 300).crop((0, 60, 400, 300))
    data = encoded(image, "jpeg", quality=90)
    result = rgb(filters.apply(data, ["gray"], format="png").data)
    assert reference.psnr(result, reference.luma(rgb(data))[..., None].repeat(3, 2)) > 50
    assert filters.apply(data, ["gray"]).data == filters.apply(data, ["gray", "gray"]).data


def test_rgb_coded_jpeg_has_its_luma_computed() -> None:
    data = encoded(photo(), "jpeg", quality=95, keep_rgb=True)
    result = rgb(filters.apply(data, ["gray"], format="png").data)
    assert np.abs(result - reference.gray(rgb(data))).max() <= 1.5


# -- AVIF and HEIC --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pipeline", [["gray"], ["negative", "sepia"]])
def test_a_heic_becomes_a_jpeg_unless_another_format_is_chosen(pipeline: list[str]) -> None:
    data = encoded(photo(), "heic", quality=95)
    assert filters.inspect(data) == filters.ImageHeader("heic", 160, 120, 1)
    result = filters.apply(data, pipeline)
    assert (result.format, opened(result.data).format) == ("jpeg", "JPEG")
    assert filters.apply(data, pipeline, format="png").format == "png"
    assert filters.apply(data, [*pipeline, "convert:format=same"]).format == "jpeg"
    with pytest.raises(filters.InvalidOutput, match="no output format 'heic'"):
        filters.apply(data, pipeline, format="heic")


@pytest.mark.parametrize("format", ["avif", "heic"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_pictures_of_phones(format: str, mode: str) -> None:
    source = photo().convert(mode)
    if mode == "RGBA":
        source.putalpha(Image.linear_gradient("L").resize(source.size))
    result = unchanged(encoded(source, format, quality=95))
    assert result.size == source.size
    assert reference.psnr(rgb(result), rgb(source)) > 25
    if mode == "RGBA":
        difference = np.asarray(result.getchannel("A")).astype(int) - np.asarray(source.getchannel("A"))
        assert np.abs(difference).max() <= 8
    else:
        assert "A" not in result.mode


def test_a_heic_of_more_than_8_bits_keeps_its_tones() -> None:
    ramp = np.linspace(0, 65535, 256 * 64).reshape(64, 256).astype(np.uint16)
    data = io.BytesIO()
    pillow_heif.from_bytes("I;16", (256, 64), ramp.tobytes()).save(data, quality=-1, chroma=444)
    assert np.abs(rgb(unchanged(data.getvalue()))[..., 0] - ramp / 257).max() <= 2


def test_a_heic_made_of_tiles_is_one_picture() -> None:
    """As iPhones write them."""
    data = encoded(photo(640, 480), "heic", quality=95, tile_size=256)
    assert data.count(b"hvc1") > 4, "tiles"
    assert filters.inspect(data) == filters.ImageHeader("heic", 640, 480, 1)
    assert reference.psnr(rgb(unchanged(data)), rgb(photo(640, 480))) > 25


def test_of_several_pictures_in_a_heic_the_primary_one_is_used() -> None:
    pictures = [noise(64, 48, seed=1), photo(160, 120), noise(32, 32, seed=2)]
    data = encoded(pictures[0], "heic", save_all=True, append_images=pictures[1:], primary_index=1, quality=95)
    assert filters.inspect(data) == filters.ImageHeader("heic", 160, 120, 1)
    assert reference.psnr(rgb(unchanged(data)), rgb(photo())) > 25


# -- every kind of picture in every format --------------------------------------------------------------------------


def kinds() -> dict[str, tuple[bytes, Image.Image]]:
    """A file of each kind, and how it looks."""
    base = photo(64, 48)
    gray = base.convert("L")
    alpha = Image.fromarray(np.repeat(np.uint8([[0, 255]]), 32, 1).repeat(48, 0))
    transparent, gray_transparent = base.copy(), gray.copy()
    transparent.putalpha(alpha)
    gray_transparent.putalpha(alpha)
    deep = np.asarray(base).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in deep)
    few = base.quantize(16)
    turned = Image.Exif()
    turned[0x0112] = 3
    return {
        "colour": (encoded(base, "png"), base),
        "gray": (encoded(gray, "png"), gray),
        "alpha": (encoded(transparent, "png"), transparent),
        "gray with alpha": (encoded(gray_transparent, "png"), gray_transparent),
        "16 bits": (png(64, 48, rows, depth=16), base),
        "16 bits gray": (encoded(Image.fromarray(np.asarray(gray).astype(np.uint16) * 257), "png"), gray),
        "palette": (encoded(few, "png"), few.convert("RGB")),
        "1 bit": (encoded(base.convert("1"), "tiff"), base.convert("1").convert("L")),
        "cmyk": (encoded(base.convert("CMYK"), "tiff"), base.convert("CMYK").convert("RGB")),
        "adobe cmyk": (encoded(base.convert("CMYK"), "jpeg", quality=100), base.convert("CMYK").convert("RGB")),
        "upside down": (encoded(base.transpose(Image.Transpose.ROTATE_180), "png", exif=turned), base),
    }


@pytest.mark.parametrize("target", filters.FORMATS)
@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_picture_looks_the_same_in_every_format(kind: str, target: str) -> None:
    data, expected = kinds()[kind]
    image = opened(filters.apply(data, ["negative", "negative"], format=target).data)
    assert image.size == (64, 48)
    visible = np.ones((48, 64), bool)
    if expected.mode.endswith("A"):
        visible = np.asarray(expected.getchannel("A")) > 127
        if target in ALPHA:
            assert ((np.asarray(image.convert("RGBA").getchannel("A")) > 127) == visible).all()
        else:
            assert np.abs(rgb(image)[:, :24] - 255).max() < 12, "on white"
    visible[:, 28:36] &= not expected.mode.endswith("A")  # blocks of lossy formats straddle the edge
    difference = (rgb(image) - rgb(expected))[visible]
    least = {"jpeg": 24, "webp": 24, "avif": 24, "gif": 24}.get(target, 33 if kind == "adobe cmyk" else 300)
    assert reference.psnr(difference, np.zeros_like(difference)) >= least

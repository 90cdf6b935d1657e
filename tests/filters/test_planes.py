"""JPEG to JPEG on the planes that the file holds: the same result as the plain way, and the plain way for the rest."""

import io
import os

import numpy as np
import pytest
from PIL import Image, ImageCms

import filters
from filters import planes, turbojpeg
from tests.filters import reference
from tests.filters.images import encoded, opened, photo, rgb

STEPS = [
    ["negative"],
    ["sepia"],
    ["sepia:intensity=0.5"],
    ["gray:amount=0.5"],
    ["pixelate"],
    ["pixelate:block=6"],
    ["pixelate:block=8"],
    ["blur:radius=2"],
    ["blur:radius=4"],
    ["blur:radius=20"],
    ["blur:radius=4", "negative"],
    ["pixelate", "gray:amount=0.3", "sepia:intensity=0.8"],
]


def jpeg(size: tuple[int, int] = (400, 304), **options: object) -> bytes:
    return encoded(photo(*size), "jpeg", **{"quality": 90, **options})


@pytest.fixture(autouse=True)
def _turbojpeg() -> None:
    if turbojpeg._library() is None:
        assert not os.environ.get("CUMULO_REQUIRE_TURBOJPEG"), "TurboJPEG is not installed"
        pytest.skip("TurboJPEG is not installed")


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Gets an entry for each file that is written from planes."""
    written: list[bool] = []
    encode = planes.encode

    def watched(picture: planes.Planes, quality: int) -> bytes:
        written.append(True)
        return encode(picture, quality)

    monkeypatch.setattr(planes, "encode", watched)
    return written


def plain(monkeypatch: pytest.MonkeyPatch, data: bytes, steps: list[str], **options: object) -> filters.Result:
    """What the same job gives where there is no TurboJPEG."""
    with monkeypatch.context() as patch:
        patch.setattr(turbojpeg, "_library", lambda: None)
        return filters.apply(data, steps, **options)  # type: ignore[arg-type]


def exactly(steps: list[str]) -> list[str]:
    return [step + (",exact=true" if ":" in step else ":exact=true") for step in steps]


def check(data: bytes, steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """At least 42 dB from the exact result, 40 after several steps, or as near to it as itself when written as a JPEG.

    The latter for hard edges between vivid colours, which a JPEG's coarse colours blur whoever writes them. Both are
    written with the best quality, so that little else but the filter is compared.
    """
    result = rgb(filters.apply(data, steps, quality=100).data)
    exact = rgb(filters.apply(data, exactly(steps), format="png").data)
    written = rgb(plain(monkeypatch, data, exactly(steps), quality=100).data)
    least = 42 if len(steps) == 1 else 40
    assert reference.psnr(result, exact) >= min(least, reference.psnr(written, exact) - 0.5)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("steps", STEPS, ids=", ".join)
def test_the_result_is_the_exact_one_to_42_db(
    steps: list[str], subsampling: str, used: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(jpeg(subsampling=subsampling), steps, monkeypatch)
    assert used


@pytest.mark.parametrize("steps", STEPS, ids=", ".join)
@pytest.mark.parametrize("size", [(331, 261), (332, 261), (331, 262)])
def test_odd_sizes(steps: list[str], size: tuple[int, int], used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    check(jpeg(size), steps, monkeypatch)
    assert used


@pytest.mark.parametrize("size", [(1040, 1032), (1029, 1037)])
@pytest.mark.parametrize("step", ["pixelate", "pixelate:block=8", "blur:radius=4"])
def test_planes_decoded_at_a_part_of_their_size(
    step: str, size: tuple[int, int], used: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(jpeg(size), [step], monkeypatch)
    assert used


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 2), (17, 3), (16, 257)])
@pytest.mark.parametrize("steps", STEPS, ids=", ".join)
def test_any_size_is_kept(steps: list[str], size: tuple[int, int], used: list[bool]) -> None:
    result = filters.apply(jpeg(size), steps, thumbnail=8)
    assert used
    assert result.format == "jpeg"
    assert (result.width, result.height) == opened(result.data).size == size


def vivid() -> Image.Image:
    """Pure colours, of which the luma alone makes a sepia that is wrong by up to 9 levels."""
    colours = [(0, 0, 255), (255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 0, 120), (60, 0, 255)]
    return Image.fromarray(np.array([colours], np.uint8)).resize((384, 256), Image.Resampling.NEAREST)


@pytest.mark.parametrize("steps", STEPS[:4], ids=", ".join)
def test_vivid_colours(steps: list[str], used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    check(encoded(vivid(), "jpeg", quality=90), steps, monkeypatch)
    assert used


def cmyk() -> bytes:
    return encoded(photo().convert("CMYK"), "jpeg")


def turned() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    return jpeg(exif=exif)


def in_another_space() -> bytes:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Another gamma: the three curves of the profile are one, `para` with the exponent as its first number.
    at = lab.index(b"para") + 12
    return jpeg(icc_profile=lab[:at] + (0x00010000).to_bytes(4) + lab[at + 4 :])


OTHERS = {
    "gray": (lambda: encoded(photo().convert("L"), "jpeg"), ["negative"], {}),
    "CMYK": (cmyk, ["negative"], {}),
    "coded as RGB": (lambda: jpeg(keep_rgb=True), ["negative"], {}),
    "to be turned": (turned, ["negative"], {}),
    "with a profile": (in_another_space, ["negative"], {}),
    "to PNG": (jpeg, ["negative"], {"format": "png"}),
    "exact": (jpeg, ["negative:exact=true"], {}),
    "as it stands": (jpeg, ["negative"], {"optimise": False}),
    "only luma is read": (jpeg, ["edges"], {}),
    "a step without such a form": (jpeg, ["negative", "bw"], {}),
    "blocks of an odd size": (jpeg, ["pixelate:block=7"], {}),
    "odd size, 4:4:4": (lambda: jpeg((201, 100), subsampling=0), ["negative"], {}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_what_has_no_such_form_is_done_the_plain_way(
    case: str, used: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, steps, options = OTHERS[case]
    data = make()
    result = filters.apply(data, steps, **options)  # type: ignore[arg-type]
    assert not used
    assert result == plain(monkeypatch, data, steps, **options)


def test_a_damaged_jpeg_fails_as_it_does_without(monkeypatch: pytest.MonkeyPatch, used: list[bool]) -> None:
    data = jpeg()[:5000]
    with pytest.raises(filters.BrokenImage) as caught:
        filters.apply(data, ["negative"])
    with pytest.raises(filters.BrokenImage) as expected:
        plain(monkeypatch, data, ["negative"])
    assert str(caught.value) == str(expected.value)
    assert not used


def test_steps_are_told_and_a_failing_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    filters.apply(jpeg(), ["sepia:intensity=0.5", "pixelate", "negative"], on_step=told.append)
    assert told == [1, 2, 3]

    def explode(image: Image.Image) -> Image.Image:
        raise RuntimeError("no more colours")

    monkeypatch.setattr("PIL.ImageChops.invert", explode)
    with pytest.raises(filters.FilterError, match="negative failed: no more colours") as caught:
        filters.apply(jpeg(), ["pixelate", "negative"])
    assert caught.value.step == 2


@pytest.mark.parametrize("longest", [40, 90, 150])
def test_thumbnail_is_that_of_the_plain_way(longest: int, used: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    result = filters.apply(jpeg((401, 303)), ["negative"], thumbnail=longest)
    expected = plain(monkeypatch, jpeg((401, 303)), ["negative"], thumbnail=longest)
    assert used
    assert result.thumbnail is not None
    assert expected.thumbnail is not None
    assert opened(result.thumbnail).size == opened(expected.thumbnail).size
    assert reference.psnr(rgb(result.thumbnail), rgb(expected.thumbnail)) > 25


def test_the_same_input_gives_the_same_bytes(used: list[bool]) -> None:
    assert filters.apply(jpeg(), ["negative"], thumbnail=32) == filters.apply(jpeg(), ["negative"], thumbnail=32)
    assert used


def test_a_jpeg_larger_than_one_piece_of_memory_is_decoded() -> None:
    """Pillow keeps an image in pieces of 16 MiB at most."""
    data = encoded(photo(64, 48).resize((4400, 4000)), "jpeg", quality=90)
    picture = planes.decode(data, (4400, 4000), 1)
    assert picture is not None
    with Image.open(io.BytesIO(data)) as image:
        image.draft("L", image.size)
        assert picture.luma.tobytes() == image.tobytes()

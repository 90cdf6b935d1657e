"""Every frame of an animation and every page of a document, where the result can hold them."""

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import GifImagePlugin, Image, ImageSequence, PngImagePlugin

import filters
from filters import registry
from filters.picture import Picture
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb

TIMES = [50, 100, 150, 200]
ANIMATED = ("gif", "webp", "png", "avif")
LOSSLESS: dict[str, dict[str, Any]] = {"gif": {"disposal": 2}, "webp": {"lossless": True}, "png": {"disposal": 1}}
NO_CHANGE = ["negative", "negative"]


def frames_of(data: bytes) -> list[NDArray[np.int64]]:
    """Each frame as it is to be seen, red, green, blue and alpha, composited by Pillow."""
    return [np.asarray(frame.convert("RGBA")).astype(np.int64) for frame in ImageSequence.Iterator(opened(data))]


def times_of(data: bytes) -> list[float]:
    image = opened(data)
    times = []
    for number in range(image.n_frames):  # type: ignore[attr-defined] # plugins have it
        image.seek(number)
        image.load()  # some tell only then
        times.append(image.info.get("duration", 0))
    return times


def drawing(count: int = 4) -> list[Image.Image]:
    """A bar that moves over a transparent ground: what is not cleared shows."""
    frames = []
    for number in range(count):
        frame = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
        frame.paste((255, 40 * number, 0, 255), (12 * number, 5, 12 * number + 10, 30))
        frames.append(frame)
    return frames


def moving(format: str, frames: Sequence[Image.Image], **options: Any) -> bytes:
    return encoded(frames[0], format, save_all=True, append_images=frames[1:], **options)


def visible(seen: NDArray[np.int64]) -> NDArray[np.bool_]:
    return seen[..., 3] > 127


@pytest.mark.parametrize("target", ["gif", "png", "tiff"])
@pytest.mark.parametrize("source", LOSSLESS)
def test_frames_times_and_repetitions_are_kept(source: str, target: str) -> None:
    data = moving(source, drawing(), duration=TIMES, loop=3, **LOSSLESS[source])
    result = filters.apply(data, NO_CHANGE, format=target).data
    before, after = frames_of(data), frames_of(result)
    assert len(before) == len(after) == filters.inspect(result).frames == 4
    for frame, seen in zip(before, after, strict=True):
        assert (seen[..., 3] == frame[..., 3]).all()
        assert (seen[visible(frame)] == frame[visible(frame)]).all()
    if target != "tiff":
        assert times_of(result) == TIMES
        # A GIF counts what comes after the first time, the others all.
        plays = 3 + (source == "gif") - (target == "gif")
        assert opened(result).info["loop"] == plays


@pytest.mark.parametrize("target", ["webp", "avif"])
@pytest.mark.parametrize("source", ["gif", "png"])
def test_frames_in_lossy_formats(source: str, target: str) -> None:
    frames = [photo(64, 48).rotate(90 * number) for number in range(4)]
    data = moving(source, frames, duration=TIMES, loop=0)
    result = filters.apply(data, NO_CHANGE, format=target).data
    assert times_of(result) == TIMES
    for frame, seen in zip(frames_of(data), frames_of(result), strict=True):
        assert reference.psnr((seen - frame)[..., :3].astype(float), np.zeros((48, 64, 3))) > 25


@pytest.mark.parametrize("format", ANIMATED)
def test_an_animation_keeps_its_format(format: str) -> None:
    data = moving(format, [photo(64, 48).rotate(90 * number) for number in range(3)], duration=100)
    result = filters.apply(data, ["sepia"])
    assert (result.format, filters.inspect(result.data).frames) == (format, 3)


def test_every_frame_is_filtered() -> None:
    frames = [noise(40, 30, seed=seed) for seed in range(3)]
    result = filters.apply(moving("png", frames), ["negative"]).data
    for frame, seen in zip(frames, frames_of(result), strict=True):
        assert (seen[..., :3] == 255 - rgb(frame)).all()


@pytest.mark.parametrize("disposal", [0, 1, 2, 3])
@pytest.mark.parametrize("transparent", [False, True])
def test_frames_of_a_gif_lie_on_those_before_as_its_disposal_says(disposal: int, transparent: bool) -> None:
    """Small frames at places of their own, written by hand: Pillow would write whole ones."""
    data = by_hand(disposal, transparent)
    result = filters.apply(data, NO_CHANGE, format="png").data
    before, after = frames_of(data), frames_of(result)
    assert len(before) == len(after) == 4
    for frame, seen in zip(before, after, strict=True):
        assert (seen[..., 3] == frame[..., 3]).all()
        assert (seen[visible(frame)] == frame[visible(frame)]).all()


def by_hand(disposal: int, transparent: bool) -> bytes:
    parts = [b"GIF89a", struct.pack("<HHBBB", 32, 24, 0x91, 0, 0), bytes([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])]
    for number in range(4):
        size = (32, 24) if number == 0 else (10, 8)
        left, top = (0, 0) if number == 0 else (5 * number, 3 * number)
        pixels = Image.fromarray(np.random.default_rng(number).integers(0, 4, size[::-1], dtype=np.uint8), "P")
        pixels.encoderconfig = (8, False)  # type: ignore[attr-defined] # what the GIF encoder is told
        parts.append(struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | transparent, 10, 3, 0))
        parts.append(b"," + struct.pack("<HHHHB", left, top, *size, 0))
        data = GifImagePlugin.getdata(pixels)
        parts.append(b"".join(data)[10:])  # after the header that Pillow wrote
    return b"".join(parts) + b";"


@pytest.mark.parametrize("disposal", [0, 1, 2])
@pytest.mark.parametrize("blend", [0, 1])
def test_frames_of_a_png_lie_on_those_before_as_it_says(disposal: int, blend: int) -> None:
    frames = [noise(20, 16, "RGBA", seed=seed) for seed in range(4)]
    data = moving("png", frames, disposal=disposal, blend=blend, duration=TIMES)
    result = filters.apply(data, NO_CHANGE).data
    assert [seen.tolist() for seen in frames_of(result)] == [frame.tolist() for frame in frames_of(data)]


def test_the_picture_for_programs_without_animations_is_none_of_the_frames() -> None:
    still, frames = noise(20, 10, seed=9), [noise(20, 10, seed=seed) for seed in range(3)]
    data = encoded(still, "png", save_all=True, append_images=frames, default_image=True, duration=TIMES[:3])
    assert filters.inspect(data).frames == 3
    result = filters.apply(data, NO_CHANGE).data
    assert [(seen[..., :3] == rgb(frame)).all() for seen, frame in zip(frames_of(result), frames, strict=True)]
    assert times_of(result) == TIMES[:3]
    assert (rgb(filters.apply(data, NO_CHANGE, format="bmp").data) == rgb(still)).all()


def test_frames_with_and_without_colour_and_alpha_become_one_animation() -> None:
    frames = [Image.new("RGBA", (8, 8), (9, 9, 9, 255)), Image.new("RGBA", (8, 8), (200, 0, 0, 0))]
    pages = encoded(Image.new("L", (8, 8), 9), "tiff", save_all=True, append_images=frames)
    result = opened(filters.apply(pages, NO_CHANGE).data)
    assert [page.mode for page in ImageSequence.Iterator(result)] == ["L", "RGBA", "RGBA"]
    for format in ("png", "gif", "webp"):
        seen = frames_of(filters.apply(moving("png", frames), ["gray"], format=format).data)
        assert [frame[4, 4, 3] for frame in seen] == [255, 0]


@pytest.mark.parametrize(("milliseconds", "expected"), [(10, 10), (4, 20), (16, 20), (33, 30), (40, 40), (0, 0)])
def test_a_gif_gets_the_nearest_time_that_it_can_hold_and_browsers_heed(milliseconds: int, expected: int) -> None:
    data = moving("png", [noise(8, 8, seed=seed) for seed in range(2)], duration=milliseconds)
    assert times_of(filters.apply(data, ["negative"], format="gif").data) == [expected, expected]


def test_a_gif_that_is_played_once_stays_so() -> None:
    data = moving("gif", drawing(), duration=50)
    assert "loop" not in opened(data).info
    assert "loop" not in opened(filters.apply(data, ["negative"]).data).info
    assert opened(filters.apply(data, ["negative"], format="webp").data).info["loop"] == 1


@pytest.mark.parametrize("format", ["jpeg", "bmp"])
@pytest.mark.parametrize("source", ["gif", "webp", "png", "tiff", "avif"])
def test_formats_with_one_picture_get_the_first(source: str, format: str) -> None:
    frames = [Image.new("RGB", (30, 20), (value, value, value)) for value in (10, 100, 200)]
    options = {"lossless": True} if source == "webp" else {}
    result = filters.apply(moving(source, frames, **options), NO_CHANGE, format=format)
    assert filters.inspect(result.data) == filters.ImageHeader(format, 30, 20, 1)
    assert rgb(result.data)[5, 5] == pytest.approx([10, 10, 10], abs=2)


def test_all_pages_of_a_tiff_are_kept_with_their_sizes_and_modes() -> None:
    pages = [noise(30, 20), noise(50, 10, "L"), noise(7, 9, "RGBA"), noise(20, 20).convert("1")]
    result = filters.apply(moving("tiff", pages), ["negative"])
    seen = [page.copy() for page in ImageSequence.Iterator(opened(result.data))]
    assert [(page.size, page.mode) for page in seen] == [
        ((30, 20), "RGB"),
        ((50, 10), "L"),
        ((7, 9), "RGBA"),
        ((20, 20), "L"),
    ]
    for page, original in zip(seen, pages, strict=True):
        assert (rgb(page) == 255 - rgb(original)).all()
    assert (result.width, result.height) == (30, 20)


@pytest.mark.parametrize("format", ["gif", "webp", "png", "jpeg"])
def test_pages_are_no_animation(format: str) -> None:
    data = moving("tiff", [noise(30, 20), noise(50, 10)])
    assert filters.inspect(filters.apply(data, ["gray"], format=format).data).frames == 1


def test_each_page_has_its_own_orientation_and_transparency() -> None:
    first = encoded(noise(30, 20), "tiff", tiffinfo={274: 6})
    data = moving("tiff", [opened(first), noise(30, 20)])
    sizes = [page.size for page in ImageSequence.Iterator(opened(filters.apply(data, ["negative"]).data))]
    assert sizes[1] == (30, 20)


def test_a_filter_that_looks_at_the_first_page_only_plans_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step is checked and planned for the size of the page that it works on."""
    halved = registered(
        monkeypatch, "halve", lambda picture, params: half(picture), lambda params, size: (size[0] // 2, size[1] // 2)
    )
    data = moving("tiff", [noise(30, 20), noise(50, 10)])
    pages = [page.size for page in ImageSequence.Iterator(opened(filters.apply(data, [halved]).data))]
    assert pages == [(15, 10), (25, 5)]


def half(picture: Picture) -> Picture:
    width, height = picture.size
    return Picture(picture.pixels.resize((width // 2, height // 2)))


def registered(monkeypatch: pytest.MonkeyPatch, name: str, function: Any, size: Any) -> str:
    """A geometry that exists in this test only."""

    def geometry(picture: Picture, params: registry.Params) -> Picture:
        changed: Picture = function(picture, params)
        return changed

    monkeypatch.setattr(registry, "_filters", dict(registry._filters))
    monkeypatch.setattr(registry, "_names", dict(registry._names))
    texts = {"en": "x", "es": "x"}
    registry.geometry(name, size=size, label=texts, description=texts, cost_ms_per_mp=1)(geometry)
    return name


@pytest.mark.parametrize("format", ["gif", "webp", "png"])
def test_frames_that_a_filter_leaves_in_different_sizes_get_that_of_the_first(
    monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    def trimmed(picture: Picture, params: registry.Params) -> Picture:
        box = picture.pixels.getbbox() or (0, 0, 1, 1)
        return Picture(picture.pixels.crop(box))

    trim = registered(monkeypatch, "trim-for-a-test", trimmed, lambda params, size: size)
    frames = []
    for width, height in ((20, 10), (5, 30), (30, 5)):
        frame = Image.new("RGB", (40, 40))
        frame.paste((250, 0, 0), (3, 3, 3 + width, 3 + height))
        frames.append(frame)
    options = {"lossless": True} if format == "webp" else {}
    result = filters.apply(moving(format, frames, **options), [trim])
    seen = frames_of(result.data)
    assert [frame.shape for frame in seen] == [(10, 20, 4)] * 3
    assert (seen[0][..., 3] == 255).all()
    assert seen[1][5, 2, 3] == 255
    assert seen[1][5, 10, 3] == 0, "transparent where the frame has nothing"
    assert seen[2][2, 15, 3] == 255
    assert seen[2][8, 15, 3] == 0


def test_all_frames_together_may_not_become_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    def larger(picture: Picture, params: registry.Params) -> Picture:
        raise AssertionError("nothing is to be decoded")

    grow = registered(monkeypatch, "grow", larger, lambda params, size: (10 * size[0], 10 * size[1]))
    data = moving("gif", [noise(30, 20, seed=seed) for seed in range(5)])
    limits = filters.Limits(max_pixels=200_000)
    with pytest.raises(filters.ImageTooLarge, match=r"5 frames of up to 300 x 200 = 0\.3 megapixels") as caught:
        filters.apply(data, ["negative", grow], limits=limits)
    assert caught.value.step == 2


def test_on_step_is_told_for_every_frame() -> None:
    told: list[int] = []
    filters.apply(moving("gif", drawing(3), disposal=2), ["sepia", "blur"], on_step=told.append)
    assert told == [1, 2] * 3


def test_the_thumbnail_is_the_first_frame() -> None:
    frames = [Image.new("RGB", (300, 200), (value, 0, 0)) for value in (10, 250)]
    result = filters.apply(moving("png", frames), NO_CHANGE, thumbnail=50)
    assert result.thumbnail is not None
    image = opened(result.thumbnail)
    assert (image.format, image.size) == ("JPEG", (50, 33))
    assert rgb(image)[10, 10] == pytest.approx([10, 0, 0], abs=3)


def test_frames_alike_stay_an_animation_or_become_one_picture() -> None:
    """Savers join frames that show the same; what is seen, and when, stays."""
    frame = noise(20, 10).quantize(50)
    data = moving("png", [frame, frame, frame], duration=100, loop=0)
    for format in ("gif", "png", "webp"):
        result = filters.apply(data, ["negative"], format=format).data
        assert (opened(result).convert("RGB").size) == (20, 10)


@pytest.mark.parametrize("format", ["gif", "webp", "png", "tiff", "avif"])
def test_megapixels_of_a_job_are_those_that_it_works_on(format: str) -> None:
    pipeline = filters.parse_pipeline(["negative"])
    header = filters.ImageHeader(format, 1000, 500, 6)
    assert filters.megapixels(pipeline, header) == pytest.approx(3)
    assert filters.megapixels(pipeline, header, "jpeg") == pytest.approx(0.5)
    assert filters.megapixels(filters.parse_pipeline(["convert:format=bmp"]), header) == pytest.approx(0.5)


@pytest.mark.parametrize("variant", ["gif", "webp", "png", "avif", "tiff"])
def test_a_cut_animation_is_refused_or_has_whole_frames(variant: str) -> None:
    """Never half a frame. A GIF or TIFF says nowhere how many frames it has: cut between two, it has fewer."""
    data = moving(variant, [noise(24, 16, seed=seed).quantize(60).convert("RGB") for seed in range(4)], duration=50)
    whole = [frame.tolist() for frame in frames_of(filters.apply(data, NO_CHANGE, format="png").data)]
    refused = 0
    for cut in range(0, len(data) - 1, max(1, len(data) // 80)):
        try:
            result = filters.apply(data[:cut], NO_CHANGE, format="png" if variant != "tiff" else "tiff").data
        except (filters.BrokenImage, filters.UnsupportedFormat):
            refused += 1
            continue
        seen = [frame.tolist() for frame in frames_of(result)]
        if variant != "tiff":
            assert seen == whole[: len(seen)]
            assert variant == "gif" or len(seen) == len(whole)
    assert refused > 40


def test_an_animation_with_fewer_frames_than_it_says_is_broken() -> None:
    data = bytearray(moving("png", [noise(8, 8, seed=seed) for seed in range(3)]))
    place = data.index(b"acTL")
    chunk = b"acTL" + struct.pack(">II", 9, 0)
    data[place : place + 16] = chunk + struct.pack(">I", PngImagePlugin._crc32(chunk))
    assert filters.inspect(bytes(data)).frames == 9
    with pytest.raises(filters.BrokenImage):
        filters.apply(bytes(data), ["negative"])


def test_what_does_not_move_stays_as_it_is_in_a_gif() -> None:
    """Of more than 256 colours each frame is dithered anew, and that would shimmer."""
    still = photo(80, 60)
    frames = [still.copy() for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.paste((255, 0, 255), (10 * number, 20, 10 * number + 8, 28))
    seen = frames_of(filters.apply(moving("png", frames), NO_CHANGE, format="gif").data)
    for number in (1, 2):
        unmoved = (rgb(frames[number]) == rgb(frames[number - 1])).all(-1)
        outside = np.ones((60, 80), bool)
        outside[20:28, :28] = False
        assert (seen[number] == seen[number - 1])[unmoved & outside].all()
        assert (seen[number][22, 10 * number + 4, :3] == (255, 0, 255)).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_frames_with_few_colours_are_exact_in_a_gif(mode: str) -> None:
    base = noise(40, 30, mode).quantize(100).convert("RGBA" if mode == "RGBA" else mode)
    frames = [base.rotate(90 * number) for number in range(3)] + [base.rotate(180)] * 2
    before = frames_of(filters.apply(moving("png", frames, duration=50), NO_CHANGE, format="png").data)
    after = frames_of(filters.apply(moving("png", frames, duration=50), NO_CHANGE, format="gif").data)
    for number, (frame, seen) in enumerate(zip(before, after, strict=False)):
        assert (seen[visible(frame)] == frame[visible(frame)])[..., :3].all(), number
        assert (visible(seen) == visible(frame)).all()


def test_what_a_step_in_the_middle_makes_of_all_frames_together_has_a_limit() -> None:
    frames = [Image.new("L", (1, 1), level) for level in range(20)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "gif", save_all=True, append_images=frames[1:], duration=20)
    steps = ["pad:width=3000,height=2000", "median", "resize:width=2"]
    with pytest.raises(filters.ImageTooLarge, match="megapixels; the limit is 100"):
        filters.apply(buffer.getvalue(), steps)

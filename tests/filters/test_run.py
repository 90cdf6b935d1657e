"""The whole job: output, thumbnail, progress, errors."""

import numpy as np
import pytest
from PIL import Image

import filters
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb


def test_steps_run_in_order() -> None:
    data = encoded(photo(), "png")
    expected = reference.bw(reference.negative(rgb(photo())))
    assert np.array_equal(rgb(filters.apply(data, ["negative", "bw"]).data), expected)


def test_a_parsed_pipeline_and_a_list_do_the_same() -> None:
    data = encoded(photo(), "jpeg")
    pipeline = filters.parse_pipeline(["sepia", "blur:radius=1"])
    assert filters.apply(data, pipeline) == filters.apply(data, ["sepia", "blur:radius=1"])


def test_the_same_input_gives_the_same_bytes() -> None:
    data = encoded(photo(), "jpeg")
    assert filters.apply(data, ["blur"], thumbnail=32) == filters.apply(data, ["blur"], thumbnail=32)


def test_on_step_is_told_before_each_step() -> None:
    told: list[int] = []
    filters.apply(encoded(photo(), "jpeg"), ["sepia", "gray", "bw"], on_step=told.append)
    assert told == [1, 2, 3]


def test_what_on_step_raises_goes_through() -> None:
    def cancel(step: int) -> None:
        raise InterruptedError(step)

    with pytest.raises(InterruptedError):
        filters.apply(encoded(photo(), "jpeg"), ["sepia"], on_step=cancel)


def test_a_step_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(image: Image.Image) -> Image.Image:
        raise RuntimeError("no more colours")

    monkeypatch.setattr("PIL.ImageChops.invert", explode)
    with pytest.raises(filters.FilterError) as caught:
        filters.apply(encoded(photo(), "jpeg"), ["sepia", "negative"])
    assert type(caught.value) is filters.FilterError
    assert (caught.value.type, caught.value.step) == ("filter-failed", 2)
    assert caught.value.detail == "negative failed: no more colours"


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        ({"format": "psd"}, "there is no output format 'psd'; choose one of jpeg, png, webp, gif, tiff, bmp, avif"),
        ({"quality": 0}, "quality must be a whole number between 1 and 100, got 0"),
        ({"quality": 101}, "quality must be a whole number between 1 and 100, got 101"),
        ({"quality": True}, "quality must be a whole number between 1 and 100, got True"),
        ({"quality": 50.5}, "quality must be a whole number between 1 and 100, got 50.5"),
    ],
)
def test_a_wrong_output_is_refused_in_words(options: dict[str, object], detail: str) -> None:
    with pytest.raises(filters.InvalidOutput) as caught:
        filters.apply(encoded(photo(), "jpeg"), ["gray"], **options)  # type: ignore[arg-type] # on purpose
    assert caught.value.detail == detail


def test_a_format_that_cannot_hold_the_size_is_refused() -> None:
    data = encoded(Image.new("L", (20_000, 2)), "png")
    with pytest.raises(filters.InvalidOutput, match="WEBP holds at most 16383 pixels a side and the image is 20000"):
        filters.apply(data, ["gray"], format="webp")


def test_an_empty_pipeline_is_refused() -> None:
    with pytest.raises(filters.InvalidPipeline):
        filters.apply(encoded(photo(), "jpeg"), filters.Pipeline(()))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 300), (64, 48)),
        ((300, 400), (48, 64)),
        ((1000, 1), (64, 1)),
        ((1, 1000), (1, 64)),
        ((129, 116), (64, 58)),
    ],
)
def test_thumbnail_keeps_the_aspect(size: tuple[int, int], expected: tuple[int, int]) -> None:
    result = filters.apply(encoded(noise(*size), "png"), ["negative"], thumbnail=64)
    assert result.thumbnail is not None
    assert opened(result.thumbnail).size == expected


@pytest.mark.parametrize("size", [(128, 20), (64, 64), (1, 1)])
def test_a_small_result_is_its_own_thumbnail(size: tuple[int, int]) -> None:
    data = encoded(noise(*size), "png")
    for format in filters.FORMATS:
        result = filters.apply(data, ["negative"], format=format, thumbnail=64)
        assert (result.thumbnail is None) == (format != "tiff")  # which browsers do not show


def test_a_thumbnail_is_never_enlarged() -> None:
    result = filters.apply(encoded(noise(20, 10), "png"), ["negative"], format="tiff", thumbnail=64)
    assert result.thumbnail is not None
    assert opened(result.thumbnail).size == (20, 10)


def test_thumbnail_looks_like_the_result() -> None:
    result = filters.apply(encoded(photo(400, 300), "png"), ["sepia"], thumbnail=100)
    assert result.thumbnail is not None
    small = opened(result.data).resize((100, 75), Image.Resampling.BOX)
    assert reference.psnr(rgb(result.thumbnail), rgb(small)) > 28


def test_thumbnail_shows_alpha_where_there_is_some() -> None:
    result = filters.apply(encoded(noise(300, 200, "RGBA"), "png"), ["gray"], thumbnail=50)
    assert result.thumbnail is not None
    assert (opened(result.thumbnail).format, opened(result.thumbnail).mode) == ("WEBP", "RGBA")
    plain = filters.apply(encoded(photo(), "png"), ["gray"], thumbnail=50)
    assert plain.thumbnail is not None
    assert opened(plain.thumbnail).format == "JPEG"


def test_no_thumbnail_unless_asked_for() -> None:
    assert filters.apply(encoded(photo(), "jpeg"), ["gray"]).thumbnail is None

"""Each filter does what its definition says: lossless in, lossless out, against tests/filters/reference.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import filters
from filters import registry
from filters.operations import Geometry, Operation, Writing
from filters.planner import plan
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb

# The largest difference from the unrounded reference, in levels of 255.
EXACT = 0.0
ROUNDED = 0.501
"""Right to the last bit: only the rounding to 8 bits differs."""
EXACT_FLOATS = 0.51
"""The same, computed in 32-bit floats: what lies within a hundredth of half a level may be rounded the other way."""
ONE_LEVEL = 1.25
"""Two roundings in a row."""

CASES = [
    ("bw", {}, EXACT),
    ("bw", {"threshold": 0}, EXACT),
    ("bw", {"threshold": 60}, EXACT),
    ("bw", {"threshold": 255}, EXACT),
    ("gray", {}, ROUNDED),
    ("gray", {"amount": 0}, EXACT),
    ("gray", {"amount": 0.35}, ROUNDED),
    # One weighted gray and a palette instead of three rows of the matrix: within a level once rounded.
    ("sepia", {}, 1.45),
    ("sepia", {"intensity": 0}, EXACT),
    # The same, and then Pillow's blend, which truncates.
    ("sepia", {"intensity": 0.5}, 1.75),
    ("sepia", {"exact": True}, EXACT_FLOATS),
    ("sepia", {"exact": True, "intensity": 0.5}, EXACT_FLOATS),
    ("negative", {}, EXACT),
    ("edges", {}, ROUNDED),
    ("edges", {"operator": "prewitt"}, ROUNDED),
    # Pillow's reciprocals of block areas are good to a fifth of a level.
    ("pixelate", {}, 0.75),
    ("pixelate", {"block": 1}, EXACT),
    ("pixelate", {"block": 7}, 0.75),
    ("pixelate", {"block": 100}, 0.75),
    # Above 128 the mean is taken in two passes, each rounded.
    ("pixelate", {"block": 130}, ONE_LEVEL),
    ("pixelate", {"block": 1024}, ONE_LEVEL),
    ("pixelate", {"exact": True}, ROUNDED),
    ("pixelate", {"exact": True, "block": 7}, ROUNDED),
    ("pixelate", {"exact": True, "block": 130}, ROUNDED),
    ("blur", {"exact": True, "radius": 0}, EXACT),
    ("blur", {"exact": True, "radius": 0.3}, EXACT_FLOATS),
    ("blur", {"exact": True, "radius": 4}, EXACT_FLOATS),
    ("blur", {"exact": True, "radius": 50}, EXACT_FLOATS),
]

NAMES = [info.name for info in filters.catalog()]

SOURCES = {
    "photo": photo(),
    "photo L": photo(90, 70).convert("L"),
    "noise": noise(131, 67),
    "noise L": noise(50, 40, "L"),
    "noise RGBA": noise(70, 50, "RGBA"),
    "noise LA": noise(33, 21, "LA"),
    "white": Image.new("RGB", (140, 150), "white"),
    "one pixel": noise(1, 1),
    "one row": noise(57, 1),
    "one column": noise(1, 57),
}


def operation(name: str) -> Operation | None:
    return registry.find(name).operation(registry.find(name).model())


def applied(image: Image.Image, name: str, params: dict[str, object], format: str = "png") -> Image.Image:
    result = filters.apply(encoded(image, format), [{"filter": name, **params}])
    assert result.format == format
    return opened(result.data)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("name", "params", "tolerance"), CASES)
def test_filter_matches_its_definition(name: str, params: dict[str, object], tolerance: float, source: str) -> None:
    image = SOURCES[source]
    formula = {key: value for key, value in params.items() if key != "exact"}
    expected = getattr(reference, name)(rgb(image), **formula)
    result = rgb(applied(image, name, params))
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= tolerance


@pytest.mark.parametrize("format", ["tiff", "bmp"])
@pytest.mark.parametrize("name", ["bw", "sepia", "negative", "edges", "pixelate", "gray"])
def test_every_lossless_format_gives_the_same(name: str, format: str) -> None:
    expected = applied(photo(), name, {}, "png")
    assert np.array_equal(rgb(applied(photo(), name, {}, format)), rgb(expected))


BLURRED = {
    "photo": photo(300, 264),
    "photo L": photo(300, 264).convert("L"),
    "small photo": photo(40, 30),
    "odd photo": photo(301, 259),
    "noise": noise(264, 280),
    "checks": Image.fromarray(np.indices((180, 240)).sum(0) // 24 % 2 == 0).convert("RGB"),
    "white": Image.new("RGB", (300, 200), "white"),
}

RADII = [0, 0.2, 0.5, 1, 2, 2.9, 3, 3.9, 4, 5.9, 6, 8, 12, 16, 20, 30, 60, 120]


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("source", BLURRED)
def test_blur_is_gaussian(radius: float, source: str) -> None:
    """To 42 dB, because it is made of whole numbers, and from radius 3 on of a smaller image."""
    image = BLURRED[source]
    expected = reference.blur(rgb(image), radius)
    assert reference.psnr(rgb(applied(image, "blur", {"radius": radius})), expected) >= 42


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("source", ["photo", "photo L", "odd photo", "noise", "white"])
def test_blur_of_a_jpeg_is_gaussian(radius: float, source: str) -> None:
    """Though it is decoded at half its size, where that is enough."""
    data = encoded(BLURRED[source], "jpeg", quality=90)
    result = filters.apply(data, [{"filter": "blur", "radius": radius}], format="png")
    expected = reference.blur(rgb(data), radius)
    assert reference.psnr(rgb(result.data), expected) >= 42


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("block", [2, 6, 7, 8, 16, 40])
def test_pixelate_of_a_jpeg_is_the_mean(block: int, subsampling: int) -> None:
    data = encoded(photo(203, 101), "jpeg", quality=90, subsampling=subsampling)
    result = filters.apply(data, [{"filter": "pixelate", "block": block}], format="png")
    assert reference.psnr(rgb(result.data), reference.pixelate(rgb(data), block)) >= 42


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("block", [8, 16, 40, 1024])
@pytest.mark.parametrize("size", [(1040, 1032), (1029, 1037)])
def test_pixelate_of_a_large_jpeg_is_the_mean(size: tuple[int, int], block: int, subsampling: int) -> None:
    """Though it is decoded at a part of its size, where that is enough."""
    data = encoded(photo(*size), "jpeg", quality=90, subsampling=subsampling)
    planned = plan(filters.parse_pipeline([f"pixelate:block={block}"]), size, shrinks=True, shrinks_evenly=True)
    assert planned.shrink == (4 if block % 16 else 8)
    result = filters.apply(data, [{"filter": "pixelate", "block": block}], format="png")
    assert reference.psnr(rgb(result.data), reference.pixelate(rgb(data), block)) >= 42


@pytest.mark.parametrize("step", ["blur:radius=4", "blur:radius=20", "pixelate:block=16", "sepia", "edges", "bw"])
def test_exact_of_a_jpeg_is_that_of_its_pixels(step: str) -> None:
    data = encoded(photo(203, 101), "jpeg", quality=90)
    exact = step + (",exact=true" if ":" in step else ":exact=true")
    as_png = encoded(opened(data), "png")
    assert np.array_equal(
        rgb(filters.apply(data, [exact], format="png").data), rgb(filters.apply(as_png, [exact], format="png").data)
    )


@pytest.mark.parametrize("radius", [1, 2, 4, 6, 8, 20])
def test_blur_has_the_radius_that_was_asked_for(radius: float) -> None:
    image = photo(240, 180)
    result = rgb(applied(image, "blur", {"radius": radius}))
    off = [reference.psnr(result, reference.blur(rgb(image), radius * share)) for share in (0.85, 1, 1.15)]
    assert max(off) == off[1]


def test_a_blur_larger_than_the_image_leaves_the_mean_of_its_border() -> None:
    image = noise(60, 40)
    expected = reference.blur(rgb(image), 200)
    assert np.ptp(expected, axis=(0, 1)).max() <= 30
    assert np.abs(rgb(applied(image, "blur", {"radius": 200})) - expected).max() <= 3


def test_full_sepia_stays_within_a_level_on_all_colours() -> None:
    """Every 5th level of red, green and blue: 140,608 colours."""
    levels = np.arange(0, 256, 5)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 208, 3).astype(np.uint8)
    image = Image.fromarray(colours)
    difference = rgb(applied(image, "sepia", {})) - np.rint(reference.sepia(rgb(image)))
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("name", [name for name in NAMES if not isinstance(operation(name), Geometry | Writing)])
def test_alpha_is_untouched(name: str, mode: str) -> None:
    image = noise(40, 30, mode)
    result = applied(image, name, {})
    assert result.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def steps() -> st.SearchStrategy[dict[str, object]]:
    """Any filter with any allowed parameters."""
    return st.one_of(
        st.fixed_dictionaries({"filter": st.just("bw"), "threshold": st.integers(0, 255)}),
        st.fixed_dictionaries({"filter": st.just("sepia"), "intensity": st.floats(0, 1)}),
        st.fixed_dictionaries({"filter": st.just("negative")}),
        st.fixed_dictionaries({"filter": st.just("blur"), "radius": st.floats(0, 200)}),
        st.fixed_dictionaries({"filter": st.just("edges"), "operator": st.sampled_from(["sobel", "prewitt"])}),
        st.fixed_dictionaries({"filter": st.just("pixelate"), "block": st.integers(1, 1024)}),
        st.fixed_dictionaries({"filter": st.just("gray"), "amount": st.floats(0, 1)}),
    )


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(1, 64),
    height=st.integers(1, 64),
    mode=st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    pipeline=st.lists(steps(), min_size=1, max_size=4),
    format=st.sampled_from(filters.FORMATS),
)
def test_any_pipeline_on_any_image_keeps_the_size(
    width: int, height: int, mode: str, pipeline: list[dict[str, object]], format: str
) -> None:
    data = encoded(noise(width, height, mode), "png")
    result = filters.apply(data, pipeline, format=format, thumbnail=16)
    assert (result.width, result.height) == opened(result.data).size == (width, height)


def test_an_exact_blur_of_a_radius_that_would_take_minutes_is_refused() -> None:
    with pytest.raises(filters.InvalidParameter, match="with exact the radius may be at most 50, got 60"):
        filters.parse_step("blur:radius=60,exact=true")


def test_an_exact_blur_of_a_narrow_image_takes_little_memory() -> None:
    result = applied(Image.new("RGB", (1, 20_000), (10, 20, 30)), "blur", {"radius": 50, "exact": True})
    assert result.getcolors() == [(20_000, (10, 20, 30))]


def test_an_exact_blur_of_next_to_no_radius_leaves_the_image_as_it_is() -> None:
    image = noise(20, 10)
    assert applied(image, "blur", {"radius": 1e-200, "exact": True}).tobytes() == image.tobytes()

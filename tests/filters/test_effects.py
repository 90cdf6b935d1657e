"""Each filter does what its definition says: lossless in, lossless out, against tests/filters/reference.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import filters
from filters import registry
from filters.operations import Geometry, Writing
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb

# The largest difference from the unrounded reference, in levels of 255.
EXACT = 0.0
ROUNDED = 0.501
"""Right to the last bit: only the rounding to 8 bits differs."""
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
]

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


def applied(image: Image.Image, name: str, params: dict[str, object], format: str = "png") -> Image.Image:
    result = filters.apply(encoded(image, format), [{"filter": name, **params}])
    assert result.format == format
    return opened(result.data)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("name", "params", "tolerance"), CASES)
def test_filter_matches_its_definition(name: str, params: dict[str, object], tolerance: float, source: str) -> None:
    image = SOURCES[source]
    expected = getattr(reference, name)(rgb(image), **params)
    result = rgb(applied(image, name, params))
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= tolerance


@pytest.mark.parametrize("format", ["tiff", "bmp"])
@pytest.mark.parametrize("name", ["bw", "sepia", "negative", "edges", "pixelate", "gray"])
def test_every_lossless_format_gives_the_same(name: str, format: str) -> None:
    expected = applied(photo(), name, {}, "png")
    assert np.array_equal(rgb(applied(photo(), name, {}, format)), rgb(expected))


BLURRED = {
    # Least PSNR in dB, because three box blurs, which Pillow makes of a Gaussian, only resemble one: least so
    # at hard edges, such as those of the photo's saturated patches and of the checks.
    "photo": (photo(240, 180), 41),
    "photo L": (photo(240, 180).convert("L"), 45),
    "small photo": (photo(40, 30), 43),
    "noise": (noise(240, 180), 40),
    "checks": (Image.fromarray(np.indices((180, 240)).sum(0) // 24 % 2 == 0).convert("RGB"), 41),
    "white": (Image.new("RGB", (300, 200), "white"), 300),
}


@pytest.mark.parametrize("radius", [0, 0.5, 2, 3.9, 4, 6, 8, 20])
@pytest.mark.parametrize("source", BLURRED)
def test_blur_is_gaussian(radius: float, source: str) -> None:
    image, least = BLURRED[source]
    expected = np.rint(reference.blur(rgb(image), radius))
    assert reference.psnr(rgb(applied(image, "blur", {"radius": radius})), expected) >= least


@pytest.mark.parametrize("radius", [1, 2, 4, 6, 8, 20])
def test_blur_has_the_radius_that_was_asked_for(radius: float) -> None:
    image = photo(240, 180)
    result = rgb(applied(image, "blur", {"radius": radius}))
    off = [reference.psnr(result, reference.blur(rgb(image), radius * share)) for share in (0.9, 1, 1.1)]
    assert max(off) == off[1]


def test_a_blur_larger_than_the_image_leaves_its_mean() -> None:
    image = noise(60, 40)
    result = rgb(applied(image, "blur", {"radius": 200}))
    assert np.ptp(result, axis=(0, 1)).max() <= 20
    assert np.abs(result.mean((0, 1)) - rgb(image).mean((0, 1))).max() <= 15


def test_full_sepia_stays_within_a_level_on_all_colours() -> None:
    """Every 5th level of red, green and blue: 140,608 colours."""
    levels = np.arange(0, 256, 5)
    colours = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 208, 3).astype(np.uint8)
    image = Image.fromarray(colours)
    difference = rgb(applied(image, "sepia", {})) - np.rint(reference.sepia(rgb(image)))
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("info", filters.catalog(), ids=lambda info: info.name)
def test_alpha_is_untouched(info: filters.FilterInfo, mode: str) -> None:
    if isinstance(registry.find(info.name).make(filters.parse_step(info.name).params), Geometry | Writing):
        pytest.skip("it may change the size or the format")
    image = noise(40, 30, mode)
    result = applied(image, info.name, {})
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

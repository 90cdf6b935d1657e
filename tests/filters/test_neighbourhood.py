"""The filters that look at a pixel's neighbours, against SciPy: lossless in and out, the border repeated."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

import filters
from filters import neighbours, registry
from filters.effects.motion_blur import kernel as line
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb

Pixels = NDArray[np.float64]

ROUNDED = 0.501
"""Right to the last bit: only the rounding to 8 bits differs."""
FLOATS = 0.51
"""Sums in single precision, which is good to a hundredth of a level here, and may tip a value that ends in a half."""

SOURCES = {
    "photo": photo(),
    "photo L": photo(90, 70).convert("L"),
    "noise": noise(131, 67),
    "noise RGBA": noise(70, 50, "RGBA"),
    "noise LA": noise(33, 21, "LA"),
    "white": Image.new("RGB", (40, 50), "white"),
    "one pixel": noise(1, 1),
    "one row": noise(57, 1),
    "one column": noise(1, 57),
    "two by three": noise(2, 3),
    # More than one band of rows.
    "tall": noise(20, 3500, "L"),
    "wide": noise(1500, 16),
}

SMALL = [name for name, image in SOURCES.items() if image.width * image.height < 9000]


def applied(image: Image.Image, name: str, **params: object) -> Image.Image:
    return opened(filters.apply(encoded(image, "png"), [{"filter": name, **params}]).data)


def correlated(image: Pixels, kernel: object) -> Pixels:
    """Each channel with a kernel as it is written."""
    return ndimage.correlate(image, np.asarray(kernel, float)[..., None], mode="nearest")


def clipped(image: Pixels) -> Pixels:
    return np.clip(image, 0, 255)


def off(image: Image.Image, expected: Pixels) -> float:
    """The largest difference, in levels."""
    result = rgb(image)
    assert result.shape == expected.shape
    return float(np.abs(result - expected).max())


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("strength", [0, 0.3, 1, 5])
def test_sharpen_adds_the_difference_from_the_neighbours(strength: float, source: str) -> None:
    image = SOURCES[source]
    ring = np.ones((3, 3)) / 8
    ring[1, 1] = 0
    pixels = rgb(image)
    expected = clipped(pixels + strength * (pixels - correlated(pixels, ring)))
    assert off(applied(image, "sharpen", strength=strength), expected) <= FLOATS


def test_sharpen_is_that_of_pillow_but_for_the_border_that_pillow_leaves() -> None:
    theirs = rgb(photo().filter(ImageFilter.SHARPEN))[1:-1, 1:-1]
    ours = rgb(applied(photo(), "sharpen"))[1:-1, 1:-1]
    assert np.abs(ours - theirs).max() <= 1, "their weights are in fixed point"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("radius", [0, 1, 4, 5, 30])
def test_box_blur_is_the_mean_of_a_square(radius: int, source: str) -> None:
    image = SOURCES[source]
    side = 2 * radius + 1
    expected = ndimage.uniform_filter(rgb(image), (side, side, 1), mode="nearest")
    # Large squares are Pillow's, which rounds after each of the two directions.
    assert off(applied(image, "box-blur", radius=radius), expected) <= (FLOATS if radius <= 4 else 1.1)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
def test_median_is_exact(size: int, source: str) -> None:
    image = SOURCES[source]
    expected = ndimage.median_filter(rgb(image), (size, size, 1), mode="nearest")
    assert off(applied(image, "median", size=size), expected) == 0


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("angle", "depth"), [(135, 2), (0, 1), (90, 0.5), (-30, 20)])
def test_emboss_is_the_slope_of_the_luma_away_from_the_light(angle: float, depth: float, source: str) -> None:
    image = SOURCES[source]
    luma = reference.luma(rgb(image))
    # SciPy's Sobel: the difference of the two sides, so that a slope of one level per pixel gives 8.
    to_right, down = (ndimage.sobel(luma, axis, mode="nearest") / 8 for axis in (1, 0))
    radians = np.radians(angle)
    towards = to_right * np.cos(radians) - down * np.sin(radians)
    expected = clipped(128 - depth * towards)[..., None].repeat(3, -1)
    result = applied(image, "emboss", angle=angle, depth=depth)
    assert result.mode in ("L", "LA")
    assert off(result, expected) <= FLOATS


def test_the_side_of_a_bright_thing_that_is_towards_the_light_is_bright() -> None:
    image = Image.new("L", (30, 30), 50)
    image.paste(200, (10, 10, 20, 20))
    for angle, bright, dark in ((135, (10, 10), (19, 19)), (0, (19, 15), (10, 15)), (90, (15, 10), (15, 19))):
        relief = applied(image, "emboss", angle=angle)
        assert relief.getpixel(bright) > 128 + 50, angle
        assert relief.getpixel(dark) < 128 - 50, angle
        assert relief.getpixel((1, 1)) == 128


KERNELS = {
    "sharper": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "all different": [[1, 2, 3], [4, -5, 6], [7, 8, 9]],
    "not symmetrical": [[0, 0, 0], [1, 0, 0], [0, 0, 0]],
    "fractions": [[0.5, 0.25, 0], [0, 1.125, 0], [0, -0.25, 3e-1]],
    "5 x 5": (np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])).tolist(),
    "7 x 7": np.random.default_rng(5).integers(-9, 15, (7, 7)).tolist(),
}


def text(kernel: list[list[float]]) -> str:
    return "; ".join(" ".join(map(str, row)) for row in kernel)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", KERNELS)
def test_convolution_is_the_sum_of_weighted_neighbours_over_the_sum_of_weights(name: str, source: str) -> None:
    image, kernel = SOURCES[source], KERNELS[name]
    expected = clipped(correlated(rgb(image), kernel) / np.sum(kernel))
    assert off(applied(image, "convolution", kernel=text(kernel)), expected) <= FLOATS


@pytest.mark.parametrize(("scale", "offset", "divisor"), [(0, 128, 1), (4, 0, 4), (-2, 255, -2), (1, -20, 1)])
def test_a_kernel_may_have_a_divisor_and_an_offset(scale: float, offset: float, divisor: float) -> None:
    edges = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    image = SOURCES["noise"]
    expected = clipped(correlated(rgb(image), edges) / divisor + offset)
    result = applied(image, "convolution", kernel=text(edges), scale=scale, offset=offset)
    assert off(result, expected) <= FLOATS, "a sum of 0 divides by 1"


def test_the_largest_weights_do_not_overflow() -> None:
    kernel = [[10_000] * 7] * 7
    result = applied(noise(20, 20), "convolution", kernel=text(kernel), scale=10_000 * 49)
    assert off(result, ndimage.uniform_filter(rgb(noise(20, 20)), (7, 7, 1), mode="nearest")) <= FLOATS
    assert set(applied(Image.new("L", (5, 5), 1), "convolution", kernel=text(kernel), scale=1).tobytes()) == {255}


@pytest.mark.parametrize("source", SMALL)
@pytest.mark.parametrize(("length", "angle"), [(1, 0), (2, 0), (9, 90), (20, 17), (20, -45), (63, 100), (90, 3)])
def test_motion_blur_is_the_mean_along_a_line(length: int, angle: float, source: str) -> None:
    image = SOURCES[source]
    expected = _smeared(rgb(image), length, angle)
    # The line is drawn to a quarter of a pixel, which is what the reference does as well.
    assert off(applied(image, "motion-blur", length=length, angle=angle), expected) <= FLOATS


def _smeared(image: Pixels, length: int, angle: float) -> Pixels:
    """Samples of the image, linearly between pixels, at each step along the longer side of the line."""
    across, down = np.cos(np.radians(angle)), -np.sin(np.radians(angle))
    flat = abs(across) >= abs(down)
    steps = max(1, round(length * max(abs(across), abs(down))))
    along = np.arange(-(steps // 2), steps // 2 + 1)
    weights = np.ones(len(along))
    if steps % 2 == 0:
        weights[[0, -1]] = 0.5
    other = np.round(4 * along * (down / across if flat else across / down)) / 4
    grid = np.indices(image.shape).astype(float)
    total = np.zeros_like(image)
    for x, y, weight in zip(*((along, other) if flat else (other, along)), weights, strict=True):
        places = [grid[0] + y, grid[1] + x, grid[2]]
        total += weight * ndimage.map_coordinates(image, places, order=1, mode="nearest")
    return total / weights.sum()


@pytest.mark.parametrize("angle", range(-180, 181, 15))
def test_a_line_has_its_length_its_direction_and_its_middle(angle: int) -> None:
    """A direction is known from the moments of a shape: independent of how the line is drawn."""
    weights = line(60, angle)
    places = np.array(list(weights))
    shares = np.array(list(weights.values()), float) / sum(weights.values())
    assert np.abs(shares @ places).max() < 0.1, "in the middle, but for quarters that lie half-way"
    variances, axes = np.linalg.eigh((places * shares[:, None]).T @ places)
    assert np.sqrt(12 * variances[1]) == pytest.approx(60, abs=1.2)
    assert np.sqrt(12 * max(variances[0], 0)) < 1.8, "and thin"
    direction = np.degrees(np.arctan2(-axes[1, 1], axes[0, 1]))
    assert abs((direction - angle + 90) % 180 - 90) < 1


@pytest.mark.parametrize("source", SMALL)
@pytest.mark.parametrize(
    ("radius", "percent", "threshold"), [(2, 150, 3), (0.7, 80, 0), (3, 500, 10), (0, 150, 3), (2, 0, 0), (2, 99, 255)]
)
def test_unsharp_adds_what_the_blur_takes_away(radius: float, percent: float, threshold: int, source: str) -> None:
    image = SOURCES[source]
    pixels = rgb(image)
    blurred = rgb(applied(image, "blur", radius=radius, exact=percent > 150))
    difference = pixels - blurred
    expected = clipped(pixels + np.where(np.abs(difference) > threshold, difference * percent / 100, 0))
    result = applied(image, "unsharp", radius=radius, percent=percent, threshold=threshold)
    assert off(result, expected) <= FLOATS, "of the blur as the filter `blur` has it"


def test_unsharp_is_that_of_pillow() -> None:
    image = photo(240, 180)
    theirs = rgb(image.filter(ImageFilter.UnsharpMask(2, 150, 3)))
    ours = rgb(applied(image, "unsharp"))
    # Inside, where the border does not matter; both blurs resemble a Gaussian, and the threshold jumps by 4 levels.
    assert reference.psnr(ours[12:-12, 12:-12], theirs[12:-12, 12:-12]) >= 42


@pytest.mark.parametrize("radius", [4, 10, 40])
@pytest.mark.parametrize("percent", [150, 500])
def test_the_shortcuts_of_a_large_unsharp_mask_cannot_be_seen(radius: float, percent: float) -> None:
    image = photo(240, 180)
    quick, exact = (
        rgb(applied(image, "unsharp", radius=radius, percent=percent, threshold=0, exact=exact))
        for exact in (False, True)
    )
    assert reference.psnr(quick, exact) >= 42


@pytest.mark.parametrize(
    "step",
    [
        *(
            "sharpen:strength=0",
            "box-blur:radius=0",
            "median:size=1",
            "motion-blur:length=1",
            "motion-blur:angle=45,length=1",
        ),
        *("unsharp:radius=0", "unsharp:percent=0", "unsharp:threshold=255"),
        *("convolution:kernel=0 0 0; 0 1 0; 0 0 0", "convolution:kernel=0 0 0; 0 3 0; 0 0 0"),
    ],
)
def test_what_changes_nothing_is_left_out(step: str) -> None:
    parsed = filters.parse_step(step)
    found = registry.find(parsed.filter)
    assert found.cost(parsed.params) == 0
    assert found.operation(parsed.params) is None


@pytest.mark.parametrize(
    "step",
    [
        *(
            "sharpen:strength=0.1",
            "box-blur:radius=1",
            "median",
            "motion-blur:length=2",
            "unsharp:threshold=254",
            "emboss",
        ),
        *("convolution:kernel=0 0 0; 0 2 0; 0 0 0,scale=1", "convolution:kernel=0 0 0; 0 1 0; 0 0 0,offset=1"),
        "convolution:kernel=0 0 0; 1 0 0; 0 0 0",
    ],
)
def test_what_changes_something_costs_something(step: str) -> None:
    parsed = filters.parse_step(step)
    assert registry.find(parsed.filter).cost(parsed.params) > 0


@given(count=st.integers(1, 40), step=st.integers(1, 9), extra=st.integers(0, 30))
def test_sums_of_neighbours_are_their_sums(count: int, step: int, extra: int) -> None:
    values = np.random.default_rng(count).integers(0, 256, (count - 1) * step + 1 + extra).astype(np.uint16)
    expected = [values[start : start + (count - 1) * step + 1 : step].sum() for start in range(extra + 1)]
    assert neighbours.summed(values, count, step).tolist() == expected

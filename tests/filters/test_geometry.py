"""Filters that change size, place or alpha: against NumPy, lossless in and out."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageChops

import filters
from filters import fonts, planner, registry
from filters.operations import Geometry
from filters.picture import Picture
from filters.placing import place
from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo

Floats = NDArray[np.float64]
Step = dict[str, Any] | str

MODES = ["L", "LA", "RGB", "RGBA"]
SIZES = [(1, 1), (1, 7), (8, 1), (5, 4), (13, 9), (30, 21)]
GRAVITIES = {
    "northwest": (0, 0),
    "north": (1, 0),
    "northeast": (2, 0),
    "west": (0, 1),
    "center": (1, 1),
    "east": (2, 1),
    "southwest": (0, 2),
    "south": (1, 2),
    "southeast": (2, 2),
}
"""Halves of the rest that lie to the left and above."""


def applied(image: Image.Image, *steps: Step, format: str = "png", optimise: bool = True) -> Image.Image:
    return opened(filters.apply(encoded(image, format), steps, format="png", optimise=optimise).data)


def refused(image: Image.Image, *steps: Step) -> filters.FilterError:
    with pytest.raises(filters.FilterError) as caught:
        applied(image, *steps)
    return caught.value


def floats(image: Image.Image) -> Floats:
    """(height, width, bands)"""
    array = np.asarray(image).astype(np.float64)
    return array if array.ndim == 3 else array[..., None]


def premultiplied(image: Image.Image) -> Floats:
    array = floats(image.convert("RGBA"))
    array[..., :3] *= array[..., 3:] / 255
    return array


# --- What only moves pixels, exactly -----------------------------------------------------------------------------

MOVED: dict[str, Callable[[Floats], Floats]] = {
    "rotate": lambda image: np.rot90(image, -1),
    "rotate:angle=-90": np.rot90,
    "rotate:angle=180": lambda image: np.rot90(image, 2),
    "rotate:angle=180,expand=false": lambda image: np.rot90(image, 2),
    "rotate:angle=270": np.rot90,
    "rotate:angle=-360": lambda image: image,
    "rotate:angle=-1e-9": lambda image: image,
    "flip": lambda image: image[:, ::-1],
    "flip:direction=vertical": lambda image: image[::-1],
    "flip:direction=both": lambda image: image[::-1, ::-1],
    "crop:ratio=": lambda image: image,
    "pad:margin=0": lambda image: image,
    "border:width=0": lambda image: image,
    "round-corners:radius=0": lambda image: image,
    "watermark:opacity=0": lambda image: image,
    "watermark:colour=transparent": lambda image: image,
    "thumbnail": lambda image: image,
    "resize": lambda image: image,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", MOVED)
def test_pixels_and_alpha_are_moved_and_not_changed(step: str, mode: str) -> None:
    for size in SIZES:
        image = noise(*size, mode)
        result = applied(image, step)
        assert result.mode == mode
        assert np.array_equal(floats(result), MOVED[step](floats(image)))


@pytest.mark.parametrize("mode", MODES)
def test_a_quarter_turn_in_the_same_size_keeps_the_middle(mode: str) -> None:
    image = noise(13, 9, mode)
    result = applied(image, "rotate:expand=false,background=#646464")
    expected = np.full((9, 13, len(mode)), 100.0)
    if len(mode) % 2 == 0:
        expected[..., -1] = 255
    expected[:, 2:11] = np.rot90(floats(image), -1)[2:11]
    assert np.array_equal(floats(result), expected)


@pytest.mark.parametrize("gravity", GRAVITIES)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (4, 9), (5, 2), (13, 9)])
def test_crop_takes_the_part_that_gravity_names(gravity: str, width: int, height: int) -> None:
    image = noise(13, 9, "RGBA")
    left, top = (13 - width) * GRAVITIES[gravity][0] // 2, (9 - height) * GRAVITIES[gravity][1] // 2
    result = applied(image, {"filter": "crop", "width": width, "height": height, "gravity": gravity})
    assert np.array_equal(floats(result), floats(image)[top : top + height, left : left + width])


@pytest.mark.parametrize(
    ("step", "box"),
    [
        ("crop", (50, 0, 150, 100)),
        ("crop:ratio=16:9", (11, 0, 189, 100)),
        ("crop:ratio=4:1,gravity=south", (0, 50, 200, 100)),
        ("crop:ratio=1:10,gravity=east", (190, 0, 200, 100)),
        ("crop:width=60", (70, 20, 130, 80)),
        ("crop:height=30,ratio=2:1", (70, 35, 130, 65)),
        ("crop:height=30,ratio=", (0, 35, 200, 65)),
        ("crop:x=20,y=30,width=50,height=40", (20, 30, 70, 70)),
        ("crop:x=0,y=0,width=50,height=40", (0, 0, 50, 40)),
        ("crop:x=20,ratio=", (20, 0, 200, 100)),
        ("crop:x=20,y=30,ratio=,gravity=southeast", (0, 0, 180, 70)),
        ("crop:x=20,ratio=,gravity=center", (40, 0, 200, 100)),
        ("crop:x=-20,width=10,height=10,gravity=center", (75, 45, 85, 55)),
        ("crop:width=0.25,height=0.5", (75, 25, 125, 75)),
        ("crop:x=0.1,y=0.2,width=0.5,height=0.5", (20, 20, 120, 70)),
        ("crop:x=10,y=5,width=20,height=20,gravity=southeast", (170, 75, 190, 95)),
    ],
)
def test_crop_by_ratio_place_and_parts(step: str, box: tuple[int, int, int, int]) -> None:
    image = noise(200, 100)
    assert applied(image, step).tobytes() == image.crop(box).tobytes()


@pytest.mark.parametrize(
    "settings",
    [
        "width=101,height=50",
        "width=50,height=51",
        "x=60,width=50,height=10",
        "x=100",
        "x=-1,width=10,height=10",
        "x=60,gravity=center",
        "width=0.004,height=10",
        "width=100,ratio=1:1",
    ],
)
def test_a_crop_outside_of_the_image_names_the_step_and_the_size(settings: str) -> None:
    error = refused(noise(100, 50), "sepia", f"crop:{settings}")
    assert isinstance(error, filters.InvalidParameter)
    assert error.step == 2
    assert "at least one pixel" in error.detail
    assert error.detail.endswith("which has 100 x 50")


def test_a_step_is_judged_by_the_size_that_those_before_it_leave() -> None:
    assert applied(noise(100, 50), "rotate", "crop:width=50,height=100").size == (50, 100)
    assert refused(noise(100, 50), "rotate", "crop:width=100,height=50").step == 2


# --- Rotation by any angle ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [1, 30, 45, -17.5, 100, 200, 359])
@pytest.mark.parametrize("expand", [True, False])
def test_a_rotated_slope_is_a_slope_in_the_new_direction(angle: float, expand: bool) -> None:
    """Inside of the image each pixel has the value of its place. The tolerance: Pillow's bicubic has a = -1, which
    leaves a straight line by up to a tenth of its slope, here 3 levels, and is cut off and not rounded."""
    width, height = 61, 40
    y, x = np.mgrid[0:height, 0:width]
    image = Image.fromarray((40 + 2 * x + y).astype(np.uint8))
    step = {"filter": "rotate", "angle": angle, "expand": expand}
    turned = floats(applied(image, step))
    new_y, new_x = np.mgrid[0 : turned.shape[0], 0 : turned.shape[1]]
    dx, dy = new_x + 0.5 - turned.shape[1] / 2, new_y + 0.5 - turned.shape[0] / 2
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # Clockwise where y points down.
    x, y = cos * dx + sin * dy + width / 2 - 0.5, -sin * dx + cos * dy + height / 2 - 0.5
    inside = (x > 2) & (x < width - 3) & (y > 2) & (y < height - 3)
    assert inside.sum() > 500
    assert np.abs(turned[inside, 0] - (40 + 2 * x + y)[inside]).max() <= 1.3
    assert (turned[inside, 1] == 255).all()


@pytest.mark.parametrize("angle", [3, 45, 80, -130])
def test_a_rotated_image_covers_as_much_as_before_with_smooth_edges(angle: float) -> None:
    image = Image.new("RGB", (50, 30), (200, 100, 50))
    turned = applied(image, {"filter": "rotate", "angle": angle})
    colours, alpha = floats(turned)[..., :3], floats(turned)[..., 3]
    # The bilinear edge is good to a part of a pixel's width along the sides.
    assert abs(alpha.sum() / 255 - 50 * 30) <= 0.01 * 50 * 30
    assert len(np.unique(alpha)) > 4
    assert (colours[alpha > 0] == (200, 100, 50)).all()
    assert alpha[0, 0] == alpha[-1, -1] == 0


@pytest.mark.parametrize(("background", "pixel"), [("white", (255, 255, 255)), ("#ff000080", (255, 0, 0, 128))])
@pytest.mark.parametrize("mode", MODES)
def test_new_corners_have_the_background_and_the_image_keeps_its_alpha(
    background: str, pixel: tuple[int, ...], mode: str
) -> None:
    image = noise(40, 40, mode)
    if "A" in mode:
        image.putalpha(100)
    result = applied(image, {"filter": "rotate", "angle": 45, "background": background})
    corner, middle = result.convert("RGBA").getpixel((0, 0)), result.convert("RGBA").getpixel((28, 28))
    assert corner == (*pixel, 255)[:4]
    assert isinstance(middle, tuple)
    assert middle[3] == (100 if "A" in mode else 255)
    assert ("A" in result.mode) == ("A" in mode or len(pixel) == 4)
    assert (result.mode[0] == "L") == (mode[0] == "L" and background == "white")


def test_what_cannot_be_seen_does_not_bleed_when_turned_or_resized() -> None:
    image = Image.new("RGBA", (40, 40), (0, 255, 0, 0))
    image.paste((255, 0, 0, 255), (10, 10, 30, 30))
    for step in ("rotate:angle=30", "resize:width=17", "resize:width=63,enlarge=true", "thumbnail:size=9"):
        array = floats(applied(image, step))
        seen = array[..., 3] > 0
        assert seen.any()
        assert not seen.all()
        # At low alpha a colour times alpha has few levels left.
        assert (array[array[..., 3] >= 32][:, 0] >= 248).all()
        assert (array[seen][:, 1] == 0).all()


# --- Resizing ----------------------------------------------------------------------------------------------------

KERNELS: dict[str, tuple[float, Callable[[Floats], Floats]]] = {
    "lanczos": (3, lambda x: np.sinc(x) * np.sinc(x / 3)),
    # the one of Keys
    "bicubic": (
        2,
        lambda x: np.where(
            abs(x) < 1, 1.5 * abs(x) ** 3 - 2.5 * x**2 + 1, -0.5 * (abs(x) ** 3 - 5 * x**2 + 8 * abs(x) - 4)
        ),
    ),
    "bilinear": (1, lambda x: 1 - abs(x)),
    "box": (0.5, np.ones_like),
}


def weights(old: int, new: int, resample: str, start: float, stop: float) -> Floats:
    """What each pixel of a line of `new` takes of each of the `old` ones between start and stop."""
    reach, kernel = KERNELS[resample]
    scale = (stop - start) / new
    stretch = max(1.0, scale)
    centres = start + (np.arange(new) + 0.5) * scale
    x = (np.arange(old) + 0.5 - centres[:, None]) / stretch
    found = np.where(abs(x) < reach, kernel(x), 0)
    return found / found.sum(1, keepdims=True)


def resized(image: Floats, size: tuple[int, int], resample: str, box: tuple[float, ...] | None = None) -> Floats:
    """Without any rounding or clipping."""
    height, width = image.shape[:2]
    left, top, right, bottom = box or (0, 0, width, height)
    across = weights(width, size[0], resample, left, right)
    down = weights(height, size[1], resample, top, bottom)
    return np.moveaxis(np.tensordot(across, np.tensordot(down, image, (1, 0)), (1, 1)), 0, 1)


def muted(image: Image.Image) -> Image.Image:
    """Far enough from black and white that no kernel leaves 0..255, where clipping between two passes would show."""
    return image.point([80 + level * 95 // 255 for level in range(256)] * len(image.getbands()))


# Two passes: half a level of the first, of which a kernel with weights below 0 makes up to 0.8, and half of the second.
TWO_PASSES = 1.3


@pytest.mark.parametrize("resample", KERNELS)
@pytest.mark.parametrize("size", [(1, 1), (7, 41), (31, 23), (21, 9), (61, 43), (151, 97)])
def test_resize_is_what_its_kernel_says(resample: str, size: tuple[int, int]) -> None:
    """The sizes are odd, so that no pixel lies exactly on the edge of a box."""
    for image in map(muted, (noise(61, 43), noise(59, 45, "L"), photo(97, 61))):
        step = {"filter": "resize", "width": size[0], "height": size[1], "mode": "fill", "resample": resample}
        result = floats(applied(image, {**step, "enlarge": True, "exact": True}))
        assert np.abs(result - resized(floats(image), size, resample)).max() <= TWO_PASSES


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("resample", ["lanczos", "bilinear"])
def test_resize_weighs_colours_by_their_alpha(mode: str, resample: str) -> None:
    image = muted(noise(41, 30, mode))
    step = {"filter": "resize", "width": 17, "height": 11, "mode": "fill", "resample": resample}
    result = applied(image, step)
    expected = resized(premultiplied(image), (17, 11), resample)
    # Rounded when multiplied, after each of the two passes, and when divided again.
    assert np.abs(premultiplied(result) - expected).max() <= 2.5


def test_nearest_takes_pixels_and_changes_none() -> None:
    image = noise(30, 20, "RGBA")
    step = {"filter": "resize", "width": 10, "height": 5, "mode": "fill", "resample": "nearest"}
    assert np.array_equal(floats(applied(image, step)), floats(image)[2::4, 1::3])


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ("width=100", (100, 50)),
        ("height=25", (50, 25)),
        ("width=100,height=100", (100, 50)),
        ("width=120,height=20", (40, 20)),
        ("width=400", (200, 100)),
        ("width=400,enlarge=true", (400, 200)),
        ("width=400,height=300,enlarge=true", (400, 200)),
        ("width=50,height=80,mode=cover", (50, 80)),
        ("width=300,height=50,mode=cover", (200, 50)),
        ("width=300,height=300,mode=cover,enlarge=true", (300, 300)),
        ("width=50,mode=cover", (50, 25)),
        ("width=50,height=80,mode=fill", (50, 80)),
        ("width=300,height=80,mode=fill", (200, 80)),
        ("width=300,height=80,mode=fill,enlarge=true", (300, 80)),
        ("height=80,mode=fill", (160, 80)),
        ("width=1", (1, 1)),
    ],
)
def test_resize_has_the_size_that_its_mode_says(settings: str, size: tuple[int, int]) -> None:
    assert applied(noise(200, 100), f"resize:{settings}").size == size


@pytest.mark.parametrize("gravity", GRAVITIES)
@pytest.mark.parametrize("size", [(90, 30), (31, 77), (40, 40)])
def test_cover_keeps_the_part_that_gravity_names(gravity: str, size: tuple[int, int]) -> None:
    image = muted(photo(161, 120))
    scale = max(size[0] / 161, size[1] / 120)
    kept = (size[0] / scale, size[1] / scale)
    left, top = (161 - kept[0]) * GRAVITIES[gravity][0] / 2, (120 - kept[1]) * GRAVITIES[gravity][1] / 2
    step = {"filter": "resize", "width": size[0], "height": size[1], "mode": "cover", "gravity": gravity}
    result = floats(applied(image, {**step, "exact": True}))
    expected = resized(floats(image), size, "lanczos", (left, top, left + kept[0], top + kept[1]))
    assert np.abs(result - expected).max() <= TWO_PASSES


@pytest.mark.parametrize("step", [{"width": 0}, {"width": 0, "height": 0}, {"height": 0}])
def test_resize_to_nothing_is_refused(step: dict[str, int]) -> None:
    error = refused(noise(9, 9), "sepia", {"filter": "resize", **step})
    assert isinstance(error, filters.InvalidParameter)
    assert (error.step, error.detail) == (2, "resize: give a width or a height of 1 pixel or more; the other may be 0")


FAST = [
    *({"filter": "resize", "width": width} for width in (470, 330, 250, 170, 125, 101, 57)),
    {"filter": "resize", "width": 90, "height": 90, "mode": "cover", "gravity": "southeast"},
    {"filter": "resize", "width": 201, "height": 77, "mode": "cover", "gravity": "west"},
    {"filter": "resize", "width": 47, "height": 180, "mode": "fill"},
    {"filter": "resize", "width": 120, "resample": "bicubic"},
    {"filter": "resize", "width": 90, "resample": "bilinear"},
    {"filter": "resize", "width": 200, "resample": "box"},
    {"filter": "resize", "width": 200, "resample": "nearest"},
    *({"filter": "thumbnail", "size": size} for size in (300, 200, 124, 64)),
]


@pytest.mark.parametrize("size", [(1001, 803), (993, 401)])
@pytest.mark.parametrize("step", FAST, ids=str)
def test_the_fast_way_is_not_seen_and_exact_switches_it_off(step: dict[str, Any], size: tuple[int, int]) -> None:
    """Of a JPEG whose size no eighth divides, so that the last pixels of a scaled decode are only partly there."""
    image = photo(size[0] // 3, size[1] // 3).resize(size)  # finer patterns are in no photo
    exact = applied(image, {**step, "exact": True}, format="jpeg")
    fast = applied(image, step, format="jpeg")
    assert fast.size == exact.size
    assert reference.psnr(floats(fast), floats(exact)) >= 42
    assert exact.tobytes() == applied(image, {**step, "exact": True}, format="jpeg", optimise=False).tobytes()


def test_thumbnail_has_that_longest_side_and_never_enlarges() -> None:
    assert applied(noise(300, 200), "thumbnail:size=100").size == (100, 67)
    assert applied(noise(20, 500), "thumbnail:size=100").size == (4, 100)
    assert applied(noise(2, 500), "thumbnail:size=10").size == (1, 10)
    assert applied(noise(30, 20), "thumbnail:size=100").size == (30, 20)
    image = muted(noise(61, 43))
    small = floats(applied(image, "thumbnail:size=30"))
    assert np.abs(small - resized(floats(image), (30, 21), "lanczos")).max() <= TWO_PASSES


# --- Around the image --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("margin", "sides"),
    [
        ("3", (3, 3, 3, 3)),
        ("3 5", (3, 5, 3, 5)),
        ("1 2 3", (1, 2, 3, 2)),
        ("1 2 3 4", (1, 2, 3, 4)),
        ("0 0 0 7px", (0, 0, 0, 7)),
        ("0.1 0", (2, 0, 2, 0)),
    ],
)
@pytest.mark.parametrize("mode", MODES)
def test_pad_adds_margins_as_css_does(margin: str, sides: tuple[int, ...], mode: str) -> None:
    image = noise(31, 20, mode)
    above, right, below, left = sides
    result = applied(image, {"filter": "pad", "margin": margin, "colour": "#c8c8c8"})
    expected = [
        np.pad(floats(image)[..., band], ((above, below), (left, right)), constant_values=255 if name == "A" else 200)
        for band, name in enumerate(mode)
    ]
    assert result.mode == mode
    assert np.array_equal(floats(result), np.stack(expected, -1))


@pytest.mark.parametrize("gravity", GRAVITIES)
def test_pad_to_a_size_puts_the_image_where_gravity_says(gravity: str) -> None:
    image = noise(13, 9)
    result = applied(image, {"filter": "pad", "width": 20, "height": 30, "gravity": gravity, "colour": "transparent"})
    left, top = 7 * GRAVITIES[gravity][0] // 2, 21 * GRAVITIES[gravity][1] // 2
    expected = np.zeros((30, 20, 4))
    expected[top : top + 9, left : left + 13] = np.dstack([floats(image), np.full((9, 13), 255)])
    assert np.array_equal(floats(result), expected)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ("width=300", (300, 100)),
        ("width=100,height=150", (200, 150)),
        ("ratio=1:1", (200, 200)),
        ("ratio=4:1", (400, 100)),
        ("ratio=1:1,margin=10", (220, 220)),
        ("width=210,margin=10", (220, 120)),
        ("ratio=1.91:1", (200, 105)),
    ],
)
def test_pad_is_at_least_as_large_as_it_was_told(settings: str, size: tuple[int, int]) -> None:
    assert applied(noise(200, 100), f"pad:{settings}").size == size


@pytest.mark.parametrize("mode", MODES)
def test_border_is_around_the_image(mode: str) -> None:
    image = noise(30, 20, mode)
    result = applied(image, "border:width=3,colour=#ff8800")
    assert result.size == (36, 26)
    assert result.mode == ("RGBA" if "A" in mode else "RGB")
    inner = image.convert(result.mode)
    assert np.array_equal(floats(result)[3:-3, 3:-3], floats(inner))
    rim = floats(result)
    rim[3:-3, 3:-3] = (255, 136, 0, 255)[: rim.shape[2]]
    assert (rim == (255, 136, 0, 255)[: rim.shape[2]]).all()


@pytest.mark.parametrize(
    ("colour", "mode"), [("black", "L"), ("#80808080", "LA"), ("transparent", "LA"), ("red", "RGB")]
)
def test_gray_stays_gray_unless_a_colour_is_drawn(colour: str, mode: str) -> None:
    for step in ("border:width=2,colour=", "pad:margin=2,colour=", "rotate:angle=20,background="):
        assert applied(noise(30, 20, "L"), step + colour).mode == mode
    assert applied(noise(30, 20, "L"), f"round-corners:background={colour}").mode == mode


@pytest.mark.parametrize("mode", MODES)
def test_trim_cuts_off_an_even_border(mode: str) -> None:
    inner = noise(17, 11, mode)
    inner.putpixel((0, 0), (200,) * len(mode) if len(mode) > 1 else 200)
    inner.putpixel((16, 10), (200,) * len(mode) if len(mode) > 1 else 200)
    image = Image.new(mode, (40, 30), (60,) * len(mode) if len(mode) > 1 else 60)
    image.paste(inner, (9, 5))
    assert applied(image, "trim").tobytes() == inner.tobytes()


def test_trim_heeds_its_tolerance() -> None:
    image = Image.new("RGB", (9, 9), (100, 100, 100))
    image.putpixel((2, 3), (100, 110, 100))
    image.putpixel((5, 5), (100, 89, 100))
    assert applied(image, "trim").size == (1, 1)
    assert applied(image, "trim:tolerance=9").size == (4, 3)
    assert applied(image, "trim:tolerance=11").size == (9, 9)


def test_trim_does_not_count_colours_that_cannot_be_seen() -> None:
    image = noise(30, 20, "RGBA")
    image.putalpha(0)
    image.paste((10, 20, 30, 255), (4, 6, 20, 15))
    result = applied(image, "trim")
    assert (result.size, result.getextrema()) == ((16, 9), ((10, 10), (20, 20), (30, 30), (255, 255)))


@pytest.mark.parametrize("size", [(1, 1), (30, 20)])
def test_an_image_that_is_all_border_stays_as_it_is(size: tuple[int, int]) -> None:
    assert applied(Image.new("RGB", size, "blue"), "trim").size == size


def test_trim_sees_what_the_steps_before_it_leave() -> None:
    image = Image.new("L", (30, 20), 100)
    image.paste(140, (5, 5, 10, 10))
    assert applied(image, "bw:threshold=200", "trim").size == (30, 20)
    assert applied(image, "bw", "trim").size == (5, 5)


# --- Round corners -----------------------------------------------------------------------------------------------


def rounded_mask(width: int, height: int, radius: float, samples: int = 32) -> Floats:
    """How much of each pixel lies within, counted on a grid of samples."""
    radius = min(radius, min(width, height) / 2)
    x = (np.arange(width * samples) + 0.5) / samples
    y = ((np.arange(height * samples) + 0.5) / samples)[:, None]
    dx = np.maximum(np.maximum(radius - x, x - (width - radius)), 0)
    dy = np.maximum(np.maximum(radius - y, y - (height - radius)), 0)
    within = dx**2 + dy**2 <= radius**2
    return 255 * within.reshape(height, samples, width, samples).mean((1, 3))


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 7), (40, 31)])
@pytest.mark.parametrize("radius", [0.1, 0.5, 0.9, 1, 3, 3.7, 12, 500])
def test_corners_are_quarters_of_circles(size: tuple[int, int], radius: float) -> None:
    """The tolerance: 32 x 32 samples miss a little of an edge, and a pixel in which four corners meet is rounded four
    times."""
    image = noise(*size)
    result = applied(image, {"filter": "round-corners", "radius": radius})
    pixels = radius if radius >= 1 else radius * min(size)
    assert np.abs(floats(result)[..., 3] - rounded_mask(*size, pixels)).max() <= 3.3
    assert np.array_equal(floats(result)[..., :3], floats(image))


def test_large_corners_are_worked_out_in_bands_without_seams() -> None:
    alpha = floats(applied(Image.new("L", (1300, 1200)), "round-corners:radius=0.5"))[..., 1]
    assert np.array_equal(alpha, alpha[::-1])
    assert np.array_equal(alpha, alpha[:, ::-1])
    assert abs(alpha.sum() / 255 - (1300 * 1200 - (4 - math.pi) * 600**2)) <= 20
    assert (np.diff(alpha[:600, :600], axis=0) >= 0).all()


@pytest.mark.parametrize("mode", MODES)
def test_corners_let_the_background_through(mode: str) -> None:
    image = noise(30, 24, mode)
    mask = rounded_mask(30, 24, 8)[..., None] / 255
    result = applied(image, "round-corners:radius=8,background=#0080ff")
    expected = mask * premultiplied(image) + (1 - mask) * np.array([0, 128, 255, 255])
    assert np.abs(premultiplied(result) - expected).max() <= 3.5  # the samples', and roundings of alpha
    seen_through = applied(image, "round-corners:radius=8")
    alpha = floats(image)[..., -1:] if "A" in mode else 255.0
    assert np.abs(floats(seen_through)[..., -1:] - mask * alpha).max() <= 3
    assert seen_through.mode == ("LA" if mode[0] == "L" else "RGBA")


# --- Watermarks and stamps ---------------------------------------------------------------------------------------


def over(below: Floats, stamp: Floats) -> Floats:
    """Porter and Duff, on straight colours 0..255; premultiplied out."""
    top, bottom = stamp[..., 3:] / 255, below[..., 3:] / 255
    colours = stamp[..., :3] * top + below[..., :3] * bottom * (1 - top)
    return np.dstack([colours, 255 * (top + bottom * (1 - top))])


@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize("gravity", GRAVITIES)
@pytest.mark.parametrize("mode", MODES)
def test_a_stamp_is_drawn_over_the_picture(mode: str, gravity: Any, tiled: bool) -> None:
    image, stamp, margin, opacity = noise(31, 22, mode), noise(6, 4, "RGBA", 1), 2, 0.7
    alpha = image.getchannel("A") if "A" in mode else None
    picture = Picture(image.convert(mode.removesuffix("A")), alpha)
    before = picture.joined().tobytes()
    result = place(picture, stamp, gravity=gravity, margin=margin, opacity=opacity, tiled=tiled)
    across, down = GRAVITIES[gravity]
    left, top = (2, 25 // 2, 31 - 6 - 2)[across], (2, 18 // 2, 22 - 4 - 2)[down]
    layer = np.zeros((22, 31, 4))
    for y in range(22):
        for x in range(31):
            column, row = (x - left, y - top) if not tiled else ((x - left) % 8, (y - top) % 6)
            if 0 <= column < 6 and 0 <= row < 4:
                layer[y, x] = floats(stamp)[row, column]
    layer[..., 3] = np.rint(layer[..., 3] * opacity)
    expected = over(floats(image.convert("RGBA")), layer)
    # Premultiplied, because what is rounded when divided by a small alpha is large.
    assert np.abs(premultiplied(result.joined()) - expected).max() <= 1.6
    assert picture.joined().tobytes() == before


def test_a_gray_stamp_leaves_gray_gray() -> None:
    picture = Picture(noise(30, 20, "L"), noise(30, 20, "L", 1))
    gray = Image.merge("RGBA", [noise(5, 5, "L")] * 3 + [noise(5, 5, "L", 2)])
    assert place(picture, gray).pixels.mode == "L"
    invisible = gray.copy()
    invisible.paste((255, 0, 0, 0), (1, 1, 3, 3))
    assert place(picture, invisible).pixels.mode == "L"
    assert place(picture, noise(5, 5, "RGBA")).pixels.mode == "RGB"


@pytest.mark.parametrize("alpha", [None, 90])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 9)])
def test_a_stamp_larger_than_the_picture_is_cut_off(size: tuple[int, int], alpha: int | None) -> None:
    picture = Picture(Image.new("RGB", size), Image.new("L", size, alpha) if alpha else None)
    stamp = Image.new("RGBA", (20, 30), "white")
    for gravity in GRAVITIES:
        result = place(picture, stamp, gravity=gravity, margin=0)  # type: ignore[arg-type] # its words
        assert result.pixels.getpixel((0, 0)) in ((255, 255, 255), (0, 0, 0))
        assert result.pixels.size == size
    assert place(picture, stamp, margin=100).pixels.getextrema() == ((0, 0),) * 3


def test_a_tiny_stamp_is_tiled_all_over_a_large_picture() -> None:
    result = place(Picture(Image.new("L", (3001, 2003))), Image.new("RGBA", (1, 1), "white"), tiled=True)
    assert result.pixels.getextrema() == (255, 255)


def drawn(image: Image.Image, step: Step) -> tuple[int, int, int, int]:
    """The box of the pixels that a watermark changed."""
    box = ImageChops.difference(image.convert("RGB"), applied(image, step).convert("RGB")).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("gravity", GRAVITIES)
@pytest.mark.parametrize("angle", [0, 90, 30])
def test_a_text_stands_at_its_edges(gravity: str, angle: int) -> None:
    image = Image.new("RGB", (200, 150))
    step = {"filter": "watermark", "gravity": gravity, "margin": 10, "size": 20, "opacity": 1, "angle": angle}
    left, top, right, bottom = drawn(image, step)
    across, down = GRAVITIES[gravity]
    # A letter's own bounds are those of its outline, whose outermost pixels may be too faint to be drawn.
    places = (left - 10, (left + right - 200) / 2, right - 190)
    assert abs(places[across]) <= 3
    assert abs((top - 10, (top + bottom - 150) / 2, bottom - 140)[down]) <= 3
    assert (right - left > bottom - top) == (angle != 90)


def test_letters_have_the_size_that_was_asked_for() -> None:
    image = Image.new("L", (1000, 300))
    heights = [box[3] - box[1] for box in (drawn(image, f"watermark:text=H,size={size}") for size in (40, 80, 0.4))]
    assert 0.6 * 40 <= heights[0] <= 0.85 * 40
    assert abs(heights[1] - 2 * heights[0]) <= 2
    assert abs(heights[2] - 3 * heights[0]) <= 3


@pytest.mark.parametrize("angle", [0, 45, 90])
@pytest.mark.parametrize("text", ["x" * 200, "W\n" * 99 + "W", "H"])
def test_a_text_that_would_not_fit_is_made_smaller(text: str, angle: int) -> None:
    image = Image.new("L", (300, 200))
    step = {"filter": "watermark", "text": text, "size": 2000, "angle": angle, "margin": 10, "gravity": "center"}
    left, top, right, bottom = drawn(image, step)
    assert left >= 8
    assert top >= 8
    assert right <= 292
    assert bottom <= 192
    assert right - left >= 150 or bottom - top >= 100


@pytest.mark.parametrize("size", [(1, 1), (2, 90), (70, 3)])
@pytest.mark.parametrize("tiled", [False, True])
def test_a_text_on_a_tiny_image_is_no_error(size: tuple[int, int], tiled: bool) -> None:
    step = {"filter": "watermark", "text": "y" * 200, "tiled": tiled, "angle": 12}
    assert applied(noise(*size), step).size == size


def test_a_tiled_text_is_all_over() -> None:
    result = floats(applied(Image.new("L", (400, 300)), "watermark:tiled=true,angle=-30,opacity=1"))
    parts = result[:300, :400, 0].reshape(3, 100, 4, 100).max((1, 3))
    assert (parts == 255).all()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [("L", "white", "L"), ("L", "red", "RGB"), ("LA", "#808080", "LA"), ("LA", "red", "RGBA"), ("RGB", "red", "RGB")],
)
def test_a_text_is_drawn_in_its_colour(mode: str, colour: str, expected: str) -> None:
    image = Image.new(mode, (90, 60))
    result = applied(image, f"watermark:text=I,colour={colour},opacity=1,size=50,gravity=center")
    assert result.mode == expected
    pixels = map(tuple, floats(result.convert("RGBA")).reshape(-1, 4))
    brightest = max(pixels, key=lambda pixel: (pixel[3], pixel[0]))
    assert (
        brightest == {"white": (255, 255, 255, 255), "red": (255, 0, 0, 255), "#808080": (128, 128, 128, 255)}[colour]
    )


def test_opacity_is_that_of_the_watermark_and_of_its_colour() -> None:
    image = Image.new("L", (90, 60))
    highest = [
        applied(image, f"watermark:text=I,size=50,colour={colour},opacity={opacity}").getextrema()[1]
        for colour, opacity in (("white", 0.5), ("#ffffff80", 1), ("#ffffff80", 0.5))
    ]
    assert highest == [128, 128, 64]


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"text": ""}, "watermark: text is wrong"),
        ({"text": "  \n "}, "watermark: text is wrong"),
        ({"text": "x" * 201}, "at most 200 characters"),
        ({"text": "a\x00b"}, "only letters that can be printed"),
        ({"text": 7}, "watermark: text must be a text, got 7"),
        ({"size": 0}, "size must be between 0.001 and 2000"),
        ({"size": 1e9}, "size must be between 0.001 and 2000"),
        ({"gravity": "middle"}, "gravity must be one of center, north"),
        ({"opacity": 2}, "opacity must be between 0 and 1"),
        ({"colour": "bluish"}, "colour must be a colour such as"),
        ({"font": "x" * 101}, "font must be a text of at most 100 characters"),
    ],
)
def test_a_wrong_watermark_is_refused_in_words(settings: dict[str, Any], detail: str) -> None:
    error = refused(noise(20, 20), "sepia", {"filter": "watermark", **settings})
    assert isinstance(error, filters.InvalidParameter)
    assert detail in error.detail
    assert error.step == 2


@pytest.fixture
def two_fonts(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PC that has Pillow's own font under another name, and a file that is none."""
    home = tmp_path_factory.mktemp("fonts")
    folder = home / "fonts" / "deep"
    folder.mkdir(parents=True)
    own = fonts.font_for("x", "", 20)
    (folder / "Plain Sans-Bold.ttf").write_bytes(own.font_bytes)
    (folder / "Broken.otf").write_bytes(b"no font")
    (folder / "readme.txt").write_bytes(b"")
    monkeypatch.setattr(fonts, "_folders", lambda: [home / "fonts"])
    fonts.installed.cache_clear()
    yield
    fonts.installed.cache_clear()


@pytest.mark.usefixtures("two_fonts")
@pytest.mark.parametrize("name", ["Plain Sans-Bold", "plainsansbold", "PLAIN SANS BOLD"])
def test_a_font_is_found_by_its_name(name: str) -> None:
    image = Image.new("L", (900, 600))
    named, own = (drawn(image, {"filter": "watermark", "font": font}) for font in (name, ""))
    # Letters may stand a little nearer: Pillow sets only its own font without their kerning.
    assert np.abs(np.subtract(named, own)).max() <= 3


@pytest.mark.usefixtures("two_fonts")
@pytest.mark.parametrize(
    "name", ["Comic", "/etc/passwd", "../deep/Plain Sans-Bold", "Plain Sans-Bold.ttf", "deep/Plain Sans-Bold", "readme"]
)
def test_a_font_that_is_missing_is_an_error_that_says_which_are_there(name: str) -> None:
    error = refused(noise(20, 20), "sepia", {"filter": "watermark", "font": name})
    assert isinstance(error, filters.InvalidParameter)
    assert error.step == 2
    assert error.detail == f"there is no font '{name}' on this PC; there are Broken, Plain Sans-Bold"


@pytest.mark.usefixtures("two_fonts")
def test_fonts_that_cannot_be_read_or_lack_a_letter_are_named_errors() -> None:
    error = refused(noise(20, 20), {"filter": "watermark", "font": "broken"})
    assert isinstance(error, filters.InvalidParameter)
    assert "the font 'Broken' cannot be read on this PC" in error.detail
    error = refused(noise(20, 20), {"filter": "watermark", "font": "Plain Sans Bold", "text": "Cúmulo"})
    assert error.detail == "the font 'Plain Sans-Bold' has no letter 'ú'; choose another font or text"
    error = refused(noise(20, 20), {"filter": "watermark", "text": "Cúmulo"})
    assert "the default font has no letter 'ú'; name a font that has it: there are Broken" in error.detail


def test_every_error_of_a_font_is_found_before_anything_is_decoded() -> None:
    with pytest.raises(filters.InvalidParameter, match="there is no font 'none'"):
        planner.plan(filters.parse_pipeline(["watermark:font=none"]), (60, 60))


# --- All of them -------------------------------------------------------------------------------------------------


def steps() -> st.SearchStrategy[dict[str, Any]]:
    gravity = st.sampled_from(list(GRAVITIES))
    colour = st.sampled_from(["transparent", "#ffffff", "#40ff0080", "#000000"])
    part = st.floats(0.01, 0.99)
    side = st.integers(0, 90)

    def step(filter: str, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({"filter": st.just(filter)}, optional=optional)

    return st.one_of(
        step("rotate", angle=st.one_of(st.integers(-360, 360), st.floats(-360, 360)), expand=st.booleans()),
        step("rotate", angle=st.sampled_from([-90, 0, 90, 180]), expand=st.booleans(), background=colour),
        step("flip", direction=st.sampled_from(["horizontal", "vertical", "both"])),
        step("crop", width=st.one_of(side, part), height=st.one_of(side, part), gravity=gravity),
        step("crop", ratio=st.sampled_from(["", "1:1", "16:9", "1:20"]), x=st.integers(-9, 9), y=st.floats(0, 20)),
        step(
            "resize",
            width=st.integers(1, 90),
            mode=st.sampled_from(["fit", "fill", "cover"]),
            gravity=gravity,
            enlarge=st.booleans(),
            resample=st.sampled_from(["lanczos", "bicubic", "bilinear", "box", "nearest"]),
            exact=st.booleans(),
        ),
        step("resize", height=st.integers(1, 90), enlarge=st.booleans()),
        st.fixed_dictionaries({"filter": st.just("resize"), "width": st.integers(1, 90), "height": side}),
        step("thumbnail", size=st.integers(1, 90)),
        step("pad", margin=st.sampled_from(["0", "3", "0.1 5", "1 2 3 4"]), width=side, colour=colour),
        step("pad", ratio=st.sampled_from(["", "1:1", "16:9", "1:20"]), height=side, gravity=gravity),
        step("border", width=st.one_of(side, part), colour=colour),
        step("round-corners", radius=st.one_of(part, st.floats(1, 60)), background=colour),
        step("watermark", tiled=st.booleans(), colour=colour, gravity=gravity, angle=st.floats(-90, 90), size=part),
        step("trim", tolerance=st.integers(0, 255)),
    )


@settings(max_examples=300, deadline=None)
@given(
    width=st.integers(1, 120),
    height=st.integers(1, 120),
    mode=st.sampled_from(MODES),
    format=st.sampled_from(["png", "jpeg"]),
    pipeline=st.lists(steps(), min_size=1, max_size=3),
)
def test_the_size_of_the_result_is_what_was_said_before(
    width: int, height: int, mode: str, format: str, pipeline: list[dict[str, Any]]
) -> None:
    image = noise(width, height, mode if format == "png" else mode.removesuffix("A"))
    size = (width, height)
    for number, data in enumerate(pipeline, start=1):
        step = filters.parse_pipeline([data]).steps[0]
        operation = registry.find(step.filter).operation(step.params)
        if isinstance(operation, Geometry):
            try:
                size = operation.size(step.params, size)
            except filters.InvalidParameter:
                assert refused(image, *pipeline[:number]).step == number
                return
        result = applied(image, *pipeline[:number], format=format)
        assert min(result.size) >= 1
        assert result.size == size or step.filter == "trim"
        assert ("A" in result.mode) >= ("A" in mode and format == "png")
        assert all(side <= most for side, most in zip(result.size, size, strict=True))
        size = result.size


@pytest.mark.parametrize("step", ["rotate", "flip", "crop:width=20,height=20", "rotate:angle=180,expand=false"])
def test_what_only_moves_pixels_may_go_before_what_changes_each(step: str) -> None:
    image = photo(60, 40)
    for effect in ("sepia", "negative", "bw"):
        assert applied(image, effect, step).tobytes() == applied(image, effect, step, optimise=False).tobytes()


@pytest.mark.parametrize(
    "step",
    ["resize:width=65535,enlarge=true", "pad:width=20000,height=20000", "border:width=20000", "pad:ratio=99999:1"],
)
def test_results_beyond_the_limit_are_refused_before_they_are_made(step: str) -> None:
    error = refused(noise(50, 60), "sepia", step)
    assert isinstance(error, filters.ImageTooLarge)
    assert error.step == 2


def test_what_a_trim_leaves_is_judged_again() -> None:
    """Before anything is decoded a trim may leave everything."""
    image = Image.new("L", (300, 300))
    image.paste(255, (100, 0, 101, 300))
    error = refused(image, "negative", "trim", "resize:width=5000,enlarge=true")
    assert isinstance(error, filters.ImageTooLarge)
    assert error.step == 3
    assert error.detail == "the step makes an image of 5000 x 1500000 = 7500 megapixels; the limit is 100"
    error = refused(image, "trim", "crop:width=20,height=20")
    assert isinstance(error, filters.InvalidParameter)
    assert error.step == 2
    assert error.detail.endswith("which has 1 x 300")


@pytest.mark.parametrize(
    ("step", "detail"),
    [
        ("rotate:angle=361", "angle must be between -360 and 360"),
        ("flip:direction=left", "direction must be one of horizontal, vertical, both"),
        ("crop:ratio=wide", "ratio is wrong (write it like 16:9, or leave it empty), got wide"),
        ("crop:ratio=0:1", "ratio is wrong"),
        ("crop:ratio=1e9:1", "ratio is wrong"),
        ("crop:width=-1", "width must be between 0 and 65535"),
        ("resize:mode=stretch", "mode must be one of fit, fill, cover"),
        ("resize:width=2.5", "width must be a whole number between 0 and 65535"),
        ("thumbnail:size=0", "size must be a whole number between 1 and 65535"),
        ("pad:margin=1 2 3 4 5", "write one to four numbers from 0 to 65535 as CSS does"),
        ("pad:margin=-1", "write one to four numbers"),
        ("pad:margin=70000", "write one to four numbers"),
        ("trim:tolerance=256", "tolerance must be a whole number between 0 and 255"),
        ("round-corners:radius=-1", "radius must be between 0 and 65535"),
        ("border:colour=5", "colour must be a colour such as"),
    ],
)
def test_a_wrong_parameter_is_refused_with_what_is_allowed(step: str, detail: str) -> None:
    error = refused(noise(9, 9), "sepia", step)
    assert isinstance(error, filters.InvalidParameter)
    assert detail in error.detail
    assert error.step == 2


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *(("rotar", "rotate"), ("girar", "rotate"), ("voltear", "flip"), ("recortar", "crop")),
        *(("redimensionar", "resize"), ("miniatura", "thumbnail"), ("margen", "pad"), ("relleno", "pad")),
        *(("recortar-bordes", "trim"), ("esquinas", "round-corners"), ("borde", "border"), ("marco", "border")),
        ("marca-de-agua", "watermark"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert filters.parse_step(alias).filter == name


@pytest.mark.parametrize(
    "step",
    [
        {"filter": "crop", "x": 5},
        {"filter": "crop", "x": 5, "gravity": "center"},
        {"filter": "pad", "width": 300},
        {"filter": "pad", "width": 300, "margin": "0.05"},
        {"filter": "resize", "height": 300},
        {"filter": "resize", "height": 300, "width": 800},
    ],
)
def test_what_a_step_leaves_open_survives_its_json_and_its_text(step: dict[str, Any]) -> None:
    parsed = filters.parse_pipeline([step])
    assert filters.parse_pipeline(parsed.to_json()) == parsed
    assert filters.parse_pipeline([str(parsed)]) == parsed

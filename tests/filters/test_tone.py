"""The filters of tone and colour: lossless in, lossless out, against their formulas in NumPy and floating point.

The references below share no code with the product. They take and return arrays of shape (height, width, 3) with
values 0..255, not rounded.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import filters
from filters import bands, planner, registry
from filters.effects.hue import rotation
from filters.operations import Matrix, Table
from filters.picture import Picture
from tests.filters import reference
from tests.filters.images import _without_ties, encoded, noise, opened, photo, rgb

Pixels = reference.Pixels
WEIGHTS = np.array([0.299, 0.587, 0.114])

ALIASES = {
    "autocontrast": "autocontraste",
    "brightness": "brillo",
    "contrast": "contraste",
    "duotone": "duotono",
    "equalize": "ecualizar",
    "exposure": "exposicion",
    "gamma": "gamma",
    "hue": "tono",
    "levels": "niveles",
    "noise": "ruido",
    "posterize": "posterizar",
    "saturation": "saturacion",
    "solarize": "solarizar",
    "tint": "tinte",
    "vignette": "vineta",
}


def luma(image: Pixels) -> Pixels:
    return (image @ WEIGHTS)[..., None]


def brightness(image: Pixels, factor: float = 1.25) -> Pixels:
    return image * factor


def contrast(image: Pixels, factor: float = 1.3) -> Pixels:
    return 255 * ((image / 255 - 0.5) * factor + 0.5)


def saturation(image: Pixels, factor: float = 1.5) -> Pixels:
    return luma(image) + factor * (image - luma(image))


def hue(image: Pixels, angle: float = 90) -> Pixels:
    """The vector (B - Y, R - Y) as a complex number, turned; green follows from the luma."""
    y = luma(image)[..., 0]
    turned = ((image[..., 2] - y) + 1j * (image[..., 0] - y)) * np.exp(1j * np.deg2rad(angle))
    red, blue = y + turned.imag, y + turned.real
    return np.stack([red, (y - WEIGHTS[0] * red - WEIGHTS[2] * blue) / WEIGHTS[1], blue], -1)


def gamma(image: Pixels, gamma: float = 1.5) -> Pixels:
    return 255 * np.power(image / 255, 1 / gamma)


def exposure(image: Pixels, stops: float = 0.7) -> Pixels:
    share = image / 255
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    light = np.minimum(light * 2**stops, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def levels(
    image: Pixels,
    black: int = 16,
    white: int = 235,
    gamma: float = 1,
    output_black: int = 0,
    output_white: int = 255,
) -> Pixels:
    share = np.interp(image, [black, white], [0, 1]) ** (1 / gamma)
    return output_black * (1 - share) + output_white * share


def posterize(image: Pixels, levels: int = 4) -> Pixels:
    allowed = np.linspace(0, 255, levels)
    return allowed[np.abs(image[..., None] - allowed).argmin(-1)]


def solarize(image: Pixels, threshold: int = 128) -> Pixels:
    return np.where(image < threshold, image, 255 - image)


def duotone(
    image: Pixels,
    shadows: tuple[int, int, int] = (0x24, 0x10, 0x5A),
    highlights: tuple[int, int, int] = (0xFF, 0xC4, 0x8F),
    amount: float = 1,
) -> Pixels:
    share = reference.luma(image)[..., None] / 255
    toned = np.array(shadows) * (1 - share) + np.array(highlights) * share
    return image * (1 - amount) + toned * amount


def tint(image: Pixels, colour: tuple[int, int, int] = (0xEC, 0x8A, 0), amount: float = 0.3) -> Pixels:
    through = image * (1 - amount) + amount * image * np.array(colour) / 255
    return through + luma(image) - luma(through)


def autocontrast(image: Pixels, cutoff: float = 0.5, per_channel: bool = False) -> Pixels:
    result = image.copy()
    for channel in range(3):
        values = np.sort((image[..., channel] if per_channel else reference.luma(image)).ravel())
        spare = int(len(values) * cutoff / 100)
        low, high = values[spare], values[-1 - spare]
        if low < high:
            result[..., channel] = np.interp(image[..., channel], [low, high], [0, 255])
    return result


def equalize(image: Pixels, amount: float = 0.6) -> Pixels:
    y = reference.luma(image)
    ordered = np.sort(y.ravel())
    darkest = np.searchsorted(ordered, ordered[0], "right")
    if darkest == len(ordered):
        return image
    full = 255 * (np.searchsorted(ordered, y, "right") - darkest) / (len(ordered) - darkest)
    return image + amount * (full - y)[..., None]


def vignette(image: Pixels, strength: float = 0.6, radius: float = 0.3, softness: float = 0.7) -> Pixels:
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    distance = np.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5) * math.sqrt(2)
    place = np.clip((distance - radius) / max(softness, 1e-12), 0, 1)
    return image * (1 - strength * (3 * place**2 - 2 * place**3))[..., None]


# The largest difference from the reference, clipped to 0..255 and not rounded, in levels of 255.
ROUNDED = 0.501
"""Right to the last bit: only the rounding to 8 bits differs."""
SINGLE = 0.51
"""The same, worked out in single precision."""
BLENDED = 1.51
"""Rounded, and then Pillow's blend, which truncates."""

CASES: list[tuple[Callable[..., Pixels], dict[str, Any], float]] = [
    (brightness, {}, ROUNDED),
    (brightness, {"factor": 0}, ROUNDED),
    (brightness, {"factor": 0.37}, ROUNDED),
    (brightness, {"factor": 10}, ROUNDED),
    (contrast, {}, ROUNDED),
    (contrast, {"factor": 0}, ROUNDED),
    (contrast, {"factor": 0.6}, ROUNDED),
    (contrast, {"factor": 10}, ROUNDED),
    (saturation, {}, SINGLE),
    (saturation, {"factor": 0}, SINGLE),
    (saturation, {"factor": 0.4}, SINGLE),
    (saturation, {"factor": 10}, SINGLE),
    (hue, {}, SINGLE),
    (hue, {"angle": -30}, SINGLE),
    (hue, {"angle": 180}, SINGLE),
    (hue, {"angle": 359}, SINGLE),
    (gamma, {}, ROUNDED),
    (gamma, {"gamma": 0.1}, ROUNDED),
    (gamma, {"gamma": 10}, ROUNDED),
    (exposure, {}, ROUNDED),
    (exposure, {"stops": -10}, ROUNDED),
    (exposure, {"stops": -1.5}, ROUNDED),
    (exposure, {"stops": 10}, ROUNDED),
    (levels, {}, ROUNDED),
    (levels, {"black": 100, "white": 101}, ROUNDED),
    (levels, {"black": 0, "white": 255, "output_black": 255, "output_white": 0}, ROUNDED),
    (levels, {"black": 30, "white": 200, "gamma": 2.2, "output_black": 10, "output_white": 240}, ROUNDED),
    (levels, {"output_black": 77, "output_white": 77}, ROUNDED),
    (posterize, {}, ROUNDED),
    (posterize, {"levels": 2}, ROUNDED),
    (posterize, {"levels": 7}, ROUNDED),
    (posterize, {"levels": 255}, ROUNDED),
    (solarize, {}, 0),
    (solarize, {"threshold": 0}, 0),
    (solarize, {"threshold": 255}, 0),
    (duotone, {}, ROUNDED),
    (duotone, {"shadows": (255, 255, 0), "highlights": (0, 0, 255)}, ROUNDED),
    (duotone, {"amount": 0.4}, BLENDED),
    (tint, {}, SINGLE),
    (tint, {"colour": (0, 0, 255), "amount": 1}, SINGLE),
    (tint, {"colour": (128, 128, 128), "amount": 0.5}, SINGLE),
    (autocontrast, {}, ROUNDED),
    (autocontrast, {"cutoff": 0}, ROUNDED),
    (autocontrast, {"cutoff": 49}, ROUNDED),
    (autocontrast, {"cutoff": 5, "per_channel": True}, ROUNDED),
    (equalize, {}, ROUNDED),
    (equalize, {"amount": 1}, ROUNDED),
    (vignette, {}, SINGLE),
    (vignette, {"strength": 1, "radius": 0, "softness": 1}, SINGLE),
    (vignette, {"strength": 0.8, "radius": 0.61, "softness": 0}, SINGLE),
    (vignette, {"strength": 1, "radius": 1}, SINGLE),
]

SOURCES = {
    "photo": photo(),
    "photo L": photo(91, 70).convert("L"),
    "dull photo": Image.fromarray(_without_ties(90 + np.array(photo(80, 61)) // 5)),
    "noise": noise(131, 67),
    "noise RGBA": noise(70, 50, "RGBA"),
    "noise LA": noise(33, 22, "LA"),
    "all levels": Image.frombytes("L", (16, 16), bytes(range(256))),
    "white": Image.new("RGB", (40, 30), "white"),
    "black": Image.new("RGB", (41, 30)),
    "one pixel": noise(1, 1),
    "one row": noise(57, 1),
    "one column": noise(1, 58),
}

NEUTRAL = [
    *("brightness:factor=1", "contrast:factor=1", "saturation:factor=1"),
    *("hue:angle=0", "hue:angle=360", "hue:angle=-360", "gamma:gamma=1", "exposure:stops=0"),
    *("levels:black=0,white=255", "equalize:amount=0", "posterize:levels=256", "solarize:threshold=256"),
    *("duotone:amount=0", "tint:amount=0", "tint:colour=white", "noise:amount=0", "vignette:strength=0"),
]

SETTINGS = [
    *ALIASES,
    *("saturation:factor=0", "tint:colour=#808080", "duotone:amount=0.5", "duotone:shadows=black,highlights=white"),
    *("autocontrast:per_channel=true", "noise:colour=true", "noise:distribution=uniform"),
]


def applied(image: Image.Image, step: str | dict[str, Any], **options: Any) -> Image.Image:
    return opened(filters.apply(encoded(image, "png"), [step], **options).data)


def css(value: object) -> object:
    """A colour as a parameter has it."""
    return "#" + bytes(value).hex() if isinstance(value, tuple) else value


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("formula", "params", "tolerance"), CASES)
def test_filter_matches_its_formula(
    formula: Callable[..., Pixels], params: dict[str, Any], tolerance: float, source: str
) -> None:
    image = SOURCES[source]
    expected = np.clip(formula(rgb(image), **params), 0, 255)
    written = {name: css(value) for name, value in params.items()}
    result = applied(image, {"filter": formula.__name__, **written})
    assert result.size == image.size
    assert np.abs(rgb(result) - expected).max() <= tolerance
    if "A" in image.mode:
        assert result.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_the_formulas_here_have_the_defaults_of_the_filters() -> None:
    shown = {info.name: info.schema["properties"] for info in filters.catalog()}
    for formula in {formula for formula, params, _ in CASES}:
        names = formula.__code__.co_varnames[1 : formula.__code__.co_argcount]
        defaults = dict(zip(names, map(css, formula.__defaults__ or ()), strict=True))
        own = {name: field["default"] for name, field in shown[formula.__name__].items() if name != "exact"}
        assert own == defaults


@pytest.mark.parametrize("cutoff", [0, 3, 20])
@pytest.mark.parametrize("per_channel", [False, True])
def test_autocontrast_is_that_of_pillow_but_for_rounding(cutoff: int, per_channel: bool) -> None:
    image = SOURCES["dull photo"]
    expected = ImageOps.autocontrast(image, cutoff, preserve_tone=not per_channel)
    result = applied(image, {"filter": "autocontrast", "cutoff": cutoff, "per_channel": per_channel})
    assert np.abs(rgb(result) - rgb(expected)).max() <= 1, "Pillow cuts off where we round"


def test_solarize_is_that_of_pillow() -> None:
    assert applied(photo(), "solarize").tobytes() == ImageOps.solarize(photo()).tobytes()


def test_equalize_spreads_the_brightness_and_keeps_the_colour_differences() -> None:
    image = SOURCES["dull photo"]
    before, after = rgb(image), rgb(applied(image, "equalize:amount=1"))
    spread = np.sort(luma(after).ravel())
    assert np.abs(spread - np.linspace(0, 255, len(spread))).mean() < 4
    inside = ((after > 0) & (after < 255)).all(-1)
    assert inside.mean() > 0.5
    assert np.array_equal(np.diff(after[inside]), np.diff(before[inside]))


def test_hue_has_the_matrix_of_css_but_for_the_weights_of_the_luma() -> None:
    """W3C Filter Effects 1, feColorMatrix hueRotate; its numbers are rounded to three decimals."""
    luma_part = [[0.213, 0.715, 0.072]] * 3
    cosine = [[0.787, -0.715, -0.072], [-0.213, 0.285, -0.072], [-0.213, -0.715, 0.928]]
    sine = [[-0.213, -0.715, 0.928], [0.143, 0.140, -0.283], [-0.787, 0.715, 0.072]]
    for angle in (0.0, 0.7, 2.0, 4.0):
        expected = np.array(luma_part) + math.cos(angle) * np.array(cosine) + math.sin(angle) * np.array(sine)
        ours = np.reshape(rotation(math.cos(angle), math.sin(angle), (0.213, 0.715, 0.072)), (3, 4))
        assert np.abs(ours[:, :3] - expected).max() < 0.0015
        assert not ours[:, 3].any()


def test_no_saturation_is_what_gray_gives() -> None:
    assert applied(photo(), "saturation:factor=0").tobytes() == applied(photo(), "gray").tobytes()


@pytest.mark.parametrize("step", ["hue", "saturation:factor=0.5", "tint", "tint:colour=blue,amount=0.7"])
def test_what_changes_colours_keeps_the_luma(step: str) -> None:
    image = SOURCES["dull photo"]
    assert np.abs(luma(rgb(applied(image, step))) - luma(rgb(image))).max() <= 0.51


# --- Noise -------------------------------------------------------------------------------------------------------

MIDDLE = Image.new("RGB", (400, 300), (128, 128, 128))


def grains(step: str, image: Image.Image = MIDDLE) -> Pixels:
    return rgb(applied(image, step)) - rgb(image)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("amount", [2, 12, 30])
def test_noise_has_the_distribution_that_was_asked_for(amount: int, distribution: str) -> None:
    grain = grains(f"noise:amount={amount},distribution={distribution}")[..., 0]
    # Within five standard errors of 120,000 grains. Whole levels add about 1/12 to the variance.
    assert abs(grain.mean()) < 5 * amount / math.sqrt(grain.size)
    assert grain.std() == pytest.approx(math.sqrt(amount**2 + 1 / 12), rel=0.03)
    shares = [0.02, 0.1, 0.3, 0.5, 0.8, 0.98]
    expected = {
        "gaussian": [NormalDist(0, amount).inv_cdf(share) for share in shares],
        "uniform": [math.sqrt(12) * amount * (share - 0.5) for share in shares],
    }[distribution]
    assert np.abs(np.quantile(grain, shares) - expected).max() <= 0.5 + 0.05 * amount


def test_grains_know_nothing_of_their_neighbours() -> None:
    grain = grains("noise:amount=30")[..., 0]
    for shifted in (np.roll(grain, 1, 0), np.roll(grain, 1, 1), np.roll(grain, 4, 1)):
        assert abs(np.corrcoef(grain.ravel(), shifted.ravel())[0, 1]) < 0.02


def test_noise_is_gray_or_in_colour() -> None:
    plain, colour = grains("noise"), grains("noise:colour=true")
    assert np.ptp(plain, axis=2).max() == 0
    correlations = np.corrcoef(colour.reshape(-1, 3).T)
    assert np.abs(correlations - np.eye(3)).max() < 0.02
    assert np.array_equal(plain[..., 0], colour[..., 0])


def test_noise_is_the_same_everywhere() -> None:
    """On every platform and with every NumPy: these are the bits of PCG64 and nothing else."""
    image = Image.new("L", (7, 3), 128)
    expected = [128, 149, 156, 135, 148, 129, 141, 155, 118, 114, 93, 159, 99, 108, 118, 109, 127, 146, 104, 136, 120]
    assert list(applied(image, "noise:amount=20").tobytes()) == expected
    assert list(applied(image, "noise:amount=20,seed=1").tobytes()) != expected


@pytest.mark.parametrize("step", ["noise", "noise:colour=true", "vignette", "equalize"])
@pytest.mark.parametrize("width", [1, 37, 64])
def test_how_much_is_worked_on_at_a_time_does_not_matter(
    step: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = noise(width, 53)
    whole = applied(image, step).tobytes()
    for pixels in (1, 100, 1000):
        monkeypatch.setattr(bands, "BAND_PIXELS", pixels)
        assert applied(image, step).tobytes() == whole


# --- What all of them promise ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALIASES)
def test_spanish_names(name: str) -> None:
    assert filters.parse_step(ALIASES[name]).filter == name


@pytest.mark.parametrize("text", NEUTRAL)
def test_neutral_settings_cost_nothing_and_change_nothing(text: str) -> None:
    step = filters.parse_step(text)
    found = registry.find(step.filter)
    assert found.cost(step.params) == 0
    assert found.operation(step.params) is None
    made = found.make(step.params)
    for image in (photo(), noise(30, 20, "L"), Image.frombytes("L", (16, 16), bytes(range(256)))):
        result = made(Picture(image)).pixels
        assert np.array_equal(rgb(result), rgb(image)), "what is left out would change nothing"


@pytest.mark.parametrize("name", ALIASES)
def test_the_default_can_be_seen(name: str) -> None:
    image = photo(320, 240)
    assert np.abs(rgb(applied(image, name)) - rgb(image)).mean() > 2


@pytest.mark.parametrize("text", SETTINGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_a_filter_says_of_its_colours_is_true(text: str, mode: str) -> None:
    step = filters.parse_step(text)
    found = registry.find(step.filter)
    operation = found.operation(step.params)
    assert operation
    expected = {"gray": "L", "colour": "RGB", "same": mode}[found.colours(step.params)]
    assert operation(Picture(noise(40, 30, mode))).pixels.mode == expected


@pytest.mark.parametrize("name", sorted(ALIASES.keys() - {"duotone", "tint"}))
def test_gray_stays_gray(name: str) -> None:
    image = noise(40, 30, "L")
    in_colour = applied(image.convert("RGB"), name)
    assert np.ptp(rgb(in_colour), axis=2).max() == 0
    assert np.array_equal(rgb(applied(image, name)), rgb(in_colour))


def parameters(info: filters.FilterInfo) -> st.SearchStrategy[dict[str, Any]]:
    """Any values that the schema allows."""

    def values(field: dict[str, Any]) -> st.SearchStrategy[Any]:
        if "enum" in field:
            return st.sampled_from(field["enum"])
        if field["type"] == "boolean":
            return st.booleans()
        if field["type"] == "string":
            return st.tuples(*[st.integers(0, 255)] * 3).map(css)
        kind = st.integers if field["type"] == "integer" else st.floats
        return kind(field["minimum"], field["maximum"])

    fields = {name: values(field) for name, field in info.schema["properties"].items()}
    return st.fixed_dictionaries({"filter": st.just(info.name)}, optional=fields)


ANY = st.one_of([parameters(info) for info in filters.catalog() if info.name in ALIASES])


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(1, 64),
    height=st.integers(1, 64),
    mode=st.sampled_from(["L", "LA", "RGB", "RGBA"]),
    steps=st.lists(ANY, min_size=1, max_size=4),
)
def test_any_settings_on_any_image_keep_the_size_and_the_alpha(
    width: int, height: int, mode: str, steps: list[dict[str, Any]]
) -> None:
    assume(all(step.get("black", 16) < step.get("white", 235) for step in steps))
    image = noise(width, height, mode)
    result = opened(filters.apply(encoded(image, "png"), steps).data)
    assert result.size == image.size
    assert result.mode in ("L", "RGB", "LA", "RGBA")
    if "A" in mode:
        assert result.getchannel("A").tobytes() == image.getchannel("A").tobytes()


SOLID = "a colour without transparency such as #ff8800 or white"


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("brightness:factor=-1", "brightness: factor must be between 0 and 10, got -1"),
        ("hue:angle=400", "hue: angle must be between -360 and 360, got 400"),
        ("gamma:gamma=0", "gamma: gamma must be between 0.1 and 10, got 0"),
        ("levels:black=200,white=100", "levels: black must be below white, got black 200 and white 100"),
        ("levels:white=12", "levels: black must be below white, got black 16 and white 12"),
        ("posterize:levels=1", "posterize: levels must be a whole number between 2 and 256, got 1"),
        ("autocontrast:cutoff=50", "autocontrast: cutoff must be between 0 and 49, got 50"),
        ("tint:colour=reddish", f"tint: colour must be {SOLID}, got reddish"),
        ("duotone:shadows=#11223344", f"duotone: shadows must be {SOLID}, got #11223344"),
        ("noise:distribution=pink", "noise: distribution must be one of gaussian, uniform, got pink"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(text: str, detail: str) -> None:
    with pytest.raises(filters.InvalidParameter) as caught:
        filters.parse_step(text)
    assert caught.value.detail == detail


# --- What the planner makes of them ------------------------------------------------------------------------------


def planned(*steps: str) -> planner.Plan:
    return planner.plan(filters.parse_pipeline(list(steps)), (640, 480))


def test_neighbouring_tables_become_one_and_give_the_same_bytes() -> None:
    steps = ["brightness", "contrast", "gamma", "exposure", "levels", "posterize", "solarize"]
    [stage] = planned(*steps).stages
    assert isinstance(stage.operation, Table)
    data = encoded(photo(), "png")
    assert filters.apply(data, steps).data == filters.apply(data, steps, optimise=False).data


def test_the_gain_of_tables_and_matrices() -> None:
    def gain(text: str) -> float:
        step = filters.parse_step(text)
        operation = registry.find(step.filter).operation(step.params)
        assert isinstance(operation, Table | Matrix)
        return operation.gain

    assert gain("negative") == 1
    assert gain("posterize:levels=4") == 85
    assert gain("solarize:threshold=64") == 191 - 63
    assert gain("gamma:gamma=10") == 147
    assert gain("brightness:factor=3") == 3
    assert Table(bytes(range(256)) + bytes(256) + bytes([0, 9] * 128)).gain == 9
    assert gain("gray:amount=0.5") == pytest.approx(1)
    blue = [-2 * 0.299, -2 * 0.587, 3 - 2 * 0.114]
    assert gain("saturation:factor=3") == pytest.approx(np.abs(blue).sum())


def test_matrices_are_joined_unless_something_steep_comes_with_them() -> None:
    pair = ["gray:amount=0.5", "saturation:factor=0.5"]
    assert len(planned(*pair).stages) == 1
    assert len(planned(*pair, "contrast").stages) == 2
    for steep in (
        ["posterize"],
        ["solarize:threshold=64"],
        ["contrast:factor=5"],
        ["contrast:factor=2.5", "levels", "gamma"],
    ):
        assert len(planned(*pair, *steep).stages) == 3, steep
        data = encoded(photo(), "png")
        steps = [*pair, *steep]
        assert filters.apply(data, steps).data == filters.apply(data, steps, optimise=False).data


def test_luma_is_decoded_before_a_mean_unless_something_steep_follows() -> None:
    assert planned("pixelate", "gray", "contrast").luma
    assert not planned("pixelate", "gray", "contrast:factor=5").luma
    assert not planned("pixelate", "gray", "contrast:factor=2.5", "brightness:factor=2").luma
    assert planned("duotone").luma
    assert not planned("duotone:amount=0.5").luma


@pytest.mark.parametrize("name", ["equalize", "autocontrast"])
def test_what_depends_on_the_content_stays_before_a_crop_of_it(name: str) -> None:
    step = filters.parse_step(name)
    operation = registry.find(step.filter).operation(step.params)
    stage = planner.Stage((1,), name, operation)  # type: ignore[arg-type] # not None with its defaults
    assert not stage.per_pixel
    assert stage.gain == math.inf

"""What a job should cost, and the names by which a cluster learns what it really costs."""

import pytest

import filters
from filters import costs, registry
from filters.picture import Picture
from tests.filters.images import encoded, noise, opened

SETTINGS = [
    *("blur:radius=0", "blur:radius=0.5", "blur", "blur:radius=4", "blur:radius=6", "blur:radius=50"),
    *("bw", "edges", "edges:operator=prewitt", "negative"),
    *("gray", "gray:amount=0.5", "gray:amount=0", "sepia", "sepia:intensity=0.5", "sepia:intensity=0"),
    *("pixelate", "pixelate:block=1", "pixelate:block=200"),
]


def features(*steps: str, to: str | None = None) -> tuple[str, ...]:
    return filters.cost_features(filters.parse_pipeline(list(steps)), "jpeg", to)


def prior(*steps: str) -> float:
    """ms per megapixel of the steps alone."""
    return 1000 * sum(map(filters.prior_seconds_per_mp, features(*steps)[1:]))


def test_features_are_the_codecs_and_the_steps_in_order() -> None:
    assert features("negative", "blur:radius=1", to="png") == ("jpeg>png", "negative", "blur/15ms")
    assert features("negative") == ("jpeg>jpeg", "negative")


def test_settings_of_much_the_same_cost_share_a_feature() -> None:
    assert features("blur:radius=1") == features("blur:radius=2.5")
    assert features("blur:radius=8") == features("blur:radius=150")
    assert len({features(f"blur:radius={radius}") for radius in (0, 2, 3, 20)}) == 4
    assert features("blur:radius=4") != features("blur:radius=4,exact=true")
    assert features("bw:threshold=1") == features("bw:threshold=200"), "the threshold does not matter"


def test_gray_pixels_are_told_from_colour() -> None:
    assert features("gray", "blur") == ("jpeg>jpeg/gray", "gray/0.68ms", "blur/15ms/gray")
    assert features("gray", "sepia", "negative") == ("jpeg>jpeg", "gray/0.68ms", "sepia/2.2ms/gray", "negative")
    assert prior("gray", "blur") < prior("negative", "blur")
    assert filters.prior_seconds_per_mp("jpeg>png/gray") < filters.prior_seconds_per_mp("jpeg>png")


@pytest.mark.parametrize(
    ("text", "share"), [("negative@0.25", 0.25), ("negative@16", 16), ("blur/33ms/gray@0.0156", 1 / 64)]
)
def test_a_step_on_fewer_pixels_costs_less(text: str, share: float) -> None:
    whole = filters.prior_seconds_per_mp(text.partition("@")[0])
    assert filters.prior_seconds_per_mp(text) == pytest.approx(max(0.00001, whole * share), rel=0.01)


def test_a_file_of_fewer_pixels_costs_less_to_write_and_as_much_to_read() -> None:
    whole, small, none = (filters.prior_seconds_per_mp(f"jpeg>png{share}") for share in ("", "@0.25", "@0.00391"))
    assert none < small < whole
    assert none == pytest.approx(costs.DECODE_MS_PER_MP["jpeg"] / 1000, rel=0.1)


@pytest.mark.parametrize("share", ["@", "@x", "@nan", "@-1", "@1e9"])
def test_a_share_that_makes_no_sense_counts_as_the_whole(share: str) -> None:
    assert filters.prior_seconds_per_mp("negative" + share) == filters.prior_seconds_per_mp("negative")


@pytest.mark.parametrize("text", SETTINGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_a_filter_says_of_its_colours_is_true(text: str, mode: str) -> None:
    step = filters.parse_step(text)
    found = registry.find(step.filter)
    expected = {"gray": "L", "colour": "RGB", "same": mode}[found.colours(step.params)]
    operation = found.operation(step.params)
    picture = Picture(noise(40, 30, mode))
    assert (operation(picture) if operation else picture).pixels.mode == expected


def test_a_gray_feature_means_a_file_in_gray() -> None:
    data = encoded(noise(40, 30), "png")
    for steps in (["bw"], ["sepia", "edges"], ["bw", "sepia"], ["negative"], ["gray", "blur"]):
        gray = features(*steps)[0].endswith("/gray")
        assert (opened(filters.apply(data, steps).data).mode == "L") == gray, steps


@pytest.mark.parametrize("text", SETTINGS)
def test_a_feature_keeps_the_expected_cost_of_its_settings(text: str) -> None:
    step = filters.parse_step(text)
    cost = registry.find(step.filter).cost(step.params)
    assert prior(text) == pytest.approx(cost, rel=0.22, abs=0.011)


def test_what_changes_nothing_costs_nothing() -> None:
    for text in ("blur:radius=0", "gray:amount=0", "sepia:intensity=0", "pixelate:block=1"):
        step = filters.parse_step(text)
        assert registry.find(step.filter).cost(step.params) == 0
        assert registry.find(step.filter).operation(step.params) is None


def test_the_catalog_shows_the_cost_of_the_defaults() -> None:
    shown = {info.name: info.cost_ms_per_mp for info in filters.catalog()}
    assert shown["blur"] == max(costs_of("blur"))
    assert shown.pop("logo") == 0, "without a picture it does nothing"
    assert all(isinstance(cost, float) and cost > 0 for cost in shown.values())


def costs_of(name: str) -> list[float]:
    steps = [filters.parse_step(text) for text in SETTINGS if text.startswith(name)]
    return [registry.find(name).cost(step.params) for step in steps]


@pytest.mark.parametrize("source", filters.INPUT_FORMATS)
@pytest.mark.parametrize("target", filters.FORMATS)
def test_every_pair_of_formats_has_a_prior(source: str, target: str) -> None:
    for pair in (f"{source}>{target}", f"{source}>{target}/gray"):
        assert 0.0001 < filters.prior_seconds_per_mp(pair) < 0.2


@pytest.mark.parametrize(
    "text", ["", "engrave", "engrave/12ms", "blur/ms", "blur/nan", "jxl>png", ">", "a>b>c", "/gray"]
)
def test_unknown_features_have_a_prior_too(text: str) -> None:
    assert costs.LEAST_MS_PER_MP <= 1000 * filters.prior_seconds_per_mp(text) < 200


def test_a_feature_of_a_newer_node_keeps_the_cost_it_names() -> None:
    assert filters.prior_seconds_per_mp("engrave/47ms") == pytest.approx(0.047)


def test_features_are_short_and_can_be_joined_by_commas() -> None:
    for text in SETTINGS:
        for feature in features(text):
            assert len(feature) <= 40
            assert not set(feature) & set(", \n")


def test_estimates_grow_with_the_image_and_the_pipeline() -> None:
    short, long = filters.parse_pipeline(["negative"]), filters.parse_pipeline(["negative", "blur"])
    assert 0 < filters.estimate_seconds(short, 1) < filters.estimate_seconds(long, 1)
    assert filters.estimate_seconds(long, 12) == pytest.approx(12 * filters.estimate_seconds(long, 1), rel=0.5)
    assert filters.estimate_seconds(short, 1, "png") > filters.estimate_seconds(short, 1)
    assert filters.estimate_seconds(short, 1, "jpeg", "png") > filters.estimate_seconds(short, 1, "jpeg", "bmp")

"""The planner: what it makes of pipelines, and that the result stays what the steps say."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import filters
from filters import planner
from filters.operations import Matrix, Table
from filters.picture import Picture
from tests.filters.images import encoded, noise, photo, rgb

SIZE = (4000, 3000)


def planned(*steps: object, size: tuple[int, int] = SIZE, shrinks: bool = True) -> planner.Plan:
    return filters.plan(filters.parse_pipeline(list(steps)), size, shrinks=shrinks)


def operations(*steps: object) -> list[tuple[str, tuple[int, ...]]]:
    return [(stage.kind, stage.steps) for stage in planned(*steps).stages]


def test_steps_that_change_nothing_are_left_out() -> None:
    assert operations("blur:radius=0", "negative", "gray:amount=0", "pixelate:block=1") == [("table", (2,))]
    assert operations("sepia:intensity=0") == []
    assert operations("negative", "negative") == []


def test_neighbouring_tables_become_one() -> None:
    assert operations("negative", "negative", "negative", "blur") == [("table", (1, 2, 3)), ("effect", (4,))]


def test_neighbouring_matrices_become_one_where_nothing_is_clipped_between_them() -> None:
    assert operations("gray:amount=0.3", "gray:amount=0.5", "gray:amount=0.1") == [("matrix", (1, 2, 3))]
    assert operations({"filter": "gray", "amount": 0.3, "exact": True}, "gray:amount=0.5") == [
        ("matrix", (1,)),
        ("matrix", (2,)),
    ]
    assert len(operations("gray:amount=0.3", "gray:amount=0.5", "bw")) == 3, "bw would show a level of difference"


@pytest.mark.parametrize(
    "steps", [["bw"], ["edges"], ["gray"], ["gray", "blur"], ["blur", "gray"], ["pixelate", "gray"]]
)
def test_only_the_luma_is_decoded_where_only_the_luma_matters(steps: list[object]) -> None:
    assert planned(*steps).luma


@pytest.mark.parametrize(
    "steps", [["gray:amount=0.9"], ["negative", "gray"], ["blur", "bw"], [{"filter": "bw", "exact": True}], ["blur"]]
)
def test_colours_are_decoded_where_they_may_matter(steps: list[object]) -> None:
    assert not planned(*steps).luma


def test_without_optimisation_every_step_is_done_as_it_stands() -> None:
    pipeline = filters.parse_pipeline(["negative", "negative", "gray"])
    plain = filters.plan(pipeline, SIZE, shrinks=True, optimise=False)
    assert [stage.steps for stage in plain.stages] == [(1,), (2,), (3,)]
    assert (plain.luma, plain.shrink, plain.notes) == (False, 1, ())


def test_a_plan_says_why() -> None:
    assert planned("negative", "negative").notes == ("negative, negative: nothing to do",)
    assert any("luma" in note for note in planned("bw").notes)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_joined_table_does_what_the_tables_do_in_turn(mode: str) -> None:
    generator = np.random.default_rng(7)
    one, three = (Table.of(list(generator.uniform(-20, 280, count))) for count in (256, 768))
    picture = Picture(noise(40, 30, mode))
    for first, second in ((one, three), (three, one), (one, one), (three, three)):
        expected = second(first(picture)).pixels
        assert np.array_equal(np.asarray(first.then(second)(picture).pixels), np.asarray(expected))


def test_a_joined_matrix_is_within_a_level_of_the_matrices_in_turn() -> None:
    first = Matrix((0.5, 0.2, 0.1, 10, 0.1, 0.6, 0.2, 5, 0.3, 0.3, 0.3, 0))
    second = Matrix((1.2, -0.2, 0, 0, 0, 1, 0, -3, -0.1, 0, 1.1, 4))
    assert first.never_clips
    picture = Picture(noise(60, 40, "RGB"))
    apart = np.asarray(second(first(picture)).pixels).astype(int)
    joined = np.asarray(first.then(second)(picture).pixels).astype(int)
    assert np.abs(apart - joined).max() <= 1, "rounding once instead of twice"


@pytest.mark.parametrize("values", [(1.1, 0, 0, 0), (1, 0, 0, 5), (-0.2, 1, 0, 0)])
def test_a_matrix_that_may_clip_says_so(values: tuple[float, ...]) -> None:
    assert not Matrix((*values, 0, 1, 0, 0, 0, 0, 1, 0)).never_clips


@pytest.mark.parametrize(
    ("values", "affine"),
    [
        (range(256), True),
        (range(255, -1, -1), True),
        ([level / 2 + 30 for level in range(256)], True),
        ([min(255, 2 * level) for level in range(256)], False),
        ([255 * (level / 255) ** 2 for level in range(256)], False),
    ],
)
def test_a_table_knows_whether_it_is_a_straight_line(values: list[float], affine: bool) -> None:
    assert Table.of(list(values)).is_affine == affine


def test_a_matrix_on_gray_gives_gray_where_it_gives_all_channels_the_same() -> None:
    gray = Picture(noise(30, 20, "L"))
    amount = Matrix((0.6, 0.3, 0.1, 0, 0.2, 0.7, 0.1, 0, 0.2, 0.3, 0.5, 0))
    assert np.array_equal(np.asarray(amount(gray).pixels), np.asarray(gray.pixels))
    warm = Matrix((1, 0, 0, 20, 0, 1, 0, 0, 0, 0, 1, -20))
    assert np.array_equal(np.asarray(warm(gray).pixels), np.asarray(warm(Picture(gray.pixels.convert("RGB"))).pixels))


@pytest.mark.parametrize("values", [[0] * 255, [0] * 512])
def test_a_table_of_another_length_is_the_authors_mistake(values: list[float]) -> None:
    with pytest.raises(ValueError, match="256 or 768"):
        Table.of(values)


STEPS: list[list[object]] = [
    ["negative", "negative", "gray"],
    ["sepia", "negative"],
    ["blur:radius=1", "gray"],
    ["gray", "pixelate"],
]


@pytest.mark.parametrize("steps", STEPS)
def test_the_planned_result_is_that_of_the_steps(steps: list[object]) -> None:
    planned_, stepwise = both(encoded(photo(), "png"), steps)
    assert np.abs(planned_ - stepwise).max() <= 2, "rounded once instead of twice"


@pytest.mark.parametrize("steps", STEPS)
def test_of_a_jpeg_the_planned_result_is_within_42_db(steps: list[object]) -> None:
    planned_, stepwise = both(encoded(photo(), "jpeg"), steps)
    error = np.square(planned_ - stepwise).mean()
    assert error == 0 or 10 * np.log10(255**2 / error) >= 42, "the luma as stored knows colours beyond RGB"


def both(data: bytes, steps: list[object]) -> tuple[np.ndarray, np.ndarray]:
    results = (filters.apply(data, steps, format="png", optimise=optimise) for optimise in (True, False))
    planned_, stepwise = (rgb(result.data).astype(int) for result in results)
    return planned_, stepwise


def test_the_image_stays_the_same_under_a_plan_without_operations() -> None:
    image = Image.new("RGB", (5, 4), (1, 2, 3))
    assert np.array_equal(rgb(filters.apply(encoded(image, "png"), ["negative", "negative"]).data), np.asarray(image))

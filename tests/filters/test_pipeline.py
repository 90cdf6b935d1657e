"""What people write as a pipeline is understood, or refused with a sentence that helps."""

import json

import pytest

import filters
from filters import Limits, parse_pipeline, parse_step


def test_objects_texts_and_json_text_say_the_same() -> None:
    data = ["sepia", {"filter": "blur", "radius": 4}]
    pipeline = parse_pipeline(data)
    assert pipeline == parse_pipeline(["sepia", "blur:radius=4"]) == parse_pipeline(json.dumps(data))
    assert pipeline.to_json() == [{"filter": "sepia", "intensity": 1.0}, {"filter": "blur", "radius": 4.0}]
    assert str(pipeline) == "sepia, blur:radius=4"
    assert len(pipeline) == 2
    assert [step.filter for step in pipeline] == ["sepia", "blur"]


def test_a_pipeline_survives_its_json_and_its_text() -> None:
    pipeline = parse_pipeline(["bw:threshold=7", "blur:radius=0.123456789", "edges:operator=prewitt", "gray"])
    assert parse_pipeline(json.loads(json.dumps(pipeline.to_json()))) == pipeline
    assert parse_pipeline([str(step) for step in pipeline]) == pipeline
    assert parse_pipeline(pipeline) == pipeline


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("blanco-negro", "bw"),
        ("negativo", "negative"),
        ("desenfoque", "blur"),
        ("bordes", "edges"),
        ("pixelado", "pixelate"),
        ("grises", "gray"),
        ("Sepia", "sepia"),
    ],
)
def test_aliases_become_the_canonical_name(alias: str, name: str) -> None:
    assert parse_step(alias).filter == name
    assert parse_pipeline([{"filter": alias}]).to_json()[0]["filter"] == name


@pytest.mark.parametrize(
    ("data", "error", "detail"),
    [
        ([], filters.InvalidPipeline, "the pipeline is empty; name at least one filter"),
        ({"filter": "sepia"}, filters.InvalidPipeline, "the pipeline must be a list of steps"),
        (None, filters.InvalidPipeline, "the pipeline must be a list of steps"),
        ("[1", filters.InvalidPipeline, "the pipeline is not valid JSON"),
        ("sepia", filters.InvalidPipeline, "the pipeline is not valid JSON"),
        ([3], filters.InvalidPipeline, "a step must be a filter's name or an object"),
        ([{"name": "sepia"}], filters.InvalidPipeline, "a step must be a filter's name or an object"),
        (["sepia"] * 33, filters.InvalidPipeline, "the pipeline has 33 steps; the limit is 32"),
        (
            ["sepa"],
            filters.UnknownFilter,
            "there is no filter 'sepa'; did you mean 'sepia'? Filters: blur, bw, edges, gray, ",
        ),
        (["xyzzy"], filters.UnknownFilter, "there is no filter 'xyzzy'. Filters: blur, bw"),
        (["blur:radius=900"], filters.InvalidParameter, "blur: radius must be between 0 and 200, got 900"),
        ([{"filter": "blur", "radius": -1}], filters.InvalidParameter, "must be between 0 and 200, got -1"),
        ([{"filter": "blur", "radius": float("nan")}], filters.InvalidParameter, "got nan"),
        ([{"filter": "blur", "radius": None}], filters.InvalidParameter, "between 0 and 200, got None"),
        ([{"filter": "blur", "radius": [1]}], filters.InvalidParameter, "between 0 and 200, got [1]"),
        (
            ["bw:threshold=12.5"],
            filters.InvalidParameter,
            "bw: threshold must be a whole number between 0 and 255, got 12.5",
        ),
        (["bw:threshold=256"], filters.InvalidParameter, "between 0 and 255, got 256"),
        (["pixelate:block=0"], filters.InvalidParameter, "between 1 and 1024, got 0"),
        (["sepia:intensity=lots"], filters.InvalidParameter, "between 0 and 1, got lots"),
        (
            ["edges:operator=canny"],
            filters.InvalidParameter,
            "edges: operator must be one of sobel, prewitt, got canny",
        ),
        (
            ["blur:radios=4"],
            filters.InvalidParameter,
            "blur has no parameter 'radios'; did you mean 'radius'? Parameters: radius",
        ),
        (["negative:x=1"], filters.InvalidParameter, "negative has no parameter 'x'. Parameters: none"),
        (["blur:4"], filters.InvalidParameter, "cannot read 'blur:4'; write it like blur:radius=4"),
        (["blur:"], filters.InvalidParameter, "cannot read 'blur:'; write it like blur:radius=4"),
    ],
)
def test_a_wrong_pipeline_is_refused_in_words(data: object, error: type[filters.FilterError], detail: str) -> None:
    with pytest.raises(error) as caught:
        parse_pipeline(data)
    assert type(caught.value) is error
    assert detail in caught.value.detail
    assert str(caught.value) == caught.value.detail


def test_the_step_to_blame_is_named() -> None:
    with pytest.raises(filters.InvalidParameter) as caught:
        parse_pipeline(["sepia", "gray", "blur:radius=900"])
    assert caught.value.step == 3
    with pytest.raises(filters.InvalidPipeline) as empty:
        parse_pipeline([])
    assert empty.value.step is None


def test_the_number_of_steps_is_a_limit_that_can_be_set() -> None:
    assert len(parse_pipeline(["gray"] * 5, Limits(max_steps=5))) == 5
    with pytest.raises(filters.InvalidPipeline, match="6 steps; the limit is 5"):
        parse_pipeline(["gray"] * 6, Limits(max_steps=5))


@pytest.mark.parametrize(
    "text", ["blur:radius=" + "9" * 50_000, "x" * 50_000, "blur:" + "y" * 50_000, "blur:" + "z" * 50_000 + "=1"]
)
def test_what_is_very_long_is_not_repeated_whole(text: str) -> None:
    with pytest.raises(filters.FilterError) as caught:
        parse_step(text)
    assert len(caught.value.detail) < 160


def test_json_nested_without_end_is_refused() -> None:
    with pytest.raises(filters.InvalidPipeline):
        parse_pipeline("[" * 100_000)

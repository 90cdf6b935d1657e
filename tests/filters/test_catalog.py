"""What the package shows of itself: its public names, its catalog, and that one file more is one filter more."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from PIL import Image

import filters
from filters import errors, registry

PUBLIC = {
    *("EXTENSIONS", "FIXED_SECONDS", "FORMATS", "INPUT_FORMATS", "MEDIA_TYPES"),
    *("BrokenImage", "FilterError", "ImageTooLarge", "InvalidOutput", "InvalidParameter", "InvalidPipeline"),
    *("MissingAsset", "UnknownFilter", "UnsupportedFormat"),
    *("FilterInfo", "ImageHeader", "Limits", "Pipeline", "Result", "Step"),
    *("Plan", "apply", "catalog", "inspect", "parse_pipeline", "parse_step", "plan"),
    *("cost_features", "estimate_seconds", "megapixels", "prior_seconds_per_mp", "same_format"),
}

NEW_FILTER = '''
"""Written for a test."""

from PIL import Image
from pydantic import Field

from filters import registry


class Brighter(registry.Params):
    factor: float = Field(1.0, ge=0, le=4, description="1 leaves the image as it is.")


@registry.filter(
    "written-for-a-test",
    aliases=("prueba",),
    label={"en": "Brightness", "es": "Brillo"},
    description={"en": "Lighter or darker.", "es": "Más claro o más oscuro."},
    cost_ms_per_mp=1.2,
)
def brighter(image: Image.Image, params: Brighter) -> Image.Image:
    """x * factor, clipped."""
    return image.point(lambda value: value * params.factor)
'''

USE_IT = """
import io, json
from PIL import Image
import filters

buffer = io.BytesIO()
Image.new("RGB", (4, 3), (100, 50, 10)).save(buffer, "png")
result = filters.apply(buffer.getvalue(), ["prueba:factor=2"])
print(json.dumps({
    "names": [info.name for info in filters.catalog()],
    "category": next(info.category for info in filters.catalog() if info.name == "written-for-a-test"),
    "pixel": Image.open(io.BytesIO(result.data)).getpixel((0, 0)),
}))
"""


def test_public_names() -> None:
    assert set(filters.__all__) == PUBLIC
    assert all(hasattr(filters, name) for name in PUBLIC)


def test_formats_have_a_media_type_and_an_extension() -> None:
    assert filters.FORMATS == ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif")
    assert set(filters.INPUT_FORMATS) - set(filters.FORMATS) == {"heic"}
    assert set(filters.MEDIA_TYPES) == set(filters.EXTENSIONS) == set(filters.INPUT_FORMATS)
    assert (filters.MEDIA_TYPES["jpeg"], filters.EXTENSIONS["jpeg"]) == ("image/jpeg", ".jpg")


def test_default_limits() -> None:
    assert filters.Limits() == filters.Limits(50 * 2**20, 100_000_000, 1000, 32)


def test_the_seven_filters_with_their_defaults() -> None:
    defaults = {
        info.name: {
            name: field["default"] for name, field in info.schema["properties"].items() if not field.get("advanced")
        }
        for info in filters.catalog()
    }
    seven = {name: defaults[name] for name in ("blur", "bw", "edges", "gray", "negative", "pixelate", "sepia")}
    assert seven == {
        "blur": {"radius": 2.0},
        "bw": {"threshold": 128},
        "edges": {"operator": "sobel"},
        "gray": {"amount": 1.0},
        "negative": {},
        "pixelate": {"block": 16},
        "sepia": {"intensity": 1.0},
    }


@pytest.mark.parametrize("info", filters.catalog(), ids=lambda info: info.name)
def test_every_filter_can_be_shown_in_a_form(info: filters.FilterInfo) -> None:
    jsonschema.Draft202012Validator.check_schema(info.schema)
    json.dumps(info.schema)
    assert set(info.label) == set(info.description) == {"en", "es"}
    assert info.category in get_args(registry.Category)
    assert info.schema["additionalProperties"] is False
    for field in info.schema["properties"].values():
        assert field["description"]
        assert set(field["label"]) == {"en", "es"}
        bounded = {"enum"}, {"minimum", "maximum"}, {"maxLength"}
        assert field.get("type") == "boolean" or any(keys <= field.keys() for keys in bounded)


@pytest.mark.parametrize("info", filters.catalog(), ids=lambda info: info.name)
def test_what_a_pipeline_writes_is_valid_by_the_schema(info: filters.FilterInfo) -> None:
    params = filters.parse_step(info.name).to_json()
    assert params.pop("filter") == info.name
    jsonschema.validate(params, info.schema)


def test_adding_a_file_is_all_that_a_new_filter_needs(tmp_path: Path) -> None:
    source = Path(filters.__file__).parent
    shutil.copytree(source, tmp_path / "filters", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "filters" / "effects" / "written_for_a_test.py").write_text(NEW_FILTER, encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", USE_IT], cwd=tmp_path, capture_output=True, check=True)
    answer = json.loads(done.stdout)
    assert "written-for-a-test" in answer["names"]
    assert answer["category"] == "detail", "where the author says nothing"
    assert answer["pixel"] == [200, 100, 20]


@pytest.mark.parametrize(("name", "aliases"), [("sepia", ()), ("mine", ("grises",))])
def test_a_name_that_is_taken_is_a_mistake_of_the_author(name: str, aliases: tuple[str, ...]) -> None:
    def effect(image: Image.Image, params: registry.Params) -> Image.Image:
        return image

    texts = {"en": "x", "es": "x"}
    decorate = registry.filter(name, aliases=aliases, label=texts, description=texts, cost_ms_per_mp=1)
    with pytest.raises(ValueError, match="is a name of"):
        decorate(effect)
    assert [info.name for info in filters.catalog()].count(name) == (name == "sepia")


def test_errors_are_one_tree_drawn_in_its_docstring() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(issubclass(error, filters.FilterError) for error in classes)
    assert all(error.__name__ in (errors.__doc__ or "") for error in classes)
    assert len({error.type for error in classes}) == len(classes)


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(filters.InvalidParameter("too much", step=2)))
    assert (error.type, error.detail, error.step) == ("invalid-parameter", "too much", 2)


@pytest.mark.parametrize("page", ["README.md", "README.es.md"])
def test_both_readmes_name_every_filter(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    assert [info.name for info in filters.catalog() if f"`{info.name}`" not in text] == []

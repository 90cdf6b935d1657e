"""A pipeline is a list of steps and nothing more; here it is read, checked and written."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from filters import registry
from filters.errors import FilterError, InvalidParameter, InvalidPipeline, shown
from filters.limits import DEFAULT_LIMITS, Limits

EXAMPLE = 'for example ["sepia", {"filter": "blur", "radius": 4}]'


@dataclass(frozen=True, slots=True)
class Step:
    """One filter with its checked parameters; `filter` is the canonical name."""

    filter: str
    params: registry.Params

    def to_json(self) -> dict[str, Any]:
        """`{"filter": "blur", "radius": 4.0}`, with every parameter, but `exact` only where it is asked for."""
        params = self.params.model_dump(mode="json")
        if not params["exact"]:
            del params["exact"]
        return {"filter": self.filter, **params}

    @property
    def asset(self) -> str | None:
        """The name of the other picture that the step needs, "" where none is named; None: it needs none."""
        field = registry.find(self.filter).asset
        return None if field is None else getattr(self.params, field)

    def with_asset(self, name: str) -> "Step":
        """The same step with that picture."""
        field = registry.find(self.filter).asset
        return self if field is None else replace(self, params=self.params.model_copy(update={field: name}))

    def __str__(self) -> str:
        given = self.params.model_dump(mode="json", exclude_defaults=True)
        if type(self.params).model_validate(given) != self.params:  # where what is given decides a default
            given = self.params.model_dump(mode="json")
        settings = ",".join(f"{name}={_written(value)}" for name, value in given.items())
        return f"{self.filter}:{settings}" if settings else self.filter


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One or more steps, in the order in which they run."""

    steps: tuple[Step, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """What `parse_pipeline` reads back."""
        return [step.to_json() for step in self.steps]

    def assets(self) -> list[tuple[int, str]]:
        """The other pictures that steps need: the step's 1-based number and the picture's name, "" for none named."""
        return [(number, step.asset) for number, step in enumerate(self.steps, start=1) if step.asset is not None]

    def with_assets(self, names: Mapping[str, str]) -> "Pipeline":
        """The same pipeline with those pictures called otherwise: new names by old ones."""
        return Pipeline(tuple(step.with_asset(names.get(step.asset or "", step.asset or "")) for step in self.steps))

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __str__(self) -> str:
        return ", ".join(map(str, self.steps))


def parse_pipeline(data: object, limits: Limits = DEFAULT_LIMITS) -> Pipeline:
    """A checked pipeline from JSON data, or JSON text: a list of `{"filter": name, **params}` and of texts
    such as "blur:radius=4".

    InvalidPipeline, UnknownFilter or InvalidParameter, with the 1-based `step` where one step is to blame.
    """
    if isinstance(data, Pipeline):
        data = data.steps
    if isinstance(data, str | bytes):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise InvalidPipeline(f"the pipeline is not valid JSON ({error}); send a list, {EXAMPLE}") from None
    if not isinstance(data, Sequence) or isinstance(data, str | bytes):
        raise InvalidPipeline(f"the pipeline must be a list of steps, {EXAMPLE}")
    if not data:
        raise InvalidPipeline(f"the pipeline is empty; name at least one filter, {EXAMPLE}")
    if len(data) > limits.max_steps:
        raise InvalidPipeline(f"the pipeline has {len(data)} steps; the limit is {limits.max_steps}")
    steps = []
    for number, item in enumerate(data, start=1):
        try:
            steps.append(_step(item))
        except FilterError as error:
            error.step = number
            raise
    return Pipeline(tuple(steps))


def parse_step(text: str) -> Step:
    """A step from text as the command line has it: `sepia`, `blur:radius=4`, several with commas between."""
    name, colon, rest = text.partition(":")
    settings: dict[str, str] = {}
    for part in rest.split(",") if colon else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            raise InvalidParameter(f"cannot read '{shown(text)}'; write it like blur:radius=4")
        settings[key.strip()] = value.strip()
    return _checked(name, settings)


def _written(value: object) -> str:
    """So that `parse_step` reads it back."""
    return value if isinstance(value, str) else shown(value)


def _step(item: object) -> Step:
    if isinstance(item, Step):
        return item
    if isinstance(item, str):
        return parse_step(item)
    if isinstance(item, Mapping) and isinstance(item.get("filter"), str):
        return _checked(item["filter"], {key: value for key, value in item.items() if key != "filter"})
    raise InvalidPipeline(f'a step must be a filter\'s name or an object with "filter", {EXAMPLE}')


def _checked(name: str, settings: Mapping[str, object]) -> Step:
    found = registry.find(name)
    try:
        return Step(found.name, found.model.model_validate(settings))
    except ValidationError as error:
        raise InvalidParameter(_explain(found.info, settings, error)) from None


def _explain(info: registry.FilterInfo, settings: Mapping[str, object], error: ValidationError) -> str:
    """The first thing that is wrong, in one sentence made of the parameter's schema."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    known: Mapping[str, Mapping[str, Any]] = info.schema["properties"]
    if first["type"] == "extra_forbidden":
        close = difflib.get_close_matches(name[:40], known, n=1)
        own = [name for name, schema in known.items() if not schema.get("advanced")]
        hint = f"; did you mean '{close[0]}'?" if close else "."
        return f"{info.name} has no parameter '{shown(name)}'{hint} Parameters: {', '.join(own) or 'none'}"
    if name not in known:
        return f"{info.name}: {first['msg']}"
    got = shown(settings.get(name))
    schema = known[name]
    if first["type"] == "value_error" and schema.get("format") != "color":
        # A filter's own check, in its own words.
        return f"{info.name}: {name} {first['ctx']['error']}, got {got}"
    if "enum" in schema:
        return f"{info.name}: {name} must be one of {', '.join(map(str, schema['enum']))}, got {got}"
    if "minimum" in schema and "maximum" in schema:
        whole = "a whole number " if schema["type"] == "integer" else ""
        bounds = f"between {shown(schema['minimum'])} and {shown(schema['maximum'])}"
        return f"{info.name}: {name} must be {whole}{bounds}, got {got}"
    if schema.get("type") == "boolean":
        return f"{info.name}: {name} must be true or false, got {got}"
    if schema.get("format") == "color":
        solid = "" if schema.get("transparency", True) else " without transparency"
        return f"{info.name}: {name} must be a colour{solid} such as #ff8800 or white, got {got}"
    if schema.get("type") == "string" and first["type"] in ("string_type", "string_too_long"):
        most = f" of at most {schema['maxLength']} characters" if first["type"] == "string_too_long" else ""
        return f"{info.name}: {name} must be a text{most}, got {got}"
    return f"{info.name}: {name} is wrong ({first['msg']}), got {got}"

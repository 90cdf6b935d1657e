"""The catalog of filters: five decorators and the lookup by name.

A filter is one module in `filters/effects/`: a parameter model (a subclass of `Params`) and one decorated function.
`@filter` is for what changes pixels, `@point` for a table of values, `@matrix` for a colour matrix, `@geometry` for
what changes size, place or alpha, `@output` for how the result is written. The module is imported when its filter is
first asked for, by its name, and all are where a list of them is wanted: adding that file is all that a new filter
needs, and a command that uses one filter does not wait for forty.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, partial
from typing import Any, Literal, Required, TypedDict, TypeVar, Unpack, cast, get_type_hints

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from filters.errors import UnknownFilter, shown
from filters.operations import Effect, Geometry, Matrix, Operation, Size, Table, Writing
from filters.output import Output
from filters.params import is_asset
from filters.planes import OnPlanes

EFFECTS = "filters.effects"


class Params(BaseModel):
    """Base of every filter's parameters.

    Every field has a default, bounds, a description and a label in both languages
    (`json_schema_extra={"label": {"en": ..., "es": ...}}`, with `unit` and `step` where a form can use them):
    the web form, the CLI help and the error messages are made of them.
    """

    # Built when first needed: of forty filters a process needs one or two, and each takes a millisecond.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    exact: bool = Field(
        False,
        description="Without the approximations and shortcuts that are otherwise taken where they cannot be seen.",
        json_schema_extra={"label": {"en": "Exact", "es": "Exacto"}, "advanced": True},
    )


P = TypeVar("P", bound=Params)
F = TypeVar("F", bound=Callable[..., Any])

Category = Literal["colour", "light", "detail", "shape", "finish"]
"""The heading under which a user interface lists a filter."""

Colours = Literal["gray", "colour", "same"]
"""What a filter leaves: one channel, three, or as many as it found."""


@dataclass(frozen=True, slots=True)
class FilterInfo:
    """What a user interface needs to know of a filter.

    `label` and `description` have the keys "en" and "es"; `category` is the heading to list it under;
    `schema` is the JSON Schema of the parameters; `cost_ms_per_mp` is the expected cost with default parameters.
    """

    name: str
    aliases: tuple[str, ...]
    label: Mapping[str, str]
    description: Mapping[str, str]
    category: Category
    schema: Mapping[str, Any]
    cost_ms_per_mp: float


class About(TypedDict, total=False):
    """What each of the decorators below takes besides its own.

    `cost_ms_per_mp` is the measured CPU time on an RGB image, the prior from which a cluster starts to learn: a
    number, or a function of the parameters where they matter (exactly 0 where they leave the image as it is: such a
    step is left out). `colours(params)` says what the result has; what comes after is cheaper on gray. `category` is
    "detail" for `filter`, "light" for `point`, "colour" for `matrix`, "shape" for `geometry` and "finish" for `output`
    where nothing else is said. A name that is taken already is a ValueError.
    """

    aliases: tuple[str, ...]
    label: Required[Mapping[str, str]]
    description: Required[Mapping[str, str]]
    cost_ms_per_mp: Required[float | Callable[[Any], float]]
    colours: Callable[[Any], Colours]
    category: Category


@dataclass(frozen=True)
class Filter:
    """A registered filter: what to show, what to validate with, what it does, what to expect of it.

    `operation(params)` is what a step does, `None` where it leaves every image as it is. `asset` is the name of the
    parameter that says which other picture it needs, if it needs one.
    """

    name: str
    about: About
    category: Category
    model: type[Params]
    make: Callable[[Any], Operation]
    colours: Callable[[Any], Colours]
    cost: Callable[[Any], float]
    cost_varies: bool
    asset: str | None = None

    @cached_property
    def info(self) -> FilterInfo:
        return FilterInfo(
            self.name,
            self.about.get("aliases", ()),
            self.about["label"],
            self.about["description"],
            self.category,
            self.model.model_json_schema(),
            self.default_cost,
        )

    @cached_property
    def default_cost(self) -> float:
        """ms per megapixel with default parameters."""
        return self.cost(self.model.model_validate({}))

    def operation(self, params: Params) -> Operation | None:
        made = self.make(params)
        return None if self.cost(params) == 0 and not isinstance(made, Writing) else made


_filters: dict[str, Filter] = {}
_names: dict[str, str] = {}


def filter(
    name: str,
    *,
    reads_luma_only: Callable[[Any], bool] = lambda params: False,
    per_pixel: bool = False,
    linear: bool = False,
    steep: bool = False,
    shrink: Callable[[Any], int] = lambda params: 1,
    from_shrunk: Callable[[Image.Image, Any, Size], Image.Image] | None = None,
    on_planes: Callable[[Any], OnPlanes | None] | None = None,
    **about: Unpack[About],
) -> Callable[[F], F]:
    """Register the decorated function as the filter `name`; its second parameter's annotation is the model.

    It gets an `L` or `RGB` image and returns one of the same size, `L` or `RGB`. What the planner may make of it:
    `reads_luma_only(params)`: the result depends on the luma alone, so that a JPEG's colour need not be decoded.
    `per_pixel`: on each pixel's own value alone, not on its place or its neighbours. `linear`: each channel is a
    weighted mean of that channel's pixels, with no weight below 0, so that it does not matter whether luma is taken
    before or after. `steep`: a difference of one level in may be a large one out. `from_shrunk(image, params, size)`
    does the same from an image decoded at one `shrink(params)`-th (2, 4 or 8) of `size`, and returns it in full size.
    `on_planes(params)` is a function that does the same to the planes of a JPEG, shrunk ones too, or None.
    """

    def make(function: Callable[..., Any], params: Any) -> Operation:
        return Effect(
            function,
            params,
            reads_luma_only=reads_luma_only(params),
            per_pixel=per_pixel,
            linear=linear,
            steep=steep,
            shrink=shrink(params),
            from_shrunk=from_shrunk,
            on_planes=on_planes,
        )

    return _decorator(name, "detail", about, make)


def point(name: str, **about: Unpack[About]) -> Callable[[Callable[[P], Table]], Callable[[P], Table]]:
    """Register a function that makes a table of the parameters (its first argument)."""
    return _decorator(name, "light", about, lambda function, params: cast(Operation, function(params)))


def matrix(name: str, **about: Unpack[About]) -> Callable[[Callable[[P], Matrix]], Callable[[P], Matrix]]:
    """Register a function that makes a colour matrix of the parameters (its first argument)."""
    return _decorator(name, "colour", about, lambda function, params: cast(Operation, function(params)))


def geometry(
    name: str,
    *,
    size: Callable[[Any, Size], Size] = lambda params, size: size,
    rearranges: Callable[[Any], bool] = lambda params: False,
    scales_to: Callable[[Any, Size], Size] | None = None,
    **about: Unpack[About],
) -> Callable[[F], F]:
    """Register a function that gets a Picture, pixels and alpha, and returns one, of another size or not.

    `size(params, (width, height))` is the size of the result (the most that it can be, where the content decides),
    or an InvalidParameter that says what is wrong with these parameters for an image of that size.
    `rearranges(params)`: each pixel of the result is one of the image's, unchanged, and the size alone says which.
    `scales_to(params, size)` is the size to which the function resizes the whole image before anything else: the
    planner may then hand over a JPEG decoded at a part of its size (at least twice that size), whose true size is
    `Picture.size`, not that of its pixels. Where the model has a parameter of the kind `params.Asset`, the
    function gets that picture, which it must not change, as third argument.
    """

    def make(function: Callable[..., Any], params: Any) -> Operation:
        return Geometry(function, params, size, rearranges(params), scales_to)

    return _decorator(name, "shape", about, make)


def output(
    name: str, **about: Unpack[About]
) -> Callable[[Callable[[Output, P], Output]], Callable[[Output, P], Output]]:
    """Register a function that changes how the result is written, and no pixel."""
    return _decorator(name, "finish", about, Writing)


def _decorator(
    name: str, category: Category, about: About, make: Callable[[Callable[..., Any], Any], Operation]
) -> Callable[[F], F]:
    aliases = about.get("aliases", ())
    cost_ms_per_mp = about["cost_ms_per_mp"]

    def register(function: F) -> F:
        taken = [word for word in (name, *aliases) if word in _names]
        if taken:
            raise ValueError(f"filter {name!r}: {taken[0]!r} is a name of {_names[taken[0]]!r} already")
        hints = get_type_hints(function)
        hints.pop("return", None)
        model: Any = next(hint for hint in hints.values() if isinstance(hint, type) and issubclass(hint, Params))
        cost = cost_ms_per_mp if callable(cost_ms_per_mp) else _always(cost_ms_per_mp)
        colours = about.get("colours", lambda params: "same")
        asset = next((field for field, its in model.model_fields.items() if is_asset(its.metadata)), None)
        # The same few settings come again and again, and a table takes a third of a millisecond.
        operation = lru_cache(maxsize=32)(partial(make, function))
        heading = about.get("category", category)
        _filters[name] = Filter(name, about, heading, model, operation, colours, cost, callable(cost_ms_per_mp), asset)
        _names.update(dict.fromkeys((name, *aliases), name))
        return function

    return register


def _always(cost: float) -> Callable[[Any], float]:
    return lambda params: cost


def default_cost(name: str, otherwise: float) -> float:
    """ms per megapixel of the filter of exactly that name with default parameters."""
    _load(name)
    return _filters[name].default_cost if name in _filters else otherwise


def find(name: str) -> Filter:
    """The filter with that name or alias, in any case; UnknownFilter suggests what was meant."""
    word = name[:40].strip().lower()
    _load(word)
    if word not in _names:
        close = difflib.get_close_matches(word, _names, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        raise UnknownFilter(f"there is no filter '{shown(name)}'{hint} Filters: {', '.join(sorted(_filters))}")
    return _filters[_names[word]]


def catalog() -> tuple[FilterInfo, ...]:
    """Every registered filter, by name."""
    _discover()
    return tuple(_filters[name].info for name in sorted(_filters))


def _load(name: str) -> None:
    """Imports the module of that filter, or all of them where it is not called after it: an alias, or none.

    Also one that is loaded, which is quick: another thread may still be at it.
    """
    module = name.replace("-", "_")
    if module in _modules():
        importlib.import_module(f"{EFFECTS}.{module}")
    if name not in _names:
        _discover()


@cache
def _discover() -> None:
    for module in sorted(_modules()):
        importlib.import_module(f"{EFFECTS}.{module}")


@cache
def _modules() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(importlib.import_module(EFFECTS).__path__))

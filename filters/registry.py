"""The catalog of filters: the decorator `@registry.filter` and the lookup by name.

A filter is one module in `filters/effects/`: a parameter model (a subclass of `Params`) and one decorated
function. The folder is scanned once, at import, so adding that file is all that a new filter needs.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

from PIL import Image
from pydantic import BaseModel, ConfigDict

from filters.errors import UnknownFilter, shown


class Params(BaseModel):
    """Base of every filter's parameters.

    Every field has a default, bounds, a description and a label in both languages
    (`json_schema_extra={"label": {"en": ..., "es": ...}}`, with `unit` and `step` where a form can use them):
    the web form, the CLI help and the error messages are made of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


P = TypeVar("P", bound=Params)
Effect = Callable[[Image.Image, P], Image.Image]
"""Gets an `L` or `RGB` image and returns one of the same size, `L` or `RGB`; alpha never reaches it."""


@dataclass(frozen=True, slots=True)
class FilterInfo:
    """What a user interface needs to know of a filter.

    `label` and `description` have the keys "en" and "es"; `schema` is the JSON Schema of the parameters;
    `cost_ms_per_mp` is the expected cost with default parameters.
    """

    name: str
    aliases: tuple[str, ...]
    label: Mapping[str, str]
    description: Mapping[str, str]
    schema: Mapping[str, Any]
    cost_ms_per_mp: float


Colours = Literal["gray", "colour", "same"]
"""What a filter leaves: one channel, three, or as many as it found."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A registered filter: what to show, what to validate with, what to call, what to expect of it."""

    info: FilterInfo
    model: type[Params]
    effect: Effect[Any]
    reads_luma_only: Callable[[Any], bool]
    colours: Callable[[Any], Colours]
    cost: Callable[[Any], float]
    cost_varies: bool


_filters: dict[str, Filter] = {}
_names: dict[str, str] = {}


def filter(
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    label: Mapping[str, str],
    description: Mapping[str, str],
    cost_ms_per_mp: float | Callable[[Any], float],
    reads_luma_only: Callable[[Any], bool] = lambda params: False,
    colours: Callable[[Any], Colours] = lambda params: "same",
) -> Callable[[Effect[P]], Effect[P]]:
    """Register the decorated function as the filter `name`; its second parameter's annotation is the model.

    `cost_ms_per_mp` is the measured CPU time on an RGB image, the prior from which a cluster starts to learn: a
    number, or a function of the parameters where they matter (0 where they leave the image as it is).
    `reads_luma_only(params)` says that the result depends on the luma of the image alone, so that a JPEG's colour
    need not be decoded. `colours(params)` says what the result has; what comes after is cheaper on gray. A name
    that is taken already is a ValueError.
    """

    def register(effect: Effect[P]) -> Effect[P]:
        taken = [word for word in (name, *aliases) if word in _names]
        if taken:
            raise ValueError(f"filter {name!r}: {taken[0]!r} is a name of {_names[taken[0]]!r} already")
        hints = get_type_hints(effect)
        hints.pop("return", None)
        model = list(hints.values())[-1]
        varies = callable(cost_ms_per_mp)
        cost = cost_ms_per_mp if callable(cost_ms_per_mp) else _always(cost_ms_per_mp)
        info = FilterInfo(name, aliases, label, description, model.model_json_schema(), cost(model()))
        _filters[name] = Filter(info, model, effect, reads_luma_only, colours, cost, varies)
        _names.update(dict.fromkeys((name, *aliases), name))
        return effect

    return register


def _always(cost: float) -> Callable[[Any], float]:
    return lambda params: cost


def default_cost(name: str, otherwise: float) -> float:
    """ms per megapixel of the filter of exactly that name with default parameters."""
    return _filters[name].info.cost_ms_per_mp if name in _filters else otherwise


def find(name: str) -> Filter:
    """The filter with that name or alias, in any case; UnknownFilter suggests what was meant."""
    word = name[:40].strip().lower()
    if word not in _names:
        close = difflib.get_close_matches(word, _names, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else "."
        raise UnknownFilter(f"there is no filter '{shown(name)}'{hint} Filters: {', '.join(sorted(_filters))}")
    return _filters[_names[word]]


def catalog() -> tuple[FilterInfo, ...]:
    """Every registered filter, by name."""
    return tuple(_filters[name].info for name in sorted(_filters))


def discover(package: str = "filters.effects") -> None:
    """Import every module of the package, each of which registers its filter."""
    path = importlib.import_module(package).__path__
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")

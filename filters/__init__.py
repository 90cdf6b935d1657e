"""Pure image processing: bytes and a pipeline in, bytes out. Knows no Redis, no Celery and no Flask.

`apply(data, ["sepia", {"filter": "blur", "radius": 4}])` does the whole job; `inspect` judges an upload by
its header, `parse_pipeline` checks what a user asked for, `catalog` lists the filters, `plan` says how a
pipeline is done. Everything raised is in `filters.errors`.
"""

from typing import TYPE_CHECKING, Any

from filters.costs import FIXED_SECONDS, cost_features, estimate_seconds, megapixels, prior_seconds_per_mp
from filters.errors import (
    BrokenImage,
    FilterError,
    ImageTooLarge,
    InvalidOutput,
    InvalidParameter,
    InvalidPipeline,
    MissingAsset,
    UnknownFilter,
    UnsupportedFormat,
)
from filters.formats import EXTENSIONS, FORMATS, INPUT_FORMATS, MEDIA_TYPES, same_format
from filters.header import ImageHeader, inspect
from filters.limits import Limits
from filters.pipeline import Pipeline, Step, parse_pipeline, parse_step
from filters.planner import Plan, plan
from filters.registry import FilterInfo, catalog

if TYPE_CHECKING:
    from filters.run import Result, apply

__all__ = [
    "EXTENSIONS",
    "FIXED_SECONDS",
    "FORMATS",
    "INPUT_FORMATS",
    "MEDIA_TYPES",
    "BrokenImage",
    "FilterError",
    "FilterInfo",
    "ImageHeader",
    "ImageTooLarge",
    "InvalidOutput",
    "InvalidParameter",
    "InvalidPipeline",
    "Limits",
    "MissingAsset",
    "Pipeline",
    "Plan",
    "Result",
    "Step",
    "UnknownFilter",
    "UnsupportedFormat",
    "apply",
    "catalog",
    "cost_features",
    "estimate_seconds",
    "inspect",
    "megapixels",
    "parse_pipeline",
    "parse_step",
    "plan",
    "prior_seconds_per_mp",
    "same_format",
]


def __getattr__(name: str) -> Any:
    """Decoders and encoders come with the first image: who only names filters and reads headers can do without."""
    if name in ("Result", "apply"):
        from filters import run

        globals()[name] = found = getattr(run, name)
        return found
    raise AttributeError(f"module 'filters' has no attribute {name!r}")

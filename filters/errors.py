"""Everything that this package raises on purpose.

FilterError                 a filter failed while it ran (`step` says which), and the root of all below
├── UnknownFilter           no filter has that name
├── InvalidParameter        a filter has no such parameter, or the value is not allowed
├── InvalidPipeline         empty, too long, or not a list of steps
├── MissingAsset            a step needs another picture, which was not given
├── InvalidOutput           the output format or quality is not one that we write
├── UnsupportedFormat       the bytes are not an image that we read, whatever the file is called
├── BrokenImage             an image that is cut short or damaged
└── ImageTooLarge           too many bytes, pixels or frames
"""


class FilterError(Exception):
    """Root of the tree.

    `type` is a stable word for programs, `detail` a sentence for people (what was wrong and what is allowed),
    and `step` the 1-based position in the pipeline of the step that is to blame, or None.
    """

    type = "filter-failed"

    def __init__(self, detail: str, *, step: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.step = step


def shown(value: object) -> str:
    """A value for a sentence: 4.0 as 4, text as it is, the rest as Python writes it, cut to a readable length."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


class UnknownFilter(FilterError):
    type = "unknown-filter"


class InvalidParameter(FilterError):
    type = "invalid-parameter"


class InvalidPipeline(FilterError):
    type = "invalid-pipeline"


class MissingAsset(FilterError):
    type = "missing-asset"


class InvalidOutput(FilterError):
    type = "invalid-output"


class UnsupportedFormat(FilterError):
    type = "unsupported-format"


class BrokenImage(FilterError):
    type = "broken-image"


class ImageTooLarge(FilterError):
    type = "image-too-large"

"""The image formats that are read and written, and what each can hold."""

FORMATS = ("jpeg", "png", "webp", "gif", "tiff", "bmp", "avif")
"""Those that results can have."""

INPUT_FORMATS = (*FORMATS, "heic")

ALIASES = {"jpg": "jpeg", "tif": "tiff"}
"""Other names of formats, as file extensions have them."""

MEDIA_TYPES: dict[str, str] = {name: f"image/{name}" for name in INPUT_FORMATS}

EXTENSIONS: dict[str, str] = {name: f".{name}" for name in INPUT_FORMATS} | {"jpeg": ".jpg", "tiff": ".tif"}

SHOWN_BY_BROWSERS = ("jpeg", "png", "webp", "gif", "bmp", "avif")

LOSSY = ("jpeg", "webp", "avif")
"""Those to which `quality` matters."""

MAX_SIDE = {"jpeg": 65_500, "webp": 16_383, "gif": 65_535, "avif": 32_768}
"""The longest side that a format can hold (of AVIF: that its decoders take), where a photo could reach it."""

_ANIMATED = ("gif", "png", "webp", "avif")


def same_format(input_format: str) -> str:
    """The format to write a result in where nobody asks for one: the input's, or jpeg for what is only read."""
    return input_format if input_format in FORMATS else "jpeg"


def holds_frames(written: str, input_format: str) -> bool:
    """Whether a file of that format keeps all frames of an animation, or all pages of a TIFF."""
    return written == "tiff" or (written in _ANIMATED and input_format != "tiff")

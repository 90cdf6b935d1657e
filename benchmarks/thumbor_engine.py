"""thumbor's own engine with the Huffman tables of the other contenders: it has no setting to leave them as they are.

Runs in thumbor's environment: `ENGINE = "benchmarks.thumbor_engine"`.
"""

from PIL import Image
from thumbor.engines.pil import Engine

__all__ = ["Engine"]

Image.preinit()
_save = Image.SAVE["JPEG"]


def _save_without_optimize(image, file, filename):
    image.encoderinfo.pop("optimize", None)
    _save(image, file, filename)


Image.register_save("JPEG", _save_without_optimize)

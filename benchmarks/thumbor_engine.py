"""thumbor's own engine with the Huffman tables of the other contenders: it has no setting to leave them as they are.

Runs in thumbor's environment: `ENGINE = "benchmarks.thumbor_engine"`.
"""

from PIL import Image, JpegImagePlugin
from thumbor.engines.pil import Engine

__all__ = ["Engine"]


def _save(image, file, filename):
    image.encoderinfo.pop("optimize", None)
    JpegImagePlugin._save(image, file, filename)


Image.preinit()
Image.register_save("JPEG", _save)

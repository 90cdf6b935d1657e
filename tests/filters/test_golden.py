"""Pipelines whose results are kept as pictures: what a person has looked at stays what it is.

`python -m tests.filters.test_golden` draws them anew, each step as it stands; look at them before they are committed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import filters
from tests.filters.images import encoded, opened, photo

FOLDER = Path(__file__).parent / "golden"

PIPELINES: dict[str, list[object]] = {
    "old-photo": ["contrast:factor=0.9", "sepia:intensity=0.8", "vignette", "border:width=6,colour=#f4ecd8"],
    "tables": ["brightness:factor=1.2", "contrast:factor=1.3", "gamma:gamma=1.4", "negative", "posterize:levels=6"],
    "matrices": ["gray:amount=0.4", "saturation:factor=0.6", "hue:angle=25"],
    "crop-last": ["negative", "tint", {"filter": "crop", "width": 90, "height": 60, "gravity": "northeast"}],
    "small": ["saturation:factor=0.5", "resize:width=80", "sharpen"],
    "luma": ["box-blur:radius=2", "flip", "gray"],
    "edges": ["blur:radius=1.5", "edges", "negative"],
    "two-tones": ["rotate:angle=90", "bw:threshold=110"],
    "duotone": ["exposure:stops=0.3", "duotone", "round-corners:radius=24"],
    "blocks": ["pixelate:block=8", "solarize"],
    "turned": ["levels", "rotate:angle=12,background=transparent", "pad:margin=4"],
}


def results(steps: list[object]) -> dict[str, Image.Image]:
    data = encoded(photo(), "png")
    return {
        name: opened(filters.apply(data, steps, format="png", optimise=optimise).data)
        for name, optimise in (("planned", True), ("step by step", False))
    }


@pytest.mark.parametrize("name", PIPELINES)
def test_a_result_is_the_picture_that_was_kept(name: str) -> None:
    kept = Image.open(FOLDER / f"{name}.png")
    for how, result in results(PIPELINES[name]).items():
        assert (result.mode, result.size) == (kept.mode, kept.size), how
        apart = np.abs(np.asarray(result).astype(int) - np.asarray(kept).astype(int))
        if name == "two-tones":
            assert (apart > 0).mean() <= 0.001, how
        else:
            assert apart.max() <= 3, how


def test_every_picture_that_is_kept_has_its_pipeline() -> None:
    assert {path.stem for path in FOLDER.glob("*.png")} == set(PIPELINES)


if __name__ == "__main__":
    for name, steps in PIPELINES.items():
        results(steps)["step by step"].save(FOLDER / f"{name}.png", optimize=True)

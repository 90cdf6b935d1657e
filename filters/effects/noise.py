"""Noise: the grain of film and sensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from PIL import Image
from pydantic import Field

from filters import bands, registry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PLACES = 65_536
"""A grain takes 16 bits; the generator makes four times as many at once."""


class Noise(registry.Params):
    amount: float = Field(
        12.0,
        ge=0,
        le=128,
        description="Standard deviation, in levels of 255; 0 leaves the image as it is.",
        json_schema_extra={"label": {"en": "Amount", "es": "Cantidad"}, "step": 1},
    )
    distribution: Literal["gaussian", "uniform"] = Field(
        "gaussian",
        description="Gaussian has a few strong grains among many faint ones, uniform has all alike up to a limit.",
        json_schema_extra={"label": {"en": "Distribution", "es": "Distribución"}},
    )
    colour: bool = Field(
        False,
        description="Each channel gets a noise of its own; otherwise all three get the same, as grain of film.",
        json_schema_extra={"label": {"en": "In colour", "es": "En color"}},
    )
    seed: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Another number gives other grains, the same number the same ones.",
        json_schema_extra={"label": {"en": "Seed", "es": "Semilla"}},
    )


def _cost(params: Noise) -> float:
    if params.amount == 0:
        return 0.0
    return 8.5 if params.colour else 4.8


@registry.filter(
    "noise",
    aliases=("ruido",),
    label={"en": "Noise", "es": "Ruido"},
    description={
        "en": "Adds grain like that of film or of a sensor in the dark.",
        "es": "Añade grano como el de la película o el de un sensor con poca luz.",
    },
    category="finish",
    cost_ms_per_mp=_cost,
)
def noise(image: Image.Image, params: Noise) -> Image.Image:
    """x + n, clipped, n rounded to whole levels, with mean 0 and standard deviation `amount`.

    Each n is a quantile of the distribution, looked up by 16 random bits of PCG64 (O'Neill 2014). Only the bits of
    NumPy's generators are promised to stay the same in later releases, their normal distribution is not, and every
    node must give the same bytes. Every frame of an animation gets the same grains.
    """
    import numpy as np

    grains = np.rint(_quantiles(params.distribution) * params.amount).astype(np.int16)
    channels = range(len(image.getbands()) if params.colour else 1)
    generators = [np.random.PCG64([params.seed, channel]) for channel in channels]

    def add(rows: slice, planes: Sequence[NDArray[np.uint8]]) -> None:
        shape = planes[0].shape
        drawn = [grains.take(_places(generator, *shape), mode="clip") for generator in generators]
        for number, plane in enumerate(planes):
            plane[:] = np.clip(plane + drawn[number % len(drawn)], 0, 255)

    return bands.changed(image, add)


def _places(generator: np.random.PCG64, height: int, width: int) -> NDArray[np.uint16]:
    """Random numbers below PLACES. Each row takes whole draws, so that it does not matter how many are asked for."""
    bits = generator.random_raw(height * -(-width // 4)).astype("<u8", copy=False)
    return bits.view("<u2").reshape(height, -1)[:, :width]


@lru_cache(maxsize=2)
def _quantiles(distribution: str) -> NDArray[np.float64]:
    """PLACES values of mean 0 and standard deviation 1, each as likely as the others."""
    import numpy as np

    places = (np.arange(PLACES) + 0.5) / PLACES
    if distribution == "uniform":
        return math.sqrt(12) * (places - 0.5)
    return np.array([NormalDist().inv_cdf(place) for place in places.tolist()])

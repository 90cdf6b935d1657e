"""The seven filters as their definitions say, in NumPy and floating point, sharing no code with the product.

Every function takes an array of shape (height, width, 3) with values 0..255 and returns exact values before rounding,
of the same shape: a gray result is repeated in the three channels.
"""

import functools
import math

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float64]


def luma(image: Pixels) -> Pixels:
    """Rec. 601, rounded to the 8 bits that an image has."""
    return np.rint(image @ np.array([0.299, 0.587, 0.114]))


def gray(image: Pixels, amount: float = 1) -> Pixels:
    return (1 - amount) * image + amount * _repeated(image @ np.array([0.299, 0.587, 0.114]))


def bw(image: Pixels, threshold: int = 128) -> Pixels:
    return _repeated(np.where(luma(image) >= threshold, 255.0, 0.0))


def sepia(image: Pixels, intensity: float = 1) -> Pixels:
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return (1 - intensity) * image + intensity * np.minimum(255, image @ matrix.T)


def negative(image: Pixels) -> Pixels:
    return 255 - image


def blur(image: Pixels, radius: float = 2) -> Pixels:
    """A true Gaussian, cut at five standard deviations, the border repeated."""
    if radius == 0:
        return image
    height, width = image.shape[:2]
    down, across = _gaussian(height, radius), _gaussian(width, radius)
    return np.moveaxis(np.tensordot(np.tensordot(down, image, (1, 0)), across, (1, 1)), 2, 1)


@functools.cache
def _gaussian(length: int, radius: float) -> Pixels:
    """What each pixel of a line takes of every other; what would lie outside, of the first or last."""
    reach = math.ceil(5 * radius)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-(offsets**2) / (2 * radius**2))
    sources = np.clip(np.arange(length)[:, None] + offsets, 0, length - 1)
    matrix = np.zeros((length, length))
    for column, weight in zip(sources.T, kernel / kernel.sum(), strict=True):
        matrix[np.arange(length), column] += weight
    return matrix


def edges(image: Pixels, operator: str = "sobel") -> Pixels:
    smooth = {"sobel": [1, 2, 1], "prewitt": [1, 1, 1]}[operator]
    across = np.outer(smooth, [-1, 0, 1])
    padded = np.pad(luma(image), 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    gx = (windows * across).sum((2, 3))
    gy = (windows * across.T).sum((2, 3))
    return _repeated(np.minimum(255, np.sqrt(gx**2 + gy**2)))


def pixelate(image: Pixels, block: int = 16) -> Pixels:
    result = np.empty_like(image)
    for top in range(0, image.shape[0], block):
        for left in range(0, image.shape[1], block):
            area = (slice(top, top + block), slice(left, left + block))
            result[area] = image[area].mean((0, 1))
    return result


def psnr(image: Pixels, other: Pixels) -> float:
    """Peak signal to noise ratio in dB: 40 is a difference that nobody sees."""
    error = float(np.mean((image - other) ** 2))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _repeated(channel: Pixels) -> Pixels:
    return np.repeat(channel[..., None], 3, axis=2)

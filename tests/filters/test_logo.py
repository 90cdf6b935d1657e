"""A picture over another one, against Porter and Duff's *over* in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import filters
from filters.limits import ASSET_BYTES, ASSET_PIXELS
from tests.filters.images import encoded, noise, opened, photo, rgb

WIDTH, HEIGHT = 200, 90
SMALL = (40, 20)  # 20 percent of the width: placed as it is, so that no resampling is compared

TOLERANCE = 1.01
"""Levels: the alpha, its product with the opacity, and the sum of the two are each rounded to 8 bits."""


def over(below: Image.Image, stamp: Image.Image, left: int, top: int, opacity: float = 1.0) -> NDArray[np.float64]:
    """RGBA, 0..255, unrounded; colours are those that show, not multiplied by the alpha."""
    result = np.asarray(below.convert("RGBA"), np.float64)
    pixels = np.asarray(stamp.convert("RGBA"), np.float64)
    part = result[top : top + stamp.height, left : left + stamp.width]
    upper, lower = pixels[..., 3:] / 255 * opacity, part[..., 3:] / 255
    alpha = upper + lower * (1 - upper)
    mixed = pixels[..., :3] * upper + part[..., :3] * lower * (1 - upper)
    part[..., :3] = np.divide(mixed, alpha, out=np.zeros_like(mixed), where=alpha > 0)
    part[..., 3:] = 255 * alpha
    return result


def applied(image: Image.Image, step: str, stamp: Image.Image, **options: object) -> Image.Image:
    files = {"brand.png": encoded(stamp, "png")}
    result = filters.apply(encoded(image, "png"), [f"logo:image=brand.png,{step}"], assets=files.get, **options)  # type: ignore[arg-type]
    return opened(result.data)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("opacity", [1, 0.6])
@pytest.mark.parametrize(
    ("position", "left", "top"),
    [("southeast", 152, 62), ("northwest", 8, 8), ("north", 80, 8), ("west", 8, 35), ("center", 80, 35)],
)
def test_it_lies_over_the_image_where_it_is_said(mode: str, opacity: float, position: str, left: int, top: int) -> None:
    image, stamp = noise(WIDTH, HEIGHT, mode), noise(*SMALL, "RGBA")
    found = applied(image, f"size=20,margin=8,opacity={opacity},gravity={position}", stamp)
    assert found.mode == "RGB"
    expected = over(image, stamp, left, top, opacity)[..., :3]
    assert np.abs(np.asarray(found) - expected).max() <= TOLERANCE


def test_it_shows_also_where_the_image_is_transparent() -> None:
    image, stamp = noise(WIDTH, HEIGHT, "RGBA"), noise(*SMALL, "RGBA")
    image.putalpha(image.getchannel("A").point(lambda level: 0 if level < 99 else level))
    found = np.asarray(applied(image, "size=20,margin=0,opacity=1", stamp), np.float64)
    expected = over(image, stamp, WIDTH - 40, HEIGHT - 20)
    assert np.abs(found[..., 3] - expected[..., 3]).max() <= TOLERANCE
    # A colour that hardly shows is a quotient of small numbers: compared by what is seen of it.
    seen = np.abs(found[..., :3] - expected[..., :3]) * expected[..., 3:] / 255
    assert seen.max() <= 2 * TOLERANCE


def test_tiled_it_comes_again_and_again() -> None:
    image, stamp = photo(WIDTH, HEIGHT), noise(*SMALL)
    found = np.asarray(applied(image, "size=20,margin=10,opacity=1,tiled=true,gravity=northwest", stamp))
    untouched = np.asarray(image).copy()
    for top in range(10, HEIGHT, 30):
        for left in range(10, WIDTH, 50):
            part = found[top : top + 20, left : left + 40]
            assert np.array_equal(part, np.asarray(stamp)[: part.shape[0], : part.shape[1]])
    assert np.array_equal(found[30:40], untouched[30:40])
    assert np.array_equal(found[:, 50:60], untouched[:, 50:60])


def test_it_is_made_as_wide_as_asked_and_never_higher_than_the_image() -> None:
    wide = np.asarray(
        applied(Image.new("RGB", (300, 100)), "size=50,margin=0,opacity=1", Image.new("RGB", (10, 4), "white"))
    )
    assert (int((wide[..., 0] > 128).any(0).sum()), int((wide[..., 0] > 128).any(1).sum())) == (150, 60)
    high = np.asarray(
        applied(Image.new("RGB", (300, 100)), "size=50,margin=0,opacity=1", Image.new("RGB", (10, 50), "white"))
    )
    assert (int((high[..., 0] > 128).any(0).sum()), int((high[..., 0] > 128).any(1).sum())) == (20, 100)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (3, 1), (301, 2)])
@pytest.mark.parametrize("stamp", [(1, 1), (500, 1), (1, 500)])
@pytest.mark.parametrize("tiled", ["true", "false"])
def test_any_size_on_any_size(size: tuple[int, int], stamp: tuple[int, int], tiled: str) -> None:
    assert applied(noise(*size), f"tiled={tiled},size=1,margin=50", noise(*stamp, "RGBA")).size == size


def test_of_transparent_pixels_no_colour_bleeds_in_when_it_is_resized() -> None:
    stamp = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    stamp.paste((0, 0, 255, 255), (0, 0, 32, 64))
    found = np.asarray(applied(Image.new("RGB", (50, 50), "black"), "size=50,margin=0,opacity=1", stamp))
    assert found[..., 0].max() <= 1


def test_without_a_picture_the_image_stays_as_it_is() -> None:
    image = noise(20, 10)
    assert opened(filters.apply(encoded(image, "png"), ["logo"]).data).tobytes() == image.tobytes()


def test_the_other_steps_of_the_pipeline_work_as_ever() -> None:
    image, stamp = noise(WIDTH, HEIGHT), noise(*SMALL, "RGBA")
    steps = ["negative", "logo:image=a,size=20,margin=0,opacity=1", "negative"]
    found = opened(filters.apply(encoded(image, "png"), steps, assets={"a": encoded(stamp, "png")}.get).data)
    negative = Image.fromarray(255 - np.asarray(image))
    expected = 255 - over(negative, stamp, WIDTH - 40, HEIGHT - 20)[..., :3]
    assert np.abs(np.asarray(found) - expected).max() <= TOLERANCE


# -- what can be wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "error", "detail"),
    [
        (None, filters.MissingAsset, "logo needs the picture 'a', which is not there"),
        (b"no picture", filters.UnsupportedFormat, "logo: a: this is not an image"),
        (encoded(photo(), "png")[:300], filters.BrokenImage, "logo: a: the PNG is damaged"),
        (bytes(ASSET_BYTES + 1), filters.ImageTooLarge, "logo: a: the file is 2 MiB; the limit is 2 MiB"),
        (encoded(Image.new("1", (4000, ASSET_PIXELS // 4000 + 1)), "png"), filters.ImageTooLarge, "the limit is 8"),
    ],
)
def test_a_picture_that_cannot_be_used_is_named_with_its_step(
    file: bytes | None, error: type[filters.FilterError], detail: str
) -> None:
    with pytest.raises(error) as caught:
        filters.apply(encoded(photo(), "jpeg"), ["sepia", "logo:image=a"], assets=lambda name: file)
    assert caught.value.step == 2
    assert detail in caught.value.detail


def test_a_pipeline_says_which_pictures_it_needs_and_can_call_them_otherwise() -> None:
    pipeline = filters.parse_pipeline(["logo:image=a.png", "sepia", "logo", "marca-imagen:image=b.png"])
    assert pipeline.assets() == [(1, "a.png"), (3, ""), (4, "b.png")]
    renamed = pipeline.with_assets({"a.png": "c.png"})
    assert renamed.assets() == [(1, "c.png"), (3, ""), (4, "b.png")]
    assert filters.parse_pipeline(renamed.to_json()) == renamed


def test_a_picture_that_does_not_show_is_not_even_asked_for() -> None:
    image = noise(20, 10)
    result = filters.apply(encoded(image, "png"), ["logo:image=a,opacity=0"])
    assert opened(result.data).tobytes() == image.tobytes()


def test_a_jpeg_that_stays_a_jpeg_gets_its_logo_too() -> None:
    mark = encoded(Image.new("RGB", (20, 10), (255, 0, 0)), "png")
    step = {"filter": "logo", "image": "brand.png", "opacity": 1, "size": 50, "gravity": "northwest", "margin": 0}
    result = filters.apply(encoded(photo(), "jpeg"), [step], assets={"brand.png": mark}.get)
    assert result.format == "jpeg"
    red, green, blue = rgb(result.data)[5, 20]
    assert (red > 230, green < 30, blue < 30) == (True, True, True)

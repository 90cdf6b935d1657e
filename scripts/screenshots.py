"""Draws the pictures of the page in docs/images: `make screenshots`. Starts a cluster of its own for it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from playwright.sync_api import Page, sync_playwright

from benchmarks.page import BROWSER_FLAGS
from benchmarks.running import cluster

IMAGES = Path(__file__).parent.parent / "docs" / "images"
SKIES = (
    ((250, 196, 120), (90, 110, 180)),
    ((255, 220, 180), (70, 140, 200)),
    ((240, 140, 110), (60, 50, 110)),
    ((215, 235, 245), (60, 130, 190)),
    ((255, 205, 150), (120, 90, 150)),
    ((230, 240, 210), (80, 160, 170)),
    ((250, 170, 130), (50, 80, 140)),
    ((235, 225, 240), (110, 120, 190)),
)


def landscape(number: int, width: int = 1600, height: int = 1200) -> Image.Image:
    """Hills under a sky: made here, so that no one's photo is shown."""
    rng = np.random.default_rng(number)
    low, high = (np.array(colour, dtype=float) for colour in SKIES[number % len(SKIES)])
    share = np.linspace(0, 1, height)[:, None, None] ** 0.8
    picture = Image.fromarray(np.broadcast_to(high * (1 - share) + low * share, (height, width, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    sun_x, sun_y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.2, 0.45) * height
    draw.ellipse([sun_x - 70, sun_y - 70, sun_x + 70, sun_y + 70], fill=(255, 244, 214))
    picture = picture.filter(ImageFilter.GaussianBlur(3))
    draw = ImageDraw.Draw(picture)
    x = np.arange(0, width + 8, 8)
    for layer in range(5):
        base = height * (0.48 + 0.11 * layer)
        ridge = base - sum(
            rng.uniform(20, 75) * np.sin(x / width * rng.uniform(4, 14) + rng.uniform(0, 6)) / (wave + 1)
            for wave in range(4)
        )
        depth = (layer + 1) / 6
        colour = tuple(int(v) for v in high * (1 - depth) * 0.75 + np.array((22, 44, 48)) * depth)
        draw.polygon([*zip(x.tolist(), ridge.tolist(), strict=True), (width, height), (0, height)], fill=colour)
    noise = rng.normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(np.asarray(picture, dtype=float) + noise, 0, 255).astype(np.uint8))


def process(page: Page, photos: list[Path]) -> None:
    page.get_by_test_id("drop-input").set_input_files(photos)
    for name in ("sepia", "blur"):
        page.get_by_test_id("add-filter").click()
        page.get_by_test_id(f"filter-{name}").click()
    page.get_by_test_id("process").click()
    page.locator('[data-testid^="result-"][data-state="done"]').nth(len(photos) - 1).wait_for()
    page.wait_for_function("[...document.querySelectorAll('img')].every(image => image.complete)")


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, cluster(nodes=2) as running, sync_playwright() as playwright:
        photos = []
        for number in range(8):
            photos.append(Path(folder) / f"valle-{number + 1}.jpg")
            landscape(number).save(photos[-1], quality=90)
        chromium = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
        for language, locale in (("en", "en-GB"), ("es", "es-ES")):
            for theme in ("light", "dark"):
                context = chromium.new_context(
                    viewport={"width": 1280, "height": 860}, locale=locale, color_scheme=theme, reduced_motion="reduce"
                )
                page = context.new_page()
                page.goto(running.entrance)
                process(page, photos)
                page.screenshot(path=IMAGES / f"studio-{theme}-{language}.png")
                page.locator('[data-testid^="result-"]').nth(2).click()
                page.get_by_test_id("compare").locator("img").nth(1).wait_for()
                page.wait_for_function("[...document.querySelectorAll('img')].every(image => image.complete)")
                page.screenshot(path=IMAGES / f"result-{theme}-{language}.png")
                page.goto(f"{running.url}/dashboard")
                page.locator('[data-testid^="node-"]').nth(1).wait_for()
                page.screenshot(path=IMAGES / f"cluster-{theme}-{language}.png")
                context.close()
        chromium.close()


if __name__ == "__main__":
    main()

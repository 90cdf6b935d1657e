"""What a person does on the Studio page."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.integration.clusters import Up
from tests.integration.photos import jpeg, jpeg_files

DROP = """
([files]) => {
  const transfer = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }
}
"""


def add_filter(page: Page, name: str) -> None:
    page.get_by_test_id("add-filter").click()
    page.get_by_test_id(f"filter-{name}").click()


def results(page: Page, state: str = "done") -> Locator:
    return page.locator(f'[data-testid^="result-"][data-state="{state}"]')


def process(page: Page, files: list[Path], *filters: str) -> None:
    page.get_by_test_id("drop-input").set_input_files(files)
    for name in filters:
        add_filter(page, name)
    page.get_by_test_id("process").click()


def test_photos_dropped_on_the_page_come_back_as_results(studio: Page) -> None:
    files = [(f"dropped-{number}.jpg", base64.b64encode(jpeg(640, 480)).decode()) for number in range(3)]
    studio.evaluate(DROP, [files])
    add_filter(studio, "sepia")
    studio.get_by_test_id("process").click()
    expect(results(studio)).to_have_count(3)
    for card in results(studio).all():
        image = card.locator("img")
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0
    expect(studio.get_by_test_id("progress")).to_contain_text("3")


def test_the_form_of_a_filter_sets_its_parameters(studio: Page, cluster: Up, tmp_path: Path) -> None:
    studio.get_by_test_id("drop-input").set_input_files(jpeg_files(tmp_path, 1, 320, 240))
    add_filter(studio, "blur")
    add_filter(studio, "edges")
    radius = studio.get_by_test_id("step-1").get_by_role("textbox")
    radius.fill("7.5")
    radius.press("Tab")
    studio.get_by_test_id("process").click()
    expect(results(studio)).to_have_count(1)
    job = results(studio).first.get_attribute("data-testid")
    assert job is not None
    pipeline = cluster.get(f"jobs/{job.removeprefix('result-')}")["pipeline"]
    assert pipeline == [{"filter": "blur", "radius": 7.5}, {"filter": "edges", "operator": "sobel"}]


def test_steps_are_moved_and_removed_with_the_keyboard(studio: Page) -> None:
    add_filter(studio, "blur")
    add_filter(studio, "negative")
    expect(studio.get_by_test_id("step-1")).to_have_attribute("data-filter", "blur")
    studio.get_by_test_id("step-2").locator("[data-action=remove]").focus()
    studio.keyboard.press("Alt+ArrowUp")
    expect(studio.get_by_test_id("step-1")).to_have_attribute("data-filter", "negative")
    studio.get_by_test_id("step-1").locator("[data-action=remove]").focus()
    studio.keyboard.press("Enter")
    expect(studio.get_by_test_id("step-1")).to_have_attribute("data-filter", "blur")
    expect(studio.get_by_test_id("step-2")).to_have_count(0)


def test_a_result_opens_beside_its_original_with_its_reason(studio: Page, tmp_path: Path) -> None:
    process(studio, jpeg_files(tmp_path, 1, 640, 480), "negative")
    results(studio).first.click()
    expect(studio.get_by_test_id("compare").locator("img")).to_have_count(2)
    for image in studio.get_by_test_id("compare").locator("img").all():
        expect(image).to_have_js_property("complete", True)
    expect(studio.get_by_test_id("job-dialog")).to_contain_text("photo-00.jpg")
    expect(studio.get_by_test_id("why")).to_contain_text(re.compile(r"-[12]"))


def test_one_result_and_all_results_are_downloaded(studio: Page, tmp_path: Path) -> None:
    process(studio, jpeg_files(tmp_path, 3, 320, 240), "gray")
    expect(results(studio)).to_have_count(3)
    with studio.expect_download() as archive:
        studio.get_by_test_id("download-all").click()
    with zipfile.ZipFile(archive.value.path()) as content:
        assert sorted(content.namelist()) == ["photo-00.jpg", "photo-01.jpg", "photo-02.jpg"]
        assert Image.open(io.BytesIO(content.read("photo-01.jpg"))).size == (320, 240)
    results(studio).first.click()
    with studio.expect_download() as single:
        studio.get_by_test_id("download").click()
    assert single.value.suggested_filename.endswith(".jpg")
    with Image.open(single.value.path()) as image:
        assert image.size == (320, 240)


def test_a_file_that_is_no_image_is_named_and_the_others_are_done(
    studio: Page, problems: list[str], tmp_path: Path
) -> None:
    good = jpeg_files(tmp_path, 2, 320, 240)
    bad = tmp_path / "<b>notes<b>.jpg"
    bad.write_text("no picture at all")
    process(studio, [good[0], bad, good[1]], "bw")
    expect(results(studio)).to_have_count(2)
    refused = studio.locator('[data-state="rejected"]')
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("<b>notes<b>.jpg")  # as text, never as markup
    assert refused.locator("b").count() == 0
    expect(refused).to_contain_text(re.compile("not an image|no image", re.IGNORECASE))
    # The browser logs the refused request by itself; nothing else may be there.
    assert all("415" in problem or "400" in problem or "422" in problem for problem in problems)
    problems.clear()


def test_the_batch_is_still_there_after_a_reload(studio: Page, tmp_path: Path) -> None:
    process(studio, jpeg_files(tmp_path, 2, 320, 240), "pixelate")
    expect(results(studio)).to_have_count(2)
    studio.reload()
    expect(results(studio)).to_have_count(2)


def test_the_page_speaks_spanish_and_english_and_remembers(studio: Page) -> None:
    expect(studio.locator("html")).to_have_attribute("lang", "en")
    studio.get_by_test_id("lang-switch").click()
    expect(studio.locator("html")).to_have_attribute("lang", "es")
    expect(studio.get_by_test_id("process")).to_contain_text(re.compile("Procesar|fotos", re.IGNORECASE))
    studio.reload()
    expect(studio.locator("html")).to_have_attribute("lang", "es")


def test_the_page_is_light_or_dark(studio: Page) -> None:
    def background() -> str:
        return str(studio.evaluate("getComputedStyle(document.body).backgroundColor"))

    light = background()
    studio.get_by_test_id("theme-switch").click()
    expect(studio.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    studio.wait_for_function("before => getComputedStyle(document.body).backgroundColor !== before", arg=light)


def test_the_page_fits_a_phone(studio: Page, cluster: Up) -> None:
    studio.set_viewport_size({"width": 380, "height": 800})
    for path in ("/", "/dashboard"):
        studio.goto(cluster.url + path)
        studio.get_by_test_id("theme-switch").wait_for()
        assert studio.evaluate("document.documentElement.scrollWidth") <= 380


def test_without_the_token_there_is_only_a_login(page: Page, cluster: Up) -> None:
    response = page.goto(cluster.url)
    assert response is not None
    assert response.status == 401
    page.locator("input:visible").first.fill("wrong")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_contain_text("That is not this cluster's token")
    page.locator("input:visible").first.fill(cluster.token)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("process")).to_be_visible()


def test_a_logo_is_chosen_sent_along_and_placed(studio: Page, cluster: Up, tmp_path: Path) -> None:
    logo = tmp_path / "brand.png"
    Image.new("RGB", (40, 20), (255, 0, 0)).save(logo)
    studio.get_by_test_id("drop-input").set_input_files(jpeg_files(tmp_path / "photos", 3, 320, 240))
    studio.get_by_test_id("add-filter").click()
    studio.get_by_test_id("filter-search").fill("marca-imagen")
    studio.keyboard.press("Enter")
    expect(studio.get_by_test_id("process")).to_be_disabled()
    with studio.expect_file_chooser() as chooser:
        studio.get_by_test_id("step-1-image").get_by_role("button").click()
    chooser.value.set_files(logo)
    expect(studio.get_by_test_id("step-1-image")).to_contain_text("brand.png")
    opacity = studio.get_by_test_id("step-1-opacity")
    opacity.fill("1")
    opacity.press("Tab")
    studio.get_by_test_id("step-1-gravity").get_by_role("radio", name="Top left").click()
    studio.get_by_test_id("process").click()
    expect(results(studio)).to_have_count(3)
    for card in results(studio).all():
        result = cluster.result(str(card.get_attribute("data-testid")).removeprefix("result-"))
        red, green, blue = Image.open(io.BytesIO(result)).convert("RGB").getpixel((20, 18))  # type: ignore[misc]
        assert red > 230
        assert max(green, blue) < 60


def test_the_forms_can_be_used_by_everyone(studio: Page, axe: str) -> None:
    """The list of filters while it is open, and every kind of field there is."""
    add_filter(studio, "logo")
    add_filter(studio, "blur")
    studio.get_by_test_id("step-1-advanced").click()
    studio.evaluate(axe)
    for _ in range(2):
        found = studio.evaluate("async () => (await axe.run()).violations.map((violation) => violation.id)")
        assert found == []
        studio.get_by_test_id("add-filter").click()
        expect(studio.get_by_test_id("filter-sepia")).to_be_visible()

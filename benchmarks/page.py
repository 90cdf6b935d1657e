"""From a photo dropped on the page to its result visible there, in a real browser, on an idle and a loaded cluster."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks import photos
from benchmarks.running import Running, cluster

BROWSER_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
DROPS = 40


def drop(page: Page, running: Running, photo: Path) -> float:
    """Seconds from the file's arrival on the page to the loaded picture of its result."""
    page.goto(running.url)
    page.get_by_test_id("drop-input").wait_for(state="attached")
    page.get_by_test_id("add-filter").click()
    page.get_by_test_id("filter-sepia").click()
    begin = time.perf_counter()
    page.get_by_test_id("drop-input").set_input_files(photo)
    page.get_by_test_id("process").click()
    page.wait_for_function(
        """() => { const card = document.querySelector('[data-testid^="result-"][data-state="done"]');
                   const image = card && card.querySelector('img');
                   return image && image.complete && image.naturalWidth > 0; }""",
        polling="raf",
    )
    return time.perf_counter() - begin


def main() -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(prefix="cumulo-bench-") as folder, cluster(nodes=1) as running:
        paths = photos.make(Path(folder) / "drop", 2 * DROPS, 1600, 1250)
        photos.make(Path(folder) / "load", 400, 1600, 1250, seed=2)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=BROWSER_FLAGS)
            page = chromium.new_page(locale="en-US")
            page.goto(running.entrance)
            drop(page, running, paths[0])
            idle = [drop(page, running, path) for path in paths[1:DROPS]]
            load = subprocess.Popen(
                running.apply(f"{folder}/load", "-f", "blur:radius=2", "-o", f"{folder}/out"),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(2)
            busy = []
            for path in paths[DROPS:]:
                if load.poll() is not None:
                    break
                busy.append(drop(page, running, path))
            load.terminate()
            load.wait()
            chromium.close()
        print("One photo of 2 MP, sepia, dropped on the page until its result is visible; browser on the same PC\n")
        print("| cluster | drops | p50 s | p99 s |")
        print("|---|---|---|---|")
        for title, values in (("idle", idle), ("loaded (400 photos of 2 MP, blur)", busy)):
            p99 = sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]
            print(f"| {title} | {len(values)} | {statistics.median(values):.2f} | {p99:.2f} |")

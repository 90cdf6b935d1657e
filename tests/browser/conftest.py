"""A real Chromium on the page of a real cluster."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.integration.clusters import Up

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = os.environ.get("CUMULO_BROWSER") or shutil.which("chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been here: no cookie, no cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up"), "--nodes", "2")
    try:
        yield up
        assert up.end() == 0
    finally:
        up.clean_up()


@pytest.fixture
def problems(page: Page) -> Iterator[list[str]]:
    """Everything that the page logged as an error; at the end of the test there must be none."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    yield found
    assert found == []


@pytest.fixture
def studio(page: Page, cluster: Up, problems: list[str]) -> Page:
    """The Studio page, logged in by the link that `up` prints."""
    page.goto(f"{cluster.url}/?token={cluster.token}")
    page.get_by_test_id("drop-input").wait_for(state="attached")
    return page


@pytest.fixture
def dashboard(studio: Page, cluster: Up) -> Page:
    studio.goto(f"{cluster.url}/dashboard")
    studio.locator('[data-testid^="node-"]').first.wait_for()
    return studio


@pytest.fixture
def axe() -> str:
    """The accessibility checker's source, as npm installed it for the page's own tests."""
    return (Path(__file__).parents[2] / "webapp/frontend/node_modules/axe-core/axe.min.js").read_text()

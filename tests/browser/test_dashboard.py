"""What a person sees and does on the Cluster page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.integration.clusters import Up
from tests.integration.photos import jpegs

TONES = ((10, "blue"), (40, "green"), (70, "yellow"), (80, "orange"), (101, "red"))


def test_every_node_has_a_card_with_four_bars_on_the_reports_scale(dashboard: Page) -> None:
    cards = dashboard.locator('[data-testid^="node-"]')
    expect(cards).to_have_count(2)
    for card in cards.all():
        for name in ("cpu", "memory", "disk", "network"):
            # Value, tone and text in one look: the next sample may change them.
            value, tone, text = card.get_by_test_id(f"bar-{name}").evaluate(
                "bar => [Number(bar.dataset.value), bar.dataset.tone, bar.closest('li').textContent]"
            )
            assert tone == next(tone for limit, tone in TONES if value < limit)
            assert f"{int(value + 0.5)}" in text  # as a browser rounds, halves up
        expect(card.get_by_test_id("tasks-processed")).to_have_text(re.compile(r"\d"))


def test_the_cards_move_by_themselves_while_the_cluster_works(dashboard: Page, cluster: Up) -> None:
    def processed() -> int:
        return sum(
            int(fact.get_attribute("data-value") or 0) for fact in dashboard.get_by_test_id("tasks-processed").all()
        )

    before = processed()
    for job in cluster.submit(jpegs(6, 640, 480), filter="sepia"):
        cluster.await_job(job)
    dashboard.wait_for_function(
        """wanted => [...document.querySelectorAll('[data-testid="tasks-processed"]')]
                     .reduce((sum, fact) => sum + Number(fact.dataset.value), 0) >= wanted""",
        arg=before + 6,
    )
    expect(dashboard.get_by_test_id("connection")).to_have_attribute("data-state", "live")


def test_a_node_is_paused_and_resumed(dashboard: Page, cluster: Up) -> None:
    name = sorted(cluster.states())[0]
    card = dashboard.get_by_test_id(f"node-{name}")
    dashboard.get_by_test_id(f"pause-{name}").click()
    expect(card).to_have_attribute("data-state", "paused")
    assert cluster.states()[name] == "paused"
    dashboard.get_by_test_id(f"resume-{name}").click()
    expect(card).to_have_attribute("data-state", "live")


def test_the_policy_is_switched(dashboard: Page, cluster: Up) -> None:
    dashboard.get_by_test_id("policy-select").select_option("round-robin")
    expect(dashboard.get_by_test_id("policy-select")).to_have_value("round-robin")
    dashboard.wait_for_function("() => document.body.textContent.includes('round-robin')")
    assert cluster.get("policy")["policy"] == "round-robin"
    dashboard.get_by_test_id("policy-select").select_option("least-cpu")
    expect(dashboard.get_by_test_id("policy-select")).to_have_value("least-cpu")


@pytest.mark.parametrize("path", ["/", "/dashboard"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_accessibility_checker_finds_nothing(studio: Page, cluster: Up, axe: str, path: str, theme: str) -> None:
    studio.emulate_media(color_scheme=theme, reduced_motion="reduce")
    studio.goto(cluster.url + path)
    studio.get_by_test_id("theme-switch").wait_for()
    if path == "/dashboard":
        studio.locator('[data-testid^="node-"]').first.wait_for()
    expect(studio.locator("html")).to_have_attribute("data-mantine-color-scheme", theme)
    studio.evaluate(axe)
    found = studio.evaluate("axe.run().then(result => result.violations)")
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found] == []

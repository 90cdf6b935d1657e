"""Finding jobs: by state, node, filter, time and the beginning of the file name, in any combination."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace
from typing import Any

import pytest

from cluster import ledger as ledger_module
from cluster.ledger import Ledger, searched
from cluster.nodes import Nodes
from tests.cluster.ledgers import add_node, claim, done, failed, new_jobs, start, submit

PIPELINES = (["sepia"], ["sepia", "blur"], ["gray", "blur"], ["edges"])
NAMES = (
    "IMG_0001.jpg",
    "img_0002.JPG",
    "holiday.png",
    "Holiday 2.png",
    "Ñandú.jpg",
    "ñame.png",
    "z.tif",
    "[a].png",
    "%.gif",
)
OPTIONS: dict[str, Any] = {"format": None, "quality": None, "priority": 0, "submitter": "", "max_backlog": 10**6}


def record(ledger: Ledger, *names: str, pipeline: list[str] = PIPELINES[0]) -> list[str]:
    jobs = [replace(job, name=name) for job, name in zip(new_jobs(len(names)), names, strict=True)]
    return ledger.submit(jobs, pipeline=[{"filter": name} for name in pipeline], **OPTIONS)[1]


def pages(ledger: Ledger, count: int = 50, **query: Any) -> list[str]:
    """Every id that the query finds, read page by page."""
    found: list[str] = []
    before = None
    for _ in range(1000):
        ids, before = ledger.page(**query, before=before, count=count)
        assert len(ids) <= count
        found += ids
        if before is None:
            return found
    raise AssertionError("the pages never end")


@pytest.fixture
def various(ledger: Ledger, registry: Nodes) -> list[dict[str, Any]]:
    """Jobs in every state, of many names, on two nodes; newest first, as they were found one by one."""
    dice = random.Random(7)
    for node in ("pc-1", "pc-2"):
        add_node(registry, node)
    ids = []
    for number in range(60):
        ids += record(ledger, dice.choice(NAMES), pipeline=list(PIPELINES[number % 4]))
    for job_id in ids[:50]:
        what, node = (
            dice.choice(["cancel", "done", "failed", "running", "lost", "queued"]),
            dice.choice(["pc-1", "pc-2"]),
        )
        if what == "cancel":
            ledger.cancel(job_id)
        elif what != "queued":
            message, [order] = start(ledger, node, job_id)
            if what in ("done", "failed"):
                ledger.commit(node, message.lease, [done(order) if what == "done" else failed(order)])
            elif what == "lost":
                ledger.give_back(node, "signal 9", lost=True, lease=message.lease)
    assert len({view["state"] for view in ledger.views(ids)}) == 5
    return ledger.views(ids[::-1])


@pytest.mark.parametrize("most_names", [0, 5, 2000], ids=["by walking", "either way", "by names"])
@pytest.mark.parametrize("count", [3, 100])
def test_every_combination_finds_what_looking_at_every_job_finds(
    ledger: Ledger, various: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, most_names: int, count: int
) -> None:
    monkeypatch.setattr(ledger_module, "MOST_NAMES", most_names)
    monkeypatch.setattr(ledger_module, "NAMES_AT_ONCE", 4)
    monkeypatch.setattr(ledger_module, "LOOK_AT", 7)
    early, late = various[40]["created_at"], various[15]["created_at"]
    combinations = itertools.product(
        (None, "done", "queued", "quarantined"),
        (None, "pc-1", "nobody"),
        (None, "blur", "negative"),
        ("", "IMG", "img_0002", "HOLI", "ñ", "nothing"),
        ((None, None), (early, None), (early, late), (late, early)),
    )
    for state, node, filter, name, (since, until) in combinations:
        expected = [
            job["id"]
            for job in various
            if state in (None, job["state"])
            and node in (None, job["node"])
            and (filter is None or any(step["filter"] == filter for step in job["pipeline"]))
            and job["name"].casefold().startswith(name.casefold())
            and (since is None or job["created_at"] >= since)
            and (until is None or job["created_at"] < until)
        ]
        query = {"state": state, "node": node, "filter": filter, "name": name, "since": since, "until": until}
        assert pages(ledger, count, **query) == expected, query


def test_the_last_page_says_that_it_is_the_last(ledger: Ledger) -> None:
    ids = submit(ledger, 4)
    for query in ({}, {"name": "photo"}, {"state": "queued"}):
        first, before = ledger.page(count=2, **query)
        second, end = ledger.page(count=2, before=before, **query)
        assert (first + second, end) == (ids[::-1], None), query


def test_names_are_found_by_their_beginning_in_any_case(ledger: Ledger) -> None:
    [ascii, composed, decomposed, star, zero] = record(
        ledger, "IMG_1.jpg", "Ñandú.jpg", "N\u0303u.jpg", "*[x]\xff.png", "a\0b.png"
    )
    assert pages(ledger, name="img_1.JPG") == [ascii]
    assert pages(ledger, name="mg_1") == [], "not by a part of it"
    assert pages(ledger, name="ñ") == [decomposed, composed], "however the tilde is spelled"
    assert pages(ledger, name="*[X") == [star]
    assert pages(ledger, name="a\0b") == [zero]
    assert pages(ledger, name="") == [zero, star, decomposed, composed, ascii]
    assert searched("STRASSE") == searched("straße")


def test_times_are_from_and_before(ledger: Ledger) -> None:
    [first], [second], [third] = (submit(ledger) for _ in range(3))
    at = [job["created_at"] for job in ledger.views([first, second, third])]
    assert pages(ledger, since=at[1]) == [third, second]
    assert pages(ledger, until=at[1]) == [first]
    assert pages(ledger, since=at[0], until=at[2]) == [second, first]
    assert pages(ledger, since=time.time() + 3600) == []


def test_a_page_looks_at_a_bounded_number_of_records(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nearly nothing fits it answers with what it has, and where to go on."""
    monkeypatch.setattr(ledger_module, "LOOK_AT", 5)
    monkeypatch.setattr(ledger_module, "LOOKS", 2)
    monkeypatch.setattr(ledger_module, "MOST_NAMES", 0)
    [oldest] = record(ledger, "needle.png")
    record(ledger, *["hay.png"] * 23)
    answers = []
    before = None
    while not answers or before is not None:
        ids, before = ledger.page(name="needle", before=before, count=10)
        answers.append(ids)
    assert answers == [[], [], [oldest]]


def test_jobs_move_between_lists_as_they_move_between_nodes(ledger: Ledger, registry: Nodes) -> None:
    for node in ("pc-1", "pc-2"):
        add_node(registry, node)
    [job_id] = submit(ledger)
    message, _ = start(ledger, "pc-1", job_id)
    assert pages(ledger, node="pc-1") == [job_id]
    ledger.give_back("pc-1", "it went offline", lost=True)
    assert pages(ledger, node="pc-1") == []
    assert claim(ledger, message) == []
    start(ledger, "pc-2", job_id)
    assert pages(ledger, node="pc-2", state="running") == [job_id]

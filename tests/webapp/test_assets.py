"""`asset` files of a form: pictures that steps of its pipeline name."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cluster.settings import Settings
from tests.webapp.conftest import picture, upload
from tests.webapp.fakes import FakeCluster

URL = "/api/v1/jobs"
LOGO = picture(size=(4, 3), color="orange")
LOGO_SHA = hashlib.sha256(LOGO).hexdigest()
STEP = {"filter": "logo", "image": "brand.png", "size": 50.0, "opacity": 1.0}


def post(client: FlaskClient, *steps: object, **form: Any) -> dict[str, Any]:
    data = {"image": upload("a.png"), "pipeline": json.dumps(steps), **form}
    answer: dict[str, Any] = client.post(URL, data=data).get_json()
    return answer


def test_a_step_names_a_file_of_the_same_form(client: FlaskClient, cluster: FakeCluster) -> None:
    answer = post(client, "sepia", STEP, asset=upload("folder/brand.png", LOGO))
    (job,) = answer["jobs"]
    assert job["pipeline"][1] == {**STEP, "image": LOGO_SHA, "gravity": "southeast", "margin": 0.03, "tiled": False}
    assert cluster.blobs.get(LOGO_SHA) == LOGO
    assert cluster.finish(job["id"])["state"] == "done"


def test_a_pipeline_can_be_sent_again_as_it_came_back(client: FlaskClient) -> None:
    first = post(client, STEP, asset=upload("brand.png", LOGO))
    again = post(client, *first["jobs"][0]["pipeline"])
    assert again["jobs"][0]["pipeline"] == first["jobs"][0]["pipeline"]
    grown = post(client, *first["jobs"][0]["pipeline"], batch=first["batch"])
    assert grown["batch"] == first["batch"]


def test_two_steps_with_a_file_each(client: FlaskClient) -> None:
    other = picture(size=(2, 2), color="blue")
    files = [upload("brand.png", LOGO), upload("stamp.png", other)]
    (job,) = post(client, STEP, {**STEP, "image": "stamp.png"}, STEP, asset=files)["jobs"]
    used = [step["image"] for step in job["pipeline"]]
    assert used == [LOGO_SHA, hashlib.sha256(other).hexdigest(), LOGO_SHA]


@pytest.mark.parametrize("step", [STEP, {"filter": "logo"}, {**STEP, "image": "0" * 64}])
def test_a_picture_that_was_not_sent_is_asked_for(
    client: FlaskClient, settings: Settings, step: dict[str, object]
) -> None:
    problem = post(client, "sepia", step)
    assert (problem["status"], problem["type"], problem["step"]) == (422, "urn:cumulo:problem:missing-asset", 2)
    assert "send the file along as an `asset`" in problem["detail"]
    assert list(Path(settings.data).glob("blobs/??/*")) == [], "asked before anything is stored"


def test_a_photo_cannot_be_had_by_its_sha256(client: FlaskClient) -> None:
    sha256 = post(client, "sepia")["jobs"][0]["input"]["sha256"]
    assert post(client, {**STEP, "image": sha256})["type"] == "urn:cumulo:problem:missing-asset"


def test_a_file_that_no_step_names_is_a_mistake(client: FlaskClient) -> None:
    problem = post(client, STEP, asset=[upload("brand.png", LOGO), upload("Stamp.png", LOGO)])
    assert (problem["status"], problem["type"]) == (400, "urn:cumulo:problem:unused-asset")
    assert "`Stamp.png`" in problem["detail"]


def test_a_file_that_cannot_be_used_is_named(client: FlaskClient) -> None:
    problem = post(client, STEP, asset=upload("brand.png", b"no picture at all"))
    assert (problem["status"], problem["file"]) == (415, "brand.png")
    assert problem["detail"].startswith("brand.png: this is not an image")


def test_the_reports_route_takes_none(client: FlaskClient) -> None:
    form = {"image": upload(), "asset": upload("brand.png", LOGO), "filters": "sepia"}
    assert client.post("/task", data=form).get_json()["type"] == "urn:cumulo:problem:unknown-field"

"""A photo through the running cluster, against references that share no code with it."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest

from tests.filters import reference
from tests.filters.images import encoded, noise, opened, photo, rgb
from tests.integration.clusters import Up
from tests.integration.photos import jpegs

# The largest difference from the unrounded reference in levels of 255; for blur the least PSNR in dB, because it is
# made of whole numbers and a smaller image. As tests/filters/test_effects.py has and explains them.
TOLERANCE = {"bw": 0.0, "sepia": 1.45, "negative": 0.0, "edges": 0.501, "pixelate": 0.75, "gray": 0.501}
BLUR_PSNR = 41

ALIASES = {
    "blanco-negro": "bw",
    "negativo": "negative",
    "desenfoque": "blur",
    "bordes": "edges",
    "pixelado": "pixelate",
    "grises": "gray",
}


@pytest.mark.parametrize("name", [*TOLERANCE, "blur"])
def test_png_in_png_out_through_each_filter(cluster: Up, name: str) -> None:
    image = photo(240, 180)
    [job_id] = cluster.submit([(f"{name}.png", encoded(image, "png"))], filter=name)
    result = opened(cluster.result(job_id))
    assert result.format == "PNG"
    expected = getattr(reference, name)(rgb(image))
    assert rgb(result).shape == expected.shape
    if name == "blur":
        assert reference.psnr(rgb(result), np.rint(expected)) >= BLUR_PSNR
    else:
        assert np.abs(rgb(result) - expected).max() <= TOLERANCE[name]


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_the_reports_names_mean_the_same(cluster: Up, alias: str, name: str) -> None:
    data = encoded(photo(), "png")
    by_alias, by_name = (cluster.submit([("a.png", data)], filter=word)[0] for word in (alias, name))
    assert cluster.await_job(by_alias)["pipeline"][0]["filter"] == name
    assert np.array_equal(rgb(cluster.result(by_alias)), rgb(cluster.result(by_name)))


def test_alpha_stays(cluster: Up) -> None:
    image = noise(60, 40, "RGBA")
    [job_id] = cluster.submit([("a.png", encoded(image, "png"))], filter="sepia")
    assert opened(cluster.result(job_id)).getchannel("A").tobytes() == image.getchannel("A").tobytes()


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp", "gif"])
def test_every_format_keeps_its_own(cluster: Up, format: str) -> None:
    image = photo(96, 64)
    # By its content: the name says something else.
    [job_id] = cluster.submit([("picture.dat", encoded(image, format))], filter="negative")
    response = cluster.http.get(f"/api/v1/jobs/{job_id}/result") if cluster.result(job_id) else None
    assert response is not None
    assert response.headers["content-type"] == f"image/{format}"
    result = opened(response.content)
    assert (result.format or "").lower() == format
    assert result.size == image.size
    # Against what the file says after its own losses: palettes and chroma go through a codec twice.
    source = rgb(encoded(image, format))
    assert np.abs(rgb(result) - reference.negative(source)).mean() <= (0 if format in ("png", "tiff", "bmp") else 6)


def test_format_and_quality_of_the_result_can_be_chosen(cluster: Up) -> None:
    data = encoded(photo(400, 300), "png")
    sizes = []
    for quality in (30, 95):
        [job_id] = cluster.submit([("a.png", data)], filter="sepia", format="webp", quality=quality)
        result = cluster.result(job_id)
        assert opened(result).format == "WEBP"
        sizes.append(len(result))
    assert sizes[0] * 2 < sizes[1]


def test_a_pipeline_runs_in_its_order(cluster: Up) -> None:
    image = photo()
    steps = '[{"filter": "negative"}, {"filter": "bw", "threshold": 60}]'
    [job_id] = cluster.submit([("a.png", encoded(image, "png"))], pipeline=steps)
    assert np.array_equal(rgb(cluster.result(job_id)), reference.bw(reference.negative(rgb(image)), 60))


def test_a_batch_with_its_archive_thumbnails_and_timelines(cluster: Up) -> None:
    images = [*jpegs(6, 1200, 800), ("photo-00.jpg", jpegs(1, 1200, 800)[0][1])]
    response = cluster.post_images(images, filter="sepia")
    batch, ids = response.json()["batch"], [job["id"] for job in response.json()["jobs"]]
    jobs = cluster.await_jobs(ids)
    progress = cluster.get(f"batches/{batch}")
    assert (progress["total"], progress["counts"]["done"]) == (7, 7)

    archive = cluster.http.get(f"/api/v1/batches/{batch}/archive")
    assert archive.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(archive.content)) as packed:
        assert packed.testzip() is None
        names = packed.namelist()
        assert len(set(names)) == 7, "two photos of one name are two files"
        assert all(opened(packed.read(name)).size == (1200, 800) for name in names)

    for job in jobs:
        thumbnail = cluster.http.get(f"/api/v1/jobs/{job['id']}/thumbnail")
        assert max(opened(thumbnail.content).size) == 320
        assert len(thumbnail.content) < job["result"]["bytes"] / 4
        events = [entry["event"] for entry in job["timeline"]]
        assert events in (["queued", "assigned", "started", "done"], ["queued", "taken", "done"])
        times = [entry["at"] for entry in job["timeline"]]
        assert times == sorted(times)
        assert job["created_at"] <= job["started_at"] <= job["finished_at"]
        placement = job["placement"]
        assert placement["policy"] == "least-cpu"
        assert placement["node"] == job["node"]
        assert placement["reason"]
        assert 1 <= len(placement["candidates"]) <= 2
        for candidate in placement["candidates"]:
            assert candidate["node"] in cluster.states()
            assert 0 <= candidate["sample_age"] < 3

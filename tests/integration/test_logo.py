"""A logo over photos on a running cluster: sent through the API, and by the command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.filters.images import encoded, noise, opened
from tests.integration.clusters import Up, cumulo

LOGO = noise(40, 20, "RGBA")
LOGO.putalpha(255)
STEP = {"filter": "logo", "image": "brand.png", "size": 20, "opacity": 1, "margin": 0}


def corner(data: bytes) -> bytes:
    """The pixels where the logo must be."""
    return opened(data).convert("RGB").crop((160, 70, 200, 90)).tobytes()


def test_through_the_api_and_again_by_its_sha256(cluster: Up) -> None:
    photo = encoded(noise(200, 90), "png")
    files = [("image", ("a.png", photo)), ("image", ("b.png", photo)), ("asset", ("brand.png", encoded(LOGO, "png")))]
    answer = cluster.http.post("/api/v1/jobs", files=files, data={"pipeline": json.dumps([STEP])})
    assert answer.status_code == 202, answer.text
    pipeline = answer.json()["jobs"][0]["pipeline"]
    ids = [job["id"] for job in answer.json()["jobs"]] + cluster.submit(
        [("c.png", photo)], pipeline=json.dumps(pipeline)
    )
    for job_id in ids:
        assert corner(cluster.result(job_id)) == LOGO.convert("RGB").tobytes()


def test_the_command_reads_the_file(cluster: Up, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(noise(200, 90), "png"))
    (tmp_path / "brand.png").write_bytes(encoded(LOGO, "png"))
    step = "logo:image=brand.png,size=20,opacity=1,margin=0"
    done = cumulo("apply", "a.png", "-f", step, "-o", "out", cwd=tmp_path, data=cluster.data)
    assert done.returncode == 0, done.stderr
    assert corner((tmp_path / "out" / "a.png").read_bytes()) == LOGO.convert("RGB").tobytes()

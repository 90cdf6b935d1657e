"""Hundreds of photos on three nodes while everything is killed, frozen and restarted at random: `make chaos`.

The name of each run says its seed: `make chaos ARGS="--seeds 1 --first-seed N"` has the same pictures and faults again.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.drills import drilled

SECONDS = 900.0


@pytest.mark.timeout(SECONDS + 60)
def test_nothing_is_lost_doubled_or_wrong(seed: int, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    jobs = pytestconfig.getoption("--jobs")
    [chaos] = drilled(tmp_path, "--rounds", "chaos", "--nodes", 3, "--jobs", jobs, "--seed", seed, seconds=SECONDS)
    print(f"\nseed {seed}: {chaos['results']} results in {chaos['seconds']:.0f} s; {', '.join(chaos['faults'])}")
    for kind in ("kill", "freeze", "child"):
        found = [one for one in chaos["rescues"] if one["fault"] == kind]
        if found:
            after = sum(one["total"] - one["detected"] - one["work"] for one in found) / len(found)
            detected = max(one["detected"] for one in found)
            print(
                f"  {kind}: {len(found)} jobs rescued, noticed after {detected:.1f} s at most; "
                f"result {after:.2f} s later on average, without their own work"
            )

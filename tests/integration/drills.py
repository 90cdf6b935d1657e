"""`cumulo drill` as people run it, and what must be true of each of its rounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.clusters import CUMULO, Program, environment


def drilled(folder: Path, *options: object, seconds: float = 160.0, **settings: object) -> list[dict[str, Any]]:
    """The rounds of `cumulo drill OPTIONS --json`. Everything held, and none of its processes is left."""
    command = [*CUMULO, "drill", *map(str, options), "--json"]
    program = Program(command, folder / "drill.log", cwd=folder, env=environment(**settings))
    try:
        code = program.wait(seconds)
        output = program.output()
        assert code == 0, output
        assert program.left() == []
    finally:
        program.clean_up()
    answer = json.loads(output[output.index("\n{") :])
    assert answer["held"]
    for one in answer["rounds"]:
        assert (one["results"], one["lost"], one["duplicates"], one["wrong"]) == (one["jobs"], 0, 0, 0), one
        assert one["problems"] == []
    rounds: list[dict[str, Any]] = answer["rounds"]
    return rounds

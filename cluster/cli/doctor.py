"""`cumulo doctor`"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from redis.backoff import NoBackoff
from redis.retry import Retry

from cluster.cli.common import console, data_folder, data_option, json_option, plain_errors, print_json
from cluster.doctor import examine, gather
from cluster.errors import ClusterError
from cluster.home import Home
from cluster.service import Cluster
from cluster.settings import PREFIX, load_settings

MARKS = {"ok": "[green]ok[/]     ", "warning": "[yellow]warning[/]", "problem": "[red]PROBLEM[/]"}


@click.command("doctor")
@data_option
@json_option
@plain_errors
def command(data: Path | None, as_json: bool) -> None:
    """Check the cluster, and say in plain words what to do.

    It looks at Redis (version, persistence, eviction policy, memory), at the nodes (live, clocks, versions, leader),
    at what waits, at the disks, and at the web page and Flower. It changes nothing. The exit code is 1 if there is a
    problem; a warning is none.

    Example: cumulo doctor
    """
    folder = data_folder(data)
    running = Home(folder).running()
    given = {"redis_url": running.redis_url} if running else {}
    if not running and not os.environ.get(PREFIX + "REDIS_URL"):
        raise ClusterError(
            f"no cluster runs from {folder}: start one with `cumulo up`, or set CUMULO_REDIS_URL to look at another"
        )
    cluster = Cluster(load_settings(data=folder, **given))
    cluster.redis.set_retry(Retry(NoBackoff(), 0))  # a server that hangs is found out once
    findings = examine(gather(cluster, running))
    cluster.redis.close()
    if as_json:
        print_json([finding.to_json() for finding in findings])
    else:
        shown = console()
        for finding in findings:
            shown.print(f"{MARKS[finding.level]}  {finding.check}: {finding.found}", soft_wrap=True)
            if finding.advice:
                shown.print(f"         -> {finding.advice}", soft_wrap=True)
    if any(finding.level == "problem" for finding in findings):
        sys.exit(1)

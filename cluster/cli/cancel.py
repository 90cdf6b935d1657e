"""`cumulo cancel`"""

from __future__ import annotations

from pathlib import Path

import click

from cluster.api import Api
from cluster.cli.common import data_option, find_cluster, plain_errors
from cluster.cli.operate import change_batch, change_jobs, one_of


@click.command("cancel")
@click.argument("job_ids", nargs=-1, metavar="[ID]...")
@click.option("--batch", metavar="ID", help="All jobs of this batch that are not finished.")
@data_option
@plain_errors
def command(job_ids: tuple[str, ...], batch: str | None, data: Path | None) -> None:
    """Cancel jobs that wait or run. `cumulo retry` runs them again.

    Exit code 1 if one of the named jobs was refused; the others are cancelled all the same.

    Example: cumulo cancel --batch b3f2a...
    """
    one_of(job_ids, batch, "their IDs or --batch ID")
    api = Api(find_cluster(data))
    if batch is not None:
        change_batch(api, batch, "cancel", "Cancelled")
    else:
        change_jobs(api, job_ids, "cancel", "Cancelled")

"""`cumulo retry`"""

from __future__ import annotations

from pathlib import Path

import click

from cluster.api import Api
from cluster.cli.common import data_option, find_cluster, plain_errors
from cluster.cli.operate import change_batch, change_jobs, images, one_of

TOLD = "Waiting again"


@click.command("retry")
@click.argument("job_ids", nargs=-1, metavar="[ID]...")
@click.option("--batch", metavar="ID", help="All failed, quarantined and cancelled jobs of this batch.")
@click.option("--failed", is_flag=True, help="All failed jobs of the cluster.")
@data_option
@plain_errors
def command(job_ids: tuple[str, ...], batch: str | None, failed: bool, data: Path | None) -> None:
    """Run jobs again that failed, were cancelled or are quarantined.

    Exit code 1 if one of the named jobs was refused; the others run again all the same.

    Example: cumulo retry --failed
    """
    one_of(job_ids, batch, "their IDs, --batch ID or --failed", failed)
    api = Api(find_cluster(data))
    if batch is not None:
        change_batch(api, batch, "retry", TOLD)
    elif failed:
        changed = api.post("jobs/retry", state="failed")["changed"]
        click.echo(f"{TOLD}: {images(changed)} that had failed" if changed else "Nothing to retry: no job is failed.")
    else:
        change_jobs(api, job_ids, "retry", TOLD)

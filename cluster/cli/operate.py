"""What the operator's commands share: asking for a change of a node or of jobs, and saying what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import click

from cluster.api import Api
from cluster.errors import Conflict, NotFound, UnknownNode


def change_node(api: Api, node: str, action: str) -> tuple[dict[str, Any], str]:
    """`pause`, `resume` or `drain`: (the node as it is then, the state that it was in). Raises ClusterError."""
    known = {found["worker_id"]: found for found in api.get("nodes")["items"]}
    if node not in known:
        there = f"there are {', '.join(known)}" if known else "start one with `cumulo worker`"
        raise UnknownNode(f"there is no node {node!r}; {there}")
    return api.post(f"nodes/{node}/{action}"), known[node]["state"]


def images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def change_jobs(api: Api, job_ids: Sequence[str], action: str, told: str) -> None:
    """`retry` or `cancel` of each job, one line for each. Ends with exit code 1 if one was refused."""
    refused = False
    for job_id in job_ids:
        try:
            job = api.post(f"jobs/{quote(job_id, safe='')}/{action}")
        except (NotFound, Conflict) as error:
            refused = True
            click.echo(error.detail, err=True)
        else:
            click.echo(f"{told}: {job['name']} ({job_id})")
    if refused:
        sys.exit(1)


def change_batch(api: Api, batch: str, action: str, told: str) -> None:
    """`retry` or `cancel` of all the jobs of a batch that can be; if none can, their states are told."""
    path = f"batches/{quote(batch, safe='')}"
    changed = api.post(f"{path}/{action}")["changed"]
    if changed:
        click.echo(f"{told}: {images(changed)} of batch {batch}")
    else:
        counts = api.get(path)["counts"]
        states = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        click.echo(f"Batch {batch} has nothing to {action}: {states}.")


def one_of(ids: Sequence[str], batch: str | None, ways: str, *others: bool) -> None:
    """Raises UsageError unless the jobs are named in exactly one of the ways."""
    if sum((bool(ids), batch is not None, *others)) != 1:
        raise click.UsageError(f"Say which jobs in one way: {ways}.")

"""`cumulo worker`"""

from __future__ import annotations

import logging
from pathlib import Path

import click

from cluster import programs
from cluster.cli.common import plain_errors
from cluster.cores import usable_cpus
from cluster.errors import ClusterError
from cluster.programs import NodePlan
from cluster.service import Cluster
from cluster.settings import load_settings
from cluster.supervisor import StartFailed, Supervisor, run_until_signalled


@click.command("worker")
@click.option("--name", "node", help="Name of this node, unique in the cluster (default: this PC's name).")
@click.option("--redis", "redis_url", help="Address of the cluster's Redis, as `cumulo up --host 0.0.0.0` prints it.")
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Images at a time (default: one per usable core).")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder for this node's own files.")
@plain_errors
def command(node: str | None, redis_url: str | None, concurrency: int | None, data: Path | None) -> None:
    """Make this PC a node of a running cluster.

    Example: cumulo worker --name pc-kevin --redis redis://:PASSWORD@192.168.1.10:6390/0
    """
    given = {"node": node, "redis_url": redis_url, "concurrency": concurrency, "data": data}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    cluster = Cluster(settings)
    cluster.ping()
    cluster.check_writable()
    cluster.registry.refuse_taken([settings.node])
    folder = settings.data.absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    plan = NodePlan(settings.node, (), settings.concurrency or len(usable_cpus()))
    supervisor = Supervisor(
        [
            programs.image_worker(
                plan, settings.redis_url, folder, settings.store, lambda: _is_live(cluster, settings.node)
            ),
            programs.monitor(settings.node, [settings.node], settings.redis_url, folder, folder / "run"),
        ],
        logs=None,
    )
    try:
        supervisor.start()
        click.echo(f"Node {settings.node} {_how(cluster, plan)}. Ctrl-C stops it.", err=True)
        run_until_signalled(supervisor, lambda: None)
    except StartFailed as error:
        raise ClusterError(str(error)) from error
    finally:
        supervisor.stop()


def _how(cluster: Cluster, plan: NodePlan) -> str:
    state = cluster.node(plan.name)["state"]
    if state in ("paused", "draining"):
        return f"is {state}, as it was left: it gets no work until `cumulo resume {plan.name}`"
    return f"works with {plan.concurrency} processes"


def _is_live(cluster: Cluster, node: str) -> bool:
    return any(row.id == node and row.state != "offline" for row in cluster.registry.rows())

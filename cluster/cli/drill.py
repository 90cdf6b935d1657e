"""`cumulo drill`"""

from __future__ import annotations

import logging
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.table import Table

from cluster.cli.common import cluster_here, console, data_folder, data_option, json_option, plain_errors, print_json
from cluster.drill import CHAOS, ROUNDS, Round, own_cluster, run_round, running_cluster
from cluster.errors import ClusterError
from cluster.faults import Site


def _names(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [*ROUNDS, CHAOS]
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"there is no round {', '.join(unknown)}; there are {', '.join(known)}")
    if not names:
        raise click.BadParameter(f"name at least one of {', '.join(known)}")
    return names


@click.command("drill")
@click.option(
    "--rounds",
    "names",
    default=",".join(ROUNDS),
    show_default=True,
    callback=_names,
    help=f"What to break, one after the other; `{CHAOS}`: all of it at random, overlapping.",
)
@click.option("--jobs", type=click.IntRange(5, 2000), default=60, show_default=True, help="Pictures in each round.")
@click.option("--nodes", type=click.IntRange(2, 16), default=3, show_default=True, help="Nodes of the drill's cluster.")
@click.option("--seed", type=click.IntRange(0), help="Equal seeds give equal pictures and faults (default: a new one).")
@click.option("--here", is_flag=True, help="Break the running cluster of this PC instead of one of the drill's own.")
@click.option("--yes", is_flag=True, help="With --here: do not ask.")
@data_option
@json_option
@plain_errors
def command(
    names: list[str],
    jobs: int,
    nodes: int,
    seed: int | None,
    here: bool,
    yes: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Break a cluster on purpose while it works on real pictures, and see whether it loses anything.

    It starts a small cluster of its own for it, in a temporary folder, and never touches another one. In each round it
    kills a node, freezes one, drops Redis, kills a process in the midst of an image, or restarts every node, while
    pictures are being processed. Then it counts the results and compares every pixel. The exit code is 0 only if
    everything held.

    Example: cumulo drill --jobs 100 --rounds kill,redis
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # whatever is frozen goes on, and all is tidied up
    logging.basicConfig(level=logging.ERROR)  # the supervisor warns of each death, and these are wanted
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    click.echo(f"Seed {seed}. To have the same again: --seed {seed}", err=True)
    if here and CHAOS in names:
        raise click.UsageError(f"{CHAOS} needs a cluster of its own: here a job that it hits three times is set aside.")
    if here:
        running = cluster_here(data, "let the drill start its own, without --here")
        site = running_cluster(running, data_folder(data))
        if not (mine := site.nodes()):
            raise ClusterError(f"`cumulo up` at {running.url} has no node on this PC that could be broken")
        click.echo(
            f"This kills and freezes {', '.join(mine)} of the cluster at {running.url} while it works.", err=True
        )
        if not yes and not click.confirm("Go on?", err=True):
            raise ClusterError("nothing was done")
        found = _run(site, names, jobs, seed, alone=False)
    else:
        click.echo(f"Starting a cluster of {nodes} nodes for it ...", err=True)
        with own_cluster(nodes) as own:
            found = _run(own, names, jobs, seed, alone=True)
            own.keep = not all(round.held for round in found)
            if own.keep:
                click.echo(f"The logs of its nodes are kept in {own.folder / 'logs'}", err=True)
    held = all(round.held for round in found)
    if as_json:
        print_json({"seed": seed, "held": held, "rounds": [round.to_json() for round in found]})
    else:
        _print(found)
    if not held:
        sys.exit(1)


def _run(site: Site, names: Sequence[str], jobs: int, seed: int, *, alone: bool) -> list[Round]:
    found = [run_round(site, name, jobs, seed, _progress, alone=alone) for name in names]
    _progress("")
    return found


def _progress(text: str) -> None:
    """One line that rewrites itself, on a terminal only."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text[:110]}")
        sys.stderr.flush()


def _print(found: Sequence[Round]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("round")
    for name in ("jobs", "results", "duplicates", "lost", "wrong", "rescued", "recovered after", "took"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in found:
        if one.skipped:
            table.add_row(one.name, *["-"] * 8, f"[yellow]skipped[/]: {one.skipped}")
            continue
        table.add_row(
            one.name,
            *map(str, (one.jobs, one.results, one.duplicates, one.lost, one.wrong, len(one.rescues))),
            "-" if one.recovered is None else f"{one.recovered:.1f} s",
            f"{one.seconds:.0f} s",
            "[green]held[/]" if one.held else "[red]did not hold[/]",
        )
    shown = console()
    shown.print(table)
    for one in found:
        for problem in one.problems:
            shown.print(f"[red]{one.name}[/]: {problem}")

"""The `cumulo` command. One file per command; each is imported only when it is called."""

from __future__ import annotations

import atexit
import gc
import importlib
import os

import click

COMMANDS = {
    "up": "Start a whole cluster on this PC.",
    "worker": "Make this PC a node of a running cluster.",
    "apply": "Process image files.",
    "filters": "List the filters and their parameters.",
    "jobs": "List jobs, newest first.",
    "job": "Show one job: its timeline and why it ran where it ran.",
    "retry": "Run jobs again that failed or were cancelled.",
    "cancel": "Cancel jobs that are not finished.",
    "nodes": "Show the nodes.",
    "pause": "Give a node no new work.",
    "drain": "Empty a node before it is switched off.",
    "resume": "Let a paused or draining node work again.",
    "simulate": "Try the policies on a simulated cluster.",
    "policy": "Show or switch the scheduling policy.",
    "drill": "Break a cluster on purpose, and see whether it loses anything.",
    "doctor": "Check the cluster, and say what to do.",
    "replay": "Show what another policy would have done with the last hour.",
}

# Pydantic has none here, and looks for them in all installed packages at every start: 10 ms.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        # Modules are no garbage: looking for it among them took 50 ms while they load and 70 ms at the end.
        gc.disable()
        try:
            command: click.Command = importlib.import_module(f"cluster.cli.{name}").command
        finally:
            gc.enable()
        gc.freeze()
        gc.set_threshold(50_000, 20, 20)  # Celery comes later still, and thousands of files make no cycles
        atexit.register(gc.freeze)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    """By hand, because click's own option reads the version at every start, or fails in a tree not installed."""
    if wanted and not ctx.resilient_parsing:
        from cluster.version import __version__

        click.echo(f"cumulo, version {__version__}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version and exit."
)
def main() -> None:
    """Cúmulo turns the PCs you already have into one image-processing cluster.

    Begin with `cumulo up`, then open the address that it prints.
    """

"""`cumulo apply`"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

import filters
from cluster.assets import read_files
from cluster.cli.common import data_option, find_cluster, located, plain_errors
from cluster.client import Finished, Runner, local_runner, runner_for
from cluster.errors import ClusterError

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID


@click.command("apply")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="FILES...")
@click.option("-f", "--filter", "steps", multiple=True, required=True, help="A filter, such as sepia or blur:radius=4.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the results; made if it is not there.",
)
@click.option("--format", "output_format", type=click.Choice(filters.FORMATS), help="Format of the results.")
@click.option(
    "--quality", type=click.IntRange(1, 100), help="Quality of JPEG, WebP and AVIF results (default: 90; AVIF: 80)."
)
@click.option("--local", is_flag=True, help="Work on this PC alone; needs no cluster.")
@data_option
@plain_errors
def command(
    files: tuple[Path, ...],
    steps: tuple[str, ...],
    output: Path,
    output_format: str | None,
    quality: int | None,
    local: bool,
    data: Path | None,
) -> None:
    """Process image files (a folder stands for the files in it) and write the results into a folder.

    A step that needs a picture of its own names its file: -f logo:image=brand.png

    Exit code 1 if any image failed; the others are written all the same.

    Example: cumulo apply photos/*.jpg -f sepia -f blur:radius=4 -o results/ --format webp
    """
    try:
        pipeline, assets = read_files(filters.parse_pipeline(list(steps)), filters.Limits(), stored=not local)
    except filters.FilterError as error:
        raise click.BadParameter(located(error), param_hint="-f") from error
    paths = list(expand(files))
    if not paths:
        raise ClusterError("there is no file in the folders that you named")
    runner = local_runner(assets) if local else runner_for(find_cluster(data), assets)
    output.mkdir(parents=True, exist_ok=True)
    failed = _run(runner, paths, pipeline, output, output_format, quality)
    if failed:
        click.echo(f"{len(paths) - failed} of {len(paths)} images done, {failed} failed.", err=True)
        sys.exit(1)


def expand(given: Iterable[Path]) -> Iterator[Path]:
    """Files as they are; a folder's files by name, without hidden ones and without subfolders."""
    for path in given:
        if path.is_dir():
            yield from sorted(child for child in path.iterdir() if child.is_file() and not child.name.startswith("."))
        else:
            yield path


class Names:
    """A result's file name: the input's with the result's extension, numbered where two inputs share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: set[str] = set()

    def path(self, name: str, image_format: str) -> Path:
        stem, extension = Path(name).stem, filters.EXTENSIONS[image_format]
        number, candidate = 1, f"{stem}{extension}"
        while candidate.casefold() in self._used:  # on some disks Foto.jpg is foto.jpg
            number += 1
            candidate = f"{stem}-{number}{extension}"
        self._used.add(candidate.casefold())
        return self._folder / candidate


def _run(
    runner: Runner,
    paths: list[Path],
    pipeline: filters.Pipeline,
    output: Path,
    output_format: str | None,
    quality: int | None,
) -> int:
    """Returns how many images failed."""
    results = runner.run(paths, pipeline, output_format, quality)
    names = Names(output)
    failed = 0
    with _told(len(paths)) as progress:
        for finished in results:
            if finished.error:
                failed += 1
                progress.failed(f"{finished.name}: {finished.error}")
            else:
                _write(finished, names)
            progress.advance()
    return failed


class Quiet:
    """Failed files are told, and no more: what goes to a file or a pipe wants no bar, which takes a while to load."""

    def failed(self, line: str) -> None:
        click.echo(line, err=True)

    def advance(self) -> None:
        pass


class Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def failed(self, line: str) -> None:
        self._progress.console.print(line, style="red", markup=False, soft_wrap=True)

    def advance(self) -> None:
        self._progress.advance(self._task)


@contextmanager
def _told(total: int) -> Iterator[Quiet | Bar]:
    """Who tells the user how far it has got."""
    if not sys.stderr.isatty():
        yield Quiet()
        return
    # Late: the cluster is at work while these load.
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """Asked when the bar is drawn: working it out for every image would cost as much as a thumbnail."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.1f} images/s" if task.speed else "")

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True, highlight=False),
    ) as progress:
        yield Bar(progress, progress.add_task("images", total=total))


def _write(finished: Finished, names: Names) -> None:
    path = names.path(finished.name, finished.format)
    try:
        finished.save(path)
    except OSError as error:
        raise ClusterError(f"cannot write {path}: {error.strerror}") from error

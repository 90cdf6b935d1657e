"""Starts programs in order, brings back one that dies, stops them in reverse order and leaves none behind.

Each child leads a process group of its own, so Ctrl-C in the terminal reaches only us, and SIGTERM goes to its main
process alone: Celery then finishes what its pool has in hand. Groups, not sessions: with the kernel's autogroup each
session gets the same share of CPU, however many processes work in it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

logger = logging.getLogger(__name__)

MAX_LOG = 10 * 2**20
BACK_OFF = 0.5  # seconds, doubled with each death in a row
MAX_BACK_OFF = 30.0
STEADY = 30.0  # seconds of life after which earlier deaths are forgotten


@dataclass(slots=True)
class Program:
    """One child. `stage`: lower starts first and stops last; `ready` says when the next stage may start."""

    name: str
    stage: int
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    cpus: Sequence[int] = ()
    ready: Callable[[], bool] | None = None
    patience: float = 30.0  # seconds to become ready
    grace: float = 30.0  # seconds between SIGTERM and SIGKILL


class StartFailed(Exception):
    """A program did not become ready; the message says which and where its log is."""


class _Child:
    def __init__(self, program: Program, log: Path | None) -> None:
        self.program = program
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.deaths = 0
        self.next_start = 0.0

    def start(self) -> None:
        program = self.program
        own = ["--cpus", ",".join(map(str, program.cpus))] if program.cpus else []
        with contextlib.ExitStack() as stack:
            output = None
            if self.log is not None:
                if self.log.exists() and self.log.stat().st_size > MAX_LOG:
                    self.log.replace(self.log.with_suffix(".log.1"))
                output = stack.enter_context(self.log.open("ab"))
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cluster.launch", *own, "--", *program.command],
                env={**os.environ, **program.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                process_group=0,
            )
        self.started_at = time.monotonic()

    def exit_code(self) -> int | None:
        """None while it runs, or before it was started."""
        return self.process.poll() if self.process is not None else None

    def ask_to_end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def await_end(self) -> None:
        """Waits for as long as the program's grace, then kills what is left of its group."""
        if self.process is None:
            return
        try:
            self.process.wait(self.program.grace)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end within %.0f s; killed", self.program.name, self.program.grace)
        self.end_group()
        self.process.wait()

    def end_group(self) -> None:
        """No process of the group survives its leader."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """`logs` is the folder for the children's output; None lets them write where we write."""

    def __init__(self, programs: Sequence[Program], logs: Path | None) -> None:
        self._children = [
            _Child(program, logs / f"{program.name}.log" if logs else None)
            for program in sorted(programs, key=lambda program: program.stage)
        ]
        self._stopping = False

    def start(self) -> None:
        """Starts stage after stage, each once the one before is ready. Raises StartFailed; then all are stopped."""
        try:
            for stage in sorted({child.program.stage for child in self._children}):
                members = [child for child in self._children if child.program.stage == stage]
                for child in members:
                    child.start()
                for child in members:
                    self._await(child)
        except BaseException:
            self.stop()
            raise

    def _await(self, child: _Child) -> None:
        until = time.monotonic() + child.program.patience
        while child.program.ready is not None and not child.program.ready():
            ended = child.exit_code() is not None
            if ended or time.monotonic() > until:
                how = "ended at once" if ended else f"was not ready after {child.program.patience:.0f} s"
                where = f"; its log is {child.log}" if child.log else ""
                raise StartFailed(f"{child.program.name} {how}{where}")
            time.sleep(0.05)

    def tend(self, leave: Collection[str] = ()) -> list[str]:
        """Brings back children that died, but for those named in `leave`; returns their names.

        To be called a few times a second.
        """
        revived = []
        now = time.monotonic()
        for child in self._children:
            code = child.exit_code()
            if code is None or child.program.name in leave:
                continue
            if child.next_start == 0.0:
                child.end_group()
                child.deaths = child.deaths + 1 if now - child.started_at < STEADY else 1
                delay = min(MAX_BACK_OFF, BACK_OFF * 2 ** (child.deaths - 1))
                child.next_start = now + delay
                logger.warning(
                    "%s ended with code %s; starting it again in %.1f s",
                    child.program.name,
                    code,
                    delay,
                )
            elif now >= child.next_start:
                child.next_start = 0.0
                child.start()
                revived.append(child.program.name)
        return revived

    def stop(self) -> None:
        """SIGTERM to the main processes, last stage first; what does not end within its grace is killed."""
        for stage in sorted({child.program.stage for child in self._children}, reverse=True):
            members = [child for child in self._children if child.program.stage == stage]
            for child in members:
                child.ask_to_end()
            for child in members:
                child.await_end()


def run_until_signalled(supervisor: Supervisor, every_second: Callable[[], None]) -> None:
    """Tends the children until SIGINT or SIGTERM. The caller stops them."""
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        asked = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    ticks = 0
    while not asked:
        supervisor.tend()
        if ticks % 5 == 0:
            every_second()
        ticks += 1
        time.sleep(0.2)

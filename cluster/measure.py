"""What one job takes, measured in the process that does it; and how fast this core is."""

from __future__ import annotations

import contextlib
import io
import os
import random
import threading
import time
from types import TracebackType

from PIL import Image

import filters

LARGE = 1.0
"""Megapixels from which memory is measured: less does not show above what the process holds anyway."""

TELLING = 0.25
"""Share of the peak that must be new memory. A process keeps what it freed (`filters.memory`); a small job that finds
it in pieces takes a little more, which says nothing about the job."""

REFERENCE_SECONDS = 0.0115
"""CPU time of one run of the calibration on the machine where the priors in `filters` were measured."""
RUNS = 10
CALIBRATION_SECONDS = 0.2

_idle_bytes = 0


def remember_idle() -> None:
    """Call once in a worker process that is warmed up and has done nothing: peaks are counted from here."""
    global _idle_bytes
    _idle_bytes = _resident()


class Meter:
    """`with Meter(megapixels) as meter: ...` around one job; then `meter.cpu_seconds` and `meter.peak_bytes`.

    CPU seconds are those of this thread. The peak is memory above that of the idle process; it is 0 where unknown:
    off Linux, in small jobs, in threads that share a process, and where the job found its memory in what the process
    had kept of earlier ones.
    """

    def __init__(self, megapixels: float) -> None:
        self.cpu_seconds = 0.0
        self.peak_bytes = 0.0
        self._large = megapixels >= LARGE and threading.current_thread() is threading.main_thread()
        self._least = 1e6 * megapixels
        self._before = 0
        self._started = 0.0

    def __enter__(self) -> Meter:
        if self._large:
            if not _idle_bytes:
                remember_idle()
            self._before = _reset_peak()
        self._started = time.thread_time()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cpu_seconds = time.thread_time() - self._started
        if self._before:
            highest = _highest()
            above_idle = highest - _idle_bytes
            # Less than a byte a pixel: the process was not idle when it said so.
            if above_idle >= self._least and highest - self._before >= TELLING * above_idle:
                self.peak_bytes = float(above_idle)


def calibrate() -> float:
    """The speed of this core over that of the reference machine: 0.5 takes twice the CPU time for the same work.

    About 0.15 s of CPU on a core of speed 1. The fastest of several runs counts, so that other programs matter little.
    """
    data = _sample()
    pipeline = filters.parse_pipeline(["blur:radius=4"])
    spent, fastest = 0.0, float("inf")
    for run in range(RUNS):
        started = time.thread_time()
        filters.apply(data, pipeline)
        took = time.thread_time() - started
        spent += took
        if run:  # the first one imports and takes memory
            fastest = min(fastest, took)
            if spent > CALIBRATION_SECONDS:
                break
    # Where the clock of a thread is coarse (16 ms on Windows) single runs may show nothing.
    fastest = max(fastest, spent / RUNS / 2)
    return round(min(max(REFERENCE_SECONDS / fastest, 0.05), 20.0), 3) if fastest > 0 else 1.0


def _sample() -> bytes:
    """A JPEG of half a megapixel that compresses as a photo does, always the same one."""
    dice = random.Random(1)  # noqa: S311 - not a secret
    size = (800, 625)
    colours = Image.frombytes("RGB", (20, 16), dice.randbytes(20 * 16 * 3)).resize(size, Image.Resampling.BICUBIC)
    grain = Image.frombytes("RGB", size, dice.randbytes(size[0] * size[1] * 3))
    buffer = io.BytesIO()
    Image.blend(colours, grain, 0.08).save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


# Single reads and writes of /proc: 2 to 5 microseconds each (measured).


def _resident() -> int:
    """Bytes of memory that this process holds; 0 where that cannot be read."""
    try:
        return int(_read("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _reset_peak() -> int:
    """Makes the peak of this process what it holds now, and returns that; 0 where that cannot be done."""
    try:
        target = os.open("/proc/self/clear_refs", os.O_WRONLY)
        try:
            os.write(target, b"5")
        finally:
            os.close(target)
    except OSError:
        return 0
    return _resident()


def _highest() -> int:
    """Most bytes held since the last reset."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _read("/proc/self/status").splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _read(path: str) -> bytes:
    source = os.open(path, os.O_RDONLY)
    try:
        return os.read(source, 8192)
    finally:
        os.close(source)

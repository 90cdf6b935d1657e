"""What a job takes is measured where it runs, and a core knows how fast it is."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from PIL import Image

import filters
from cluster import measure
from cluster.measure import Meter, calibrate

LINUX = sys.platform == "linux"

# In a process of its own, as jobs are: this one holds memory of other tests.
WORKER = """
import sys
import filters
from cluster import measure
from filters import memory

memory.keep(256)
measure.remember_idle()
jobs = [argument.split(",") for argument in sys.argv[2:]]
data = open(sys.argv[1], "rb").read()
for megapixels, step in jobs:
    with measure.Meter(float(megapixels)) as meter:
        filters.apply(data, [step])
    print(meter.peak_bytes)
"""


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def cheapest(action: Callable[[], object], runs: int = 200) -> float:
    """Seconds of CPU, other programs aside."""

    def once() -> float:
        started = time.thread_time()
        action()
        return time.thread_time() - started

    return min(once() for _ in range(runs))


def metered(megapixels: float) -> Meter:
    with Meter(megapixels) as meter:
        pass
    return meter


def test_cpu_time_is_counted_and_waiting_is_not() -> None:
    with Meter(0.1) as meter:
        burn(0.05)
        time.sleep(0.1)
    assert 0.05 <= meter.cpu_seconds < 0.09


def test_other_threads_are_not_counted() -> None:
    other = threading.Thread(target=burn, args=(0.1,))
    with Meter(0.1) as meter:
        other.start()
        other.join()
    assert meter.cpu_seconds < 0.05


def test_a_job_that_fails_is_measured_too() -> None:
    def fails() -> None:
        burn(0.02)
        filters.apply(b"no image", ["sepia"])

    meter = Meter(0.1)
    with pytest.raises(filters.FilterError), meter:
        fails()
    assert meter.cpu_seconds >= 0.02


def test_measuring_costs_next_to_nothing() -> None:
    assert cheapest(lambda: metered(0.5)) < 30e-6
    assert cheapest(lambda: metered(12.0)) < 200e-6


@pytest.mark.skipif(not LINUX, reason="only Linux shows the peak")
def test_the_peak_is_told_where_the_job_made_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    photo = tmp_path_factory.mktemp("photo") / "photo.jpg"
    Image.effect_noise((1600, 1250), 60).convert("RGB").save(photo, quality=90)
    jobs = ["2,sepia", "2,sepia", "0.5,blur"]
    command = [sys.executable, "-c", WORKER, str(photo), *jobs]
    first, again, small = map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    if not first:
        pytest.skip("this kernel does not reset the peak")
    assert 6 <= first / 2e6 <= 30, "bytes per pixel"
    assert again == 0, "the memory of the first was there: nothing is known"
    assert small == 0, "too small to be measured"


@pytest.mark.skipif(not LINUX, reason="only Linux shows the peak")
def test_in_a_thread_no_peak_is_told() -> None:
    peaks: list[float] = []

    def job() -> None:
        with Meter(30.0) as meter:
            Image.new("RGB", (6000, 5000)).convert("L")
        peaks.append(meter.peak_bytes)

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert peaks == [0]


def test_without_proc_no_peak_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError("not here")

    monkeypatch.setattr("os.open", refused)
    with Meter(30.0) as meter:
        Image.new("RGB", (3000, 2000)).convert("L")
    assert meter.peak_bytes == 0


def test_a_core_finds_its_speed_quickly_and_steadily() -> None:
    started = time.thread_time()
    speeds = [calibrate() for _ in range(3)]
    assert time.thread_time() - started < 3 * 1.0, "0.15 s each on the reference machine"
    assert 0.05 <= min(speeds) <= max(speeds) <= 20
    assert max(speeds) / min(speeds) < 2


def test_a_core_that_needs_twice_as_long_is_half_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.thread_time
    speed = calibrate()
    monkeypatch.setattr(measure.time, "thread_time", lambda: 2 * clock())
    assert calibrate() == pytest.approx(speed / 2, rel=0.4)


def test_a_clock_that_stands_still_gives_the_speed_of_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure.time, "thread_time", lambda: 1.0)
    assert calibrate() == 1.0


def test_the_calibration_is_a_photo_like_any_other() -> None:
    data = measure._sample()
    assert filters.inspect(data).megapixels == pytest.approx(0.5)
    assert data == measure._sample()
    assert 1 < 8 * len(data) / 500_000 < 4, "bits a pixel"
    assert Image.open(io.BytesIO(data)).mode == "RGB"

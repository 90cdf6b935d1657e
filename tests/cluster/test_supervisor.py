"""The supervisor, with real small programs: order, restart with back-off, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cluster.cores import usable_cpus
from cluster.programs import plan_nodes
from cluster.supervisor import BACK_OFF, Program, StartFailed, Supervisor

PATIENCE = 20.0

# Each program writes what happens to it into the file named by its last argument.
TALK = """
import os, signal, sys, time
def say(word):
    with open(sys.argv[-1], "a") as file: file.write(f"{os.environ.get('NAME', '')} {word} {os.getpid()}\\n")
"""
OBEDIENT = TALK + "signal.signal(signal.SIGTERM, lambda *_: (say('stopped'), sys.exit()))\nsay('started')\n"
OBEDIENT += "while True: signal.pause()"
STUBBORN = TALK + "signal.signal(signal.SIGTERM, lambda *_: say('refused'))\nsay('started')\nwhile True: signal.pause()"
SHORT = TALK + "say('started'); say('ended'); sys.exit(3)"
PARENT = TALK + f"import subprocess; child = subprocess.Popen([sys.executable, '-c', {OBEDIENT!r}, sys.argv[-1]])\n"
PARENT += "say('started'); time.sleep(600)"


def eventually(holds: Callable[[], bool], what: str = "") -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, what or "it did not happen in time"
        time.sleep(0.02)


class Diary:
    """What the programs wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[tuple[str, str, int]]:
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [
            (name, word, int(pid)) for name, word, pid in (line.split(" ") for line in lines if line.count(" ") == 2)
        ]

    def words(self) -> list[str]:
        return [f"{name} {word}" for name, word, _ in self.entries()]

    def pids(self, name: str, word: str = "started") -> list[int]:
        return [pid for who, what, pid in self.entries() if (who, what) == (name, word)]

    def program(self, name: str, stage: int, source: str, **options: object) -> Program:
        return Program(
            name,
            stage,
            [sys.executable, "-c", source, str(self.path)],
            env={"NAME": name},
            ready=options.pop("ready", lambda: bool(self.pids(name))),
            **{"grace": PATIENCE, **options},
        )


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


@contextmanager
def started(*programs: Program, logs: Path | None = None) -> Iterator[Supervisor]:
    supervisor = Supervisor(programs, logs)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# -- start and stop -------------------------------------------------------------------------------------------------


def test_programs_start_in_order_and_stop_in_reverse(diary: Diary) -> None:
    programs = [diary.program(name, stage, OBEDIENT) for name, stage in (("web", 2), ("redis", 0), ("node", 1))]
    with started(*programs):
        assert diary.words() == ["redis started", "node started", "web started"]
    assert diary.words()[3:] == ["web stopped", "node stopped", "redis stopped"]
    assert all(gone(pid) for _, _, pid in diary.entries())


def test_programs_of_one_stage_stop_together(diary: Diary) -> None:
    programs = [diary.program(name, 1, OBEDIENT) for name in ("pc-1", "pc-2")]
    with started(diary.program("redis", 0, OBEDIENT), *programs):
        pass
    assert set(diary.words()[3:5]) == {"pc-1 stopped", "pc-2 stopped"}
    assert diary.words()[5] == "redis stopped"


def test_a_program_that_is_never_ready_stops_the_start(diary: Diary) -> None:
    programs = [
        diary.program("redis", 0, OBEDIENT),
        diary.program("slow", 1, OBEDIENT, ready=lambda: False, patience=0.3),
        diary.program("web", 2, OBEDIENT),
    ]
    with pytest.raises(StartFailed, match="slow was not ready after 0 s"), started(*programs):
        pass
    assert "redis stopped" in diary.words()
    assert not diary.pids("web")
    assert all(gone(pid) for _, _, pid in diary.entries())


def test_a_program_that_ends_at_once_is_named_with_its_log(diary: Diary, tmp_path: Path) -> None:
    program = diary.program("broken", 0, "print('no such option'); raise SystemExit(2)", ready=lambda: False)
    with (
        pytest.raises(StartFailed, match="broken ended at once; its log is") as caught,
        started(program, logs=tmp_path),
    ):
        pass
    log = Path(str(caught.value).rpartition("is ")[2])
    assert log.read_text() == "no such option\n"


def test_what_does_not_end_within_its_grace_is_killed(diary: Diary) -> None:
    with started(diary.program("stubborn", 0, STUBBORN, grace=0.5)):
        pass
    assert diary.words() == ["stubborn started", "stubborn refused"]
    assert gone(diary.pids("stubborn")[0])


def test_a_program_is_asked_alone_and_its_children_do_not_survive_it(diary: Diary) -> None:
    with started(diary.program("parent", 0, PARENT)):
        eventually(lambda: len(diary.entries()) == 2)
    assert diary.words() == ["parent started"] * 2, "the child got no SIGTERM: its parent decides"
    eventually(lambda: all(gone(pid) for _, _, pid in diary.entries()))


# -- bringing back --------------------------------------------------------------------------------------------------


def test_a_program_that_dies_is_brought_back_after_a_pause(diary: Diary) -> None:
    with started(diary.program("node", 0, OBEDIENT)) as supervisor:
        killed_at = time.monotonic()
        os.kill(diary.pids("node")[0], signal.SIGKILL)
        revived: list[str] = []
        eventually(lambda: revived.extend(supervisor.tend()) or bool(revived))
        assert revived == ["node"]
        assert time.monotonic() - killed_at >= BACK_OFF
        eventually(lambda: len(diary.pids("node")) == 2)
        assert supervisor.tend() == []


def test_a_program_that_is_to_stay_dead_does_until_it_may_come_back(diary: Diary) -> None:
    programs = [diary.program(name, 0, OBEDIENT) for name in ("node", "other")]
    with started(*programs) as supervisor:
        for name in ("node", "other"):
            os.kill(diary.pids(name)[0], signal.SIGKILL)
        revived: list[str] = []
        eventually(lambda: revived.extend(supervisor.tend(leave=["node"])) or bool(revived))
        assert revived == ["other"]
        eventually(lambda: "node" in supervisor.tend())


def test_a_program_that_dies_again_waits_twice_as_long(diary: Diary) -> None:
    with started(diary.program("flaky", 0, SHORT, ready=None)) as supervisor:
        revivals: list[float] = []

        def revived_twice() -> bool:
            if supervisor.tend():
                revivals.append(time.monotonic())
            return len(revivals) == 2

        eventually(revived_twice)
        assert revivals[1] - revivals[0] >= 2 * BACK_OFF


def test_children_of_a_program_that_died_go_before_it_is_brought_back(diary: Diary) -> None:
    with started(diary.program("parent", 0, PARENT)) as supervisor:
        eventually(lambda: len(diary.entries()) == 2)
        first = {pid for _, _, pid in diary.entries()}
        os.kill(diary.pids("parent")[0], signal.SIGKILL)
        eventually(lambda: gone(diary.pids("parent")[0]))
        assert supervisor.tend() == []
        eventually(lambda: all(map(gone, first)))


def test_stopping_while_a_program_waits_to_be_brought_back_leaves_nothing(diary: Diary) -> None:
    with started(diary.program("node", 0, OBEDIENT)) as supervisor:
        os.kill(diary.pids("node")[0], signal.SIGKILL)
        eventually(lambda: gone(diary.pids("node")[0]))
        supervisor.tend()
    assert len(diary.pids("node")) == 1


# -- the supervisor itself ------------------------------------------------------------------------------------------

SUPERVISOR = """
import sys
from cluster.supervisor import Program, Supervisor, run_until_signalled
from pathlib import Path
diary = Path(sys.argv[1])
program = Program("node", 0, [sys.executable, "-c", sys.argv[2], str(diary)], env={"NAME": "node"},
                  ready=lambda: diary.exists())
supervisor = Supervisor([program], None)
supervisor.start()
try:
    run_until_signalled(supervisor, lambda: diary.with_suffix(".listening").touch())
finally:
    supervisor.stop()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_supervisor_in_order(diary: Diary, number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(diary.path), OBEDIENT], process_group=0)
    try:
        eventually(lambda: bool(diary.pids("node")))
        eventually(diary.path.with_suffix(".listening").exists)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert diary.words() == ["node started", "node stopped"]
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's death")
def test_no_program_outlives_a_supervisor_that_was_killed(diary: Diary) -> None:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(diary.path), OBEDIENT])
    eventually(lambda: bool(diary.pids("node")))
    process.kill()
    process.wait()
    eventually(lambda: diary.words() == ["node started", "node stopped"])


# -- what runs where ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity here")
def test_a_program_runs_on_its_cores_and_has_its_settings(diary: Diary) -> None:
    cpu = usable_cpus()[-1]
    with started(diary.program("node", 0, OBEDIENT, cpus=(cpu,))):
        assert os.sched_getaffinity(diary.pids("node")[0]) == {cpu}


def test_a_log_that_has_grown_large_is_put_aside(diary: Diary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.supervisor.MAX_LOG", 10)
    (tmp_path / "node.log").write_text("a long history")
    with started(diary.program("node", 0, OBEDIENT), logs=tmp_path):
        assert (tmp_path / "node.log.1").read_text() == "a long history"
        assert (tmp_path / "node.log").read_text() == ""


def test_nodes_of_one_pc_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.programs.usable_cpus", lambda: [0, 2, 4, 6, 8])
    assert [(plan.name, plan.cpus, plan.concurrency) for plan in plan_nodes(2, "pc")] == [
        ("pc-1", (0, 2), 2),
        ("pc-2", (4, 6, 8), 3),
    ]
    assert [plan.cpus for plan in plan_nodes(1, "pc")] == [(0, 2, 4, 6, 8)]
    assert [(plan.cpus, plan.concurrency) for plan in plan_nodes(6, "pc")] == [((), 1)] * 6

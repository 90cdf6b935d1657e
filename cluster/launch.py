"""`python -m cluster.launch [--cpus 0,1] -- COMMAND...` becomes COMMAND, on those cores, ended if its parent dies.

A step of its own between fork and the real program, because code that runs in a forked child before exec
(`preexec_fn`) may deadlock in a process with threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> None:
    own, command = arguments[: arguments.index("--")], arguments[arguments.index("--") + 1 :]
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit("the supervisor is gone")
        if own[:1] == ["--cpus"]:
            os.sched_setaffinity(0, {int(cpu) for cpu in own[1].split(",")})
    os.execvp(command[0], command)  # noqa: S606 - the command is the supervisor's own


if __name__ == "__main__":
    main(sys.argv[1:])

"""`python -m benchmarks [NAME ...]`: all of them, or those named."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "apply",
    "samples",
    "page",
    "binding",
    "lanes",
    "live",
    "policies",
    "adaptive",
    "records",
    "memory",
    "recovery",
)


def main(names: list[str]) -> None:
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    for name in names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{module.__doc__}")
        module.main()


if __name__ == "__main__":
    main(sys.argv[1:])

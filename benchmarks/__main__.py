"""`python -m benchmarks [NAME ...]`: all of them, or those named. `apply` and `filters` take options: see there."""

from __future__ import annotations

import importlib
import sys

NAMES = (
    "apply",
    "filters",
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


def main(words: list[str]) -> None:
    names = [word for word in words if not word.startswith("-")]
    options = [word for word in words if word.startswith("-")]
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    if options and names not in (["apply"], ["filters"]):
        sys.exit(f"{' '.join(options)}: only `apply` and `filters`, each by itself, take options")
    for name in names or NAMES:
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"\n{module.__doc__}")
        module.main(*options)


if __name__ == "__main__":
    main(sys.argv[1:])

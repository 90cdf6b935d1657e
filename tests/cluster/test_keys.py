"""Python and Lua spell the same Redis keys."""

from __future__ import annotations

import inspect
import re
from importlib import resources

import pytest
import redis

from cluster import keys
from cluster.connection import Scripts
from cluster.ledger import Ledger
from cluster.nodes import Nodes
from tests.cluster.ledgers import add_node, done, start, submit

SCRIPTS = {path.name: path.read_text() for path in (resources.files("cluster") / "lua").iterdir()}


def patterns() -> set[str]:
    """Every key that `cluster.keys` knows; what varies is a star."""
    found = {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str)}
    for _, function in inspect.getmembers(keys, inspect.isfunction):
        found.add(function(*["*"] * len(inspect.signature(function).parameters)))
    return found


def listed(key: str) -> bool:
    """Is the key an instance of a known pattern? A star stands for one part between colons."""
    return any(re.fullmatch(re.escape(known).replace(r"\*", "[^:]+"), key) for known in patterns())


def arguments(call: str) -> list[str]:
    """The top-level arguments of a call, from the text after its opening bracket."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(call):
        if letter in "({":
            depth += 1
        elif letter in ")}":
            depth -= 1
        if depth < 0 or (letter == "," and depth == 0):
            parts.append(call[start:position].strip())
            start = position + 1
        if depth < 0:
            break
    return parts


def pattern(expression: str, names: dict[str, str]) -> str:
    """`'worker:' .. node .. ':jobs'` -> `worker:*:jobs`"""
    parts = [part.strip() for part in expression.split("..")]
    return "".join(part[1:-1] if part.startswith("'") else names.get(part, "*") for part in parts)


def spelled(text: str) -> set[str]:
    """The patterns of all keys that a script reads or writes."""
    text = re.sub(r"--[^\n]*", "", text)
    names: dict[str, str] = {}
    found = set()
    for match in re.finditer(r"local (\w+) = ('[^\n]*)\n|redis\.call\(", text):
        if match[1]:
            names[match[1]] = pattern(match[2], names)
            continue
        command, *rest = arguments(text[match.end() :])
        # Commands with several keys have nothing but keys.
        found |= {pattern(part, names) for part in (rest if command in ("'DEL'", "'EXISTS'") else rest[:1])}
    return found - {"*", ""}


@pytest.mark.parametrize("script", sorted(SCRIPTS))
def test_every_key_in_a_script_is_listed(script: str) -> None:
    for key in spelled(SCRIPTS[script]):
        # `jobs:*` in a script is `jobs:{state}`; a fixed name such as `jobs:queued` is an instance of a pattern.
        assert listed(key), f"{script}: {key}"


def test_a_key_that_nobody_listed_is_noticed() -> None:
    assert listed("worker:pc-1:jobs")
    assert not listed("worker:pc-1:secrets")
    assert not listed("workers:lost")


def test_the_scripts_were_really_read() -> None:
    found = set().union(*map(spelled, SCRIPTS.values()))
    assert {"backlog", "events", "leader", "policy", "workers:active", "workers:known", "bindings"} <= found
    assert {"job:*", "job:*:timeline", "batch:*", "batch:*:finished", "lease:*", "stats:done:*"} <= found
    assert {f"worker:*{part}" for part in ("", ":jobs", ":waiting", ":running", ":alive", ":history")} <= found


def test_no_two_kinds_of_key_can_be_confused() -> None:
    kinds = [keys.worker("x"), keys.job("x"), keys.batch("x"), keys.lease("x"), keys.state("x"), keys.queue("x")]
    kinds += [keys.monitor_queue("x"), keys.done_bucket(1), keys.BACKLOG, keys.EVENTS, keys.CLUSTER, keys.LEADER]
    assert len(set(kinds)) == len(kinds)


def test_a_life_of_a_job_leaves_only_keys_that_are_listed(server: redis.Redis, ledger: Ledger, registry: Nodes) -> None:
    add_node(registry, "pc-1")
    registry.sample("pc-1", {"cpu_usage": 1}, "1,2,3,4")
    ids = submit(ledger, 4)
    message, [order] = start(ledger, "pc-1", ids[0])
    ledger.commit("pc-1", message.lease, [done(order)])
    start(ledger, "pc-1", ids[1])
    ledger.bind("pc-1", "l1", [ids[2]], {}, None)
    Scripts(server).run("policy", "raw-cpu", "")
    Scripts(server).run("lead", "me", 1000)
    for key in server.scan_iter():
        assert listed(key), key

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seeds", type=int, default=3, help="how many runs, each with a seed of its own")
    parser.addoption("--first-seed", type=int, help="the first of them (default: a new one)")
    parser.addoption("--jobs", type=int, default=500, help="pictures in each run")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first = metafunc.config.getoption("--first-seed")
        if first is None:
            first = random.SystemRandom().randrange(10**6)
        seeds = range(first, first + metafunc.config.getoption("--seeds"))
        metafunc.parametrize("seed", seeds, ids=[f"seed {seed}" for seed in seeds])

"""Small jobs travel together: enough to pay for the message, never so many that a core is left alone at the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduling.chunks import first_chunk, share

COSTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


@given(COSTS, st.integers(1, 50), st.floats(0, 5))
def test_a_chunk_has_at_least_one_job_and_at_most_what_is_allowed(
    jobs: list[tuple[float, bool]], most: int, budget: float
) -> None:
    count = first_chunk([cost for cost, _ in jobs], [alone for _, alone in jobs], most, budget)
    assert min(1, len(jobs)) <= count <= min(most, len(jobs))
    if count > 1:
        assert sum(cost for cost, _ in jobs[:count]) <= budget


@given(COSTS, st.integers(1, 50), st.floats(0, 5))
def test_a_job_that_must_run_alone_is_a_chunk_by_itself(
    jobs: list[tuple[float, bool]], most: int, budget: float
) -> None:
    count = first_chunk([cost for cost, _ in jobs], [alone for _, alone in jobs], most, budget)
    assert count <= 1 or not any(alone for _, alone in jobs[:count])


@given(COSTS, st.integers(1, 50), st.floats(0, 5))
def test_a_chunk_ends_only_where_it_must(jobs: list[tuple[float, bool]], most: int, budget: float) -> None:
    count = first_chunk([cost for cost, _ in jobs], [alone for _, alone in jobs], most, budget)
    if count == len(jobs):
        return
    cost, alone = jobs[count]
    assert count >= most or sum(cost for cost, _ in jobs[:count]) + cost > budget or alone or jobs[0][1]


def test_a_chunk_is_filled_up_to_its_budget() -> None:
    assert first_chunk([0.02] * 20, [False] * 20, 50, 0.1) == 5
    assert first_chunk([0.02] * 20, [False] * 20, 3, 0.1) == 3
    assert first_chunk([7.0, 0.01], [False, False], 50, 0.1) == 1
    assert first_chunk([0.01, 0.01, 0.01], [False, False, True], 50, 0.1) == 2
    assert first_chunk([0.01, 0.01], [True, False], 50, 0.1) == 1


@given(st.integers(0, 10**6), st.floats(0, 10**4))
def test_a_share_is_half_of_an_equal_one_and_at_least_one_job(backlog: int, cores: float) -> None:
    count = share(backlog, cores)
    assert count >= 1
    assert count - 1 < backlog / (2 * max(1.0, cores)) or count == 1


@given(st.integers(1, 10**4), st.integers(1, 64))
def test_shares_shrink_towards_the_end_and_use_everything_up(backlog: int, cores: int) -> None:
    shares = []
    while backlog:
        shares.append(min(backlog, share(backlog, cores)))
        backlog -= shares[-1]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 1

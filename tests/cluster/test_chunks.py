"""Small jobs travel together: enough to pay for the message, never so many that a core is left alone at the end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cluster.scheduling import Job
from cluster.scheduling.chunks import chunks, share

JOBS = st.lists(
    st.builds(
        Job,
        st.uuids().map(str),
        st.floats(0, 1),
        avoid=st.sampled_from(["", "", "pc-1"]),
        lane=st.sampled_from([9, 9, 29]),
        alone=st.booleans(),
    ),
    max_size=40,
)


def jobs(*seconds: float, alone: tuple[int, ...] = ()) -> list[Job]:
    return [Job(str(number), cost, alone=number in alone) for number, cost in enumerate(seconds)]


def sizes(found: list[list[Job]]) -> list[int]:
    return [len(chunk) for chunk in found]


@given(JOBS, st.integers(1, 50), st.floats(0, 5))
def test_every_job_travels_once_and_in_order(given_jobs: list[Job], most: int, budget: float) -> None:
    assert [job for chunk in chunks(given_jobs, most, budget) for job in chunk] == given_jobs


@given(JOBS, st.integers(1, 50), st.floats(0, 5))
def test_a_chunk_holds_no_more_than_is_allowed(given_jobs: list[Job], most: int, budget: float) -> None:
    for chunk in chunks(given_jobs, most, budget):
        assert 1 <= len(chunk) <= most
        assert len(chunk) == 1 or sum(job.seconds for job in chunk) <= budget
        assert len(chunk) == 1 or not any(job.alone for job in chunk)
        assert len({(job.lane, job.avoid) for job in chunk}) == 1


@given(JOBS, st.integers(1, 50), st.floats(0, 5))
def test_a_chunk_ends_only_where_it_must(given_jobs: list[Job], most: int, budget: float) -> None:
    found = chunks(given_jobs, most, budget)
    for chunk, (following, *_) in pairwise(found):
        first = chunk[0]
        assert (
            len(chunk) == most
            or sum(job.seconds for job in chunk) + following.seconds > budget
            or (first.lane, first.avoid) != (following.lane, following.avoid)
            or first.alone
            or following.alone
        )


def test_a_chunk_is_filled_up_to_its_budget() -> None:
    assert sizes(chunks(jobs(*[0.02] * 12), 50, 0.1)) == [5, 5, 2]
    assert sizes(chunks(jobs(*[0.02] * 7), 3, 0.1)) == [3, 3, 1]
    assert sizes(chunks(jobs(7.0, 0.01), 50, 0.1)) == [1, 1]
    assert sizes(chunks(jobs(0.01, 0.01, 0.01, alone=(2,)), 50, 0.1)) == [2, 1]
    assert sizes(chunks(jobs(0.01, 0.01, alone=(0,)), 50, 0.1)) == [1, 1]


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

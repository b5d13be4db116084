"""Processes that die cost only their own job; errors of jobs and the order of results are kept."""

import os
import signal
from functools import partial

import pytest

from avseg.utils.errors import UserError
from avseg.utils.processes import ProcessDied, map_in_order, run_jobs, usable_cores


def square(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def add(summand, number):
    return summand + number


def refuse(number):
    raise UserError(f"file {number} is damaged")


def test_the_usable_cores_are_counted():
    assert 1 <= usable_cores() <= os.cpu_count()


def test_a_killed_process_costs_only_its_job():
    results = dict(run_jobs(square, range(4), 1))
    assert isinstance(results.pop(2), ProcessDied)
    assert results == {0: 0, 1: 1, 3: 9}


@pytest.mark.slow
def test_a_killed_process_is_replaced_among_several():
    results = dict(run_jobs(square, range(9), 3))
    assert isinstance(results.pop(2), ProcessDied)
    assert results == {number: number * number for number in (0, 1, *range(3, 9))}


def test_without_processes_jobs_run_here_in_order():
    assert list(run_jobs(square, [3, 1], 0)) == [(3, 9), (1, 1)]


@pytest.mark.parametrize("processes", [0, 1])
def test_an_error_of_a_job_is_raised_here(processes):
    with pytest.raises(UserError, match="file 1 is damaged"):
        list(run_jobs(refuse, [1], processes))


def test_few_items_stay_in_this_process():
    seen = []
    assert list(map_in_order(seen.append, range(5), processes=8)) == [None] * 5
    assert seen == list(range(5))


@pytest.mark.slow
def test_results_keep_the_order_of_items():
    results = map_in_order(partial(add, 1), range(50), processes=2, min_items=1)
    assert list(results) == list(range(1, 51))


@pytest.mark.slow
def test_a_process_killed_while_mapping_is_a_user_error():
    with pytest.raises(UserError, match=r"was killed .* --jobs 1"):
        list(map_in_order(square, range(50), processes=2, min_items=1))

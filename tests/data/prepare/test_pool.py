"""Processes that die cost their own job only."""

import os
import signal

import pytest

from avseg.data.prepare.pool import ProcessDied, run_jobs


def _work(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def _fail(number: int) -> int:
    raise ValueError(f"job {number}")


def test_a_killed_process_names_its_job_and_loses_no_other() -> None:
    results = dict(run_jobs(_work, range(4), 1))
    assert isinstance(results.pop(2), ProcessDied)
    assert results == {0: 0, 1: 1, 3: 9}


@pytest.mark.slow
def test_so_it_is_with_several_processes() -> None:
    results = dict(run_jobs(_work, range(9), 3))
    assert isinstance(results.pop(2), ProcessDied)
    assert results == {number: number * number for number in (0, 1, *range(3, 9))}


def test_in_this_process() -> None:
    assert list(run_jobs(_work, [3, 1], 0)) == [(3, 9), (1, 1)]
    with pytest.raises(ValueError, match="job 1"):
        list(run_jobs(_fail, [1], 0))

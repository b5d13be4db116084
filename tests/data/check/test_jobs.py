"""Work in several processes comes back in order; a killed process is told in one line."""

import os

import pytest

from avseg.data.check.jobs import spread
from avseg.utils.errors import UserError


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def test_few_items_stay_in_this_process() -> None:
    here = []
    assert list(spread(here.append, range(5), jobs=8)) == [None] * 5
    assert here == list(range(5))


@pytest.mark.slow
def test_results_come_in_order() -> None:
    assert list(spread(square, range(50), jobs=2, worth=1)) == [n * n for n in range(50)]


@pytest.mark.slow
def test_a_killed_process_is_told() -> None:
    with pytest.raises(UserError, match=r"was killed .* --jobs 1"):
        list(spread(die, range(50), jobs=2, worth=1))

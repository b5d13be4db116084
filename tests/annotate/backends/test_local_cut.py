import numpy as np
import pytest

from avseg.annotate.backends.grabcut.local_cut import REACH, cut_locally
from avseg.annotate.protocols import Image, Mask


def halves() -> tuple[Image, Mask]:
    """Return an image whose left 100 columns are red and whose others are blue, with noise; and the red half."""
    image = np.random.default_rng(0).integers(0, 30, (120, 200, 3)).astype(np.uint8)
    red = np.zeros((120, 200), np.bool_)
    red[:, :100] = True
    image[red] += np.array([180, 20, 20], np.uint8)
    image[~red] += np.array([20, 20, 180], np.uint8)
    return image, red


@pytest.mark.parametrize("positive", [True, False])
def test_a_change_keeps_to_the_colours_of_the_click(positive: bool) -> None:
    image, red = halves()
    wrong = np.zeros_like(red)
    wrong[30:90, 60:100] = True  # missed, or too much
    mask = red & ~wrong if positive else ~red | wrong
    result = cut_locally(image, mask, np.ones_like(red), (60, 80), positive, 2)
    truth = red if positive else ~red
    assert ((result != truth) & wrong).mean() < 0.1 * (wrong.mean())
    np.testing.assert_array_equal(result[:, 103:], mask[:, 103:])


def test_a_change_reaches_a_few_times_the_distance_of_the_click_to_the_border() -> None:
    image, red = halves()
    mask = np.zeros_like(red)
    mask[:, :20] = True
    row, column, distance = 60, 26, 7
    result = cut_locally(image, mask, np.ones_like(red), (row, column), True, 2)
    rows, columns = np.nonzero(result & ~mask)
    assert result[row, column]
    assert np.hypot(rows - row, columns - column).max() <= REACH * distance + 2


def test_a_click_changes_its_disc_even_where_nothing_is_likely() -> None:
    image, red = halves()
    result = cut_locally(image, red, np.zeros_like(red), (60, 150), True, 3)
    assert result[60, 150]
    assert result[60, 153]
    assert (result & ~red).sum() < 200

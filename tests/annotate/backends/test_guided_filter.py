import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.backends.crop import crop_image
from avseg.annotate.backends.guided_filter import _fit_windows, guided_upsample


def test_coefficients_are_those_of_ridge_regression_in_each_window() -> None:
    rng = np.random.default_rng(0)
    guide, target = rng.random((9, 11, 3)).astype(np.float32), rng.random((9, 11)).astype(np.float32)
    slope, offset = _fit_windows(guide, target, 1, 0.01)
    # far enough from the border that no window reaches over it
    for row, column in ((3, 4), (5, 6)):
        slopes, offsets = [], []
        for y in range(row - 1, row + 2):
            for x in range(column - 1, column + 2):
                colours = guide[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(np.float64)
                values = target[y - 1 : y + 2, x - 1 : x + 2].ravel().astype(np.float64)
                centred = colours - colours.mean(0)
                normal = centred.T @ centred / 9 + 0.01 * np.eye(3)
                slopes.append(np.linalg.solve(normal, centred.T @ (values - values.mean()) / 9))
                offsets.append(values.mean() - slopes[-1] @ colours.mean(0))
        np.testing.assert_allclose(slope[row, column], np.mean(slopes, 0), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(offset[row, column], np.mean(offsets), rtol=1e-3, atol=1e-4)


def test_the_edge_of_the_full_size_image_is_found() -> None:
    large = np.full((160, 160, 3), 60, np.uint8)
    large[:, 83:] = 200  # within a pixel of the small one
    small = crop_image(large, 40).image
    coarse = np.zeros((40, 40), np.float32)
    coarse[:, 21:] = 1
    assert ((guided_upsample(small, coarse, large) > 0.5) == (large[..., 0] > 100)).mean() > 0.99


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6))
def test_coordinates_of_a_crop_round_trip(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(4, 300, 2)
    left, top = rng.uniform(-5, width), rng.uniform(-5, height)
    box = (left, top, left + rng.uniform(1, width), top + rng.uniform(1, height))
    crop = crop_image(rng.integers(0, 256, (height, width, 3)).astype(np.uint8), int(rng.integers(8, 100)), box, 0.1)
    assert max(crop.shape) <= 100
    assert 0 <= crop.left < crop.left + crop.width <= width
    assert 0 <= crop.top < crop.top + crop.height <= height
    mask = np.zeros(crop.shape, np.bool_)
    row, column = (int(rng.integers(length)) for length in crop.shape)
    mask[row, column] = True
    # the centre of the area that a pixel of the crop covers maps back to it
    y, x = (np.array([row, column]) + 0.5) * (crop.height, crop.width) / crop.shape + (crop.top, crop.left) - 0.5
    assert crop.to_crop(x, y) == (row, column)
    whole = crop.paste(crop.enlarge(np.ones(crop.shape, np.bool_)), (height, width))
    assert whole.sum() == crop.width * crop.height
    np.testing.assert_allclose(crop.shrink(whole), 1, rtol=1e-5)

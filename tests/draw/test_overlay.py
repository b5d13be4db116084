"""Overlays: the tint is where the mask is, and only there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avseg.draw.overlay import WHITE, Overlay, upsample
from avseg.draw.palette import OKABE_ITO, SOUNDING, TRUTH, class_colours


@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))),
    st.floats(0, 1),
    st.integers(0, 2),
    st.integers(0, 255),
)
def test_tint_and_outline_against_a_loop(mask: np.ndarray, alpha: float, width: int, shade: int) -> None:
    frame = np.full((*mask.shape, 3), shade, np.uint8)
    marked = Overlay(mask, alpha=alpha, outline=width).on(frame)
    height, columns = mask.shape
    for y in range(height):
        for x in range(columns):
            near = mask[max(0, y - width) : y + width + 1, max(0, x - width) : x + width + 1]
            if not mask[y, x]:
                expected = (shade,) * 3
            elif not near.all():
                expected = WHITE
            else:
                expected = tuple((1 - alpha) * shade + alpha * value for value in SOUNDING)
            assert marked[y, x] == pytest.approx(expected, abs=1.6)
    assert (frame == shade).all()  # the frame itself stays


def test_classes_take_the_palette() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[:, 4:] = 2
    mask[:4, 4:] = 70
    marked = Overlay(mask, None, alpha=1.0, outline=0).on(np.zeros((8, 8, 3), np.uint8))
    np.testing.assert_allclose(marked, class_colours(mask), atol=1)
    assert tuple(class_colours(np.array([[1]]))[0, 0]) == (128, 0, 0)  # VOC's first colour


def test_a_small_probability_map_marks_a_large_frame() -> None:
    probability = np.zeros((4, 4), np.float32)
    probability[:, :2] = 1
    large = upsample(probability, 16, 32)
    black = np.zeros((16, 32, 3), np.uint8)
    marked = Overlay(large > 0.5, alpha=1.0, outline=0).on(black)
    assert (marked[:, :15] == SOUNDING).mean() > 0.6  # alpha of 256/256
    assert (marked[:, 17:] == 0).all()
    assert (Overlay(large > 0.9999, outline=0).on(black)[:, 14:] == 0).all()


def test_upsample_is_bilinear() -> None:
    torch = pytest.importorskip("torch")
    grid = np.random.default_rng(0).random((5, 7), np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(grid)[None, None], (11, 9), mode="bilinear")[0, 0]
    np.testing.assert_allclose(upsample(grid, 11, 9), expected.numpy(), atol=1e-6)
    assert upsample(grid, 5, 7) is grid


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Overlay(np.zeros((4, 4), bool)).on(np.zeros((5, 4, 3), np.uint8))


def as_seen_without(colour: tuple[int, int, int], cone: str) -> np.ndarray:
    """Simulate a dichromat's vision (Vienot, Brettel, Mollon 1999, in linear RGB)."""
    linear = (np.array(colour) / 255) ** 2.2
    rows = {
        "red": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "green": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    return np.clip(np.array(rows[cone]) @ linear, 0, 1) ** (1 / 2.2) * 255


@pytest.mark.parametrize("cone", ["red", "green"])
def test_truth_and_prediction_differ_for_every_eye(cone: str) -> None:
    assert {SOUNDING, TRUTH} <= set(OKABE_ITO.values())
    assert np.abs(as_seen_without(SOUNDING, cone) - as_seen_without(TRUTH, cone)).max() > 100

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import median_filter as scipy_median

from avseg.models.lu_avs.activity import Smoothing, median_filter, sound_activity
from avseg.utils.errors import UserError


@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(1, 25), classes=st.integers(1, 4), window=st.sampled_from([1, 3, 5, 9]), seed=st.integers(0, 99)
)
def test_median_equals_scipy_also_at_the_ends(steps: int, classes: int, window: int, seed: int) -> None:
    values = np.random.default_rng(seed).random((steps, classes))
    expected = scipy_median(values, size=(window, 1), mode="nearest")
    assert np.array_equal(median_filter(torch.from_numpy(values), window).numpy(), expected)


@pytest.mark.parametrize(("window", "used"), [(0.0, 1), (1.4, 1), (2.0, 3), (3.0, 3), (4.0, 5)])
def test_windows_are_odd(window: float, used: int) -> None:
    values = torch.rand(12, 1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(median_filter(values, window), median_filter(values, used))


def _active(pattern: str, smoothing: Smoothing, rate: float = 1.0) -> str:
    values = torch.tensor([0.9 if symbol == "#" else 0.1 for symbol in pattern])[:, None]
    return "".join("#" if on else "." for on in sound_activity(values, smoothing, rate=rate).active[:, 0].tolist())


def test_median_of_three_seconds_drops_single_seconds() -> None:
    assert _active(".#..##.##..#", Smoothing()) == "....#####..#"  # the last second is repeated after the end


@pytest.mark.parametrize(
    ("pattern", "run", "gap", "expected"),
    [
        ("#.##.###.", 2, 0, "..##.###."),
        ("#.##.###.", 3, 0, ".....###."),
        ("##.##...#", 0, 2, "#####...#"),
        ("..#..#...", 0, 4, "..####..."),  # silence at the ends is not a gap
        ("#..##..#", 2, 3, "...##..."),  # runs are dropped before gaps are filled
        ("########", 9, 0, "........"),
    ],
)
def test_runs_and_gaps(pattern: str, run: float, gap: float, expected: str) -> None:
    assert _active(pattern, Smoothing(median=0, min_run=run, min_gap=gap)) == expected


def test_default_runs_and_gaps_of_a_second_matter_at_finer_steps_only() -> None:
    plain = Smoothing(median=0, min_run=0, min_gap=0)
    assert _active("#.#..#", Smoothing(median=0)) == _active("#.#..#", plain) == "#.#..#"
    assert _active("##.##...#.", Smoothing(median=0), rate=2) == "#####....."


def test_threshold_is_exclusive_and_the_scores_are_the_filtered_ones() -> None:
    values = torch.tensor([[0.5], [0.51], [0.49], [0.6]])
    activity = sound_activity(values, Smoothing(median=0, threshold=0.5))
    assert activity.active[:, 0].tolist() == [False, True, False, True]
    torch.testing.assert_close(sound_activity(values).scores[:, 0], torch.tensor([0.5, 0.5, 0.51, 0.6]))


def test_frames_take_their_second() -> None:
    activity = sound_activity(torch.tensor([[0.0], [1.0], [0.0]]), Smoothing(median=0))
    seconds = torch.tensor([0.0, 0.999, 1.0, 1.0 - 1e-9, 30 / 29.97, 59 / 29.97, 2.0, 7.3])
    assert activity.at(seconds).active[:, 0].tolist() == [False, False, True, True, True, True, False, False]
    halves = sound_activity(torch.tensor([[0.0], [1.0], [0.0]]), Smoothing(median=0, min_run=0), rate=2)
    assert halves.at(torch.tensor([0.4, 0.5, 0.9, 1.0])).active[:, 0].tolist() == [False, True, True, False]


def test_a_video_without_sound_is_silent() -> None:
    activity = sound_activity(torch.zeros(0, 3)).at(torch.tensor([0.0, 5.0]))
    assert activity.active.shape == (2, 3)
    assert not activity.active.any()


def test_negative_seconds() -> None:
    with pytest.raises(UserError, match="smoothing: median is -1"):
        Smoothing(median=-1)

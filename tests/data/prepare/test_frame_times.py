"""The frame of each second against a literal implementation of the rule."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseg.data.prepare.frame_times import clip_frames
from avseg.media.frame_index import FrameIndex

RATES = [10, 12, 15, 23.976, 24, 25, 29.97, 30, 50, 59.94, 60]


def _index(times, rate: float, constant: bool = True) -> FrameIndex:
    times = np.asarray(times, np.float64)
    video = SimpleNamespace(times=times, frame_rate=rate, constant_rate=constant, duration=float(times[-1]) + 1 / rate)
    empty = np.zeros(0, np.int64)
    return FrameIndex(video, empty, empty)


def _original(frames: int, rate: float, seconds: int) -> list[int]:
    """Sample 16 numbers per second and keep the last, as the original code does."""
    numbers = []
    for second in range(seconds):
        for sample in range(16):
            numbers.append(int(second * round(rate) + (sample * 1.0 / 16) * round(rate)))
    return [min(number, frames - 1) for k, number in enumerate(numbers) if k % 16 == 15]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seconds", [0.3, 2.2, 4.4, 5.0, 5.2, 10.0])
def test_a_file_that_is_the_clip_follows_the_original(rate: float, seconds: float) -> None:
    frames = max(round(rate * seconds), 1)
    index = _index(np.arange(frames) / rate, rate)
    assert clip_frames(index, 0, 5, "official", cut=False) == _original(frames, rate, 5)


@given(rate=st.sampled_from(RATES), clip=st.integers(0, 200))
def test_a_clip_of_a_long_video_is_as_if_it_had_been_cut_out(rate: float, clip: int) -> None:
    times = np.arange(round(rate * (5 * clip + 7.3))) / rate
    inside = [number for number, time in enumerate(times) if 5 * clip - 1e-3 <= time < 5 * clip + 5 - 1e-3]
    alone = _original(len(inside), rate, 5)
    assert clip_frames(_index(times, rate), 5 * clip, 5, "official", cut=True) == [inside[number] for number in alone]


_TIMES = st.lists(st.integers(1, 11_999), min_size=0, max_size=60, unique=True)


@given(later=_TIMES)
def test_where_the_rate_varies_it_is_the_nearest_frame(later: list[int]) -> None:
    times = np.array([0, *sorted(later)]) / 1000
    for begin in (0, 5):
        inside = [number for number, time in enumerate(times) if begin - 1e-3 <= time < begin + 5 - 1e-3]
        numbers = clip_frames(_index(times, 9.0, constant=False), begin, 5, "official", cut=True)
        for second, number in enumerate(numbers):
            if not inside:
                assert times[number] < begin
                assert number + 1 == len(times) or times[number + 1] >= begin + 5 - 1e-3
            else:
                best = min(abs(times[candidate] - (begin + second + 15 / 16)) for candidate in inside)
                assert abs(times[number] - (begin + second + 15 / 16)) == best


@given(later=_TIMES)
def test_every_exact_second_shows_what_a_player_shows(later: list[int]) -> None:
    times = np.array([0, *sorted(later)]) / 1000
    numbers = clip_frames(_index(times, 9.0, constant=False), 5, 5, "second", cut=True)
    assert numbers == [max(n for n, time in enumerate(times) if time <= 5 + s + 0.5 + 1e-3) for s in range(5)]

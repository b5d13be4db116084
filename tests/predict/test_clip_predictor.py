"""Windows over a video: which frame meets which second of sound, and that each is scored once."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseg.media.video import Frame, official_frames, probe
from avseg.predict import clip_predictor as module
from avseg.predict.clip_predictor import Predictor, SecondScore
from tests.media.make_video import make_video, read_number, tone
from tests.predict.fake_scorer import FakeScorer


def _numbers(clips: list[torch.Tensor]) -> list[list[int]]:
    """The numbers drawn into the frames of each clip that the scorer saw."""
    return [[read_number(frame.permute(1, 2, 0).numpy()) for frame in clip] for batch in clips for clip in batch]


def _loud_seconds(count: int, loud: set[int]) -> np.ndarray:
    second = tone(1.0, 16000, 1)
    return np.concatenate([second * (place in loud) for place in range(count)], axis=1)


@pytest.fixture
def video(tmp_path: Path):
    wave = _loud_seconds(7, {1, 4, 6})
    return probe(make_video(tmp_path / "v.mov", frames=70, rate=10, sound="pcm_s16le", waveform=wave))


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_each_second_is_scored_once_with_its_frame_and_sound(video, batch: int) -> None:
    scorer = FakeScorer(clip_length=3)
    scores = list(Predictor(scorer, batch=batch).seconds(video))
    assert [score.second for score in scores] == list(range(7))
    assert [score.numbers for score in scores] == [[index] for index in official_frames(video)]
    assert official_frames(video) == [10 * second + 9 for second in range(7)]
    # windows 0-2, 3-5, and the last moved back to 4-6
    assert _numbers(scorer.frames) == [[9, 19, 29], [39, 49, 59], [49, 59, 69]]
    assert torch.cat(scorer.loud).tolist() == [[False, True, False], [False, True, False], [True, False, True]]
    assert {len(clips) for clips in scorer.frames} <= set(range(1, batch + 1))
    for score in scores:
        assert score.probabilities.shape == (1, 64, 64)
        assert score.probabilities[0, 0, 0] == pytest.approx(0.9 if score.second in {1, 4, 6} else 0.1)
        assert score.probabilities[0, 0, -1] == pytest.approx(0.1)
        expected = 20 * np.log10(0.5 / np.sqrt(2)) if score.second in {1, 4, 6} else -120
        assert score.sound_dbfs == pytest.approx(expected, abs=0.1)


def test_a_video_shorter_than_a_clip_repeats_its_last_second(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mov", frames=15, rate=10, sound="pcm_s16le"))
    scorer = FakeScorer(clip_length=5)
    scores = list(Predictor(scorer).seconds(video))
    assert [score.second for score in scores] == [0, 1]
    assert _numbers(scorer.frames) == [[9, 14, 14, 14, 14]]


@pytest.mark.parametrize("batch", [1, 4])
def test_every_frame_is_scored_in_clips_of_frames_a_second_apart(video, batch: int) -> None:
    scorer = FakeScorer(clip_length=3)
    scores = list(Predictor(scorer, batch=batch, every_frame=True).seconds(video))
    assert [score.numbers for score in scores] == [list(range(10 * second, 10 * second + 10)) for second in range(7)]
    assert [score.probabilities.shape for score in scores] == [(10, 64, 64)] * 7
    clips = _numbers(scorer.frames)
    assert clips[:20] == [[k, 10 + k, 20 + k] for k in range(10)] + [[30 + k, 40 + k, 50 + k] for k in range(10)]
    assert clips[20:] == [[40 + k, 50 + k, 60 + k] for k in range(10)]
    for score in scores:
        assert score.probabilities[:, 0, 0] == pytest.approx(0.9 if score.second in {1, 4, 6} else 0.1)


def test_every_frame_of_a_varying_rate(tmp_path: Path) -> None:
    times = [0.0, 0.2, 0.9, 3.1, 3.2, 4.5]  # seconds 1 and 2 show no new frame
    video = probe(make_video(tmp_path / "v.mp4", frames=6, times=times))
    scorer = FakeScorer(clip_length=2)
    scores = list(Predictor(scorer, every_frame=True).seconds(video))
    assert [score.numbers for score in scores] == [[0, 1, 2], [], [], [3, 4], [5]]
    assert [len(score.probabilities) for score in scores] == [3, 0, 0, 2, 1]
    # where a second has fewer frames, its last one stands in; where it has none, the one still shown
    assert _numbers(scorer.frames) == [[0, 2], [1, 2], [2, 2], [2, 3], [2, 4], [3, 5]]


def test_the_model_sees_upright_frames(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mp4", frames=10, rate=10, size=(64, 64), rotation=90))
    scorer = FakeScorer(clip_length=1)
    list(Predictor(scorer).seconds(video))
    stored = np.rot90(scorer.frames[0][0, 0].permute(1, 2, 0).numpy(), -1)
    assert read_number(stored) == 9


@given(seconds=st.integers(1, 40), length=st.integers(1, 12))
def test_windows_score_every_second_once(seconds: int, length: int) -> None:
    window_of = []
    for window in module._windows(list(range(seconds)), length):  # type: ignore[arg-type]
        assert len(window.seconds) == length
        window_of += window.seconds[window.new]
        steps = np.diff(window.seconds)
        assert set(steps) <= ({1} if seconds >= length else {0, 1})
    assert window_of == list(range(seconds))


def test_at_most_a_window_is_held(monkeypatch: pytest.MonkeyPatch, video) -> None:
    """The predictor asks for frames only as its results are taken, whatever the length."""
    asked = itertools.count()
    monkeypatch.setattr(module, "official_frames", lambda video: list(range(video.seconds)))
    long = type("Long", (), {**{name: getattr(video, name) for name in ("rotation", "height", "width")}})()
    long.seconds = 100_000
    from avseg.media.video import frames as decode_frames

    picture = next(decode_frames(video)).image

    def frames(_):
        for number in range(100_000):
            next(asked)
            yield Frame(number, float(number), picture)

    monkeypatch.setattr(module, "frames", frames)
    monkeypatch.setattr(module, "sound_seconds", lambda _: (np.zeros(16000, np.float32) for _ in range(100_000)))
    results = Predictor(FakeScorer(clip_length=4), batch=2).seconds(long)
    taken: list[SecondScore] = list(itertools.islice(results, 9))
    assert [score.second for score in taken] == list(range(9))
    assert next(asked) <= 16

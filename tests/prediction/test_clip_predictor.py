"""Windows over a video: frames and sound that belong together, each second scored once, and equality to evaluation."""

import itertools
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avseg.audio.frontend import LogMel
from avseg.media.frame_index import FrameIndex
from avseg.media.frames import official_frames
from avseg.media.video import Video, probe
from avseg.prediction import clip_predictor as module
from avseg.prediction.api import make_predictor, predict
from avseg.prediction.clip_predictor import ClipPredictor
from avseg.prediction.prediction import FramePrediction
from avseg.training.build import build_data
from avseg.training.load import load_model, saved_config
from tests.media.make_video import make_video, read_number, tone
from tests.prediction.fake_model import FakeModel
from tests.runs_for_tests import Command

LOUD = {1, 4, 6}  # seconds of the fixture `video`


def _numbers(batches: list[torch.Tensor]) -> list[list[int]]:
    """Read the numbers drawn into the frames of each clip that the model saw."""
    clips = [clip for batch in batches for clip in batch]
    return [[read_number(frame.permute(1, 2, 0).numpy()) for frame in clip] for clip in clips]


def _by_second(frames: list[FramePrediction], seconds: int) -> list[list[int]]:
    numbers: list[list[int]] = [[] for _ in range(seconds)]
    for frame in frames:
        numbers[frame.second].append(frame.number)
    return numbers


@pytest.fixture
def video(tmp_path: Path) -> Video:
    """7 s at 10 frames per second."""
    second = tone(1.0, 16000, 1)
    wave = np.concatenate([second * (number in LOUD) for number in range(7)], axis=1)
    return probe(make_video(tmp_path / "v.mov", frames=70, rate=10, sound="pcm_s16le", waveform=wave))


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_each_second_is_scored_once_with_its_frame_and_sound(video: Video, batch: int) -> None:
    model = FakeModel(clip_length=3)
    prediction = ClipPredictor(model, batch=batch).predict(video)
    frames = list(prediction.frames)
    assert [frame.second for frame in frames] == list(range(7))
    assert [frame.number for frame in frames] == official_frames(video)
    assert official_frames(video) == [10 * second + 9 for second in range(7)]
    assert [frame.begin for frame in frames] == [10 * second for second in range(7)]
    # windows 0-2, 3-5, and the last moved back to 4-6
    assert _numbers(model.frames) == [[9, 19, 29], [39, 49, 59], [49, 59, 69]]
    assert torch.cat(model.loud).tolist() == [[False, True, False], [False, True, False], [True, False, True]]
    assert {len(clips) for clips in model.frames} <= set(range(1, batch + 1))
    for frame in frames:
        assert frame.probability.shape == (64, 64)
        assert frame.probability[0, 0] == pytest.approx(0.9 if frame.second in LOUD else 0.1)
        assert frame.probability[0, -1] == pytest.approx(0.1)
        level = 20 * np.log10(0.5 / np.sqrt(2)) if frame.second in LOUD else -120
        assert prediction.sound.levels[frame.second] == pytest.approx(level, abs=0.1)


def test_a_video_shorter_than_a_clip_repeats_its_last_second(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mov", frames=15, rate=10, sound="pcm_s16le"))
    model = FakeModel(clip_length=5)
    frames = list(ClipPredictor(model).predict(video).frames)
    assert [frame.second for frame in frames] == [0, 1]
    assert _numbers(model.frames) == [[9, 14, 14, 14, 14]]


@pytest.mark.parametrize("batch", [1, 4])
def test_every_frame_is_scored_in_clips_of_frames_a_second_apart(video: Video, batch: int) -> None:
    model = FakeModel(clip_length=3)
    frames = list(ClipPredictor(model, batch=batch, every_frame=True).predict(video).frames)
    assert _by_second(frames, 7) == [list(range(10 * second, 10 * second + 10)) for second in range(7)]
    assert [frame.begin for frame in frames] == list(range(70))
    clips = _numbers(model.frames)
    assert clips[:20] == [[k, 10 + k, 20 + k] for k in range(10)] + [[30 + k, 40 + k, 50 + k] for k in range(10)]
    assert clips[20:] == [[40 + k, 50 + k, 60 + k] for k in range(10)]
    for frame in frames:
        assert frame.probability[0, 0] == pytest.approx(0.9 if frame.second in LOUD else 0.1)


def test_every_frame_of_a_varying_rate(tmp_path: Path) -> None:
    times = [0.0, 0.2, 0.9, 3.1, 3.2, 4.5]  # no frame starts in the seconds 1 and 2
    video = probe(make_video(tmp_path / "v.mp4", frames=6, times=times))
    model = FakeModel(clip_length=2)
    frames = list(ClipPredictor(model, every_frame=True).predict(video).frames)
    assert _by_second(frames, 5) == [[0, 1, 2], [], [], [3, 4], [5]]
    # a second with fewer frames repeats its last one; a second without frames shows the one before
    assert _numbers(model.frames) == [[0, 2], [1, 2], [2, 2], [2, 3], [2, 4], [3, 5]]


def test_the_model_sees_upright_frames(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mp4", frames=10, rate=10, size=(64, 64), rotation=90))
    model = FakeModel(clip_length=1)
    list(ClipPredictor(model).predict(video).frames)
    stored = np.rot90(model.frames[0][0, 0].permute(1, 2, 0).numpy(), -1)
    assert read_number(stored) == 9


@given(seconds=st.integers(1, 40), length=st.integers(1, 12))
def test_windows_score_every_second_once(seconds: int, length: int) -> None:
    scored = []
    for window in module.cut_windows(list(range(seconds)), length):  # type: ignore[arg-type]
        assert len(window.seconds) == min(length, seconds)
        assert set(np.diff(window.seconds)) <= {1}
        scored += window.seconds[window.new]
    assert scored == list(range(seconds))


def test_at_most_a_window_is_held(monkeypatch: pytest.MonkeyPatch, video: Video) -> None:
    """Frames are decoded only as the predictions are consumed, whatever the length."""
    count = 100_000
    long = replace(video, times=np.arange(count, dtype=np.float64), duration=float(count))
    index = FrameIndex(long, np.zeros(0, np.int64), np.zeros(0, np.int64))
    decoded: list[int] = []

    def read_frames(index, numbers, size, reader):
        decoded.extend(numbers)
        return torch.zeros(len(numbers), 3, *size, dtype=torch.uint8)

    monkeypatch.setattr(module, "frame_index", lambda path, audio_track: index)
    monkeypatch.setattr(module, "FrameReader", lambda index, cache: nullcontext())
    monkeypatch.setattr(module, "official_frames", lambda video: list(range(count)))
    monkeypatch.setattr(module, "read_frames", read_frames)
    monkeypatch.setattr(module, "sound_seconds", lambda _: (np.zeros(16000, np.float32) for _ in range(count)))
    prediction = ClipPredictor(FakeModel(clip_length=4), batch=2).predict(long)
    consumed = list(itertools.islice(prediction.frames, 9))
    assert [frame.second for frame in consumed] == list(range(9))
    assert len(decoded) <= 16


class Recorder(LogMel):
    """A front end that remembers its input."""

    def __call__(self, waveform: torch.Tensor, rate: int) -> torch.Tensor:
        self.waveform = waveform
        return super().__call__(waveform, rate)


@pytest.mark.parametrize(
    ("hop", "loud"),
    [
        ("second", [False, True, False, False, True, False, True]),
        ("vggish", [False, True, True, False, True, True, True]),  # a patch every 0.96 s spans two seconds
    ],
)
def test_the_front_end_converts_the_sound_of_whole_windows(video: Video, hop: str, loud: list[bool]) -> None:
    model = FakeModel(clip_length=7)
    model.frontend = Recorder(hop)
    list(ClipPredictor(model).predict(video).frames)
    assert model.frontend.waveform.shape == (7 * 16000,)
    assert torch.cat(model.loud).tolist() == [loud]


def test_a_model_without_sound(video: Video) -> None:
    class Blind(FakeModel):
        def predict_batch(self, frames: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
            return frames.float().mean(2) / 255

    model = Blind()
    model.frontend = None
    assert len(list(ClipPredictor(model).predict(video).frames)) == 7


def _write_lossless(path: Path, frames: np.ndarray, waveform: np.ndarray) -> Video:
    """Write frames (T, H, W, 3) at 1 per second and int16 samples (T * 16000,) without loss."""
    with av.open(str(path), "w") as output:
        images = output.add_stream("ffv1", rate=1)
        images.height, images.width, images.pix_fmt = *frames.shape[1:3], "bgr0"
        sound = output.add_stream("pcm_s16le", rate=16000, layout="mono")
        for image in frames:
            output.mux(images.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(images.encode())
        samples = av.AudioFrame.from_ndarray(waveform[None], format="s16", layout="mono")
        samples.sample_rate = 16000
        output.mux(sound.encode(samples))
    return probe(path)


def test_a_prediction_equals_the_evaluation_of_the_clip(trained: Command, tmp_path: Path) -> None:
    model = load_model(trained.run)
    config = saved_config(model.record)
    clip = build_data(config).dataset("test")[2]
    waveform = _read_sound(Path(config.data.root), clip.video_id[0])
    video = _write_lossless(tmp_path / "clip.mkv", clip.frames[0].permute(0, 2, 3, 1).numpy(), waveform)
    with torch.inference_mode():
        evaluated = model(clip).logits[0, :, 0].sigmoid().numpy()  # (T, h, w), as `test_step` scores them
    predicted = [frame.probability for frame in make_predictor(model).predict(video).frames]
    np.testing.assert_array_equal(np.stack(predicted), evaluated)


def _read_sound(root: Path, video_id: str) -> np.ndarray:
    import soundfile

    (path,) = root.rglob(f"{video_id}.wav")
    samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    assert rate == 16000
    return samples[:, 0]


def test_prediction_from_python(video: Video, tmp_path: Path) -> None:
    model = FakeModel(clip_length=3)
    result = predict(model, video.path)
    for _ in range(2):  # each iteration predicts again
        times = []
        for time, probability in result:
            times.append(time)
            assert probability.shape == (64, 96)
            assert probability.dtype == np.float32
        assert times == pytest.approx([second + 0.9 for second in range(7)])
    summary = result.save(tmp_path / "out")
    assert (summary["seconds"], summary["sounding"]) == (7, len(LOUD))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"overlay.mp4", "masks", "scores.json"}

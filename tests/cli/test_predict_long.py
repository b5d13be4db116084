"""`avseg predict` with models of long videos: their options, any container, refusals."""

import json
import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from avseg.data.lu_avs import LUAVSDataModule, read_release
from avseg.media.video import probe
from avseg.models.lu_avs.base import LongVideoModule
from avseg.runs.configure import training_config
from avseg.training.build import DataFacts, build_model
from tests.media.make_video import make_video, tone
from tests.prediction.fake_model import FakeModel
from tests.runs_for_tests import avseg

LABELS = ["dog barking", "man speaking", "rain/wind"]
OVERRIDES = {
    "mask": ["model=toy_lu_avs_mask", "model.network=tiny", "data.rate=4"],
    "box": ["model=toy_lu_avs_box", "model.network=tiny"],
    "audio": ["model=toy_lu_avs_audio", "model.smoothing.median=0"],
    "tpavi": ["model=toy_avs_long", "data.image_size=32", "model.channels=8"],
}


def _make(branch: str) -> LongVideoModule:
    """Build an untrained model that marks something in every frame."""
    torch.manual_seed(3)
    config = training_config([*OVERRIDES[branch], "data.labels=3"])
    task = build_model(config, DataFacts(LUAVSDataModule.setting, tuple(LABELS)), pretrained=False).eval()
    if branch == "box":
        task.net.net.class_labels_classifier.bias.data[-1] = -10
    if branch == "audio":  # loud is a dog, whatever it is
        task.net.forward = lambda patches: torch.stack(
            [20 * (patches.amax((2, 3, 4)) > -1).float() - 10, *[torch.full(patches.shape[:2], -9.0)] * 2], -1
        )
    return task


@pytest.fixture(scope="module")
def tasks() -> dict[str, LongVideoModule]:
    return {branch: _make(branch) for branch in OVERRIDES}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: dict[str, LongVideoModule]) -> None:
    monkeypatch.chdir(tmp_path)
    for branch in OVERRIDES:
        (tmp_path / f"{branch}.ckpt").write_bytes(b"weights")
    (tmp_path / "avs.ckpt").write_bytes(b"weights")
    monkeypatch.setattr(
        "avseg.cli.predict_model.load_model", lambda source: tasks.get(source.path.stem) or FakeModel(clip_length=2)
    )


def _write_video(name: str, **options: object) -> Path:
    """3.2 s; second 1 is loud."""
    wave = np.zeros((1, 51200), np.float32)
    wave[:, 16000:32000] = tone(1.0, 16000, 1)
    arguments = {"frames": 32, "rate": 10, "sound": "pcm_s16le", "waveform": wave} | options
    return make_video(Path(name), **arguments)  # type: ignore[arg-type]


def _predict(branch: str, *words: object, video: str = "video.mov") -> Path:
    done = avseg(["predict", video, "--out", "out", "--checkpoint", f"{branch}.ckpt", *map(str, words)])
    assert done.code == 0, done.err
    return Path("out") / Path(video).stem


def _error(branch: str, *words: object, video: str = "video.mov") -> str:
    done = avseg(["predict", video, "--out", "out", "--checkpoint", f"{branch}.ckpt", *map(str, words)])
    assert done.code == 2
    assert done.err.count("\n") == 1, done.err
    return done.err


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_an_audible_class_becomes_a_segment(tmp_path: Path) -> None:
    _write_video("video.mov")
    folder = _predict("audio", "--lu-avs")
    entry = _json(folder / "segments.json")["video"]
    assert entry == {
        "duration": 3.2,
        "fps": 10.0,
        "subset": "test",
        "annotations": [{"segment": [10, 20], "label": "dog barking", "label_id": 0}],
    }
    scores = _json(folder / "scores.json")
    assert [row["sounding"] for row in scores["seconds"]] == [False, True, False, False]
    assert scores["seconds"][1]["heard"] == {"dog barking": 1.0}
    assert scores["smoothing"]["median"] == 0
    (video,) = read_release(tmp_path / "out").videos.values()
    assert [(segment.start, segment.end) for segment in video.segments] == [(10, 20)]


@pytest.mark.parametrize(
    ("words", "frames"),
    [
        ([], range(0, 32, 5)),
        (["--rate", 2], range(0, 32, 5)),
        (["--rate", 5], range(0, 32, 2)),
        (["--every-frame"], range(32)),
    ],
)
def test_the_rate_is_that_of_the_run_by_default(words: list[object], frames: range) -> None:
    _write_video("video.mov")
    folder = _predict("box", *words)
    boxes = _json(folder / "boxes.json")
    assert [row["frame"] for row in boxes["frames"]] == list(frames)
    assert any(row["classes"] for row in boxes["frames"])
    assert _json(folder / "scores.json")["rate"] == {5: 2.0, 2: 5.0, 1: "every frame"}[frames.step]
    for row in boxes["frames"]:
        for found in row["classes"].values():
            assert all(0 <= x0 <= x1 <= 96 and 0 <= y0 <= y1 <= 64 for x0, y0, x1, y1 in found["boxes"])


def test_rate_and_threshold_of_a_run() -> None:
    _write_video("video.mov")
    scores = _json(_predict("mask") / "scores.json")
    assert (scores["rate"], scores["aggregation"]["threshold"]) == (4.0, 0.0)
    high = _json(_predict("box", "--threshold", 0.999, "--overwrite") / "scores.json")
    assert high["aggregation"]["threshold"] == 0.999
    assert not any(row["classes"] for row in high["seconds"])
    none = _json(_predict("audio", "--threshold", 0.9999999, "--overwrite") / "segments.json")
    assert none["video"]["annotations"] == []


def test_the_avs_model_marks_what_sounds() -> None:
    _write_video("video.mov")
    folder = _predict("tpavi", "--threshold", 0.01, "--lu-avs", "--save-masks")
    assert _json(folder / "scores.json")["labels"] == ["sounding"]
    names = sorted(int(path.stem) for path in (folder / "masks/sounding").glob("*.png"))
    assert names == sorted({*range(1, 32, 2)})  # the middle of each fifth of a second
    (video,) = read_release(folder).videos.values()
    assert [(segment.start, segment.end) for segment in video.segments] == [(0, 32)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        (
            "ntsc.mkv",
            {"rate": Fraction(30000, 1001), "frames": 45, "codec": "ffv1", "pix_fmt": "yuv444p", "size": (65, 97)},
        ),
        (
            "vary.mp4",
            {"frames": 12, "times": [0, 0.1, 0.2, 0.9, 1.0, 1.1, 2.5, 2.6, 2.7, 2.8, 2.9, 3.0], "sound": "aac"},
        ),
        ("still.mp4", {"frames": 2, "rate": 1, "sound": "aac"}),
        ("raw.avi", {"sound": "libmp3lame", "options": {"bf": "3"}}),
        ("turned.mp4", {"rotation": 90, "sound": "aac"}),
    ],
)
def test_any_container_rate_and_size(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    path = _write_video(name, **options)
    folder = _predict("box", "--lu-avs", video=name)
    source, overlay = probe(path), probe(folder / "overlay.mp4")
    assert len(overlay.times) == len(source.times)
    assert overlay.duration == pytest.approx(source.duration, abs=0.03)
    assert (overlay.height, overlay.width) == (source.height + source.height % 2, source.width + source.width % 2)
    (video,) = read_release(tmp_path / "out").videos.values()
    assert all(0 <= s.start < s.end <= len(source.times) for s in video.segments)
    assert video.segments


def test_several_videos_are_one_release(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    for name in ("-a__b.mov", "c.mov"):
        _write_video(f"films/{name}")
    done = avseg(["predict", "films", "--out", "out", "--checkpoint", "audio.ckpt", "--lu-avs"])
    assert done.code == 0, done.err
    release = read_release(tmp_path / "out")
    assert sorted(release.videos) == ["-a__b", "c"]
    assert release.labels == ["dog barking"]
    done = avseg(["predict", "films", "--out", "out", "--checkpoint", "audio.ckpt"])
    assert done.out.count("--overwrite predicts again") == 2


@pytest.mark.parametrize(
    ("branch", "words", "message"),
    [
        ("audio", ["--rate", 3], "--rate 3: this run (lu_avs_audio) classifies whole seconds"),
        ("tpavi", ["--every-frame"], "--every-frame: this run (avs_long) takes five frames of each second"),
        ("mask", ["--rate", 0], "--rate 0: must be above 0"),
        ("mask", ["--rate", 2, "--every-frame"], "--rate 2 and --every-frame contradict each other"),
        ("box", ["--save-masks"], "--save-masks: this run predicts boxes"),
        ("audio", ["--save-masks"], "--save-masks: this run predicts no regions"),
        ("mask", ["--threshold", 2], "--threshold 2.0: must be between 0 and 1"),
        ("avs", ["--rate", 2], "--rate is for runs on long videos"),
        ("avs", ["--lu-avs"], "--lu-avs is for runs on long videos"),
        ("avs", ["--save-masks"], "--save-masks is for runs on long videos"),
    ],
)
def test_options_that_do_not_apply_are_refused(branch: str, words: list[object], message: str) -> None:
    _write_video("video.mov")
    assert message in _error(branch, *words)
    assert not Path("out").exists()


def test_silence_and_broken_videos() -> None:
    make_video(Path("mute.mp4"), frames=20, rate=10, sound=None)
    assert "--silence" in _error("audio", video="mute.mp4")
    folder = _predict("audio", "--silence", video="mute.mp4")
    assert _json(folder / "segments.json")["mute"]["annotations"] == []
    assert probe(folder / "overlay.mp4").sound is None
    Path("broken.mp4").write_bytes(b"no video")
    assert "broken.mp4" in _error("audio", video="broken.mp4")


@pytest.mark.parametrize("name", ["x" * 251, os.fsdecode(b"a\xff $b_{$\nc"), "é" * 125])
def test_names_of_all_kinds_in_the_layout_of_lu_avs(tmp_path: Path, name: str) -> None:
    _write_video(f"{name}.mov")
    folder = _predict("audio", "--lu-avs", video=f"{name}.mov")
    assert folder.name == name
    assert (folder / "timeline.png").is_file()
    assert _json(folder / "segments.json")
    (video,) = read_release(tmp_path / "out").videos.values()
    assert [(segment.start, segment.end) for segment in video.segments] == [(10, 20)]

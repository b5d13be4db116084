"""`avseg predict`: the files that it writes, and its errors about inputs that it cannot use."""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.cli.arguments import predict
from avseg.cli.arguments.parser import Parser
from avseg.cli.predict import run as run_predict
from avseg.draw.palette import SOUNDING
from avseg.media.frames import frames
from avseg.media.video import UprightRGB, probe
from avseg.utils.errors import UserError
from tests.media.make_video import make_video, tone
from tests.prediction.fake_model import FakeModel


@pytest.fixture(autouse=True)
def _model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Replace the trained model by one that marks the left half of loud seconds."""
    monkeypatch.setattr("avseg.cli.predict_model.load_model", lambda path: FakeModel(clip_length=2))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.ckpt").write_bytes(b"weights")


def run(*words: object, checkpoint: bool = True) -> int:
    parser = argparse.ArgumentParser()
    predict.add_parser(parser.add_subparsers(parser_class=Parser))
    model = ["--checkpoint", "model.ckpt"] if checkpoint else []
    arguments = parser.parse_args(["predict", *map(str, words), *model])
    return run_predict(arguments)


def _write_half_loud(path: Path, **options: object) -> Path:
    """3.2 s at 10 frames per second; second 1 is loud."""
    wave = np.zeros((1, 51200), np.float32)
    wave[:, 16000:32000] = tone(1.0, 16000, 1)
    return make_video(path, frames=32, rate=10, sound="pcm_s16le", waveform=wave, **options)


def _mask(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.mode == "L"
        return np.asarray(image)


def test_results_of_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write_half_loud(tmp_path / "film.mkv", size=(65, 97), codec="ffv1", pix_fmt="yuv444p")
    assert run("film.mkv", "--out", "out") == 0
    folder = tmp_path / "out" / "film"
    assert sorted(entry.name for entry in folder.iterdir()) == ["masks", "overlay.mp4", "scores.json"]
    assert "97x65 is odd" in capsys.readouterr().out

    masks = {entry.name: _mask(entry) for entry in sorted((folder / "masks").iterdir())}
    assert list(masks) == [f"{second:06d}.png" for second in range(4)]
    assert {mask.shape for mask in masks.values()} == {(65, 97)}
    assert [int(mask.max()) for mask in masks.values()] == [0, 255, 0, 0]
    assert set(np.unique(masks["000001.png"])) == {0, 255}
    assert (masks["000001.png"][:, :47] == 255).all()
    assert (masks["000001.png"][:, 50:] == 0).all()

    scores = json.loads((folder / "scores.json").read_text())
    video = scores["video"]
    assert (video["height"], video["width"], video["frames"], video["seconds"]) == (65, 97, 32, 4)
    assert video["sound"] == {"codec": "pcm_s16le", "rate": 16000, "layout": "mono"}
    assert scores["checkpoint"]["path"] == "model.ckpt"
    assert [entry["frame"] for entry in scores["seconds"]] == [9, 19, 29, 31]
    assert [entry["time"] for entry in scores["seconds"]] == pytest.approx([0.9, 1.9, 2.9, 3.1])
    assert [entry["sounding"] for entry in scores["seconds"]] == [False, True, False, False]
    assert [entry["mask_share"] for entry in scores["seconds"]] == [float((m > 0).mean()) for m in masks.values()]
    assert scores["seconds"][1]["mean_probability"] == pytest.approx(0.5, abs=1e-3)
    assert [entry["sound_dbfs"] for entry in scores["seconds"]] == pytest.approx([-120, -9, -120, -120], abs=0.1)

    overlay = probe(folder / "overlay.mp4")
    assert (overlay.height, overlay.width) == (66, 98)
    assert overlay.duration == pytest.approx(3.2)
    tinted = [_is_tinted(UprightRGB(0, 66, 98)(frame.image)) for frame in frames(overlay)]
    assert tinted == [False] * 10 + [True] * 10 + [False] * 12


def _is_tinted(image: np.ndarray) -> bool:
    """True if the left half below the number is closer to the tint than to the plain shade 90."""
    return bool(image[40:55, 10:40].mean((0, 1))[2] > (90 + SOUNDING[2] * 0.45) / 1.5)


def test_every_frame(tmp_path: Path) -> None:
    _write_half_loud(tmp_path / "film.mov")
    run("film.mov", "--out", "out", "--every-frame", "--batch", 3)
    masks = sorted((tmp_path / "out/film/masks").iterdir())
    assert [entry.name for entry in masks] == [f"{number:06d}.png" for number in range(32)]
    assert [int(_mask(entry).max()) for entry in masks] == [0] * 10 + [255] * 10 + [0] * 12
    scores = json.loads((tmp_path / "out/film/scores.json").read_text())
    assert scores["every_frame"] is True
    assert [row["frame"] for row in scores["seconds"][1]["frames"]] == list(range(10, 20))
    overlay = probe(tmp_path / "out/film/overlay.mp4")
    tinted = [_is_tinted(UprightRGB(0, 64, 96)(frame.image)) for frame in frames(overlay)]
    assert tinted == [False] * 10 + [True] * 10 + [False] * 12


def test_threshold(tmp_path: Path) -> None:
    _write_half_loud(tmp_path / "film.mov")
    run("film.mov", "--out", "low", "--threshold", 0.05)
    run("film.mov", "--out", "high", "--threshold", 0.95)
    assert _mask(tmp_path / "low/film/masks/000000.png").min() == 255
    assert _mask(tmp_path / "high/film/masks/000001.png").max() == 0


def test_results_are_kept_or_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write_half_loud(tmp_path / "film.mov")
    run("film.mov", "--out", "out")
    scores = tmp_path / "out/film/scores.json"
    before = scores.stat().st_mtime_ns
    capsys.readouterr()
    assert run("film.mov", "--out", "out") == 0
    assert "--overwrite" in capsys.readouterr().out
    assert scores.stat().st_mtime_ns == before
    run("film.mov", "--out", "out", "--overwrite")
    assert scores.stat().st_mtime_ns > before
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["film"]


def test_folders_and_equal_names(tmp_path: Path) -> None:
    for name in ("a/film.mov", "b/film.mov", "b/deep/film.mkv"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        _write_half_loud(tmp_path / name, size=(32, 32))
    (tmp_path / "b/notes.txt").write_text("no video")
    words = ("a/film.mov", "b", "a", "--out", "b/out")  # the results lie in a folder that is searched
    run(*words)
    run(*words)
    sources = {
        entry.name: Path(json.loads((entry / "scores.json").read_text())["video"]["path"]).relative_to(tmp_path)
        for entry in sorted((tmp_path / "b/out").iterdir())
    }
    assert {name: str(path) for name, path in sources.items()} == {
        "film": "a/film.mov",
        "film-2": "b/deep/film.mkv",
        "film-3": "b/film.mov",
    }
    run("b/film.mov", "--out", "b/out", "--overwrite")
    assert len(list((tmp_path / "b/out").iterdir())) == 3


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    _write_half_loud(tmp_path / "film.mov")
    (tmp_path / "out/film").mkdir(parents=True)
    (tmp_path / "out/film/thesis.doc").touch()
    with pytest.raises(UserError, match="no results of avseg predict"):
        run("film.mov", "--out", "out", "--overwrite")
    assert (tmp_path / "out/film/thesis.doc").exists()


def test_broken_videos_do_not_stop_the_others(tmp_path: Path) -> None:
    _write_half_loud(tmp_path / "good.mov")
    (tmp_path / "empty.mp4").touch()
    make_video(tmp_path / "mute.mp4", frames=10, sound=None)
    with pytest.raises(UserError, match=r"3 of 4 videos failed") as caught:
        run("empty.mp4", "good.mov", "gone.mp4", "mute.mp4", "--out", "out")
    assert all(name in str(caught.value) for name in ("empty.mp4", "gone.mp4", "mute.mp4", "--silence"))
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["good"]


def test_silence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_video(tmp_path / "mute.mp4", frames=30, sound=None)
    with pytest.raises(UserError, match="no sound; --silence"):
        run("mute.mp4", "--out", "out")
    assert not (tmp_path / "out").exists()
    run("mute.mp4", "--out", "out", "--silence")
    assert "no sound" in capsys.readouterr().out
    assert probe(tmp_path / "out/mute/overlay.mp4").sound is None


def test_silence_instead_of_sound_that_cannot_be_decoded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = make_video(tmp_path / "v.mkv", frames=30, sound="ac3", sample_rate=48000)
    path.write_bytes(path.read_bytes().replace(b"\x0b\x77", b"\0\0"))  # with which each part of the sound begins
    with pytest.raises(UserError, match=r"its sound \(ac3\) cannot be decoded; --silence predicts without"):
        run("v.mkv", "--out", "out")
    run("v.mkv", "--out", "out", "--silence")
    assert "has no sound that can be decoded" in capsys.readouterr().out
    assert probe(tmp_path / "out/v/overlay.mp4").sound is None


def test_truncated(tmp_path: Path) -> None:
    path = make_video(tmp_path / "cut.mkv", frames=100, sound="flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"cut.mkv: is truncated: .* s are missing .*--allow-truncated"):
        run("cut.mkv", "--out", "out")
    assert not (tmp_path / "out").exists()
    run("cut.mkv", "--out", "out", "--allow-truncated")
    assert json.loads((tmp_path / "out/cut/scores.json").read_text())["video"]["missing_seconds"] > 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--threshold", "1.5"], "--threshold 1.5: must be between 0 and 1"),
        (["--batch", "0"], "--batch 0: must be at least 1"),
        (["--device", "warp"], "--device warp: no such device"),
        (["--checkpoint", "gone.ckpt"], "gone.ckpt does not exist"),
    ],
)
def test_wrong_options(tmp_path: Path, words: list[str], reason: str) -> None:
    _write_half_loud(tmp_path / "film.mov", size=(32, 32))
    with pytest.raises(UserError, match=reason) as caught:
        run("film.mov", "--out", "out", *words, checkpoint="--checkpoint" not in words)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_without_a_run_it_says_how_to_get_one(tmp_path: Path) -> None:
    _write_half_loud(tmp_path / "film.mov", size=(32, 32))
    with pytest.raises(UserError, match=r"no complete run under outputs/: `avseg demo`"):
        run("film.mov", "--out", "out", checkpoint=False)


def test_empty_folder_and_out_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="no video in this folder"):
        run("folder", "--out", "out")
    with pytest.raises(UserError, match="is a file"):
        run("folder", "--out", "model.ckpt")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> None:
    _write_half_loud(tmp_path / "film.mov")
    run("film.mov", "--out", "out")
    before = (tmp_path / "out/film/scores.json").read_bytes()
    original = FakeModel.predict_batch

    def fails(self: FakeModel, *batch: object) -> object:
        if self.frames:
            raise failure
        return original(self, *batch)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeModel, "predict_batch", fails)
    for words in (["--out", "out", "--overwrite"], ["--out", "new"]):
        with pytest.raises(failure if isinstance(failure, type) else type(failure)):
            run("film.mov", *words)
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["film"]
    assert (tmp_path / "out/film/scores.json").read_bytes() == before
    assert list((tmp_path / "new").iterdir()) == []


def test_help_needs_no_heavy_import() -> None:
    code = (
        "import sys, argparse; from avseg.cli.arguments import predict; "
        "predict.add_parser(argparse.ArgumentParser().add_subparsers()); "
        "assert not {'torch', 'av', 'numpy', 'rich'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

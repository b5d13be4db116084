"""`avseg predict FOLDER`: names of all kinds, content before endings, and a reason for each file that is no use."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.media.sound_reader import sound_seconds
from avseg.media.video import probe
from avseg.prediction.api import predict
from avseg.prediction.prediction import sound_level
from avseg.utils.names import printable
from tests.media.make_video import make_video, tone
from tests.media.test_downmix import two_tracks
from tests.prediction.fake_model import FakeModel
from tests.runs_for_tests import avseg

# each is read by FFmpeg, a shell, rich, matplotlib or a terminal as something else than a name
NAMES = [
    "2024-01-01T10:30:00.mov",
    "concat:a|b.mov",
    "pipe:0.mov",
    "file:x.mov",
    "subfile,,start,0,end,9,,:x.mov",
    "a%03d.mov",
    "-x.mov",
    "--out.mov",
    "a?b#c&d.mov",
    "[red]b[.mov",
    "$x_{$.mov",
    "two\nlines\t\x1b[31m.mov",
    "x" * 251 + ".mov",
    "é日本 .mov",
    os.fsdecode(b"bad\xff\xfe.mov"),
    os.fsdecode(b"\xe9t\xe9.mov"),
    "no_ending",
    "capture.001",
    "film.txt",
    "FILM.MOV",
]


FEW = ["two\nlines\t\x1b[31m.mov", os.fsdecode(b"bad\xff\xfe.mov"), "capture.001", "FILM.MOV"]


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Videos of a second, in a folder."""
    monkeypatch.setattr("avseg.cli.predict_model.load_model", lambda path: FakeModel(clip_length=2))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.ckpt").write_bytes(b"weights")
    content = make_video(tmp_path / "v.mov", frames=4, rate=4, size=(32, 32), sound="pcm_s16le").read_bytes()
    folder = tmp_path / "in"
    folder.mkdir()
    for name in getattr(request, "param", FEW):
        (folder / name).write_bytes(content)
    return folder


def _add_bad_files(folder: Path, content: bytes) -> dict[str, str]:
    """Ten files that cannot be predicted, with a part of the reason."""
    (folder / "dangling.mov").symlink_to("gone.mov")
    (folder / "dangling").symlink_to("gone")
    (folder / "loop.mov").symlink_to("loop.mov")
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("plain text\n" * 100)
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    (folder / "noise.avi").write_bytes(np.random.default_rng(0).bytes(3000))
    Image.new("RGB", (32, 32)).save(folder / "image.png")
    (folder / "image.png").rename(folder / "image.mkv")
    make_video(folder / "mute.mp4", frames=4, rate=4, size=(32, 32), sound=None)
    os.mkfifo(folder / "pipe.mp4")
    return {
        "dangling.mov": "is a link to gone.mov, which does not exist",
        "dangling": "is a link to gone, which does not exist",
        "loop.mov": "is a link to loop.mov, which does not exist",
        "empty.mp4": "is empty",
        "text.mp4": "not a video",
        "cut.mp4": "truncated or damaged",
        "noise.avi": "not a video",
        "image.mkv": "is an image",
        "mute.mp4": "--silence",
        "pipe.mp4": "is not a regular file",
    }


@pytest.mark.parametrize("videos", [NAMES], indirect=True)
def test_thirty_files_ten_of_them_bad(videos: Path) -> None:
    reasons = _add_bad_files(videos, (videos / "no_ending").read_bytes())
    (videos / "notes.md").write_text("no video")
    (videos / ".hidden.mp4").touch()
    done = avseg(["predict", "in", "--out", "out", "--checkpoint", "model.ckpt"])

    assert done.code == 2
    assert done.err == "avseg: error: 10 of 30 videos failed; the reasons are listed above\n"
    failed = [line for line in done.out.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 10
    for name, reason in reasons.items():
        assert any(line.startswith(f"failed: in/{name}: ") and reason in line for line in failed), (name, failed)
    assert "not videos: notes.md" in done.out

    folders = sorted(Path("out").iterdir())
    sources = {json.loads((folder / "scores.json").read_text("utf-8"))["video"]["path"] for folder in folders}
    assert sources == {str(videos / name) for name in NAMES}  # also the bytes that are no UTF-8
    assert all((folder / "overlay.mp4").stat().st_size for folder in folders)


def test_a_second_run_knows_its_results(videos: Path) -> None:
    words = ["predict", "in", "--out", "out", "--checkpoint", "model.ckpt"]
    assert avseg(words).code == 0
    again = avseg(words)
    assert again.code == 0
    lines = [line for line in again.out.splitlines() if line]
    assert len(lines) == len(FEW)
    assert all("results exist already" in line for line in lines)
    assert "in/two\\nlines\\t\\x1b[31m.mov: " in again.out
    assert "in/bad\\udcff\\udcfe.mov: " in again.out


@pytest.mark.parametrize("name", ["10:30.mov", "pipe:0.mov", os.fsdecode(b"\xff.mov"), "new\nline.mov", "a:o:[b].mov"])
def test_relative_names_in_and_out(videos: Path, name: str) -> None:
    (videos / "FILM.MOV").rename(name)
    out = Path(name).stem
    done = avseg(["predict", name, "--out", out, "--checkpoint", "model.ckpt"])
    assert (done.code, done.err) == (0, "")
    assert printable(Path(out) / out) in done.out.splitlines()[-2]
    assert (Path(out) / out / "overlay.mp4").is_file()


def test_an_error_about_any_name_is_one_line(videos: Path) -> None:
    done = avseg(["predict", "new\nline\udcff.mp4", "--out", "out", "--checkpoint", "model.ckpt"])
    assert done.code == 2
    assert done.err.startswith("avseg: error: new\\nline\\udcff.mp4: no such file or folder; name videos")
    assert done.err.count("\n") == 1


def test_a_defect_in_one_video_does_not_stop_the_others(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = FakeModel.predict_batch
    calls = iter(range(100))

    def fails(self: FakeModel, *batch: object) -> object:
        if next(calls) == 1:
            raise IndexError("a defect")
        return original(self, *batch)  # type: ignore[arg-type]

    monkeypatch.setattr(FakeModel, "predict_batch", fails)
    done = avseg(["predict", "in", "--out", "out", "--checkpoint", "model.ckpt"])
    assert done.code == 2
    assert "unexpected IndexError: a defect" in done.err
    assert len(list(Path("out").iterdir())) == len(FEW) - 1


def test_an_occupied_result_folder_fails_alone(videos: Path) -> None:
    (videos.parent / "out/capture").mkdir(parents=True)
    (videos.parent / "out/capture/thesis.doc").touch()
    done = avseg(["predict", "in", "--out", "out", "--checkpoint", "model.ckpt"])
    assert done.code == 2
    assert "no results of avseg predict" in done.err
    assert len(list(Path("out").iterdir())) == len(FEW)


def test_links_to_folders_are_listed(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer/link").symlink_to(videos)
    done = avseg(["predict", "outer", "--out", "out", "--checkpoint", "model.ckpt"])
    assert done.code == 2
    assert "outer/link: is a link to a folder" in done.err


def test_an_empty_folder_does_not_stop_the_others(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    done = avseg(["predict", "nothing", "in/capture.001", "--out", "out", "--checkpoint", "model.ckpt"])
    assert done.code == 2
    assert "nothing: no video in this folder" in done.err
    assert [folder.name for folder in Path("out").iterdir()] == ["capture"]


def test_links_and_playlists_do_not_predict_a_video_twice(videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "linked"
    folder.mkdir()
    (folder / "film.mov").write_bytes((videos / "FILM.MOV").read_bytes())
    (folder / "a.mov").symlink_to("film.mov")
    (folder / "list.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfilm.mov\n#EXT-X-ENDLIST\n")
    (folder / "list").write_text("ffconcat version 1.0\nfile film.mov\n")
    (folder / "zero.mov").symlink_to("/dev/zero")
    (folder / "text").write_text("text")
    command = avseg(["predict", str(folder), "--out", "out", "--model", "model.ckpt"])
    assert sorted(path.name for path in Path("out").iterdir()) == ["film"]
    assert "not videos: list, list.m3u8, text" in command.out
    assert "zero.mov: is not a regular file (a device or a pipe)" in command.err
    assert avseg(["predict", str(folder / "list"), "--out", "list", "--model", "model.ckpt"]).code == 0


def test_photographs_are_no_videos(videos: Path, tmp_path: Path) -> None:
    """A photograph of a phone is in the container of MP4."""
    (tmp_path / "photos").mkdir()
    content = make_video(tmp_path / "v.mp4", frames=1, sound=None).read_bytes()
    assert content[8:12] == b"isom"
    (tmp_path / "photos/IMG_1.HEIC").write_bytes(content[:8] + b"heic" + content[12:])
    (tmp_path / "photos/a.mov").write_bytes((videos / "FILM.MOV").read_bytes())
    done = avseg(["predict", "photos", "--out", "out", "--checkpoint", "model.ckpt"])
    assert (done.code, done.err) == (0, "")
    assert "not videos: IMG_1.HEIC" in done.out


def test_the_sound_track_can_be_chosen(videos: Path, tmp_path: Path) -> None:
    two_tracks(tmp_path / "v.mkv", default=0)
    levels = {}
    for number in ("0", "1"):
        words = ["predict", "v.mkv", "in", "--out", number, "--checkpoint", "model.ckpt", "--audio-track", number]
        done = avseg(words)
        assert done.code == (0 if number == "0" else 2)
        scores = json.loads(Path(number, "v/scores.json").read_text("utf-8"))
        assert scores["video"]["audio_track"] == int(number)
        (row,) = scores["seconds"]
        levels[number] = row["sound_dbfs"]
        overlay = np.concatenate(list(sound_seconds(probe(Path(number, "v/overlay.mp4")))))
        assert sound_level(overlay) == pytest.approx(row["sound_dbfs"], abs=0.5)
    assert levels["1"] - levels["0"] == pytest.approx(20 * np.log10(6), abs=0.1)
    # the other videos have one track
    failed = [line for line in done.out.splitlines() if line.startswith("failed: in/")]
    assert len(failed) == len(FEW)
    assert all("--audio-track 1: there is no such sound track; there are 0 (pcm_s16le" in line for line in failed)
    sound = next(sound_seconds(predict(FakeModel(clip_length=2), tmp_path / "v.mkv", audio_track=1).video))
    assert sound_level(sound) == pytest.approx(levels["1"], abs=0.1)


def test_sounds_are_no_videos(videos: Path, tmp_path: Path) -> None:
    import soundfile

    soundfile.write(videos / "song.wav", tone(0.1, 16000, 1).T, 16000)
    done = avseg(["predict", "in/capture.001", "in", "--out", "out", "--checkpoint", "model.ckpt"])
    assert done.code == 0
    assert "not videos: song.wav" in done.out


@pytest.mark.parametrize("words", [["--out", "out", "--", "-x.mov"], ["./-x.mov", "--out", "out"]])
def test_a_leading_dash(videos: Path, words: list[str]) -> None:
    (videos / "FILM.MOV").rename("-x.mov")
    done = avseg(["predict", "--checkpoint", "model.ckpt", *words])
    assert (done.code, done.err) == (0, "")
    assert Path("out/-x/overlay.mp4").is_file()
    done = avseg(["predict", "-x.mov", "--out", "out"])
    assert done.code == 2
    assert done.err.endswith("; the file -x.mov is written ./-x.mov\n")

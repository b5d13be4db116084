"""The command `avseg data prepare`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avseg.cli.main import main
from avseg.data.prepare import run
from tests.data.prepare.prepared_files import file_digests
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    make_video(folder / "good.mp4", frames=130)
    make_video(folder / "quiet.mp4", frames=50, sound=None)
    return folder


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is spawned: each costs seconds to start."""
    monkeypatch.setattr(run, "run_jobs", lambda function, jobs, *_: ((job, function(job)) for job in jobs))


def _words(folder: Path, out: Path, *more: str) -> list[str]:
    return ["data", "prepare", str(folder), "--out", str(out), "--size", "32", "--jobs", "1", *more]


def test_videos_are_prepared_and_a_broken_one_fails_alone(videos: Path, tmp_path: Path, in_this_process: None) -> None:
    out = tmp_path / "out"
    done = avseg(_words(videos, out))
    assert done.code == 0, done.err
    assert "2 of 2 videos prepared, 0 failed; 2 clips" in done.out
    assert "no sound" in done.out
    assert "quiet.mp4" in done.out
    (videos / "bad.mp4").write_text("not a video " * 9)
    again = avseg(_words(videos, out))
    assert again.code == 1
    assert "2 of 3 videos prepared (2 of them earlier), 1 failed" in again.out
    assert "bad.mp4" in again.out
    assert "not a video" in again.out
    assert json.loads((out / "report.json").read_text())["failures"].keys() == {"bad.mp4"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--frames", "offical"], "--frames 'offical' is unknown; allowed: official, second; did you mean 'official'?"),
        (["--setting", "avss"], "--setting 'avss' is unknown; allowed: own, s4, ms3"),
        (["--split", "trian"], "did you mean 'train'"),
        (["--size", "0"], "--size 0"),
        (["--clip-seconds", "3"], "at least 5 seconds"),
        (["--setting", "s4", "--clip-seconds", "10"], "the clips of s4 have 5 seconds"),
        (["--setting", "s4"], "no s4_meta_data.csv"),
        (["--setting", "s4", "--index", "nowhere.csv"], "nowhere.csv is not a file"),
        (["--index", "own.csv"], "an index is written for own videos"),
        (["--jobs", "0"], "--jobs is 0; give 1 or more"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(videos: Path, tmp_path: Path, more: list[str], message: str) -> None:
    said = avseg(_words(videos, tmp_path / "out", *more))
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_output_may_not_be_a_file(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    assert "is a file; name a folder" in avseg(_words(videos, tmp_path / "out")).err


@pytest.mark.slow
def test_processes_make_the_same_bytes(videos: Path, tmp_path: Path, in_this_process: None) -> None:
    assert avseg(_words(videos, tmp_path / "here")).code == 0
    words = [*_words(videos, tmp_path / "there"), "--jobs", "2"]
    there = subprocess.run([sys.executable, "-m", "avseg", *words], capture_output=True, text=True, check=False)
    assert there.returncode == 0, there.stderr
    assert file_digests(tmp_path / "here") == file_digests(tmp_path / "there")


def test_the_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["data", "prepare", "--help"])
    assert stop.value.code == 0
    assert "example" in capsys.readouterr().out

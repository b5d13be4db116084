"""Shards of `predict`, `data prepare` and `data check`: in any order, one interrupted, they equal one run."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avseg.cli import predict as predict_verb
from avseg.cli.predict_video import OpenVideo
from avseg.data.prepare import run as prepare_run
from avseg.data.prepare.raw_videos import RawVideo
from tests.data.check.tree import SMALL, make_tree
from tests.data.prepare.prepared_files import file_digests
from tests.media.make_video import make_video
from tests.prediction.fake_model import FakeModel
from tests.runs_for_tests import avseg

MODEL = Path(__file__).parents[1] / "first_edition/seed=123"


class Killed(BaseException):
    """Ends a command like a signal: no handler of errors sees it."""


@pytest.fixture
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nine videos, equal names among them, two broken ones and a text."""
    monkeypatch.setattr("avseg.cli.predict_model.load_model", lambda path: FakeModel(clip_length=2))
    monkeypatch.setattr(prepare_run, "run_jobs", lambda function, jobs, *_: ((job, function(job)) for job in jobs))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "model.ckpt").write_bytes(b"weights")
    content = make_video(tmp_path / "v.mov", frames=4, rate=4, size=(32, 32), sound="pcm_s16le").read_bytes()
    for number in range(7):
        path = tmp_path / f"in/{number % 3}/{number // 3} é.mov"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "in/empty.mp4").touch()
    (tmp_path / "in/0/text.mp4").write_text("not a video " * 9)
    (tmp_path / "in/notes.txt").write_text("text")
    return tmp_path / "in"


def _visible(root: Path) -> dict[str, str]:
    """Digests of all files but the reports of shards."""
    return {file: digest for file, digest in file_digests(root).items() if "shards/" not in file}


def _predict(out: str, *more: str) -> list[str]:
    return ["predict", "in", "--out", out, "--checkpoint", "model.ckpt", *more]


def test_predict(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = avseg(_predict("one", "--json", "one.json"))
    assert one.code == 2
    original = predict_verb.predict_video
    calls = iter(range(100))

    left = Path("two/.name.abcdefgh.part")

    def killed(opened: OpenVideo, *arguments: object) -> object:
        report = original(opened, *arguments)  # type: ignore[arg-type]
        if next(calls) == 1:
            nonlocal left  # a killed process cannot remove its folder
            left = opened.job.folder.with_name(f".{opened.job.folder.name}.abcdefgh.part")
            left.mkdir()
            raise Killed  # the results are there, their line in the report is not
        return report

    monkeypatch.setattr(predict_verb, "predict_video", killed)
    with pytest.raises(Killed):
        avseg(_predict("two", "--shard", "2/3"))
    missing = avseg(_predict("two", "--merge"))
    assert (missing.code, missing.err.count("\n")) == (2, 1)
    assert "not complete in two/.shards: 1/3, 2/3, 3/3" in missing.err
    codes = [avseg(_predict("two", "--shard", f"{number}/3")).code for number in (3, 1, 2)]
    assert sorted(codes) == [0, 2, 2]  # as of one run of these videos
    merged = avseg(_predict("two", "--merge", "--json", "two.json"))
    assert not left.exists()
    assert next(calls) == 7 + 1  # the one without a line again
    assert _visible(Path("one")) == _visible(Path("two"))
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes().replace(b'"two/', b'"one/')
    assert (merged.code, merged.err) == (one.code, one.err)
    lines = [line for line in one.out.splitlines() if "━━" not in line or "┏" in line or "┡" in line]  # no progress
    assert [line.replace("two/", "one/") for line in merged.out.splitlines()] == lines


def test_a_complete_shard_of_predict_keeps_its_numbers_and_tries_failures_again(videos: Path) -> None:
    assert avseg(_predict("out", "--shard", "1/1")).code == 2
    (videos / "empty.mp4").write_bytes((videos / "0/0 é.mov").read_bytes())
    (videos / "0/text.mp4").unlink()
    assert avseg(_predict("out", "--shard", "1/1")).code == 0
    merged = avseg(_predict("out", "--merge"))
    assert merged.code == 0
    assert merged.out.count("out/") == 8
    assert "exist already" not in merged.out
    # results from before are no part of the shards, as in one run
    first = avseg(_predict("out", "--shard", "1/1", "--reports", "elsewhere"))
    assert first.out.count("results exist already") == 8


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shard", "5/4"], "--shard 5/4: must be I/N"),
        (["--shard", "1/4", "--merge"], "--shard 1/4 and --merge contradict"),
        (["--shard", "1/4", "--json", "x.json"], "--json concerns all shards"),
        (["--reports", "x"], "--reports x: is for --shard"),
        (["--merge"], "out/.shards has no reports of shards"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(videos: Path, more: list[str], message: str) -> None:
    done = avseg(_predict("out", *more))
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert message in done.err
    assert not Path("out").exists()


def _prepare(out: str, *more: str) -> list[str]:
    return ["data", "prepare", "in", "--out", out, "--size", "32", "--jobs", "1", *more]


def test_prepare(videos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = avseg(_prepare("one"))
    assert one.code == 1
    original = prepare_run.prepare_video
    calls: list[str] = []

    def killed(video: RawVideo, *arguments: object) -> object:
        calls.append(video.file)
        if len(calls) == 2:
            raise Killed
        return original(video, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare_run, "prepare_video", killed)
    with pytest.raises(Killed):
        avseg(_prepare("two", "--shard", "1/3"))
    for number in (2, 3, 1):
        avseg(_prepare("two", "--shard", f"{number}/3"))
    merged = avseg(_prepare("two", "--merge"))
    assert len(calls) == 1 + 9  # the interrupted one again
    assert _visible(Path("one")) == _visible(Path("two"))
    assert merged.code == one.code
    assert merged.out.replace("two", "one") == one.out
    # all again, also with other options
    for number in (1, 2):
        avseg(_prepare("two", "--shard", f"{number}/2", "--frames", "second", "--overwrite"))
    assert len(calls) == 1 + 9 + 9


def test_a_whole_run_and_a_shard_of_prepare_exclude_each_other(videos: Path) -> None:
    from avseg.data.prepare.options import Options
    from avseg.data.prepare.progress import ProgressStore

    store = ProgressStore(Path("out"), Options(size=32), videos, "-1-of-2")
    with store.open(overwrite=False, index=None):
        done = avseg(_prepare("out"))
        assert (done.code, "is being prepared by process" in done.err) == (2, True)
        assert avseg(_prepare("out", "--shard", "2/2")).code == 1
        assert "is being prepared" in avseg(_prepare("out", "--shard", "1/2")).err


@pytest.mark.parametrize("setting", ["ms3", "lu_avs"])
def test_check(tmp_path: Path, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if setting == "ms3":
        make_tree(tmp_path / "set", "ms3", SMALL["ms3"], log_mel=True)
        files = sorted(Path("set/ms3_data").rglob("*.png"))
    else:
        counts = ["--train", "3", "--val", "1", "--test", "2", "--size", "32", "--seconds", "3", "4"]
        assert avseg(["data", "toy", "--out", "set", "--setting", "lu_avs", *counts]).code == 0
        files = sorted(Path("set").rglob("*.npy"))
    for path in files[::3]:
        path.write_bytes(b"")
    words = ["data", "check", "set", "--jobs", "1"]
    one = avseg([*words, "--json", "one.json"])
    assert one.code == 1
    assert "--reports: name a folder" in avseg([*words, "--shard", "1/2"]).err
    words += ["--reports", "reports"]
    for number in (3, 1, 2):
        shard = avseg([*words, "--shard", f"{number}/3"])
        assert shard.code in (0, 1), shard.err
        assert f"{number}/3" in shard.out
    merged = avseg([*words, "--merge", "--json", "two.json"])
    assert (merged.code, merged.out) == (one.code, one.out)
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()
    assert not list(Path("set").rglob("*.jsonl"))


@pytest.mark.slow
def test_forty_videos_in_four_processes_one_of_them_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for number in range(40):
        # of a smaller one x264 does not always write the same bytes
        make_video(tmp_path / f"in/{number:02d}.mp4", frames=20, rate=10, size=(128, 128))
    words = ["predict", "in", "--checkpoint", str(MODEL), "--device", "cpu"]
    assert avseg([*words, "--out", "one", "--json", "one.json"]).code == 0
    # the one to be killed is a process; all others run here, since each would take seconds to start
    command = [sys.executable, "-m", "avseg", *words, "--out", "two", "--shard", "2/4"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        report = Path("two/.shards/predict-2-of-4.jsonl")
        while process.poll() is None:
            if report.is_file() and len(report.read_text().splitlines()) >= 4:  # three of ten
                process.kill()
                break
            time.sleep(0.005)
    assert process.returncode == -signal.SIGKILL
    for text in ("4/4", "1/4", "2/4", "3/4"):
        assert avseg([*words, "--out", "two", "--shard", text]).code == 0
    assert avseg([*words, "--out", "two", "--merge", "--json", "two.json"]).code == 0
    assert _visible(Path("one")) == _visible(Path("two"))
    assert Path("one.json").read_text() == Path("two.json").read_text().replace('"two/', '"one/')

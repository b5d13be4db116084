"""`avseg demo` with few clips, and the checks of `avseg demo listening` at their limits."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avseg.cli import demo as demos
from avseg.cli.demo_listening import check_listening, draw_scopes
from avseg.media.video import probe
from avseg.runs import RunDirectory
from tests.runs_for_tests import Command, avseg

# appended to the demo's arguments: the last one counts
FEW = ["--train", "5", "--val", "2", "--test", "3"]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demonstrations with fewer clips."""
    monkeypatch.setattr(demos, "_TOY", (*demos._TOY, *FEW))


def demo(folder: Path, *arguments: str) -> Command:
    return avseg(["demo", *arguments, "--data", str(folder / "data"), "--out", str(folder / "out")], folder / "out")


@pytest.mark.usefixtures("small")
def test_the_complete_workflow(tmp_path: Path) -> None:
    done = demo(tmp_path)
    assert done.code == 0, done.err
    # it runs commands that could be typed
    commands = re.findall(r"^\$ avseg (\w+)", done.out, flags=re.MULTILINE)
    assert commands == ["data", "train", "predict"]
    scores = json.loads((done.run / "result.json").read_text())["scores"]
    for sound in ("its own sound", "silence", "white noise", "another clip's sound", "own, shuffled in time"):
        assert sound in done.out
    # the paths of the results follow the last table
    end = done.out[done.out.rindex("its own sound") :]
    assert f"{100 * scores['own']['miou']:.2f}" in end
    oracle = json.loads((tmp_path / "data" / "demo" / "oracle.json").read_text())["test"]["oracle"]
    assert f"an audio-blind oracle reaches at most {100 * oracle:.1f}" in end
    (image,) = re.findall(r"^image: (.*)$", end, re.MULTILINE)
    (video,) = re.findall(r"^video.*: (.*)$", end, re.MULTILINE)
    with Image.open(image) as panel:
        assert np.asarray(panel).std() > 10
    overlay = probe(Path(video))
    assert overlay.sound is not None
    assert overlay.duration == pytest.approx(5, abs=0.1)

    again = demo(tmp_path)
    assert again.code == 0, again.err
    assert "exists already" in again.out
    assert again.run == done.run
    # neither data nor a run are created again; the scores are shown again
    assert re.findall(r"^\$ avseg (\w+)", again.out, flags=re.MULTILINE) == ["train", "predict"]
    assert again.out[again.out.rindex("its own sound") :] == end
    assert '"resumed"' not in (done.run / "manifest.json").read_text()


def test_the_short_form_takes_few_clips_and_one_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def stop_after_training(command: list[str]) -> int:
        commands.append(command)
        return 130 if command[0] == "train" else 0

    monkeypatch.setattr(demos, "avseg", stop_after_training)
    assert demo(tmp_path, "short").code == 130
    data, train = commands
    assert data[data.index("--train") + 1] == "40"
    assert data[data.index("--out") + 1] == str(tmp_path / "data" / "demo_short")
    assert "trainer.max_epochs=1" in train


@pytest.mark.usefixtures("small")
def test_data_of_another_recipe_are_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "demo"
    folder.mkdir(parents=True)
    (folder / "generator.json").write_text('{"subverb": "toy", "train": 3}')
    done = demo(tmp_path)
    assert done.code == 2
    assert str(folder) in done.err
    assert [path.name for path in folder.iterdir()] == ["generator.json"]


def test_ctrl_c_in_a_step_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demos, "avseg", lambda command: 130)
    assert demo(tmp_path).code == 130


def test_a_step_that_fails_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demos, "avseg", lambda command: 2)
    done = demo(tmp_path)
    assert done.code == 2
    assert "avseg data toy" in done.err


def test_cutouts_must_be_obtained_first(tmp_path: Path) -> None:
    done = demo(tmp_path, "cutouts")
    assert done.code == 2
    assert "avseg data cutouts --out" in done.err
    assert not list(tmp_path.iterdir())


def result(folder: Path, own: float, other: float = 0.2, shuffled: float = 0.2) -> RunDirectory:
    folder.mkdir(parents=True, exist_ok=True)
    scores = {"own": {"miou": own}, "other": {"miou": other}, "shuffled": {"miou": shuffled}}
    (folder / "result.json").write_text(json.dumps({"scores": scores}))
    return RunDirectory(folder)


def checked(folder: Path, capsys: pytest.CaptureFixture[str], **changed: float) -> tuple[bool, list[str]]:
    """Return whether all checks are passed, and the answer of each row; by default every check is at its limit."""
    miou = {
        "no fusion": 0.4,
        "clip": 0.5,
        "clip_other": 0.4,
        "second": 0.3,
        "frame": 0.5,
        "frame_shuffled": 0.3,
    } | changed
    runs = {
        "no fusion": result(folder / "no fusion", miou["no fusion"]),
        "clip": result(folder / "clip", miou["clip"], other=miou["clip_other"]),
        "clip, changing": result(folder / "second", miou["second"]),
        "frame, changing": result(folder / "frame", miou["frame"], shuffled=miou["frame_shuffled"]),
    }
    passed = check_listening(runs, {"clip": 0.45, "second": 0.41})
    out = capsys.readouterr().out
    assert "an audio-blind oracle: 45.0 (clip), 41.0 (second)" in out
    rows = [line for line in out.splitlines() if "sounding=" in line]
    return passed, [line.strip(" │┃|").split()[-1] for line in rows]


def test_listening_is_passed_at_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(tmp_path, capsys) == (True, ["yes"] * 4)


@pytest.mark.parametrize(
    ("changed", "row"),
    [
        ({"no fusion": 0.4001}, 0),
        ({"clip_other": 0.4001}, 1),
        ({"second": 0.3001}, 2),
        ({"frame_shuffled": 0.3001}, 3),
        ({"second": float("nan")}, 2),
    ],
)
def test_one_check_that_fails_fails_all(
    changed: dict[str, float], row: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    passed, answers = checked(tmp_path, capsys, **changed)
    assert not passed
    assert [answer == "NO" for answer in answers] == [number == row for number in range(4)]


def test_the_image_of_both_scopes(trained: Command, tmp_path: Path) -> None:
    run = RunDirectory(trained.run)
    draw_scopes(run, run, tmp_path / "scopes.png")
    with Image.open(tmp_path / "scopes.png") as image:
        assert min(image.size) > 200
        assert np.asarray(image).std() > 10


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_listening_from_nothing(tmp_path: Path) -> None:
    """Five clips are too few: the table and the image are written, and the answer is no."""
    done = demo(tmp_path, "listening")
    assert done.code == 2
    assert "a check of listening failed" in done.err
    assert done.out.count("$ avseg train") == 4
    assert done.out.count("$ avseg data toy") == 2
    assert "NO" in done.out
    assert (tmp_path / "out" / "listening_second" / "scopes.png").is_file()
    assert len(list(tmp_path.glob("out/listening_*/*/seed=*/result.json"))) == 4


def test_the_cutouts_are_obtained_only_once() -> None:
    # `make demo-cutouts` depends on them, and the verb refuses a folder that is not empty
    makefile = (Path(__file__).parents[2] / "Makefile").read_text()
    (recipe,) = re.findall(r"^data-cutouts:.*\n\t@(.*)$", makefile, flags=re.MULTILINE)
    assert recipe == "test -d data/cutouts || $(BIN)/avseg data cutouts --out data/cutouts"

"""The tutorial's own words, made small: data, a run, its evaluation, a video; each takes what the one before made."""

import json
from pathlib import Path

import pytest
from PIL import Image

from avseg.media.video import probe
from tests.documentation.pages import DOCS, blocks
from tests.documentation.test_run import small
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg


def command(page: str, verb: str, *holding: str) -> list[str]:
    """The first command of a page of the tutorial with a verb and these words, without the program's name."""
    for block in blocks(DOCS / "tutorial" / page, "bash"):
        for words in block.commands():
            if words[1] == verb and set(holding) <= set(words):
                return words[1:]
    raise AssertionError(f"no {verb} {holding} in {page}")


@pytest.mark.slow
def test_toy_train_evaluate_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "video.mp4", frames=24, rate=8, size=(48, 64))
    for words in (command("toy.md", "data", "toy"), command("toy.md", "train", "recipe=toy")):
        done = avseg(small(words))
        assert done.code == 0, done.err
    (run,) = tmp_path.glob("outputs/default/*/seed=123")
    scores = json.loads((run / "result.json").read_text())["scores"]

    def named(words: list[str]) -> list[str]:
        return [word.replace("outputs/default/RUN/seed=123", str(run.relative_to(tmp_path))) for word in words]

    done = avseg(small(named(command("toy.md", "evaluate"))))
    assert done.code == 0, done.err
    assert json.loads((run / "evaluations/test/result.json").read_text())["scores"] == scores

    done = avseg(command("own-video.md", "predict", "masks"))  # without --model: the newest complete run
    assert done.code == 0, done.err
    check_prediction(tmp_path / "masks" / "video", masks=3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "video.mp4").rename(tmp_path / "folder" / "again.mp4")
    done = avseg(named(command("own-video.md", "predict", "--every-frame")))
    assert done.code == 0, done.err
    check_prediction(tmp_path / "masks" / "again", masks=24)
    scores_file = json.loads((tmp_path / "masks" / "again" / "scores.json").read_text())
    assert str(run.relative_to(tmp_path)) in scores_file["checkpoint"]["path"]


def check_prediction(folder: Path, masks: int) -> None:
    overlay = probe(folder / "overlay.mp4")
    assert overlay.sound is not None
    assert overlay.duration == pytest.approx(3, abs=0.01)
    assert len(json.loads((folder / "scores.json").read_text())["seconds"]) == 3
    pictures = sorted((folder / "masks").iterdir())
    assert len(pictures) == masks
    with Image.open(pictures[0]) as picture:
        assert picture.size == (64, 48)

"""What the README tells a reader to type works, and stays true."""

import itertools
import json
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from avseg.cli.main import build_parser
from avseg.config.compose import compose_evaluate, compose_train
from avseg.config.paths import groups, options
from avseg.media.video import probe
from avseg.utils.errors import UserError
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg

TOP = Path(__file__).resolve().parents[1]
TEXT = (TOP / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Every line of the bash blocks as words, without its comment."""
    lines = "\n".join(blocks("bash")).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def combinations(overrides: list[str]) -> list[list[str]]:
    """What a sweep runs: every combination of the values between commas."""
    values = [[f"{key}={one}" for one in many.split(",")] for key, many in (word.split("=", 1) for word in overrides)]
    return [list(combination) for combination in itertools.product(*values)]


def inline(word: str) -> list[str]:
    """What stands between single backquotes outside of code blocks, and begins with a word."""
    prose = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    return [code for code in re.findall(r"`([^`\n]+)`", prose) if code.split()[0] == word]


def command(verb: str, *holding: str) -> list[str]:
    """The first command of the README with a verb and these words, without the program's name."""
    found = next(words for words in commands() if words[:2] == ["avseg", verb] and set(holding) <= set(words))
    return found[1:]


AVSEG = [words for words in commands() if words[0] == "avseg"]
TARGETS = {words[1] for words in commands() if words[0] == "make"} | {
    code.split()[1] for code in inline("make") if len(code.split()) > 1
}


def test_it_is_short() -> None:
    assert len(TEXT.splitlines()) <= 200


def test_it_holds_no_other_programs() -> None:
    assert {words[0] for words in commands()} == {"avseg", "make"}


def mistake(words: list[str]) -> str:
    """What the parser finds wrong; nothing when help was asked for."""
    try:
        build_parser().parse_args(words)
    except UserError as error:
        return str(error)
    except SystemExit:
        pass
    return ""


@pytest.mark.parametrize("words", AVSEG, ids=" ".join)
def test_a_command_is_understood(words: list[str]) -> None:
    arguments = build_parser().parse_args(words[1:])
    if words[1] in ("train", "convert"):
        for overrides in combinations(arguments.overrides):  # one, but for a sweep
            compose_train(overrides)
    elif words[1] == "evaluate":
        assert compose_evaluate(arguments.overrides).checkpoint


@pytest.mark.parametrize("code", [code for code in inline("avseg") if "VERB" not in code])
def test_a_command_in_the_prose_names_a_verb(code: str) -> None:
    wrong = mistake(shlex.split(code)[1:])
    # it may be named without its arguments
    assert not wrong or "required" in wrong


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_target_of_make_exists(target: str) -> None:
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{re.escape(target)}:.*## \S", makefile, flags=re.MULTILINE)


def test_the_groups_and_options_exist() -> None:
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", TEXT, flags=re.MULTILINE)
    named = {}
    for left, right in rows:
        for group in re.findall(r"`(\w+)`", left):
            if group in groups():
                named[group] = [word for word in re.findall(r"`(\w+)`", right) if "." not in word]
    assert set(groups()) - set(named) <= {"recipe", "task"}
    for group in ("data", "backbone", "audio", "init"):
        assert set(named[group]) == set(options(group)), group
    # the stages between the first and the last are written as dots
    assert set(named["fusion"]) | {"stage_2", "stage_3"} == set(options("fusion"))


def test_the_settings_in_the_prose_exist() -> None:
    """`key=` and `key=value` in the prose are keys of a training or of an evaluation."""
    prose = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    written = re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)=([^`\s]*)`", prose)
    assert len(written) > 8
    for key, value in written:
        if key in ("key", "weights_only"):  # any key; an argument of torch.load
            continue
        # a word in capitals stands for a value, an empty one for any
        override = f"{key}={value if value and not value.isupper() else 'null'}"
        refused = []
        for name in ("train", "evaluate"):
            try:
                (compose_evaluate([override, "checkpoint=x"]) if name == "evaluate" else compose_train([override]))
            except UserError as error:
                if "does not exist" in str(error):
                    refused.append(name)
        assert len(refused) < 2, override


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_examples_run(code: str) -> None:
    exec(compile(code, "README.md", "exec"), {})


def test_there_are_python_examples() -> None:
    assert blocks("python")


def test_toy_train_evaluate_predict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's own words, made small: data, a run, its evaluation, a video; each finds what the one before made."""
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "video.mp4", frames=24, rate=8, size=(48, 64))
    small = ["model.channels=8", "trainer.max_epochs=1", "data.image_size=32", "trainer=cpu"]
    bar = "trainer.enable_progress_bar=false"
    toy, train = command("data", "toy"), command("train", "data=toy_ms3")
    steps = [[*toy, "--train", "6", "--val", "3", "--test", "5", "--size", "32"], [*train, *small, bar]]
    for words in steps:
        done = avseg(words)
        assert done.code == 0, done.err
    (run,) = tmp_path.glob("outputs/default/*/seed=123")
    scores = json.loads((run / "result.json").read_text())["scores"]

    def named(words: list[str]) -> list[str]:
        return [word.replace("outputs/default/RUN/seed=123", str(run.relative_to(tmp_path))) for word in words]

    done = avseg([*named(command("evaluate")), "trainer=cpu", bar])
    assert done.code == 0, done.err
    assert json.loads((run / "evaluations/test/result.json").read_text())["scores"] == scores

    done = avseg(command("predict", "video.mp4"))  # without --checkpoint: the newest complete run
    assert done.code == 0, done.err
    _check_prediction(tmp_path / "masks" / "video", masks=3)
    (tmp_path / "folder").mkdir()
    (tmp_path / "video.mp4").rename(tmp_path / "folder" / "again.mp4")
    done = avseg(named(command("predict", "--every-frame")))
    assert done.code == 0, done.err
    _check_prediction(tmp_path / "masks" / "again", masks=24)
    scores_file = json.loads((tmp_path / "masks" / "again" / "scores.json").read_text())
    assert str(run.relative_to(tmp_path)) in scores_file["checkpoint"]["path"]


def _check_prediction(folder: Path, masks: int) -> None:
    overlay = probe(folder / "overlay.mp4")
    assert overlay.sound is not None
    assert overlay.duration == pytest.approx(3, abs=0.01)
    assert len(json.loads((folder / "scores.json").read_text())["seconds"]) == 3
    pictures = sorted((folder / "masks").iterdir())
    assert len(pictures) == masks
    with Image.open(pictures[0]) as picture:
        assert picture.size == (64, 48)

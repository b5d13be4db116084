"""Compositions of finished branches: what is missing or does not fit, evaluations of them, several processes."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from avseg.config.read import plain_config
from avseg.runs import RunDirectory
from avseg.runs.configure import training_config
from tests.runs_for_tests import avseg
from tests.training.long.words import BRANCHES, words


def one_line(command):
    """The error, which is one line."""
    assert command.code == 2
    assert command.out == ""
    (line,) = command.err.strip().splitlines()
    return line


def result(run):
    return json.loads((run / "result.json").read_text())


def test_a_missing_part_names_the_command_that_makes_it(lu_toy, tmp_path):
    line = one_line(avseg(words("strong_mask", lu_toy, tmp_path)))
    assert "model=lu_avs_strong_mask: the run of the visual branch, toy_lu_avs-mask-tiny-soft-" in line
    assert not list(tmp_path.rglob("*"))
    command = shlex.split(re.search(r"is missing; make it with: (.*)", line).group(1))
    assert avseg(command[1:]).code == 0
    line = one_line(avseg(words("strong_mask", lu_toy, tmp_path)))
    assert "the run of the audio branch, toy_lu_avs-audio-mel-mlp-" in line
    assert avseg(shlex.split(re.search(r"is missing; make it with: (.*)", line).group(1))[1:]).code == 0
    assert avseg(words("strong_mask", lu_toy, tmp_path)).code == 0


def test_an_unfinished_part_is_told(lu_paths, lu_toy, tmp_path):
    part = training_config(words("mask", lu_toy, tmp_path)[1:])
    RunDirectory.of(part).write_config(plain_config(part))
    line = one_line(avseg(words("strong_mask", lu_toy, tmp_path)))
    assert f"is not finished ({RunDirectory.of(part).path}); make it with: avseg train " in line


def test_other_labels_are_refused(lu_paths, lu_toy, lu_outputs, tmp_path):
    """As many, but one has another name."""
    other = shutil.copytree(lu_toy, tmp_path / "other")
    for path in other.glob("*seg*.json"):
        path.write_text(path.read_text().replace("red square", "a red square"))
    for folder in [*other.rglob("*__red_square__*")]:
        folder.rename(folder.with_name(folder.name.replace("__red_", "__a_red_")))
    for branch in ("mask", "strong_mask", "audio", "tpavi"):
        line = one_line(avseg(["evaluate", f"checkpoint={lu_paths[branch]}", f"root={other}", f"out={tmp_path}/o"]))
        assert f"{other} has 7 labels, the model was trained on 7, or on others" in line
        assert not (tmp_path / "o").exists()
    # the branches of the composition were trained on other data
    line = one_line(avseg(words("strong_box", other, lu_outputs, "experiment=other")))
    assert "which this run needs" in line
    assert "__red_square__" in line
    assert not (lu_outputs / "other").exists()


@pytest.mark.parametrize("branch", BRANCHES)
def test_evaluate_gives_the_scores_of_the_run(lu_paths, tmp_path, branch):
    done = avseg(["evaluate", f"checkpoint={lu_paths[branch]}", f"out={tmp_path}", "trainer=cpu"])
    assert done.code == 0, done.err
    found, wanted = result(tmp_path), result(lu_paths[branch])
    assert {key: found[key] for key in wanted} == wanted
    assert (tmp_path / "per_video.csv").read_text() == (lu_paths[branch] / "per_video.csv").read_text()


def test_another_split_and_other_choices(lu_paths, lu_toy, lu_outputs):
    """An evaluation with other choices is the composition that was made with them."""
    run = lu_paths["strong_box"]
    said = ["model.smoothing.threshold=0.05", "model.score.unit=segment", "model.aggregation.mode=argmax"]
    done = avseg(["evaluate", f"checkpoint={run}", *said, "rate=4"])
    assert done.code == 0, done.err
    made = avseg(words("strong_box", lu_toy, lu_outputs, *said, "data.rate=4", "experiment=said"))
    assert made.code == 0, made.err
    name = "test-aggregation.mode=argmax-score.unit=segment-smoothing.threshold=0.05-rate=4.0"
    found, (wanted,) = result(run / "evaluations" / name), lu_outputs.glob("said/*/seed=*/result.json")
    assert found["scores"] == result(wanted.parent)["scores"] != result(run)["scores"]
    assert found["choices"] == result(wanted.parent)["choices"]
    other = avseg(["evaluate", f"checkpoint={run}", "split=val"])
    assert other.code == 0, other.err
    assert result(run / "evaluations/val")["videos"] == 2


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("model.score.unit=segmint", "segmint"),
        ("model.score.unit2=x", "the key 'model.score.unit2' does not exist; did you mean 'unit'"),
        ("model.smoothing.median=long", "model.smoothing.median='long' is not allowed"),
        ("model.aggregation.mode=sum", "model.aggregation.mode='sum' is not allowed"),
    ],
)
def test_choices_that_do_not_exist(lu_paths, lu_toy, tmp_path, word, told):
    assert told in one_line(avseg(["evaluate", f"checkpoint={lu_paths['strong_mask']}", word, f"out={tmp_path}/o"]))
    assert told in one_line(avseg(words("mask", lu_toy, tmp_path, word)))  # before a training, not after it
    assert not list(tmp_path.iterdir())


def test_choices_of_long_videos_are_none_of_clips(trained):
    for word, message in {
        "model.score.unit=segment": "model.score cannot be changed in an evaluation of model=avs",
        "rate=2": "rate=2.0 is not read by data=toy_ms3; leave it out",
    }.items():
        assert message in one_line(avseg(["evaluate", f"checkpoint={trained.run}", word]))


def test_runs_may_be_moved_together(lu_paths, lu_outputs, tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(lu_outputs, moved)
    run = moved / lu_paths["strong_mask"].relative_to(lu_outputs)
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(lu_outputs), "/nowhere"))
    done = avseg(["evaluate", f"checkpoint={run}", "trainer=cpu", f"out={tmp_path}/o"])
    assert done.code == 0, done.err
    assert result(tmp_path / "o")["scores"] == result(run)["scores"]


@pytest.mark.slow
@pytest.mark.parametrize("branch", BRANCHES)
def test_two_processes_score_as_one(lu_paths, tmp_path, branch):
    """Three or four videos for two processes: none is padded, none is scored twice."""
    say = ["evaluate", f"checkpoint={lu_paths[branch]}", f"out={tmp_path}", "trainer=ddp_cpu"]
    done = subprocess.run([sys.executable, "-m", "avseg", *say], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert result(tmp_path)["scores"] == result(lu_paths[branch])["scores"]
    assert result(tmp_path)["videos"] == result(lu_paths[branch])["videos"]
    assert (tmp_path / "per_video.csv").read_text() == (lu_paths[branch] / "per_video.csv").read_text()

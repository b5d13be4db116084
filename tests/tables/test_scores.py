"""Scores of cells, read from run directories written by hand."""

import csv
import json
import math
from pathlib import Path

import pytest

from avseg.runs import RunDirectory
from avseg.tables.scores import read_scores
from avseg.utils.errors import UserError


def make_run(folder: Path, clips: dict[str, float], miou: float | None = None, **more: float) -> RunDirectory:
    """A complete run; scores as shares, as runs write them, half as high with shuffled sound."""
    folder.mkdir(parents=True)
    with (folder / "per_clip.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "video_id", "category", "miou", "fscore", "shuffled/miou"])
        for index, (name, score) in enumerate(clips.items()):
            writer.writerow([index, name, "dog", score, 0.9, score / 2])
    scores = {"miou": sum(clips.values()) / len(clips) if miou is None else miou} | more
    by_sound = {"own": scores, "silence": {"miou": 0.1}, "shuffled": {"miou": scores["miou"] / 2}}
    (folder / "result.json").write_text(json.dumps({"split": "test", "scores": by_sound}))
    return RunDirectory(folder)


def test_a_cell_over_two_seeds(tmp_path):
    runs = {
        1: ("run-s1", make_run(tmp_path / "1", {"a": 0.6, "b": 0.8}, fscore=0.75)),
        2: ("run-s2", make_run(tmp_path / "2", {"b": 0.9, "a": 0.5}, fscore=0.77)),
        3: ("run-s3", RunDirectory(tmp_path / "3")),
    }
    scores = read_scores(runs, "miou")
    assert scores.values == pytest.approx({1: 70.0, 2: 70.0})
    assert scores.runs == {1: "run-s1", 2: "run-s2"}
    assert scores.clips == pytest.approx({"a": 55.0, "b": 85.0})
    # F is no mean over clips, so there is nothing to draw an interval from
    other = read_scores(runs, "fscore")
    assert other.values == pytest.approx({1: 75.0, 2: 77.0})
    assert other.clips == {}


def test_a_score_under_a_control_sound(tmp_path):
    runs = {1: ("run", make_run(tmp_path / "1", {"a": 0.6, "b": 0.8}))}
    scores = read_scores(runs, "shuffled/miou")
    assert scores.values == pytest.approx({1: 35.0})
    assert scores.clips == pytest.approx({"a": 30.0, "b": 40.0})
    with pytest.raises(UserError, match=r"holds no 'noise/miou'"):
        read_scores(runs, "noise/miou")


def test_a_semantic_score_has_no_values_per_clip(tmp_path):
    run = make_run(tmp_path / "1", {"a": 0.6, "b": 0.8})
    run.per_clip.write_text("index,video_id,category,marked\n0,a,dog,0.1\n1,b,dog,0.2\n")
    scores = read_scores({1: ("run", run)}, "miou")
    assert (scores.values, scores.clips) == (pytest.approx({1: 70.0}), {})


def test_no_complete_run(tmp_path):
    assert read_scores({1: ("run", RunDirectory(tmp_path))}, "miou") is None


def test_the_clips_average_to_the_cell(tmp_path):
    run = make_run(tmp_path / "1", {"a": 0.6, "b": 0.8}, miou=0.71)
    with pytest.raises(UserError, match=r"averages to 70\.00, but result\.json has 71\.00") as caught:
        read_scores({1: ("run", run)}, "miou")
    assert "\n" not in str(caught.value)


def test_the_cell_may_be_the_mean_over_groups_of_clips(tmp_path):
    run = make_run(tmp_path / "1", {"a": 0.6, "b": 0.8, "c": 0.1}, miou=(0.7 + 0.1) / 2)
    content = json.loads(run.result.read_text()) | {"videos_per_group": 2}
    run.result.write_text(json.dumps(content))
    scores = read_scores({1: ("run", run)}, "miou")
    assert scores.values == pytest.approx({1: 40.0})
    assert scores.clips == pytest.approx({"a": 60.0, "b": 80.0, "c": 10.0})


def test_a_score_that_the_model_does_not_have(tmp_path):
    run = make_run(tmp_path / "1", {"a": 0.6, "b": 0.8})
    missing = read_scores({1: ("run", run)}, "threshold_miou")  # of LVS and MSSL
    assert math.isnan(missing.values[1])
    assert missing.clips == {}


def test_seeds_on_different_clips_are_no_cell(tmp_path):
    runs = {
        1: ("run-s1", make_run(tmp_path / "1", {"a": 0.6})),
        2: ("run-s2", make_run(tmp_path / "2", {"b": 0.6})),
    }
    with pytest.raises(UserError, match="run-s1 and run-s2 have different test clips"):
        read_scores(runs, "miou")


def test_damaged_runs_are_errors(tmp_path):
    run = make_run(tmp_path / "1", {"a": 0.6})
    with pytest.raises(UserError, match="holds no 'mio'; it holds miou"):
        read_scores({1: ("run", run)}, "mio")
    run.per_clip.write_text("index,video_id,miou\n0,a,x\n")
    with pytest.raises(UserError, match="cannot be read"):
        read_scores({1: ("run", run)}, "miou")
    run.per_clip.write_text("index,video_id,miou\n0,a,0.6\n1,a,0.6\n")
    with pytest.raises(UserError, match="names a clip twice"):
        read_scores({1: ("run", run)}, "miou")
    run.per_clip.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        read_scores({1: ("run", run)}, "miou")


def test_a_run_of_the_command_itself(trained):
    """The very files that a training writes: the cell is the mean of its clips."""
    scores = read_scores({123: ("run", RunDirectory(trained.run))}, "miou")
    expected = json.loads((trained.run / "result.json").read_text())["scores"]["own"]
    assert scores.values[123] == pytest.approx(100 * expected["miou"])
    assert sum(scores.clips.values()) / 7 == pytest.approx(100 * expected["miou"], abs=1e-3)
    assert len(scores.clips) == 7

"""One epoch of every branch, and both compositions, by the command itself; stopped and continued; found complete."""

import csv
import json
import math

import pytest
import torch

from avseg.models.lu_avs.audio_module import AudioModule
from avseg.models.lu_avs.frame_module import FrameModule
from avseg.models.lu_avs.tpavi_module import LongAVSModule
from avseg.runs import read_config
from tests.runs_for_tests import avseg
from tests.training.long.words import BRANCHES, words

TRAINED = ("mask", "box", "audio", "tpavi")
# region, modality, and what the paper leaves open for it
KINDS = {
    "mask": ("mask", "V", {"silent", "aggregation", "score", "data"}),
    "box": ("box", "V", {"silent", "aggregation", "score", "data"}),
    "audio": ("none", "A", {"audio", "smoothing", "score", "data"}),
    "tpavi": ("mask", "AV", {"score", "data"}),
    "strong_mask": ("mask", "AV", {"silent", "audio", "aggregation", "smoothing", "score", "data"}),
    "strong_box": ("box", "AV", {"silent", "audio", "aggregation", "smoothing", "score", "data"}),
}


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("branch", BRANCHES)
def test_a_run_leaves_everything(lu_paths, branch):
    run, (region, modality, topics) = lu_paths[branch], KINDS[branch]
    result = json.loads((run / "result.json").read_text())
    assert (result["region"], result["modality"], result["split"]) == (region, modality, "test")
    assert set(result["choices"]) == topics
    scores = result["scores"]["own"]
    assert list(scores) == ["m_tIoU", "m_vIoU", "m_tF", "m_vF", "m_tLoc"]
    assert [name for name, score in scores.items() if score is None] == (["m_tF", "m_vF"] if region == "box" else [])
    assert len(rows(run / "per_video.csv")) == result["videos"]
    assert read_config(run)["model"]["name"] == ("avs_long" if branch == "tpavi" else f"lu_avs_{branch}")
    assert json.loads((run / "manifest.json").read_text())["data_fingerprint"]
    trained = branch in TRAINED
    assert (run / "checkpoints/best.ckpt").is_file() == (run / "checkpoints/last.ckpt").is_file() == trained
    assert len(rows(run / "metrics.csv")) == 1 if trained else not (run / "metrics.csv").exists()


@pytest.mark.parametrize("branch", BRANCHES)
def test_the_scores_keep_their_order(lu_paths, branch):
    """m_vIoU divides by a larger set than m_tIoU, and no frame scores more than 1."""
    for row in rows(lu_paths[branch] / "per_video.csv"):
        score = {name: float(value) for name, value in row.items() if name != "video_id"}
        assert 0 <= score["m_vIoU"] <= score["m_tIoU"] <= 1
        assert score["m_vIoU"] <= score["m_tLoc"] <= 1
        assert math.isnan(score["m_vF"]) or score["m_vF"] <= score["m_tF"] <= 1 or branch == "audio"


def test_pictures_alone_are_predicted_from_first_to_last(lu_paths):
    for branch, (_, modality, _) in KINDS.items():
        choices = json.loads((lu_paths[branch] / "result.json").read_text())["choices"]
        wanted = "first_to_last" if modality == "V" else "regions"
        assert choices["score"]["predicted_range"] == wanted
        assert choices["data"] == {"labels": 7, "rate": 5 if branch == "tpavi" else 2.0}


def test_choices_are_told_beside_the_scores(lu_runs):
    for branch, run in lu_runs.items():
        lines = [line for line in run.out.splitlines() if line.startswith("chosen here, ")]
        assert {line.split(", ")[1].split(":")[0] for line in lines} == KINDS[branch][2]
        assert "rate=" in run.out
        assert "unit=video_class, fp_policy=zero" in run.out


@pytest.mark.parametrize("branch", ["mask", "strong_box"])
def test_the_same_command_finds_it_complete(lu_runs, lu_paths, lu_toy, lu_outputs, branch, caplog):
    before = {path: path.stat().st_mtime_ns for path in lu_paths[branch].rglob("*")}
    again = avseg(words(branch, lu_toy, lu_outputs, "data.num_workers=1", "logger=csv"), lu_outputs)
    assert (again.code, again.out) == (0, lu_runs[branch].out)
    assert {path: path.stat().st_mtime_ns for path in lu_paths[branch].rglob("*")} == before


class Stopped(Exception):
    pass


@pytest.mark.parametrize(
    "branch", ["audio", *(pytest.param(name, marks=pytest.mark.slow) for name in ("mask", "box", "tpavi"))]
)
def test_stopped_and_continued_equals_straight(lu_toy, tmp_path, monkeypatch, branch):
    outputs = [tmp_path / name for name in ("straight", "broken")]
    commands = [words(branch, lu_toy, output, "trainer.max_epochs=2") for output in outputs]
    straight = avseg(commands[0], outputs[0])
    assert straight.code == 0, straight.err
    task = {"audio": AudioModule, "tpavi": LongAVSModule}.get(branch, FrameModule)
    begin = task.on_train_epoch_start

    def stop(self):
        begin(self)
        if self.current_epoch == 1:
            raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(task, "on_train_epoch_start", stop)
        with pytest.raises(Stopped):
            avseg(commands[1], outputs[1])
    torch.rand(7)  # the state of the generator is no part of a run
    continued = avseg(commands[1], outputs[1])
    assert continued.code == 0, continued.err
    for name in ("metrics.csv", "per_video.csv", "result.json"):
        assert (continued.run / name).read_text() == (straight.run / name).read_text(), name
    assert len(rows(straight.run / "metrics.csv")) == 2
    assert '"resumed": 1' in (continued.run / "manifest.json").read_text()
    states = [
        torch.load(c.run / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for c in (straight, continued)
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])

"""What breaks easily: silent frames under DDP, other loggers, debugging, sweeps, padding, slow videos."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from avseg.audio.frontend import LogMel
from avseg.data.lu_avs import Chunk, FrameBatch, LUVideo, SoundBatch, read_release
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.data.lu_avs.resize import Fit
from avseg.models.lu_avs.aggregation import RegionPrediction
from avseg.models.lu_avs.config import ScoreConfig
from avseg.models.lu_avs.scores import VideoScores
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg
from tests.training.long.build import built
from tests.training.long.words import BRANCHES, COMMON, words


def task_of(branch):
    return built([*BRANCHES[branch], *COMMON], list("abcdefg")).train()


def empty_frames(count=2, size=(32, 48)):
    """Frames in which nothing sounds."""
    return FrameBatch(
        frames=torch.randint(0, 256, (count, 3, *size), dtype=torch.uint8),
        masks=[torch.zeros(0, *size, dtype=torch.bool)] * count,
        boxes=[torch.zeros(0, 4)] * count,
        classes=[torch.zeros(0, dtype=torch.int64)] * count,
        video_classes=[torch.tensor([1])] * count,
        video_id=["v"] * count,
        index=torch.arange(count),
        sizes=torch.tensor([size] * count),
    )


def without_gradient(task):
    return [name for name, p in task.named_parameters() if p.requires_grad and p.grad is None]


@pytest.mark.parametrize("branch", ["mask", "box"])
def test_frames_without_objects_reach_every_parameter(branch):
    """DDP waits forever, or fails, for a parameter without a gradient on one of its processes."""
    task, batch = task_of(branch), empty_frames()
    loss = torch.stack(list(task.losses(task(batch.frames, batch.sizes), batch, 0.0).values())).sum()
    loss.backward()
    assert torch.isfinite(loss)
    assert without_gradient(task) == []


def test_seconds_that_are_all_padded_reach_every_parameter():
    task = task_of("audio")
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    batch = SoundBatch(torch.randn(2, 3, 1, 96, 64), torch.zeros(2, 3, 7), nothing, ["a", "b"])
    loss = task.loss(task(batch.sound), batch.targets, batch.valid)
    loss.backward()
    assert loss == 0
    assert without_gradient(task) == []


@pytest.mark.slow
@pytest.mark.parametrize("branch", ["mask", "box", "audio", "tpavi"])
def test_two_processes_train(lu_toy, tmp_path, branch):
    """Without looking for unused parameters; a third of the frames are silent, so some shares have no object."""
    more = ["data.batch_size=2", "trainer=ddp_cpu", "callbacks=none"]
    more += [] if branch in ("audio", "tpavi") else ["data.silent_share=0.3", "data.per_video=2"]
    say = [word for word in words(branch, lu_toy, tmp_path, *more) if word != "trainer=cpu"]
    done = subprocess.run([sys.executable, "-m", "avseg", *say], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run directory") == 1
    assert len(list(tmp_path.rglob("result.json"))) == 1


@pytest.mark.parametrize("branch", ["audio", pytest.param("box", marks=pytest.mark.slow)])
def test_a_run_in_the_dashboard(lu_toy, tmp_path, branch):
    command = avseg(words(branch, lu_toy, tmp_path, "logger=wandb_offline"), tmp_path)
    assert command.code == 0, command.err
    assert len(list(command.run.rglob("*.wandb"))) == 1


@pytest.mark.parametrize("branch", ["mask", "tpavi"])
def test_one_batch_of_each_kind(lu_toy, tmp_path, branch):
    command = avseg(words(branch, lu_toy, tmp_path, "debug=one_batch"), tmp_path)
    assert command.code == 0, command.err
    assert json.loads((command.run / "result.json").read_text())["videos"] == 1


def test_a_sweep_over_branches_is_planned():
    say = [*COMMON[:2], "trainer=cpu", "model=toy_lu_avs_mask,toy_lu_avs_box,toy_lu_avs_audio,toy_lu_avs_strong_mask"]
    command = avseg(["train", "-m", "--dry-run", *say])
    assert command.code == 0, command.err
    for name in ("toy_lu_avs-mask-toy", "toy_lu_avs-box-toy", "toy_lu_avs-audio-mel", "toy_lu_avs-strong_mask"):
        assert name in command.out.replace("\n", "")


@pytest.mark.parametrize("branch", ["mask", "strong_box"])
def test_a_missing_release_is_told(tmp_path, branch):
    command = avseg(
        ["train", f"model=lu_avs_{branch}", f"paths.data={tmp_path}/data", f"paths.outputs={tmp_path}/outputs"]
    )
    assert command.code == 2
    (line,) = command.err.strip().splitlines()
    assert f"{tmp_path}/data/LU-AVS is not a folder; download LU-AVS there or run `avseg data toy" in line
    assert not list(tmp_path.iterdir())


def test_long_videos_need_a_branch_and_a_branch_long_videos():
    for say in (["data=lu_avs"], ["model=lu_avs_mask", "data=avsbench_s4"]):
        command = avseg(["train", *say])
        assert command.code == 2
        assert "change one of the two" in command.err


def test_boxes_of_a_padded_frame_are_learned_as_those_of_the_frame_alone():
    """DETR's positions count from 0 to 1 over what is not padding; so must the boxes that it learns."""
    task, box = task_of("box").eval(), torch.tensor([[4.0, 8.0, 20.0, 24.0]])
    alone, padded = empty_frames(1, (32, 32)), empty_frames(1, (32, 64))
    for batch in (alone, padded):
        batch.boxes, batch.classes, batch.sizes = [box], [torch.tensor([2])], torch.tensor([[32, 32]])
    output = task(alone.frames, alone.sizes)
    terms = [task.losses(output, batch, 0.0) for batch in (alone, padded)]
    assert terms[0] == terms[1]
    torch.testing.assert_close(task._target_regions(padded)[0], torch.tensor([[12 / 32, 16 / 32, 16 / 32, 16 / 32]]))


def test_masks_are_compared_where_they_were_predicted(monkeypatch):
    """The ground truth comes from the processor, a prediction from the device."""
    given = {}
    scores = VideoScores(ScoreConfig(), "mask", "AV")
    monkeypatch.setattr(
        scores.score, "update_classes", lambda *arguments, **_: given.update(zip("vfpt", arguments, strict=True))
    )
    predicted = RegionPrediction(masks={1: torch.zeros(2, 4, 4, dtype=torch.bool, device="meta")})
    target = {1: torch.zeros(2, 4, 4, dtype=torch.bool), 2: torch.zeros(2, 4, 4, dtype=torch.bool)}
    numbers = torch.arange(2)
    chunk = Chunk("v", numbers, numbers / 2, torch.zeros(2, 3, 4, 4, dtype=torch.uint8), masks=target)
    scores.update(LUVideo("v", Path("v.mp4"), 2.0, 1.0, "test", (), True), chunk, predicted)
    assert {masks.device.type for masks in (*given["p"].values(), *given["t"].values())} == {"meta"}


def test_a_frame_that_two_seconds_show_counts_once(tmp_path):
    """At 1.25 frames per second a frame stays for 0.8 s, so it may be on the screen in two seconds."""
    make_video(tmp_path / "a.mp4", frames=5, rate=Fraction(5, 4), size=(32, 48))
    entry = {"segment": [0, 5], "label": "x", "label_id": 0}
    video = {"duration": 4.0, "fps": 1.25, "subset": "test", "annotations": [entry]}
    (tmp_path / "seg_test.json").write_text(json.dumps({"a": video}))
    folder = tmp_path / "a__x__st__0__et__5"
    folder.mkdir()
    np.save(folder / "masks.npy", np.ones((5, 32, 48), bool))
    release = read_release(tmp_path)
    reader = VideoReader(release.videos["a"], rate=1.0, fit=Fit(32, square=True))
    seconds = [chunk.index.tolist() for chunk, _ in reader.seconds(LogMel())]
    assert [number for second in seconds for number in second] == [0, 1, 2, 3, 4]

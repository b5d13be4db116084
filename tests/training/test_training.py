import csv
import json

import pytest
import torch

from avseg.training.load import load_clip_model
from tests.runs_for_tests import avseg


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_all_its_files(trained):
    assert trained.code == 0, trained.err
    names = {path.relative_to(trained.run).as_posix() for path in trained.run.rglob("*") if path.is_file()}
    assert names == {
        "config.yaml",
        "f_curve.csv",
        "inputs.json.gz",
        "manifest.json",
        "metrics.csv",
        "per_clip.csv",
        "result.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "pictures/epoch=000.png",
        "pictures/epoch=001.png",
        "pictures/test.png",
    }
    manifest = json.loads((trained.run / "manifest.json").read_text())
    assert {
        "git",
        "versions",
        "data_fingerprint",
        "command",
        "seed",
        "hardware",
        "wall_seconds",
        "peak_memory_mib",
    } <= manifest.keys()
    epochs = rows(trained.run / "metrics.csv")
    assert [row["epoch"] for row in epochs] == ["0", "1"]
    assert {"train/loss", "train/mask_loss", "train/mapping_loss", "val/miou", "val/fscore"} <= epochs[0].keys()


def test_the_last_checkpoint_is_of_the_last_epoch_and_the_best_of_the_best(trained):
    """Lightning's save_last keeps only epochs that were better than all before."""
    scores = [float(row["val/miou"]) for row in rows(trained.run / "metrics.csv")]
    assert scores[1] <= scores[0]
    epochs = {
        name: torch.load(trained.run / f"checkpoints/{name}.ckpt", weights_only=True)["epoch"]
        for name in ("best", "last")
    }
    assert epochs == {"best": 0, "last": 1}


def test_every_sound_is_scored_for_every_clip(trained):
    result = json.loads((trained.run / "result.json").read_text())
    assert result["clips"] == 7
    assert set(result["scores"]) == {"own", "silence", "noise", "other", "shuffled"}
    clips = rows(trained.run / "per_clip.csv")
    assert len(clips) == 7
    for sound, scores in result["scores"].items():
        column = "miou" if sound == "own" else f"{sound}/miou"
        assert sum(float(row[column]) for row in clips) / 7 == pytest.approx(scores["miou"], abs=1e-7)
        if sound != "own":
            own, control = result["scores"]["own"]["miou"], scores["miou"]
            assert scores["g_miou"] == pytest.approx(2 * own * (1 - control) / (own + 1 - control), abs=1e-6)


def test_the_table_shows_the_controls(trained):
    for text in (
        "its own sound",
        "silence",
        "white noise",
        "another clip's sound",
        "shuffled in time",
        "G-mIoU",
        "run directory",
    ):
        assert text in trained.out


def test_the_same_command_again_finds_the_run_complete(trained):
    before = (trained.run / "result.json").stat().st_mtime_ns
    again = avseg(trained.words, trained.outputs)
    assert again.code == 0
    assert (trained.run / "result.json").stat().st_mtime_ns == before
    assert "its own sound" in again.out


def test_a_checkpoint_alone_rebuilds_its_model(trained, tmp_path):
    moved = tmp_path / "moved.ckpt"
    moved.write_bytes((trained.run / "checkpoints/best.ckpt").read_bytes())
    model = load_clip_model(moved)
    assert not model.training
    assert torch.load(moved, weights_only=True)["avseg"]["config"]["data"]["name"] == "toy_ms3"
    out = model.predict_batch(torch.zeros(1, 5, 3, 32, 32, dtype=torch.uint8), torch.zeros(1, 5, 1, 96, 64))
    assert out.shape == (1, 5, 32, 32)


def test_evaluation_gives_the_scores_of_the_run_for_any_batch_size(trained, tmp_path):
    expected = json.loads((trained.run / "result.json").read_text())["scores"]
    for batch_size in (1, 3, 8):
        out = tmp_path / str(batch_size)
        command = avseg(
            [
                "evaluate",
                f"checkpoint={trained.run}",
                f"batch_size={batch_size}",
                f"out={out}",
                "trainer=cpu",
                "trainer.enable_progress_bar=false",
            ]
        )
        assert command.code == 0, command.err
        assert json.loads((out / "result.json").read_text())["scores"] == expected


def test_a_run_never_continues_on_other_data(trained, ms3_root, tmp_path):
    result = trained.run / "result.json"
    hidden = tmp_path / "result.json"
    result.rename(hidden)
    picture = next((ms3_root / "ms3_data/visual_frames").rglob("*.png"))
    original = picture.read_bytes()
    try:
        picture.write_bytes(original + b"more")
        command = avseg(trained.words, trained.outputs)
    finally:
        picture.write_bytes(original)
        hidden.rename(result)
    assert command.code == 2
    assert "begun on other data" in command.err

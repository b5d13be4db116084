"""`avseg evaluate` and its keys; short runs of every setting and every kind of fusion, from data to scores."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.metrics import mask_iou
from avseg.training.load import load_clip_model
from tests.data.fake import make_avss, make_ms3, make_s4
from tests.data.localisation.test_dataset import vgg_ss, write_files
from tests.runs_for_tests import SMALL, Command, avseg

QUIET = ["trainer=cpu", "trainer.enable_progress_bar=false"]


def evaluate(*words: object) -> Command:
    done = avseg(["evaluate", *map(str, words), *QUIET])
    assert done.code == 0, done.err
    return done


def error_of(*words: object) -> str:
    done = avseg(["evaluate", *map(str, words), *QUIET])
    lines = done.err.strip().splitlines()
    assert done.code == 2, done
    assert len(lines) == 1, done.err
    return lines[0]


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "per_clip.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_another_data_set(trained: Command, tmp_path: Path) -> None:
    vgg_ss(tmp_path, "a", "b")
    write_files(tmp_path, "a")
    write_files(tmp_path, "b")
    out = tmp_path / "out"
    evaluate(f"checkpoint={trained.run}", "dataset=vgg_ss", f"root={tmp_path}", f"out={out}")
    assert [row["video_id"] for row in rows(out)] == ["a", "b"]
    assert 0 <= result(out)["scores"]["own"]["miou"] <= 1
    message = error_of(f"checkpoint={trained.run}", "dataset=avss", f"root={tmp_path}", f"out={out}")
    assert "dataset=avss has 71 classes, the model 1" in message
    assert "data=lu_avs" in error_of(f"checkpoint={trained.run}", "dataset=lu_avs")
    assert "did you mean 'vgg_ss'" in error_of(f"checkpoint={trained.run}", "dataset=vgg_s")


def test_another_split_goes_into_the_run(trained: Command) -> None:
    done = evaluate(f"checkpoint={trained.run}", "split=val")
    folder = trained.run / "evaluations" / "val"
    try:
        assert files(folder) == {"result.json", "per_clip.csv", "f_curve.csv", "pictures/val.png"}
        assert result(folder)["split"] == "val"
        assert [row["video_id"] for row in rows(folder)] == ["val-0", "val-1", "val-2"]
        assert str(folder) in done.out
        assert "val: 3 clips" in done.out
        # the best epoch was chosen by this very score
        with (trained.run / "metrics.csv").open(newline="") as file:
            best = max(float(row["val/miou"]) for row in csv.DictReader(file))
        assert result(folder)["scores"]["own"]["miou"] == pytest.approx(best, abs=1e-7)
    finally:
        shutil.rmtree(trained.run / "evaluations")


def test_another_root_is_another_folder(trained: Command, tmp_path: Path) -> None:
    layout = make_ms3(tmp_path / "elsewhere", {"train": 1, "val": 1, "test": 2})
    evaluate(f"checkpoint={trained.run}", f"root={layout.root}")
    folder = trained.run / "evaluations" / "test-elsewhere"
    try:
        assert len(rows(folder)) == result(folder)["clips"] == 2
    finally:
        shutil.rmtree(trained.run / "evaluations")


def test_a_file_alone_is_enough(trained: Command, tmp_path: Path) -> None:
    file = tmp_path / "model.ckpt"
    shutil.copy(trained.run / "checkpoints" / "best.ckpt", file)
    evaluate(f"checkpoint={file}")
    assert result(tmp_path / "evaluations" / "test")["scores"] == result(trained.run)["scores"]
    assert rows(tmp_path / "evaluations" / "test") == rows(trained.run)


def test_out_names_the_folder_and_the_run_stays_as_it_is(trained: Command, tmp_path: Path) -> None:
    before = {name: (trained.run / name).stat().st_mtime_ns for name in files(trained.run)}
    evaluate(f"checkpoint={trained.run}", f"out={tmp_path}/scores")
    assert files(tmp_path) == {
        f"scores/{name}" for name in ("result.json", "per_clip.csv", "f_curve.csv", "pictures/test.png")
    }
    assert {name: (trained.run / name).stat().st_mtime_ns for name in files(trained.run)} == before


def test_the_run_itself_is_no_place_for_another_evaluation(trained: Command) -> None:
    before = (trained.run / "per_clip.csv").read_bytes()
    assert "run directory" in error_of(f"checkpoint={trained.run}", "split=val", f"out={trained.run}")
    assert (trained.run / "per_clip.csv").read_bytes() == before


def test_a_file_is_no_place_either(trained: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "is a file" in error_of(f"checkpoint={trained.run}", f"out={tmp_path}/file")


def test_the_grouping_changes_f_and_nothing_else(trained: Command, tmp_path: Path) -> None:
    """0 is one group of the whole split; the official 4 is the default."""
    scores = {4: result(trained.run)["scores"]}
    for videos in (1, 0):
        evaluate(f"checkpoint={trained.run}", f"videos_per_group={videos}", f"out={tmp_path}/{videos}")
        assert result(tmp_path / str(videos))["videos_per_group"] == (videos or None)
        scores[videos] = result(tmp_path / str(videos))["scores"]
    assert len({scores[videos]["own"]["fscore"] for videos in scores}) == 3
    for sound, names in scores[4].items():
        for name, value in names.items():
            if name != "fscore":
                assert {scores[videos][sound][name] for videos in scores} == {value}, (sound, name)
    # a group of one video is that video's own F
    own = [float(row["fscore"]) for row in rows(tmp_path / "1")]
    assert scores[1]["own"]["fscore"] == pytest.approx(sum(own) / len(own), abs=1e-6)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["split=tets"], "'test'"),
        (["split=all"], "it must be 'train', 'val' or 'test'"),
        (["root=nowhere"], "nowhere"),
        (["batch_size=0"], "batch_size"),
        (["num_workers=-1"], "num_workers"),
        (["videos_per_group=-2"], "videos_per_group"),
        (["videos_per_group=many"], "videos_per_group"),
        (["chekpoint=x"], "'checkpoint'"),
        (["batchsize=2"], "'batch_size'"),
    ],
)
def test_mistakes(trained: Command, words: list[str], told: str) -> None:
    assert told in error_of(f"checkpoint={trained.run}", *words)
    assert not (trained.run / "evaluations").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [([], "checkpoint"), (["checkpoint=nowhere"], "nowhere"), (["checkpoint=."], "no checkpoints/best.ckpt")],
)
def test_no_checkpoint(words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in error_of(*words)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def s4_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_s4(tmp_path_factory.mktemp("s4")).root


@pytest.fixture(scope="module")
def avss_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_avss(tmp_path_factory.mktemp("avss")).root


def train(outputs: Path, *words: object) -> Command:
    """One epoch without pictures; complete."""
    settings = [*SMALL, f"paths.outputs={outputs}", "trainer.max_epochs=1", "callbacks=none", *map(str, words)]
    done = avseg(["train", *settings], outputs)
    assert done.code == 0, done.err
    return done


def check(run: Path, clips: int) -> dict[str, dict[str, float]]:
    """Scores that are numbers and agree with a second evaluation in other batches."""
    evaluate(f"checkpoint={run}", "batch_size=1")
    assert result(run / "evaluations" / "test")["scores"] == result(run)["scores"]
    assert result(run)["clips"] == clips == len(rows(run))
    scores = result(run)["scores"]
    assert set(scores) == {"own", "silence", "noise", "other", "shuffled"}
    assert all(0 <= value <= 1 for values in scores.values() for value in values.values())
    return scores


def test_s4(s4_root: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "data=toy_s4", f"data.root={s4_root}", "data.image_size=32")
    check(done.run, clips=3)
    assert {row["category"] for row in rows(done.run)} == {"cat", "dog", "helicopter"}


def test_avss(avss_root: Path, tmp_path: Path) -> None:
    done = train(tmp_path, "data=toy_avss", f"data.root={avss_root}", "data.image_size=32")
    scores = check(done.run, clips=3)
    assert {"miou", "fscore", "marked"} <= set(scores["own"])
    assert "dataset_iou" not in scores["own"]


@pytest.mark.parametrize(
    ("words", "hears"),
    [
        (["fusion=none"], False),
        pytest.param(["fusion.mode=visual"], False, marks=pytest.mark.slow),
        (["fusion=frame_1234"], True),
        pytest.param(["fusion.mode=both", "fusion.stages=[4]"], True, marks=pytest.mark.slow),
    ],
    ids=["none", "visual", "frame", "both"],
)
def test_every_kind_of_fusion(words: list[str], hears: bool, ms3_root: Path, tmp_path: Path) -> None:
    """Who hears nothing scores the same under every sound."""
    rate = "optimizer.lr=0.03"  # one epoch of a few steps must move the weights behind the sound away from zero
    done = train(tmp_path, f"data.root={ms3_root}", rate, *words)
    scores = {sound: {k: v for k, v in values.items() if k != "g_miou"} for sound, values in check(done.run, 7).items()}
    differ = {sound for sound in scores if scores[sound] != scores["own"]}
    assert differ == ({"silence", "noise", "other", "shuffled"} if hears else set())


def test_predictions_are_scored_at_the_size_of_the_masks(trained: Command, ms3_root: Path, tmp_path: Path) -> None:
    """J of logits that are brought to 16 pixels, against masks that are read at 16, computed clip by clip."""
    evaluate(f"checkpoint={trained.run}", "mask_size=16", f"out={tmp_path / 'small'}")
    assert result(tmp_path / "small")["mask_size"] == 16
    model = load_clip_model(trained.run)
    frames = AVSBenchDataset(ms3_root, "ms3", "test", image_size=32)
    masks = AVSBenchDataset(ms3_root, "ms3", "test", image_size=16)
    scored = rows(tmp_path / "small")
    for index, row in enumerate(scored):
        with torch.no_grad():
            logits = model(frames[index]).logits[0]
        small = F.interpolate(logits, size=(16, 16), mode="bilinear", align_corners=False)[:, 0]
        expected = float(mask_iou(small, masks[index].masks[0]).mean())
        assert float(row["miou"]) == pytest.approx(expected, abs=1e-4)
    assert scored != rows(trained.run)


def test_packs_hold_masks_of_one_size(trained: Command) -> None:
    message = error_of(f"checkpoint={trained.run}", "mask_size=16", "packed=true")
    assert "mask_size=16: packs hold masks of 32 pixels" in message

"""A run directory of the first edition is evaluated, and predicted from, with its numbers."""

import json
from pathlib import Path

import pytest

from avseg.runs import read_config
from avseg.runs.first_edition import convert_config
from avseg.training.load import load_model, saved_config
from tests.media.make_video import make_video
from tests.runs_for_tests import avseg

RUN = Path(__file__).parents[1] / "first_edition" / "seed=123"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set that the run was trained on; generated sets have not changed since."""
    root = tmp_path_factory.mktemp("first") / "toy_ms3"
    counts = ["--train", "12", "--val", "4", "--test", "6"]
    assert avseg(["data", "toy", "--setting", "ms3", "--out", str(root), *counts]).code == 0
    return root


def test_its_scores_are_the_same_to_the_last_digit(toy: Path, tmp_path: Path) -> None:
    done = avseg(["evaluate", f"checkpoint={RUN}", f"root={toy}", f"out={tmp_path}", "trainer=cpu"])
    assert done.code == 0, done.err
    scores = json.loads((tmp_path / "result.json").read_text())["scores"]
    before = json.loads((RUN / "result.json").read_text())["scores"]
    for sound, row in before.items():
        # J over the official groups of four videos came later: of 7 clips the last group is short
        assert scores[sound]["frame_miou"] == row["miou"]
        for key in ("fscore", "dataset_iou", "dataset_fscore", "marked"):
            assert scores[sound][key] == row[key]
    assert (tmp_path / "per_clip.csv").read_text() == (RUN / "per_clip.csv").read_text()


def test_it_predicts(tmp_path: Path) -> None:
    make_video(tmp_path / "video.mp4", frames=20, rate=5)
    command = ["predict", str(tmp_path / "video.mp4"), "--out", str(tmp_path / "out"), "--checkpoint", str(RUN)]
    done = avseg(command)
    assert done.code == 0, done.err
    assert (tmp_path / "out" / "video" / "overlay.mp4").is_file()


def test_its_configuration_means_the_same() -> None:
    config = saved_config(read_config(RUN))
    assert config.model.name == "avs"
    assert config.model.channels == 4
    assert config.model.loss.mapping_weight == 0
    assert config.trainer.max_epochs == 1
    assert config.audio.hop == "vggish"
    assert load_model(RUN).image_size == 32


@pytest.mark.parametrize("branch", ["mask", "box", "audio", "tpavi", "strong_mask", "strong_box"])
def test_branches_are_converted(branch: str) -> None:
    old = dict(read_config(RUN))
    score = {"unit": "video_class"}
    silent = {"mode": "off"}
    old["branch"] = {
        "name": branch,
        "model": "tiny",
        "pretrained": False,
        "backbone_lr": None,
        "silent": silent,
        "teacher": None,
        "heads": "mlp",
        "hidden": 128,
        "pos_weight": 1.0,
        "aggregation": {"mode": "product"},
        "smoothing": {"median": 3.0},
        "score": score,
        "visual_run": "a-s1",
        "visual_command": "x",
        "audio_run": "b-s1",
        "audio_command": "y",
    }
    old["data"] = old["data"] | {"setting": "lu_avs", "labels": 8, "options": {"rate": 2.0}}
    config = saved_config(convert_config(old))
    assert config.data.data_kind == "long_videos"
    assert config.data.labels == 8
    assert config.model.name == {"tpavi": "avs_long"}.get(branch, f"lu_avs_{branch}")

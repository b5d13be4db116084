"""What a run shows in the dashboard: pictures, sounds and numbers against the data set and the run's own files."""

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest
import torch
import wandb
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.clip import Clip
from avseg.draw.palette import TRUTH
from avseg.training.wandb_media import class_labels, clip_table, hardest, mask_image, predict_shown_clip
from avseg.utils.iteration import evenly_spaced
from tests.data.fake import make_avss
from tests.runs_for_tests import Command
from tests.training.wandb_file import OfflineRun

SIDE = 128  # the clips of 32 pixels are enlarged four times


@pytest.fixture(scope="module")
def clips_table(offline: OfflineRun) -> dict:
    row = offline.history[-1]
    return json.loads((offline.media / row["test/clips.path"]).read_text())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def jaccard(prediction: np.ndarray, truth: np.ndarray) -> float:
    """J of a strip of five frames, as the paper defines it; no frame here is silent."""
    frames = zip(np.split(prediction > 0, 5, axis=1), np.split(truth > 0, 5, axis=1), strict=True)
    return float(np.mean([(p & t).sum() / (p | t).sum() for p, t in frames]))


@pytest.mark.parametrize("epoch", [0, 1])
def test_validation_clips_with_both_masks(offline: OfflineRun, ms3_root: Path, epoch: int) -> None:
    row = offline.history[epoch]
    dataset = AVSBenchDataset(ms3_root, "ms3", "val", 32)
    assert len(row["val/clips.filenames"]) == 3
    for place, clip in enumerate([dataset[0], dataset[1], dataset[2]]):
        masks = row["val/clips.all_masks"][place]
        assert set(masks) == {"prediction", "ground_truth"}
        truth = read(offline.media / masks["ground_truth"]["path"])
        expected = np.concatenate(list(clip.masks[0].numpy()), axis=1)
        assert np.array_equal(truth, np.kron(expected, np.ones((4, 4), np.uint8)))
        score = jaccard(read(offline.media / masks["prediction"]["path"]), truth)
        assert row["val/clips.captions"][place] == f"val-{place} · J {100 * score:.1f}"
        frames = read(offline.media / row["val/clips.filenames"][place]).astype(float)
        assert frames.shape == (SIDE, 5 * SIDE, 3)
        original = np.concatenate(list(clip.frames[0].permute(0, 2, 3, 1).numpy()), axis=1).repeat(4, 0).repeat(4, 1)
        assert np.abs(frames - original).mean() < 40  # a jpeg of noise


def test_labels_of_the_masks(offline: OfflineRun) -> None:
    labels = offline.config["_wandb"]["mask/class_labels"]
    for layer in ("prediction", "ground_truth"):
        entry = next(value for name, value in labels.items() if name.startswith("val/clips") and name.endswith(layer))
        assert entry["value"] == {"0": "background", "1": "sounding"}


def test_the_picture_of_each_epoch(logged: Command, offline: OfflineRun) -> None:
    for epoch in (0, 1):
        shown = offline.media / offline.history[epoch]["val/panels.path"]
        assert shown.read_bytes() == (logged.run / "pictures" / f"epoch={epoch:03d}.png").read_bytes()


def test_the_table_holds_the_scores_hardest_first(logged: Command, clips_table: dict) -> None:
    expected = {row["video_id"]: row for row in rows(logged.run / "per_clip.csv")}
    columns = clips_table["columns"]
    assert columns[:4] == ["clip", "category", "seconds", "sound"]
    assert set(columns[4:]) == set(next(iter(expected.values()))) - {"index", "video_id", "category"}
    assert {line[0] for line in clips_table["data"]} == set(expected)
    for line in clips_table["data"]:
        for name, value in zip(columns[4:], line[4:], strict=True):
            assert value == pytest.approx(float(expected[line[0]][name])), name
    scores = [line[columns.index("miou")] for line in clips_table["data"]]
    assert scores == sorted(scores)


def test_the_table_holds_pictures_and_sounds(offline: OfflineRun, ms3_root: Path) -> None:
    (files,) = offline.artifacts
    sounds = {Path(name).name: path for name, path in files.items() if name.startswith("media/audio")}
    dataset = AVSBenchDataset(ms3_root, "ms3", "test", 32)
    for entry in dataset.entries:
        wav = dataset.layout.wav(entry)
        assert sounds[wav.name].read_bytes() == wav.read_bytes()
    assert sum(name.endswith(".jpg") for name in files) == sum(name.endswith(".mask.png") for name in files) / 2 == 7
    # all in the run's folder: nothing in the home folder, nothing lost when that is not there any more
    assert all(path.is_relative_to(offline.folder) for path in files.values())


def test_videos_have_the_clip_s_own_sound(offline: OfflineRun, ms3_root: Path) -> None:
    row = offline.history[-1]
    videos = row["test/videos.videos"]
    assert len(videos) == 3
    order = [entry.name for entry in AVSBenchDataset(ms3_root, "ms3", "test", 32).entries]
    for video in videos:
        name = video["caption"].split(" · ")[0]
        number = 11 + order.index(name)  # of the fake data: 8 training and 3 validation clips come first
        with av.open(str(offline.media / video["path"])) as file:
            assert file.duration == 5_000_000
            assert [stream.codec_context.name for stream in file.streams] == ["h264", "aac"]
            rate = file.streams.audio[0].rate
            sound = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
        for second in range(5):
            part = sound[int((second + 0.3) * rate) : int((second + 0.8) * rate)]
            pitch = np.abs(np.fft.rfft(part)).argmax() * rate / len(part)
            assert pitch == pytest.approx(200 + 40 * number + 150 * second, abs=5)


def test_videos_show_the_truth_on_the_left(offline: OfflineRun, ms3_root: Path) -> None:
    video = offline.history[-1]["test/videos.videos"][0]
    dataset = AVSBenchDataset(ms3_root, "ms3", "test", 32)
    place = [entry.name for entry in dataset.entries].index(video["caption"].split(" · ")[0])
    clip = dataset[place]
    with av.open(str(offline.media / video["path"])) as file:
        frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in file.decode(video=0)]
    assert len(frames) == 40
    for second in range(5):
        left = frames[8 * second + 4][:, :SIDE]
        mask = clip.masks[0, second].numpy().repeat(4, 0).repeat(4, 1) > 0
        plain = clip.frames[0, second].permute(1, 2, 0).numpy().repeat(4, 0).repeat(4, 1).astype(float)
        tinted = 0.55 * plain + 0.45 * np.asarray(TRUTH)
        inside, outside = (left - tinted)[mask], (left - plain)[~mask]
        assert np.abs(np.median(inside, axis=0)).max() < 12  # the outline is white
        assert np.abs(np.median(outside, axis=0)).max() < 12


class Oracle:
    """A model that is right: its logits are those of the clip's own masks."""

    device = torch.device("cpu")

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def __call__(self, clip: Clip) -> SimpleNamespace:
        one_hot = torch.nn.functional.one_hot(clip.masks.long(), self.num_classes)
        return SimpleNamespace(logits=one_hot.permute(0, 1, 4, 2, 3).float())


def test_classes_of_avss(tmp_path: Path) -> None:
    make_avss(tmp_path)
    dataset = AVSBenchDataset(tmp_path, "avss", "test", 32)
    model = Oracle(71)
    labels = class_labels(dataset)
    assert len(labels) == 71
    assert labels[0] == "background"
    shown = predict_shown_clip(model, dataset[0])  # five of its ten seconds exist
    assert shown.frames.shape == (5, SIDE, SIDE, 3)
    assert np.array_equal(shown.prediction, shown.truth)
    assert shown.truth.max() > 1
    assert shown.score == pytest.approx(1)
    assert shown.caption == "test_v1s · cat_dog · J 100.0"
    assert isinstance(mask_image(shown, labels), wandb.Image)
    lines = clip_table(model, dataset, [{"index": 2, "video_id": "test_v2", "category": "", "marked": 0.5}])
    assert lines.columns == ["clip", "category", "seconds", "sound", "marked", "sounding_miou"]
    assert lines.data[0][-2:] == [0.5, pytest.approx(1)]


def test_clips_without_a_sound_file(ms3_root: Path, tmp_path: Path) -> None:
    """The release brings log-mel files, and not everyone has the sounds too."""
    shutil.copytree(ms3_root, tmp_path / "ms3")
    dataset = AVSBenchDataset(tmp_path / "ms3", "ms3", "test", 32)
    clip = dataset[0]
    dataset.layout.wav(dataset.entries[0]).unlink()
    dataset.__class__ = type("Silent", (AVSBenchDataset,), {"__getitem__": lambda *_: clip})
    lines = clip_table(Oracle(71), dataset, [{"index": 0, "video_id": "", "category": "", "miou": 0.5}])
    assert lines.data[0][3] is None


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(0, 12))
def test_hardest(scores: list[float], count: int) -> None:
    chosen = hardest([{"index": place, "miou": score} for place, score in enumerate(scores)], count)
    assert len(chosen) == min(count, len(scores))
    assert len({row["index"] for row in chosen}) == len(chosen)
    values = [row["miou"] for row in chosen]
    assert values == sorted(values)
    half = len(chosen) // 2
    assert values[:half] == sorted(scores)[:half]


@given(st.integers(0, 40), st.integers(0, 12))
def test_evenly_spaced(total: int, count: int) -> None:
    places = evenly_spaced(range(total), count)
    assert len(places) == min(total, count)
    gaps = np.diff([*places, total])
    assert not len(places) or gaps.max() - gaps.min() <= 1

"""Predictions of long videos: a perfect predictor is read back exactly, and runs predict as they are evaluated."""

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avseg.data.lu_avs import LUVideo, Release, read_chunks, read_release
from avseg.draw.boxes import MarkedFrame
from avseg.draw.labels import class_colour
from avseg.media.frame_index import frame_index
from avseg.media.frames import frames
from avseg.media.video import UprightRGB, probe
from avseg.prediction.long_predictor import LongPredictor
from avseg.prediction.prediction import FramePrediction
from avseg.prediction.tracks import Tracks
from avseg.prediction.writer import Painter, write_prediction
from avseg.training.build import build_data
from avseg.training.load import load_model, saved_config
from tests.runs_for_tests import avseg
from tests.training.long.known import Known

FILES = {"overlay.mp4", "timeline.png", "segments.json", "scores.json"}


@pytest.fixture(scope="session")
def release(lu_toy: Path) -> Release:
    return read_release(lu_toy)


def _video(release: Release, masks: bool) -> LUVideo:
    """Select the video with the most segments."""
    found = [video for video in release.videos.values() if video.has_masks == masks]
    return max(found, key=lambda video: len(video.segments))


def _predict(known: Known, video: LUVideo, folder: Path, **options: bool) -> dict[str, float]:
    return write_prediction(known, probe(video.path), folder, lu_avs=True, **options)


def _by_name(video: LUVideo, release: Release, kind: str) -> dict[tuple[int, str], object]:
    """Read masks, boxes or sounding flags by frame and class name, without empty ones."""
    found: dict[tuple[int, str], object] = {}
    for chunk in read_chunks(video, math.inf):
        for label, values in getattr(chunk, kind).items():
            for frame, value in zip(chunk.index.tolist(), values, strict=True):
                if value.any():
                    found[frame, release.labels[label]] = value.numpy()
    return found


def _held(truth: dict[tuple[int, str], object], index: np.ndarray, count: int) -> dict[tuple[int, str], object]:
    """Keep the truth of the scored frames only, each held until the next one."""
    last = index[np.searchsorted(index, np.arange(count), side="right") - 1]
    names = {name for _, name in truth}
    return {(n, name): truth[last[n], name] for n in range(count) for name in names if (last[n], name) in truth}


def _assert_same(found: dict[tuple[int, str], object], expected: dict[tuple[int, str], object]) -> None:
    assert expected
    assert found.keys() == expected.keys()
    for key in expected:
        np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.parametrize("rate", [math.inf, 2.0])
@pytest.mark.parametrize("region", ["mask", "box", "none"])
def test_a_known_prediction_is_read_back(release: Release, tmp_path: Path, region: str, rate: float) -> None:
    video = _video(release, region != "box")
    _predict(Known(release, region, rate), video, tmp_path / "film", save_masks=region == "mask")
    again = read_release(tmp_path)
    (own,) = again.videos.values()
    assert (own.id, own.subset, own.has_masks) == ("film", "test", region == "mask")
    assert own.path.resolve() == video.path
    index = frame_index(video.path)
    scored = np.arange(len(index)) if rate == math.inf else index.at_rate(rate)
    kind = {"mask": "masks", "box": "boxes", "none": "sounding"}[region]
    _assert_same(_by_name(own, again, kind), _held(_by_name(video, release, kind), scored, len(index)))
    if region == "none":
        assert not _by_name(own, again, "boxes")
    content = json.loads((tmp_path / "film/segments.json").read_text())
    assert content == json.loads(next((tmp_path / "film/lu_avs").glob("*.json")).read_text())
    assert content["film"]["fps"] == pytest.approx(video.fps, abs=0.01)
    segments = {(segment.start, segment.end, release.labels[segment.label]) for segment in video.segments}
    if region == "none" and rate == math.inf:  # regions may be hidden for a while, sounds not
        assert {(*a["segment"], a["label"]) for a in content["film"]["annotations"]} == segments


def test_masks_without_save_masks_are_boxes(release: Release, tmp_path: Path) -> None:
    video = _video(release, True)
    _predict(Known(release, "mask"), video, tmp_path / "film")
    again = read_release(tmp_path)
    _assert_same(_by_name(again.videos["film"], again, "boxes"), _by_name(video, release, "boxes"))
    assert not list(tmp_path.rglob("masks.npy"))


def test_images_and_scores_of_masks(release: Release, tmp_path: Path) -> None:
    video = _video(release, True)
    summary = write_prediction(
        Known(release, "mask", 4.0), probe(video.path), tmp_path / "film", checkpoint={"path": "me"}
    )
    assert {path.name for path in (tmp_path / "film").iterdir()} == FILES | {"masks"}
    truth = _by_name(video, release, "masks")
    index = frame_index(video.path)
    expected = {
        f"{name.replace(' ', '_')}/{frame:06d}.png": mask
        for (frame, name), mask in truth.items()
        if frame in index.at_rate(4.0)
    }
    root = tmp_path / "film/masks"
    found = {path.relative_to(root).as_posix(): np.asarray(Image.open(path)) for path in root.rglob("*.png")}
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name] == 255, mask) for name, mask in expected.items())
    scores = json.loads((tmp_path / "film/scores.json").read_text())
    assert scores["checkpoint"] == {"path": "me"}
    assert [row["second"] for row in scores["seconds"]] == list(range(index.video.seconds))
    assert [n for row in scores["seconds"] for n in row["frames"]] == index.at_rate(4.0).tolist()
    for row in scores["seconds"]:
        count = Counter(name for frame in row["frames"] for name in release.labels if (frame, name) in truth)
        assert row["classes"] == {name: pytest.approx(n / len(row["frames"]), abs=1e-4) for name, n in count.items()}
    assert summary["sounding"] == sum(row["sounding"] for row in scores["seconds"])


def test_the_overlay_shows_what_is_predicted(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("avseg.draw.boxes._place_names", lambda *_: [])  # an image this small would be covered by names
    video = _video(release, True)
    _predict(Known(release, "mask"), video, tmp_path / "film")
    source, marked = probe(video.path), probe(tmp_path / "film/overlay.mp4")
    np.testing.assert_allclose(marked.times, source.times, atol=1e-3)
    assert marked.duration == pytest.approx(source.duration, abs=1e-3)
    assert (marked.height, marked.width) == (source.height, source.width)
    assert marked.sound == source.sound
    truth = _by_name(video, release, "masks")
    upright = UprightRGB(0, source.height, source.width)
    gone, whole = 0.0, 0.0
    for before, after in zip(frames(source), frames(marked), strict=True):
        pixels = upright(before.image).astype(float)
        change = upright(after.image) - pixels
        here = {name: mask for (frame, name), mask in truth.items() if frame == before.number}
        if not here:
            assert np.abs(change).mean() < 6  # coding alone
        for name, mask in here.items():
            inner = np.logical_and.reduce([np.roll(mask, step, axis) for step in (-2, 0, 2) for axis in (0, 1)])
            towards = class_colour(release.labels.index(name)) - pixels[inner]
            gone, whole = gone + float((change[inner] * towards).sum()), whole + float(np.square(towards).sum())
    assert 0.4 < gone / whole < 0.7  # the tint's share is 0.55; colours are coded at half the size


def _frame(number: int, boxes: dict[int, np.ndarray]) -> FramePrediction:
    return FramePrediction(number, 0.0, number, 0, boxes=boxes)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 2), st.integers(1, 3), max_size=3), min_size=1, max_size=8))
def test_segments_hold_every_box_once(counts: list[dict[int, int]]) -> None:
    """Several boxes of a class, often with equal start and end; each row is a box of its frame."""
    rng, step = np.random.default_rng(0), 16
    tracks = Tracks()
    predicted = []
    for place, count in enumerate(counts):
        boxes = {label: rng.uniform(0, 9, (n, 4)).cumsum(1).astype(np.float32) for label, n in count.items()}
        predicted.append(boxes)
        tracks.update(_frame(place * step, boxes))
    found = tracks.finish(len(counts) * step)
    assert len({(track.label, track.start, track.end) for track in found}) == len(found)
    rows: dict[tuple[int, int], list[bytes]] = {}
    for track in found:
        for frame, row in zip(range(track.start, track.end), track.rows(), strict=True):
            rows.setdefault((track.label, frame), []).append(row.tobytes())
    for frame in range(len(counts) * step):
        for label in range(3):
            expected = [box.tobytes() for box in predicted[frame // step].get(label, [])]
            assert sorted(rows.get((label, frame), [])) == sorted(expected)


def test_a_track_continues_with_the_box_that_overlaps() -> None:
    left, right = np.array([[0, 0, 10, 10.0]], np.float32), np.array([[50, 0, 60, 10.0]], np.float32)
    tracks = Tracks()
    tracks.update(_frame(0, {0: np.concatenate([left, right])}))
    tracks.update(_frame(9, {0: np.concatenate([right + 1, left + 1])}))
    tracks.update(_frame(18, {0: right + 2}))
    ended, continued = tracks.finish(27)
    assert [(ended.start, ended.end), (continued.start, continued.end)] == [(0, 18), (0, 27)]
    np.testing.assert_array_equal(continued.rows()[[0, 8, 9, 18, 26], 0], [50, 50, 51, 52, 52])
    np.testing.assert_array_equal(ended.rows()[[0, 9], 0], [0, 1])


@pytest.mark.parametrize("branch", ["mask", "box", "audio", "tpavi", "strong_mask", "strong_box"])
def test_a_run_predicts_as_it_is_tested(lu_paths: dict[str, Path], release: Release, branch: str) -> None:
    model = load_model(lu_paths[branch])
    _make_visible(model, branch)
    threshold = None if branch in ("mask", "box", "tpavi") else 0.1
    data = build_data(saved_config(model.record))
    video = _video(release, branch != "box")
    evaluated = model if threshold is None else model.with_threshold(threshold)
    with torch.inference_mode():
        expected = _flat(evaluated.predict_video(data, video.id))
    predictor = LongPredictor(model, threshold=threshold)
    unlabelled = probe(video.path)
    predicted = _flat(predictor.watch(unlabelled, predictor.listen(unlabelled)))
    if branch == "audio":  # predicted for every frame, evaluated at the rate of the evaluation
        frames = {frame for frame, *_ in expected}
        predicted = {key: value for key, value in predicted.items() if key[0] in frames}
    assert len(expected) > 3
    assert predicted.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_array_equal(predicted[key], value)


def _make_visible(task: Any, branch: str) -> None:
    """Change a model of one epoch, which may find nothing anywhere, so that it marks something."""
    torch.manual_seed(1)
    if branch == "tpavi":  # bright pixels, in loud seconds more of them
        task.predict_batch = lambda frames, sound: (
            frames.float().mean(2) / 255 + (sound.mean((2, 3, 4)) / 40)[..., None, None]
        ).clip(0, 1)
    elif branch != "audio":
        net = getattr(task, "visual", task).net.net
        (net.class_predictor if task.region == "mask" else net.class_labels_classifier).bias.data[-1] = -10
        if task.region == "mask":
            torch.nn.init.normal_(net.get_submodule("mask_embedder.2.0").weight)


def _flat(predictions: Iterable) -> dict[tuple[int, str, int], np.ndarray]:
    flat = {}
    for chunk, prediction in predictions:
        for kind in ("masks", "boxes", "sounding"):
            for label, values in getattr(prediction, kind).items():
                for frame, value in zip(chunk.index.tolist(), values, strict=True):
                    if value.any():
                        flat[frame, kind, label] = value.numpy().astype(np.float32)
    return flat


@pytest.mark.parametrize("branch", ["mask", "box", "audio", "tpavi", "strong_mask", "strong_box"])
def test_the_command_with_every_kind_of_run(
    lu_paths: dict[str, Path], release: Release, tmp_path: Path, branch: str
) -> None:
    video = _video(release, True)
    words = ["--out", str(tmp_path), "--checkpoint", str(lu_paths[branch]), "--threshold", "0.2", "--lu-avs"]
    done = avseg(["predict", str(video.path), *words])
    assert done.code == 0, done.err
    folder = tmp_path / video.id
    region = {"audio": set(), "box": {"boxes.json"}, "strong_box": {"boxes.json"}}.get(branch, {"masks"})
    assert {path.name for path in folder.iterdir()} == FILES | region | {"lu_avs"}
    scores = json.loads((folder / "scores.json").read_text())
    assert branch.removeprefix("strong_") in scores["model"].replace("avs_long", "tpavi")
    assert scores["labels"] == (["sounding"] if branch == "tpavi" else release.labels)
    rates = {"tpavi": 5, "audio": None}
    assert scores.get("rate") == rates.get(branch, 2.0)
    assert ("smoothing" in scores) == (branch in ("audio", "strong_mask", "strong_box"))
    (entry,) = json.loads((folder / "segments.json").read_text()).values()
    if entry["annotations"]:
        (again,) = read_release(tmp_path).videos.values()
        assert len(again.segments) == len(entry["annotations"])
    assert len(probe(folder / "overlay.mp4").times) == len(probe(video.path).times)


def test_frames_are_consumed_only_when_they_are_shown(release: Release) -> None:
    """The painter looks ahead by one scored frame, whatever the length."""
    consumed = []

    def endless():
        for number in range(0, 10**9, 5):
            consumed.append(number)
            yield FramePrediction(number, number / 10, number, number // 10)

    class Nothing:
        def add(self, frame):
            return MarkedFrame((8, 8), [])

        def end_second(self, second):
            pass

    painter = Painter(endless(), Nothing())
    for frame in frame_index(_video(release, True).path).decode([12, 14, 15]):
        painter.paint(np.zeros((8, 8, 3), np.uint8), frame)
        assert consumed == [0, 5, 10, 15, 20][: 5 if frame.number == 15 else 4]


def test_nothing_half_written(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = _video(release, True)
    monkeypatch.setattr("avseg.prediction.long_results.save_timeline", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _predict(Known(release, "mask", 2.0), video, tmp_path / "out/film")
    assert list((tmp_path / "out").iterdir()) == []

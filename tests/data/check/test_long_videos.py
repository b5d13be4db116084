"""Checks of LU-AVS releases: toy and hand-written sample have no findings; each planted defect is the only one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from avseg.data.check.inspect import compute_statistics, inspect_set
from avseg.data.check.published import Expected
from avseg.data.lu_avs import read_release
from avseg.data.lu_avs.synthetic.renderer import SyntheticVideoConfig
from avseg.data.lu_avs.synthetic.writer import write_release
from avseg.data.synthetic.toy import ToyCast
from avseg.media.frame_index import frame_index
from tests.data.lu_avs.sample import make_sample
from tests.media.make_video import make_video

COUNTS = {"train": 3, "val": 2, "test": 2}
DEFECTS = {}


def defect(plant):
    DEFECTS[plant.__name__] = plant
    return plant


@pytest.fixture(scope="module")
def toy_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy release of 3, 2 and 2 videos, some with boxes alone."""
    root = tmp_path_factory.mktemp("check") / "toy"
    write_release(root, SyntheticVideoConfig(ToyCast(), 32, (3, 4), 0.5, seed=4), COUNTS, COUNTS)
    return root


def annotations(root, name="seg_train.json"):
    return json.loads((root / name).read_text())


def rewrite(root, content, name="seg_train.json"):
    (root / name).write_text(json.dumps(content))


def first_array(root, name="masks.npy"):
    """An array of the release."""
    return sorted((root / "annotations").glob(f"*/{name}"))[0]


def save(path, rows):
    path.unlink()
    np.save(path, rows)


@defect
def video_is_a_dangling_link(root):
    name = sorted(annotations(root))[0]
    (root / f"videos/{name}.mp4").unlink()
    (root / f"videos/{name}.mp4").symlink_to("gone.mp4")
    return {("unreadable", f"videos/{name}.mp4", "is a link to gone.mp4, which does not exist")}


@defect
def video_missing(root):
    name = sorted(annotations(root))[0]
    (root / f"videos/{name}.mp4").unlink()
    return {("missing", "seg_train.json", f"'{name}' was not found")}


@defect
def video_truncated(root):
    path = sorted((root / "videos").glob("*train*"))[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return {("unreadable", f"videos/{path.name}", "truncated")}


@defect
def video_shorter_than_annotated(root):
    content = annotations(root)
    name = sorted(content)[0]
    content[name]["duration"] += 2
    rewrite(root, content)
    return {("unreadable", f"videos/{name}.mp4", "annotated are")}


@defect
def video_empty(root):
    path = sorted((root / "videos").glob("*train*"))[0]
    path.write_bytes(b"")
    return {("unreadable", f"videos/{path.name}", "0 bytes")}


@defect
def segment_folder_missing(root):
    folder = first_array(root).parent
    shutil.rmtree(folder)
    return {("missing", folder.name, "not found below the root")}


@defect
def array_missing(root):
    path = first_array(root)
    path.unlink()
    return {("missing", f"annotations/{path.parent.name}/masks.npy", "does not exist")}


@defect
def array_of_another_length(root):
    path = first_array(root)
    save(path, np.load(path)[:-3])
    return {("array", f"annotations/{path.parent.name}/masks.npy", "rows for a segment of")}


@defect
def array_of_another_size(root):
    path = first_array(root)
    save(path, np.load(path)[:, :8])
    return {("array", f"annotations/{path.parent.name}/masks.npy", "expected (frames, 32,")}


@defect
def array_truncated(root):
    path = first_array(root)
    path.write_bytes(path.read_bytes()[:-40])
    return {("unreadable", f"annotations/{path.parent.name}/masks.npy", "not a readable array")}


@defect
def array_that_marks_nothing(root):
    path = first_array(root)
    save(path, np.zeros_like(np.load(path)))
    return {("empty mask", f"annotations/{path.parent.name}/masks.npy", "mark nothing")}


@defect
def array_of_grey_masks(root):
    path = first_array(root)
    rows = np.load(path).astype(np.uint8)
    rows[0, :2] = 7
    save(path, rows)
    return {("mask values", f"annotations/{path.parent.name}/masks.npy", "more values")}


@defect
def boxes_outside(root):
    path = first_array(root, "bbox.npy")
    save(path, np.load(path) + 1000)
    return {("empty mask", f"annotations/{path.parent.name}/bbox.npy", "no box")}


@defect
def segment_after_the_end(root):
    content = annotations(root)
    name = next(name for name in sorted(content) if content[name]["annotations"])
    segment = content[name]["annotations"][0]
    start, end = segment["segment"]
    label = segment["label"].replace(" ", "_")
    segment["segment"] = [start, end + 500]
    folder = root / "annotations" / f"{name}__{label}__st__{start}__et__{end}"
    folder.rename(folder.with_name(f"{name}__{label}__st__{start}__et__{end + 500}"))
    rewrite(root, content)
    return {("segment", f"videos/{name}.mp4", f"segment {start}-{end + 500}")}


@defect
def unknown_video(root):
    shutil.copy(sorted((root / "videos").iterdir())[0], root / "videos/forgotten.mp4")
    return {("unknown", "videos/forgotten.mp4", "no annotation file")}


@defect
def unknown_segment(root):
    (root / "annotations/x__dog__st__1__et__5").mkdir()
    return {("unknown", "annotations/x__dog__st__1__et__5", "no annotation names")}


@defect
def damaged_json(root):
    (root / "seg_val.json").write_text('{"a": ')
    return {("index", "seg_val.json", "not readable JSON")}


@defect
def video_in_two_files(root):
    content = annotations(root)
    name = sorted(content)[0]
    val = annotations(root, "seg_val.json")
    rewrite(root, {**val, name: {**content[name], "subset": "val"}}, "seg_val.json")
    return {("duplicate", "seg_val.json", f"'{name}' is in seg_train.json already")}


@defect
def one_label_with_two_ids(root):
    files = {path.name: json.loads(path.read_text()) for path in sorted(root.glob("*seg*.json"))}
    labels = [one["label"] for videos in files.values() for video in videos.values() for one in video["annotations"]]
    usual = max(sorted(set(labels)), key=labels.count)
    assert labels.count(usual) > 2
    for name, content in files.items():
        for video in content.values():
            for one in video["annotations"]:
                if one["label"] == usual:
                    one["label_id"] = 999
                    rewrite(root, content, name)
                    return {("index", name, "has label_id 999")}
    raise AssertionError("no such label")


@defect
def the_same_video_in_two_splits(root):
    train = sorted((root / "videos").glob("*train*"))[0]
    shutil.copy(train, root / "twin.mp4")
    entry = {"duration": 3.0, "fps": 10.0, "subset": "test", "annotations": []}
    rewrite(root, {**annotations(root, "seg_test.json"), "twin": entry}, "seg_test.json")
    return {("duplicate", "twin.mp4", f"'{train.stem}' in train"), ("count", "", "test: 3 videos, expected 2")}


def test_the_toy_has_no_findings(toy_release: Path) -> None:
    report = inspect_set(toy_release, "lu_avs")
    assert report.findings == []
    assert report.counts == COUNTS == report.expected


def test_the_quirks_of_the_release_are_not_findings(tmp_path: Path) -> None:
    report = inspect_set(make_sample(tmp_path), "lu_avs", Expected())
    assert {finding.issue for finding in report.findings} == {"duplicate"}  # its videos are all alike


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_and_nothing_else(tmp_path: Path, toy_release: Path, name: str) -> None:
    root = shutil.copytree(toy_release, tmp_path / "toy")
    planted = DEFECTS[name](root)
    report = inspect_set(root, "lu_avs")
    findings = [finding for finding in report.findings if not _follows(name, finding.issue)]
    assert sorted((finding.issue, finding.file) for finding in findings) == sorted(
        (issue, file) for issue, file, _ in planted
    )
    for issue, file, text in planted:
        messages = [finding.message for finding in findings if (finding.issue, finding.file) == (issue, file)]
        assert any(text in message for message in messages)


def _follows(name: str, issue: str) -> bool:
    """True for the consequences of a damaged annotation file: its videos and segments are unknown."""
    return name == "damaged_json" and issue in ("count", "unknown")


def test_segments_in_seconds_need_no_folders(tmp_path: Path) -> None:
    make_video(tmp_path / "a.mp4", frames=20, rate=10, size=(32, 48))
    segments = [{"segment": [0.5, 1.9], "label": "dog", "label_id": 0}]
    video = {"duration": 2.0, "subset": "train", "annotations": segments}
    (tmp_path / "unav100_annotations.json").write_text(json.dumps({"database": {"a": video}}))
    assert inspect_set(tmp_path, "lu_avs").findings == []
    segments.append({"segment": [1.0, 9.0], "label": "dog", "label_id": 0})
    (tmp_path / "unav100_annotations.json").write_text(json.dumps({"database": {"a": video}}))
    (finding,) = inspect_set(tmp_path, "lu_avs").findings
    assert (finding.issue, finding.file) == ("segment", "a.mp4")
    assert "segment 1-9 of 'dog' ends after the video's 20 frames" in finding.message


def test_a_release_of_which_a_tenth_is_missing_is_complete(tmp_path: Path) -> None:
    from avseg.data.check.findings import Report
    from avseg.data.check.long_videos import _check_missing
    from avseg.data.lu_avs.annotations import read_annotations
    from avseg.data.lu_avs.paths import ReleasePaths

    video = {"duration": 3, "fps": 10, "subset": "train", "annotations": []}
    rewrite(tmp_path, {f"v{number}": video for number in range(1000)})
    entries = read_annotations(tmp_path / "seg_train.json")
    for there, expected, findings, notes in (
        (900, Expected(), 0, 1),
        (700, Expected(), 300, 0),
        (999, Expected(synthetic=True), 1, 0),
    ):
        report = Report(tmp_path, "lu_avs")
        places = ReleasePaths(tmp_path, videos={f"v{number}": tmp_path / "x" for number in range(there)})
        _check_missing(report, places, entries, expected)
        assert (len(report.findings), len(report.notes)) == (findings, notes)


def test_statistics_agree_with_the_release_read_by_hand(toy_release: Path) -> None:
    found = compute_statistics(toy_release, "lu_avs")
    release = read_release(toy_release)
    for split in COUNTS:
        videos, here = release.subset(split), found.splits[split]
        assert (here.clips, here.annotated) == (len(videos), sum(len(video.segments) for video in videos))
        indices = [frame_index(video.path) for video in videos]
        assert here.frames == sum(map(len, indices))
        np.testing.assert_allclose(sorted(here.seconds), sorted(index.video.duration for index in indices))
        silent = 0.0
        for video, index in zip(videos, indices, strict=True):
            lengths = np.diff(index.edges())
            silent += sum(
                length
                for number, length in enumerate(lengths)
                if not any(segment.start <= number < segment.end for segment in video.segments)
            )
        np.testing.assert_allclose(here.silent, silent / sum(here.seconds), atol=1e-9)
        assert sum(here.categories.values()) == here.annotated == len(here.segments)

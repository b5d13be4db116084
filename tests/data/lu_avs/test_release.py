"""The release as it is: read with all its irregularities; other defects are one-line errors."""

import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.data.lu_avs import read_chunks, read_release
from avseg.data.lu_avs.ground_truth import check_video
from avseg.data.lu_avs.paths import folder_name, parse_folder_name
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.data.lu_avs.sample import HARD, ODD_ID, SILENT, TEST, VAL, VARYING, Sample, row_masks


def test_files_are_found_in_any_folder(sample_root):
    release = read_release(sample_root)
    assert release.labels == ["playing piano", "dog barking", "male singing"]  # by label_id
    assert {name: [v.id for v in release.subset(name)] for name in ("train", "val", "test")} == {
        "train": sorted([ODD_ID, VARYING, SILENT, HARD]),
        "val": [VAL],
        "test": [TEST],
    }
    odd = release.videos[ODD_ID]
    assert (odd.fps, odd.duration, odd.subset, odd.has_masks) == (10.0, 4.0, "train", True)
    assert [(s.start, s.end, s.label) for s in odd.segments] == [(3, 20, 2), (10, 30, 0), (33, 40, 2)]
    assert odd.classes == [0, 2]
    assert odd.path.name == f"{ODD_ID}.mp4"
    assert odd.segments[1].folder.name == f"{ODD_ID}__playing_piano__st__10__et__30"
    assert not release.videos[HARD].has_masks
    assert release.videos[SILENT].segments == ()
    assert release.videos[VAL].segments[1].folder.name.endswith("__st__21__et__30")
    for video in release.videos.values():
        check_video(video, frame_index(video.path))


@settings(max_examples=15, deadline=None)
@given(
    st.from_regex(r"[-_A-Za-z0-9]{1,12}", fullmatch=True),
    st.sampled_from(["male singing", "x", "base guitar__st__4__et__5"]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
)
def test_folder_names_are_split_at_their_last_separators(video, label, start, end):
    name = folder_name(video, label, start, end)
    assert " " not in name
    assert parse_folder_name(name) == (f"{video}__{label.replace(' ', '_')}", start, end)


@pytest.mark.parametrize("name", ["masks", "a__st__1", "a__et__1__st__2", "a__st__x__et__2", "a__st__1__et__"])
def test_different_folders_are_not_segments(name):
    assert parse_folder_name(name) is None


def test_unav100_has_segments_in_seconds_and_no_masks(tmp_path):
    sample = Sample(tmp_path)
    sample.video("a", "train", [], rate=10)
    sample.video("b", "train", [], rate=25)
    videos = {
        "a": {"subset": "train", "duration": 4.0, "fps": 10.0, "annotations": [annotation(1.0, 2.5)]},
        "b": {"subset": "validation", "duration": 1.6, "annotations": [annotation(0.4, 0.401, "cat meowing", 9)]},
    }
    (tmp_path / "unav100_annotations.json").write_text(json.dumps({"version": "1.0", "database": videos}))
    release = read_release(tmp_path)
    a, b = release.videos["a"], release.videos["b"]
    assert [(s.start, s.end, s.label, s.folder) for s in a.segments] == [(10, 25, 1, None)]
    assert [(s.start, s.end, s.label, s.folder) for s in b.segments] == [
        (10, 11, 0, None)
    ]  # at the frame rate of the file
    assert (a.has_masks, b.subset, b.fps) == (False, "val", 25.0)
    chunk = next(read_chunks(a, 2.0))
    assert (chunk.masks, chunk.boxes[1][2].shape, chunk.sounding[1].tolist()[:4]) == (
        {},
        (0, 4),
        [False, False, True, True],
    )


def annotation(start, end, label="male singing", label_id=46):
    return {"segment": [start, end], "label": label, "label_id": label_id}


def change(root, file, edit):
    path = next(root.rglob(file))
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def folder(root, name):
    return next(path for path in root.rglob(f"*{name}*") if path.is_dir())


def edit_segment(values):
    return lambda content: content[ODD_ID]["annotations"][0].update(segment=values)


def edit_entry(**values):
    return lambda content: content[ODD_ID].update(values)


def edit_annotation(**values):
    return lambda content: content[ODD_ID]["annotations"][0].update(values)


BAD_JSON = {
    "frames that are not numbers": (
        edit_segment(["a", 5]),
        "annotation 0 has segment .* expected .start, end. in whole frames",
    ),
    "half frames": (edit_segment([1.5, 5]), "expected .start, end. in whole frames"),
    "the end first": (edit_segment([20, 3]), "start < end"),
    "an empty segment": (edit_segment([3, 3]), "start < end"),
    "a negative start": (edit_segment([-1, 3]), "start < end"),
    "NaN": (edit_segment([float("nan"), 3]), "start < end"),
    "three numbers": (edit_segment([1, 2, 3]), "start < end"),
    "a huge end": (edit_segment([1, 10**400]), "start < end"),
    "no fps": (edit_entry(fps=None), "fps None; expected a number above 0"),
    "no duration": (edit_entry(duration=0), "duration 0; expected a number above 0"),
    "unknown subset": (edit_entry(subset="trian"), "subset 'trian'; allowed: train, val, test; did you mean 'train'"),
    "subset of another file": (edit_entry(subset="test"), "subset 'test' in a file of 'train'"),
    "no annotations": (edit_entry(annotations=None), "has no list 'annotations'"),
    "an annotation that is a number": (edit_entry(annotations=[3]), "annotation 0 is a int"),
    "no label": (edit_annotation(label=""), "annotation 0 has label ''; expected a name"),
    "no label_id": (edit_annotation(label_id="46"), "annotation 0 has label_id '46'"),
    "two ids": (
        edit_annotation(label_id=99),
        "'male singing' has label_id (46, elsewhere 99|99, elsewhere 46); one id",
    ),
    "two labels": (
        edit_annotation(label="dog barking"),
        "'dog barking' has label_id 46, elsewhere 12; one id must mean one label",
    ),
    "an id in use": (edit_annotation(label="cat meowing", label_id=12), "label_id 12 is 'cat meowing', elsewhere 'dog"),
    "no folder": (edit_segment([3, 25]), "male_singing__st__3__et__25 was not found below"),
    "boundaries off by two": (edit_segment([3, 22]), "male_singing__st__3__et__22 was not found below"),
    "an entry that is a number": (lambda content: content.update({ODD_ID: 3}), "has no list 'annotations'"),
}


@pytest.mark.parametrize("case", BAD_JSON)
def test_a_bad_annotation_is_one_line(own_sample, case):
    edit, message = BAD_JSON[case]
    change(own_sample, "seg_train.json", edit)
    with pytest.raises(UserError, match=message) as caught:
        read_release(own_sample)
    assert "\n" not in str(caught.value)
    assert ".json" in str(caught.value)
    assert "video '" in str(caught.value) or "folder" in str(caught.value)


def test_broken_json_is_one_line(own_sample):
    path = next(own_sample.rglob("seg_val.json"))
    for content, message in [
        ('{"a": {', "not readable JSON"),
        ("[1]", "contains a list"),
        ('{"database": 3}', "contains a int"),
    ]:
        path.write_text(content)
        with pytest.raises(UserError, match=message) as caught:
            read_release(own_sample)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not readable JSON"):
        read_release(own_sample)


def test_a_video_listed_twice_and_missing_files(own_sample):
    next(own_sample.rglob("seg_val.json")).with_name("seg_test.json").write_text(
        next(own_sample.rglob("seg_val.json")).read_text().replace('"val"', '"test"')
    )
    with pytest.raises(UserError, match=r"seg_val.json: video 'val_1' is in seg_test.json already"):
        read_release(own_sample)
    with pytest.raises(UserError, match="is not a folder; download"):
        read_release(own_sample / "gone")
    (own_sample / "empty").mkdir()
    with pytest.raises(UserError, match="has no annotation file"):
        read_release(own_sample / "empty")


def test_missing_videos_are_reported_or_skipped(own_sample):
    next(own_sample.rglob(f"{ODD_ID}.mp4")).unlink()
    with pytest.raises(UserError, match=rf"video '{ODD_ID}' was not found below .*skip_missing"):
        read_release(own_sample)
    assert ODD_ID not in read_release(own_sample, skip_missing=True).videos
    shutil.rmtree(folder(own_sample, f"{VARYING}__dog"))
    release = read_release(own_sample, skip_missing=True)
    assert {ODD_ID, VARYING}.isdisjoint(release.videos)
    assert release.labels == read_release(own_sample, skip_missing=True).labels
    assert len(release.labels) == 3  # the classes do not depend on the downloaded videos


def check(root, name):
    release = read_release(root)
    check_video(release.videos[name], frame_index(release.videos[name].path))


ODD_FOLDER, HARD_FOLDER = f"{ODD_ID}__male_singing__st__3__", f"{HARD}__dog"
BAD_ARRAYS = {
    "two rows short": (
        ODD_FOLDER,
        "masks.npy",
        row_masks(15),
        "holds 15 rows for a segment of 17 frames .3-20.; they may",
    ),
    "two rows long": (ODD_FOLDER, "masks.npy", row_masks(19), "holds 19 rows for a segment of 17 frames"),
    "no rows": (ODD_FOLDER, "masks.npy", row_masks(0), "holds 0 rows"),
    "another size": (
        ODD_FOLDER,
        "masks.npy",
        row_masks(17, (64, 95)),
        r"shape \(17, 64, 95\); expected \(frames, 64, 96\)",
    ),
    "one dimension": (ODD_FOLDER, "masks.npy", np.zeros(17, bool), r"shape \(17,\)"),
    "another type": (
        ODD_FOLDER,
        "masks.npy",
        row_masks(17).astype(np.float32),
        "contains float32; expected bool or whole",
    ),
    "objects": (ODD_FOLDER, "masks.npy", np.array([None] * 17), "not a readable array"),
    "short boxes": (HARD_FOLDER, "bbox.npy", np.zeros((17, 4), np.float32), "holds 17 rows for a segment of 20 frames"),
    "five numbers": (
        HARD_FOLDER,
        "bbox.npy",
        np.zeros((20, 5), np.float32),
        r"shape \(20, 5\); expected \(frames, 4\)",
    ),
    "text": (HARD_FOLDER, "bbox.npy", np.full((20, 4), "x"), "expected numbers"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_a_bad_array_is_one_line(own_sample, case):
    folder_start, file, array, message = BAD_ARRAYS[case]
    path = folder(own_sample, folder_start) / file
    np.save(path, array, allow_pickle=True)
    with pytest.raises(UserError, match=message) as caught:
        check(own_sample, HARD if "bbox" in file else ODD_ID)
    assert "\n" not in str(caught.value)
    assert str(path.parent) in str(caught.value)


def test_missing_and_damaged_arrays_are_one_line(own_sample):
    path = folder(own_sample, ODD_FOLDER) / "masks.npy"
    for damage, message in [
        (lambda: path.write_bytes(path.read_bytes()[:5000]), "not a readable array"),
        (lambda: path.write_bytes(b""), "not a readable array"),
        (lambda: path.write_bytes(b"\x93NUMPY\x01\x00garbage" * 9), "not a readable array"),
        (path.unlink, "is missing; unpack"),
    ]:
        damage()
        with pytest.raises(UserError, match=message) as caught:
            check(own_sample, ODD_ID)
        assert "\n" not in str(caught.value)


def test_a_segment_may_end_one_frame_after_the_video_at_most(own_sample):
    check(own_sample, VARYING)
    longer = folder(own_sample, f"{VARYING}__playing")
    longer.rename(longer.with_name(longer.name.replace("__et__46", "__et__47")))
    change(own_sample, "seg_train.json", lambda content: content[VARYING]["annotations"][1].update(segment=[30, 47]))
    with pytest.raises(UserError, match=re.escape("segment 30-47 ends after the video's 45 frames")):
        check(own_sample, VARYING)

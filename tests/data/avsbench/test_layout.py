"""The official folder trees and index files."""

from pathlib import Path

import pytest

from avseg.data.avsbench.layout import AVSSLayout, MS3Layout, S4Layout, layout_for
from avseg.data.check.sources import read_sources
from avseg.data.setting import ClipEntry
from avseg.utils.errors import UserError


def test_s4_paths() -> None:
    layout = S4Layout("root")
    entry = ClipEntry("abc_7", "cat", "train", start=7)
    assert layout.frames(entry)[4] == Path("root/s4_data/visual_frames/train/cat/abc_7/abc_7_5.png")
    assert layout.masks(entry) == [Path("root/s4_data/gt_masks/train/cat/abc_7/abc_7_1.png")]
    assert len(layout.masks(ClipEntry("abc_7", "cat", "val"))) == 5
    assert layout.wav(entry) == Path("root/s4_data/audio_wav/train/cat/abc_7.wav")
    assert layout.log_mel(entry) == Path("root/s4_data/audio_log_mel/train/cat/abc_7.pkl")


def test_ms3_paths() -> None:
    layout = MS3Layout("root")
    entry = ClipEntry("abc", "", "train")
    assert layout.frames(entry)[0] == Path("root/ms3_data/visual_frames/abc/abc.mp4_1.png")
    assert layout.masks(entry)[4] == Path("root/ms3_data/gt_masks/train/abc/abc_5.png")
    assert layout.wav(entry) == Path("root/ms3_data/audio_wav/train/abc.wav")
    assert layout.log_mel(entry) == Path("root/ms3_data/audio_log_mel/train/abc.pkl")


@pytest.mark.parametrize(
    ("subset", "split", "frames", "masks"),
    [("v1s", "train", 5, 1), ("v1s", "val", 5, 5), ("v1m", "train", 5, 5), ("v2", "train", 10, 10)],
)
def test_avss_paths(subset: str, split: str, frames: int, masks: int) -> None:
    layout = AVSSLayout("root")
    entry = ClipEntry("uid", "cat", split, subset=subset)
    assert len(layout.frames(entry)) == frames
    assert len(layout.masks(entry)) == masks
    assert layout.frames(entry)[0] == Path(f"root/{subset}/uid/frames/0.jpg")
    assert layout.masks(entry)[0] == Path(f"root/{subset}/uid/labels_rgb/0.png")
    assert layout.wav(entry) == Path(f"root/{subset}/uid/audio.wav")


ENTRIES = {
    "s4": [ClipEntry("a_1", "cat", "train", 1.0), ClipEntry("b,é", "dog", "val", 2.5)],
    "ms3": [ClipEntry("a", "", "train"), ClipEntry("b", "", "test")],
    "avss": [ClipEntry("a", "cat", "train", 3.0, "v1s"), ClipEntry("b", "", "val", 0.0, "v2")],
}


@pytest.mark.parametrize("setting", ENTRIES)
def test_index_round_trip(setting: str, tmp_path: Path) -> None:
    layout = layout_for(setting, tmp_path)
    layout.write_index(ENTRIES[setting])
    assert layout.read_index() == ENTRIES[setting]
    assert layout.entries("train") == ENTRIES[setting][:1]


def test_names_and_starts_of_unknown_headers_go_by_position(tmp_path: Path) -> None:
    (tmp_path / "s4_meta_data.csv").write_text("﻿youtube,second,category,split\nabc,3,cat,val\n", encoding="utf-8")
    assert S4Layout(tmp_path).entries("val") == [ClipEntry("abc", "cat", "val", 3.0)]


def test_columns_in_another_order(tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("split,label,uid\ntest,v2,abc\n")
    assert AVSSLayout(tmp_path).entries("test") == [ClipEntry("abc", "", "test", subset="v2")]


def test_folder_of_the_release_is_accepted(tmp_path: Path) -> None:
    S4Layout(tmp_path / "Single-source").write_index(ENTRIES["s4"])
    assert S4Layout(tmp_path).root == tmp_path / "Single-source"
    assert len(S4Layout(tmp_path).read_index()) == 2


def test_the_folder_of_the_documentation_is_found_from_above(tmp_path: Path) -> None:
    for setting in ("s4", "ms3", "avss"):
        place = Path(read_sources()[setting].folder).name
        layout_for(setting, tmp_path / place).write_index(ENTRIES[setting])
        assert layout_for(setting, tmp_path).root == tmp_path / place


BAD_INDEXES = {
    "": "is empty",
    "a,b,c,d\nabc,0,cat,train\n": "no 'category'",
    "name,start,categroy,split\nabc,0,cat,train\n": "did you mean 'categroy'",
    "name,start,category,split\nabc,0,cat,trian\n": "row 2: split 'trian' is unknown.*did you mean 'train'",
    "name,start,category,split\nabc,0,cat\n": "row 2 has only 3 of its 4 fields",
    "name,start,category,split\nabc,soon,cat,val\n": "row 2: start 'soon' is not a number",
    "name,start,category,split\n,0,cat,val\n": "row 2: name is empty",
    "name,start,category,split\na,0,cat,val\nb,0,cat,val\na,4,cat,val\n": "row 4: clip 'a' is already in row 2",
}


@pytest.mark.parametrize("text", BAD_INDEXES)
def test_bad_index(text: str, tmp_path: Path) -> None:
    (tmp_path / "s4_meta_data.csv").write_text(text)
    with pytest.raises(UserError, match=BAD_INDEXES[text]) as caught:
        S4Layout(tmp_path).entries("train")
    assert "s4_meta_data.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_index_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "s4_meta_data.csv").write_bytes(b"\xff\xfe\x00\x81" * 9)
    with pytest.raises(UserError, match="not a readable csv"):
        S4Layout(tmp_path).read_index()


def test_missing_root_and_index(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere does not exist.*avseg data toy"):
        MS3Layout(tmp_path / "nowhere").entries("train")
    with pytest.raises(UserError, match=r"ms3_meta_data.csv is missing.*avseg data toy"):
        MS3Layout(tmp_path).entries("train")


def test_unknown_setting_split_and_subset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 's4'"):
        layout_for("s44", tmp_path)
    with pytest.raises(UserError, match="did you mean 'test'"):
        S4Layout(tmp_path).entries("tset")
    (tmp_path / "metadata.csv").write_text("uid,label,split\nabc,v3,test\n")
    with pytest.raises(UserError, match="row 2: label 'v3' is unknown; allowed: v1s, v1m, v2"):
        AVSSLayout(tmp_path).read_index()

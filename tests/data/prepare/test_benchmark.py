"""AVSBench's raw videos, prepared by the official index, are read like the released data."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.avsbench.layout import Layout, layout_for
from avseg.data.prepare.options import Options
from avseg.data.prepare.run import prepare
from avseg.data.setting import SPLITS, ClipEntry
from avseg.utils.errors import UserError
from tests.data.modules import avsbench_module
from tests.media.make_video import make_video, read_number, tone

SIZE = 48
CLIPS = [
    ClipEntry("-a_0", "dog", "train"),
    ClipEntry("b.c_3", "cat", "train", start=3),
    ClipEntry("d_1", "dog", "val"),
    ClipEntry("e_10", "cat", "test"),
]


def _raw(folder: Path, entry: ClipEntry, nested: bool, seconds: float) -> None:
    parent = folder / entry.split / entry.category if nested else folder
    parent.mkdir(parents=True, exist_ok=True)
    wave = tone(seconds, 16_000, 1, pitch=200.0 + 50 * len(entry.name))
    make_video(parent / f"{entry.name}.mp4", frames=round(24 * seconds), rate=24, waveform=wave)


def _release(folder: Path, setting: str, clips: list[ClipEntry], out: Path) -> Layout:
    """RawSample videos and the index in `folder`, masks in `out`."""
    layout, source = layout_for(setting, out), layout_for(setting, folder)
    data = folder / f"{setting}_data/raw_videos"
    for entry, seconds in zip(clips, (5.0, 10.0, 4.9, 5.1), strict=False):
        _raw(data, entry, setting == "s4", seconds)
    rows = [source._row(entry) for entry in CLIPS]
    with source.index_file.open("w", newline="") as file:
        csv.writer(file).writerows([source.header, *rows])
    for path in [path for entry in CLIPS for path in layout.masks(entry)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.eye(SIZE, dtype=np.uint8) * 255).save(path)
    return layout


@pytest.mark.parametrize("setting", ["s4", "ms3"])
def test_the_prepared_tree_is_read_like_the_release(tmp_path: Path, setting: str) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    layout = _release(raw, setting, CLIPS, out)
    outcomes = prepare(raw, out, Options(setting=setting, size=SIZE))
    assert not any(outcome.failed for outcome in outcomes)
    assert layout.index_file.read_bytes() == (raw / layout.index_name).read_bytes()
    assert "rest left out" in outcomes[1].notes
    data = avsbench_module(out, setting, image_size=SIZE, batch_size=2, controls=False)
    loaders = (data.train_dataloader, data.val_dataloader, data.test_dataloader)
    seen = [clip for loader in loaders for batch in loader() for clip in batch.video_id]
    assert sorted(seen) == sorted(entry.name for entry in CLIPS)
    for split in SPLITS:
        wav, log_mel = (AVSBenchDataset(out, setting, split, SIZE, audio=audio) for audio in ("wav", "log_mel"))
        for index in range(len(wav)):
            assert torch.equal(wav.sound(index), log_mel.sound(index))
            drawn = [read_number(frame.permute(1, 2, 0).numpy()) for frame in wav[index].frames[0]]
            assert drawn == [22, 46, 70, 94, 117 if wav.entries[index].name == "d_1" else 118]
            assert wav[index].masks.sum() > 0


def test_a_missing_video_is_named_and_the_index_stays_complete(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    layout = _release(raw, "ms3", CLIPS[:3], out)
    outcomes = prepare(raw, out, Options(setting="ms3", size=SIZE))
    assert [outcome.file for outcome in outcomes if outcome.failed] == ["ms3_data/raw_videos/e_10.mp4"]
    assert "is missing" in outcomes[3].reason
    assert [entry.name for entry in layout.read_index()] == [entry.name for entry in CLIPS]
    with pytest.raises(UserError, match="e_10"):
        AVSBenchDataset(out, "ms3", "test", SIZE)[0]
    _raw(raw / "ms3_data/raw_videos", CLIPS[3], nested=False, seconds=5.0)
    done: list[str] = []
    prepare(raw, out, Options(setting="ms3", size=SIZE), advance=lambda outcome: done.append(outcome.file))
    assert done == ["ms3_data/raw_videos/e_10.mp4"]
    assert AVSBenchDataset(out, "ms3", "test", SIZE)[0].frames.shape == (1, 5, 3, SIZE, SIZE)


def test_another_index_in_the_set_is_refused(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    raw.mkdir()
    layout = _release(raw, "ms3", CLIPS[:1], out)
    layout.index_file.write_text("name,split\nother,test\n")
    with pytest.raises(UserError, match="differs from"):
        prepare(raw, out, Options(setting="ms3", size=SIZE))
    assert not (out / "prepare.json").exists()

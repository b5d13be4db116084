"""Clips from a pack equal those of the files, bit for bit, however they are read."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from avseg.audio import LogMel
from avseg.data.avsbench.dataset import AVSBenchDataset
from avseg.data.pack import PackedDataset, arrays, build_pack
from avseg.data.setting import SPLITS
from avseg.utils.errors import UserError
from tests.data.fake import make_s4
from tests.data.modules import avsbench_module
from tests.data.pack.packs import MAKERS, assert_equal, packed_set


def _batches(root: Path, setting: str, packed: bool, **settings: Any) -> dict[str, list[Any]]:
    module = avsbench_module(root, setting, **{"batch_size": 2, "packed": packed, **settings})
    module.setup("fit")
    train, batches = module.train_dataloader(), {}
    for epoch in range(2):
        train.sampler.set_epoch(epoch)
        batches[f"train {epoch}"] = list(train)
    return {**batches, "val": list(module.val_dataloader()), "test": list(module.test_dataloader())}


@pytest.mark.parametrize(
    ("setting", "settings"),
    [
        ("s4", {"num_workers": 2}),
        ("ms3", {"batch_size": 3}),
        ("avss", {"frontend": LogMel("second")}),
        ("ms3", {"image_size": 27}),  # whose masks end within a byte
        ("avss", {"image_size": 20, "num_workers": 1}),
    ],
)
def test_batches_are_equal(tmp_path: Path, setting: str, settings: dict[str, Any]) -> None:
    packed_set(tmp_path, setting, settings.get("image_size", 32), frontend=settings.get("frontend", LogMel()))
    files, packed = (_batches(tmp_path, setting, choice, **settings) for choice in (False, True))
    for name, clips in files.items():
        assert len(packed[name]) == len(clips) > 0
        for clip, expected in zip(packed[name], clips, strict=True):
            assert_equal(clip, expected)
    assert set(packed["test"][0].controls) == {"silence", "noise", "other", "shuffled"}


def test_the_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed_set(tmp_path)
    modules = [avsbench_module(tmp_path, "ms3", packed=packed) for packed in (True, False)]
    packed, files = (module.val_dataloader() for module in modules)  # opening compares a clip
    monkeypatch.setattr("avseg.data.avsbench.dataset.read_frames", None)
    monkeypatch.setattr("avseg.data.avsbench.dataset.read_wav", None)
    assert len(list(packed)) == 1
    with pytest.raises(TypeError):
        list(files)


def test_single_clips_any_order_and_repeats(tmp_path: Path) -> None:
    packed_set(tmp_path, "s4")
    files, packed = (make(tmp_path, "s4", "train", 32) for make in (AVSBenchDataset, PackedDataset))
    assert len(packed) == len(files) == 4
    for index in (3, 0):
        assert_equal(packed[index], files[index])
        assert torch.equal(packed.sound(index), files.sound(index))
        assert packed.seconds(index) == files.seconds(index)
    assert packed.batch([2, 2, 0]).video_id == [files[2].video_id[0], files[2].video_id[0], files[0].video_id[0]]


def test_log_mel_files(tmp_path: Path) -> None:
    layout = make_s4(tmp_path, {"val": 2})
    for number, entry in enumerate(layout.entries("val")):
        layout.log_mel(entry).parent.mkdir(parents=True, exist_ok=True)
        torch.save(torch.randn(5, 1, 96, 64), layout.log_mel(entry))
        if number == 0:
            layout.wav(entry).unlink()
    files = AVSBenchDataset(tmp_path, "s4", "val", 32)
    build_pack(files, "fake")
    packed = PackedDataset(tmp_path, "s4", "val", 32)
    for index in range(2):
        assert_equal(packed[index], files[index])
    with pytest.raises(UserError, match="was packed with audio auto, but log_mel reads other files"):
        PackedDataset(tmp_path, "s4", "val", 32, audio="log_mel")


def test_a_spawned_process_maps_the_files_itself(tmp_path: Path) -> None:
    packed_set(tmp_path, "avss")
    packed = PackedDataset(tmp_path, "avss", "test", 32)
    content = pickle.dumps(packed)
    assert len(content) < 10_000
    assert_equal(pickle.loads(content)[1], packed[1])  # noqa: S301


def test_released_pages_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed_set(tmp_path)
    monkeypatch.setattr(arrays, "_MAX_TOUCHED", 1)
    files, packed = (make(tmp_path, "ms3", "train", 32) for make in (AVSBenchDataset, PackedDataset))
    for index in (0, 1, 0, 3):
        assert_equal(packed[index], files[index])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_truncated_while_it_is_read_is_one_line(tmp_path: Path, workers: int) -> None:
    """Reading on through the map would kill the process."""
    packed_set(tmp_path)
    module = avsbench_module(tmp_path, "ms3", num_workers=workers)
    loader = module.val_dataloader()
    with (tmp_path / "packed/val-32/frames.bin").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(UserError, match=r"frames\.bin was truncated or overwritten while it was read") as caught:
        list(loader)
    assert "\n" not in str(caught.value)


def test_the_log_names_packed_splits_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "avseg")
    packed_set(tmp_path, splits=("train", "val"))
    module = avsbench_module(tmp_path, "ms3")
    module.setup("fit")
    module.setup("test")
    assert [record.message for record in caplog.records] == [f"data: packed clips of train, val in {tmp_path}/packed"]
    assert not isinstance(module.dataset("test"), PackedDataset)
    other = avsbench_module(tmp_path, "ms3", image_size=64)  # no pack of this size
    other.setup("fit")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("setting", MAKERS)
def test_nothing_is_packed_twice(tmp_path: Path, setting: str) -> None:
    """No padding, no mask of a frame without label, and a bit for a pixel of two classes."""
    packed_set(tmp_path, setting)
    for split in SPLITS:
        folder, layout = tmp_path / "packed" / f"{split}-32", AVSBenchDataset(tmp_path, setting, split).layout
        frames = sum(len(layout.frames(entry)) for entry in layout.entries(split))
        masks = sum(len(layout.masks(entry)) for entry in layout.entries(split))
        assert (folder / "frames.bin").stat().st_size == frames * 3 * 32 * 32
        assert (folder / "patches.bin").stat().st_size == frames * 96 * 64 * 4
        assert (folder / "masks.bin").stat().st_size == masks * (32 * 32 if setting == "avss" else 32 * 32 // 8)

"""The data module: which process reads which clip, in which order; fingerprints and errors."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from avseg.data import datamodule, loader
from avseg.data.avsbench.avss import class_names
from avseg.data.avsbench.datamodule import AVSBenchDataModule
from avseg.data.clip import Clip
from avseg.data.loader import GuardedLoader, ShareSampler
from avseg.utils.errors import UserError
from tests.data.fake import make_avss, make_ms3, make_s4
from tests.data.modules import avsbench_module


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_s4(tmp_path, {"train": 9, "val": 5, "test": 5}, size=32)
    return tmp_path


def _module(root: Path, **settings: Any) -> AVSBenchDataModule:
    return avsbench_module(root, "s4", **settings)


def _order(loader: GuardedLoader, epoch: int) -> list[int]:
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return [index for clip in loader for index in clip.index.tolist()]


def test_training_order_depends_on_seed_and_epoch_alone(root: Path) -> None:
    loader = _module(root).train_dataloader()
    straight = [_order(loader, epoch) for epoch in range(4)]
    resumed = [_order(_module(root).train_dataloader(), epoch) for epoch in (2, 3)]
    assert straight[2:] == resumed
    assert all(sorted(order) == list(range(9)) for order in straight)
    assert len({tuple(order) for order in straight}) == 4
    assert _order(_module(root, seed=5).train_dataloader(), 0) != straight[0]


def test_lightning_sets_the_epoch_of_the_sampler(root: Path) -> None:
    indices = _fit(_module(root), 2)
    loader = _module(root).train_dataloader()
    assert indices == [_order(loader, 0), _order(loader, 1)]


class _Recorder(pl.LightningModule):
    """Records the clips of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.indices: dict[int, list[int]] = {}

    def training_step(self, clip: Clip, batch_index: int) -> torch.Tensor:
        self.indices.setdefault(self.current_epoch, []).extend(clip.index.tolist())
        return self.weight * 1.0

    def validation_step(self, clip: Clip, batch_index: int) -> None:
        assert clip.controls == {}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def _fit(data: AVSBenchDataModule, epochs: int) -> list[list[int]]:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    task = _Recorder()
    trainer.fit(task, datamodule=data)
    return list(task.indices.values())


@pytest.mark.parametrize(("count", "world_size"), [(5, 1), (5, 2), (8, 3), (2, 2)])
def test_shares_cover_each_clip_once(count: int, world_size: int) -> None:
    shares = [list(ShareSampler(range(count), rank, world_size)) for rank in range(world_size)]
    assert sorted(index for share in shares for index in share) == list(range(count))
    assert [len(ShareSampler(range(count), rank, world_size)) for rank in range(world_size)] == [len(s) for s in shares]


def test_no_process_is_idle() -> None:
    assert [list(ShareSampler(range(2), rank, 4)) for rank in range(4)] == [[0], [1], [0], [1]]


def test_two_processes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    indices: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    for rank in range(2):
        monkeypatch.setattr(datamodule, "get_rank", lambda rank=rank: rank)
        for module in (datamodule, loader):
            monkeypatch.setattr(module, "get_world_size", lambda: 2)
        module = _module(root)
        for name in indices:
            batches = list(getattr(module, f"{name}_dataloader")())
            assert max(len(clip) for clip in batches) == 2  # four over both processes
            indices[name] += [index for clip in batches for index in clip.index.tolist()]
    assert sorted(indices["val"]) == sorted(indices["test"]) == list(range(5))
    assert set(indices["train"]) == set(range(9))
    with pytest.raises(UserError, match=r"batch_size 3 cannot be shared by 2 processes"):
        _module(root, batch_size=3).setup("fit")


@pytest.mark.parametrize("workers", [0, 2])
def test_test_clips_carry_controls(root: Path, workers: int) -> None:
    clips = list(_module(root, num_workers=workers).test_dataloader())
    assert [clip.index.tolist() for clip in clips] == [[0, 1, 2, 3], [4]]
    assert clips[0].controls["other"].shape == clips[0].sound.shape == (4, 5, 1, 96, 64)
    assert next(iter(_module(root, controls=False).test_dataloader())).controls == {}


def test_another_split_for_the_test(root: Path) -> None:
    module = _module(root)
    module.test_split = "val"
    assert next(iter(module.test_dataloader())).video_id[0].startswith("val")


def test_settings(tmp_path: Path) -> None:
    make_s4(tmp_path / "s4")
    make_ms3(tmp_path / "ms3")
    make_avss(tmp_path / "avss")
    modules = [avsbench_module(tmp_path / name, name) for name in ("s4", "ms3", "avss")]
    assert [module.setting.num_classes for module in modules] == [1, 1, 71]
    assert [module.setting.clip_length for module in modules] == [5, 5, 10]
    assert [class_names(module.layout)[:2] for module in modules] == [(), (), ("background", "class1")]


def test_fingerprint(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    twin = tmp_path_factory.mktemp("twin")
    make_s4(twin, {"train": 9, "val": 5, "test": 5}, size=32)
    fingerprint = _module(root).fingerprint()
    assert fingerprint == _module(twin).fingerprint()  # the location does not count
    image = next((twin / "s4_data" / "visual_frames" / "train").rglob("*.png"))
    image.write_bytes(image.read_bytes() + b"\0")
    assert fingerprint != _module(twin).fingerprint()
    make_s4(twin, {"train": 8, "val": 5, "test": 5}, size=32)
    assert fingerprint != _module(twin).fingerprint()


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_in_a_worker_is_one_line(root: Path, workers: int) -> None:
    module = _module(root, num_workers=workers)
    module.layout.wav(module.dataset("train").entries[4]).write_bytes(b"")
    with pytest.raises(UserError) as caught:
        _fit(module, 1)
    assert "trainclip4_4.wav is not a readable sound file" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lightning_may_rebuild_the_loader(root: Path) -> None:
    """As it does for `overfit_batches`."""
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        overfit_batches=1,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    task = _Recorder()
    trainer.fit(task, datamodule=_module(root))
    assert list(task.indices.values()) == [[0, 1, 2, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"num_workers": -1}])
def test_numbers_that_are_too_small(root: Path, settings: dict[str, int]) -> None:
    with pytest.raises(UserError, match="too small"):
        _module(root, **settings)


def test_a_worker_does_not_free_objects_of_its_parent(tmp_path):
    """Freeing a decoder of FFmpeg in a fork would wait forever for threads that do not exist there."""
    parent = os.getpid()

    class Decoder:
        def __init__(self):
            self.container = self  # a cycle, as PyAV's objects are

        def __del__(self):
            if os.getpid() != parent:
                (tmp_path / "freed").touch()

    gc.disable()
    try:
        Decoder()
        if (child := os.fork()) == 0:
            gc.collect()
            os._exit(0)
        os.waitpid(child, 0)
    finally:
        gc.enable()
    assert not (tmp_path / "freed").exists()

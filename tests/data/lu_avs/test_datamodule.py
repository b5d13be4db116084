"""The data module: shares of the processes, order of the items, error messages and fingerprint."""

from collections import Counter

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from avseg.config.typed import build
from avseg.data import loader as loaders
from avseg.data.clip import Clip
from avseg.data.lu_avs import FrameBatch, LUAVSConfig, LUAVSDataModule, SoundBatch, datamodule
from avseg.data.lu_avs.sampling import EpochSampler, VideoShare, draw_index
from avseg.utils.errors import UserError
from tests.data.lu_avs.sample import HARD, ODD_ID, TEST, VARYING


def module(root, reads="mask", seed=123, **options):
    values = {"root": str(root), "image_size": 32, "batch_size": 2, "num_workers": 0, "per_video": 3} | options
    return LUAVSDataModule(build(LUAVSConfig, values, "data"), reads, seed=seed)


def names(batch):
    return list(zip(batch.video_id, batch.index.tolist(), strict=True))


def epoch_of(loader, epoch):
    loader.sampler.set_epoch(epoch)
    return [name for batch in loader for name in names(batch)]


@pytest.mark.parametrize(
    ("reads", "batch_type", "videos"),
    [("mask", FrameBatch, 3), ("box", FrameBatch, 4), ("audio", SoundBatch, 4), ("avs", Clip, 3)],
)
def test_each_reading_has_its_batches(sample_root, reads, batch_type, videos):
    data = module(sample_root, reads)
    data.setup("fit")
    assert len(data.videos("train")) == videos
    for loader, count in ((data.train_dataloader(), videos), (data.val_dataloader(), 1)):
        batches = list(loader)
        assert all(isinstance(batch, batch_type) for batch in batches)
        assert sum(map(len, batches)) == count * (1 if reads == "audio" else 3)
    assert data.num_classes == 3
    if reads == "audio":
        assert batches[0].targets.shape == (1, 3 + 1, 3)


def test_sounds_of_unequal_length_are_padded(sample_root):
    data = module(sample_root, "audio", batch_size=4)
    (batch,) = data.train_dataloader()
    lengths = batch.valid.sum(1)
    assert len(set(lengths.tolist())) > 1
    assert batch.sound.shape == (4, int(lengths.max()), 1, 96, 64)
    assert batch.targets.shape == (4, int(lengths.max()), 3)
    for row, length in enumerate(lengths):
        assert batch.valid[row, :length].all()
        assert not batch.sound[row, length:].any()


def test_training_depends_on_seed_and_epoch_only(sample_root):
    loader = module(sample_root).train_dataloader()
    uninterrupted = [epoch_of(loader, epoch) for epoch in range(4)]
    resumed = [epoch_of(module(sample_root).train_dataloader(), epoch) for epoch in (2, 3)]
    assert uninterrupted[2:] == resumed
    assert len({tuple(order) for order in uninterrupted}) == 4
    assert all(
        Counter(video for video, _ in order) == dict.fromkeys((ODD_ID, VARYING, "quiet_1"), 3)
        for order in uninterrupted
    )
    assert epoch_of(module(sample_root, seed=5).train_dataloader(), 0) != uninterrupted[0]


def test_persistent_workers_draw_as_a_single_process_does(sample_root):
    without_worker = module(sample_root).train_dataloader()
    with_worker = module(sample_root, num_workers=1).train_dataloader()
    for epoch in range(2):
        assert epoch_of(without_worker, epoch) == epoch_of(with_worker, epoch)


class Recorder(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.trained = {}
        self.tested = []

    def training_step(self, batch, batch_index):
        self.trained.setdefault(self.current_epoch, []).extend(names(batch))
        return self.weight * 1.0

    def test_step(self, video_id, batch_index):
        reader = self.trainer.datamodule.reader(video_id)
        self.tested.append((video_id, sum(len(chunk.index) for chunk in reader.chunks())))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def test_lightning_sets_the_epoch_and_passes_the_videos(sample_root):
    data, task = module(sample_root), Recorder()
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(accelerator="cpu", max_epochs=2, use_distributed_sampler=False, **quiet)
    trainer.fit(task, datamodule=data)
    loader = module(sample_root).train_dataloader()
    assert list(task.trained.values()) == [epoch_of(loader, 0), epoch_of(loader, 1)]
    trainer.test(task, datamodule=data, verbose=False)
    assert task.tested == [(TEST, 8)]  # four seconds with two frames each


@pytest.mark.parametrize(("count", "world_size"), [(7, 1), (7, 2), (7, 3), (3, 3)])
def test_a_video_belongs_to_one_process_in_evaluation(toy_root, count, world_size):
    videos = (module(toy_root).release.subset("train") + module(toy_root).release.subset("test"))[:count]
    shares = [list(VideoShare(videos, rank, world_size)) for rank in range(world_size)]
    assert sorted(index for share in shares for index in share) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    durations = [videos[index].duration for index in shares[0]]
    assert durations == sorted(durations, reverse=True)


def test_the_shares_of_training_have_one_size_and_cover_everything():
    samplers = [EpochSampler(range(7), rank, 2, seed=3) for rank in range(2)]
    for sampler in samplers:
        sampler.set_epoch(4)
    first, second = (list(sampler) for sampler in samplers)
    assert len(first) == len(second) == 4
    assert {index for _, index in first + second} == set(range(7))
    assert {epoch for epoch, _ in first + second} == {4}


def test_two_processes_share_the_items(sample_root, monkeypatch):
    monkeypatch.setattr(datamodule, "get_rank", lambda: 1)
    for patched in (datamodule, loaders):
        monkeypatch.setattr(patched, "get_world_size", lambda: 2)
    data = module(sample_root)
    assert sum(map(len, data.train_dataloader())) == 5  # 9 frames, 2 processes
    with pytest.raises(UserError, match="2 processes cannot share 1 videos; use at most 1"):
        data.test_dataloader()
    with pytest.raises(UserError, match="batch_size 3 cannot be shared by 2 processes"):
        module(sample_root, batch_size=3).setup("fit")


@pytest.mark.parametrize("num_workers", [0, 1])
def test_a_damaged_file_is_one_line_from_a_worker_too(own_sample, num_workers):
    path = next(own_sample.rglob(f"{ODD_ID}__male_singing__st__3__*")) / "masks.npy"
    path.write_bytes(b"")
    with pytest.raises(UserError, match="not a readable array") as caught:
        list(module(own_sample, num_workers=num_workers).train_dataloader())
    assert "\n" not in str(caught.value)


def test_the_fingerprint_follows_the_data(own_sample, sample_root):
    first = module(own_sample).fingerprint()
    assert len(first) == 16
    assert first == module(sample_root).fingerprint()  # the folder does not matter
    path = next(own_sample.rglob("seg_train.json"))
    path.write_text(path.read_text().replace('"duration": 4.0', '"duration": 4.5'))
    second = module(own_sample).fingerprint()
    array = next(own_sample.rglob(f"{HARD}__*")) / "bbox.npy"
    np.save(array, np.load(array)[:-1])
    assert len({first, second, module(own_sample).fingerprint()}) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reads": "masks"}, "reads 'masks' is unknown; allowed: mask, box, audio, avs; did you mean 'mask'?"),
        ({"reads": "avs", "image_size": None}, "data.image_size is null; clips need a number"),
        ({"batch_size": 0}, "data.batch_size=0 is not allowed"),
        ({"per_video": 0}, "data.per_video=0 is not allowed"),
        ({"silent_share": 1.5}, "data.silent_share=1.5 is not allowed; it must be less than or equal to 1"),
        ({"window": 0}, "data.window=0 is not allowed"),
        ({"rate": 0.0}, "data.rate=0.0 is not allowed; it must be greater than 0"),
        ({"image_size": 0}, "data.image_size=0 is not allowed"),
        ({"labels": 88}, "has 3 labels, but data.labels=88; set data.labels=3"),
    ],
)
def test_bad_options_are_reported(sample_root, options, message):
    with pytest.raises(UserError, match=message):
        module(sample_root, **options).setup("fit")


def test_a_split_without_videos_is_reported(own_sample):
    next(own_sample.rglob("seg_val.json")).unlink()
    with pytest.raises(UserError, match=r"has no video with annotations for 'mask' in the split 'val'"):
        module(own_sample).setup("fit")


def test_a_draw_is_from_its_stratum():
    sounding = np.array([0, 1, 1, 0, 1, 1, 0, 0], bool)
    rng = np.random.default_rng(0)
    assert {draw_index(sounding, 0, 2, 0.0, rng) for _ in range(50)} == {1, 2}
    assert {draw_index(sounding, 1, 2, 0.0, rng) for _ in range(50)} == {4, 5}
    assert {draw_index(sounding, 0, 1, 1.0, rng) for _ in range(90)} == {0, 3, 6, 7}
    shares = Counter(bool(sounding[draw_index(sounding, 0, 1, 0.25, rng)]) for _ in range(2000))
    assert 0.2 < shares[False] / 2000 < 0.3
    assert {draw_index(np.ones(3, bool), 0, 1, 1.0, rng) for _ in range(50)} == {0, 1, 2}

"""LU-AVS for the Lightning trainer: loaders for each branch of the strong baseline, and readers for evaluation."""

import hashlib
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset, Sampler

from avseg.audio.frontend import FrontEnd, LogMel
from avseg.data.clip import collate_clips
from avseg.data.loader import (
    Collate,
    GuardedLoader,
    ShareSampler,
    batch_size_per_process,
    default_workers,
    make_loader,
)
from avseg.data.lu_avs.batches import collate_frames, collate_sounds
from avseg.data.lu_avs.config import LUAVSConfig
from avseg.data.lu_avs.evaluation import VideoReader
from avseg.data.lu_avs.frames import FrameDataset
from avseg.data.lu_avs.paths import DATA_NAMES, find_paths
from avseg.data.lu_avs.release import read_release
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.sampling import EpochSampler, VideoShare
from avseg.data.lu_avs.seconds import FRAMES_PER_SECOND, SecondDataset
from avseg.data.lu_avs.sound import SoundDataset
from avseg.data.lu_avs.types import LUVideo, Release
from avseg.data.setting import ClipSetting
from avseg.utils.choices import check_choice
from avseg.utils.distributed import get_rank, get_world_size
from avseg.utils.errors import UserError

Reads = Literal["mask", "box", "audio", "avs"]
READS: tuple[str, ...] = get_args(Reads)
_COLLATE: dict[str, Collate] = {"audio": collate_sounds, "avs": collate_clips}


class LUAVSDataModule(pl.LightningDataModule):
    """Loaders for one kind of model, and readers of the test videos.

    The loaders have their own samplers: give the trainer `use_distributed_sampler=False`. Random draws in training
    depend on seed, epoch and item only, so that a resumed run sees what an uninterrupted one sees. In the test each
    video belongs to one process, which reads it in chunks. Loaders yield `FrameBatch` for `reads` "mask" and "box",
    `SoundBatch` for "audio", and `Clip` for "avs" (a second with five frames). Without a front end the sound is the
    log-mel patches of each second.

    Raises:
        UserError: an unknown value of `reads`, options that do not fit it.
    """

    setting = ClipSetting("lu_avs", clip_length=FRAMES_PER_SECOND, clip_lengths=(FRAMES_PER_SECOND,), fixed_size=False)

    def __init__(
        self, config: LUAVSConfig, reads: str = "mask", frontend: FrontEnd | None = None, seed: int = 123
    ) -> None:
        super().__init__()
        check_choice("reads", reads, READS)
        if reads == "avs" and config.image_size is None:
            raise UserError("data.image_size is null; clips need a number, 224 in the paper")
        self.config = config
        self.reads = reads
        self.frontend = frontend or LogMel("second")  # the visual branches do not read sound
        if reads in ("audio", "avs") and not self.frontend.per_frame:
            raise UserError(f"the front end {self.frontend.name} has one item per clip; LU-AVS needs one per second")
        self.seed = seed
        self.root = Path(config.root).expanduser()
        self.fit = Fit(config.image_size, config.long_side, square=reads == "avs")
        self.rate = config.rate
        self.num_workers = default_workers() if config.num_workers is None else config.num_workers
        self.test_split = "test"

    @cached_property
    def release(self) -> Release:
        """All videos and labels; errors as in `read_release`, or if the number of labels is not the configured one."""
        release = read_release(self.root, skip_missing=self.config.skip_missing)
        count = len(release.labels)
        if self.config.labels not in (None, count):
            text = f"{self.root} has {count} labels, but data.labels={self.config.labels}; set data.labels={count}"
            raise UserError(text)
        return release

    @property
    def labels(self) -> list[str]:
        """Names of the classes."""
        return self.release.labels

    @property
    def num_classes(self) -> int:
        """Number of classes, K."""
        return len(self.labels)

    def setup(self, stage: str) -> None:
        """Check the release, the splits of a stage and the batch size before anything starts."""
        for split in ("train", "val") if stage == "fit" else (self.test_split,):
            self.videos(split)  # raises if there are none
        batch_size_per_process(self.config.batch_size)

    def videos(self, split: str) -> list[LUVideo]:
        """Return the videos of a split with the annotations that `reads` needs; raises `UserError` without any."""
        videos = [video for video in self.release.subset(split) if self._is_usable(video)]
        if not videos:
            raise UserError(f"{self.root} has no video with annotations for '{self.reads}' in the split '{split}'")
        return videos

    def _is_usable(self, video: LUVideo) -> bool:
        # boxes are computed from masks if there is no bbox.npy, but both need the folder of the segment
        if self.reads == "box":
            return all(segment.folder for segment in video.segments)
        return video.has_masks or self.reads == "audio"

    def dataset(self, split: str) -> Dataset[Any]:
        """Return the items of a split; errors as in `videos`."""
        config = self.config
        videos = self.videos(split)
        if self.reads == "audio":
            window = config.window if split == "train" else None  # validation reads whole sounds
            return SoundDataset(videos, self.num_classes, self.frontend, window, config.share, self.seed)
        if self.reads == "avs":
            return SecondDataset(
                videos,
                self.labels,
                self.fit,
                self.frontend,
                per_video=config.per_video,
                silent_share=config.silent_share,
                seed=self.seed,
            )
        return FrameDataset(
            videos,
            self.fit,
            with_masks=self.reads == "mask",
            per_video=config.per_video,
            silent_share=config.silent_share,
            mirror=config.mirror,
            seed=self.seed,
        )

    def train_dataloader(self) -> GuardedLoader:
        """Return this process's training items, in a new order each epoch; the last batch may be smaller."""
        dataset = self.dataset("train")
        return self._make_loader(dataset, EpochSampler(dataset, get_rank(), get_world_size(), self.seed))  # type: ignore[arg-type]

    def val_dataloader(self) -> GuardedLoader:
        """Return this process's share of the validation split: the same frames, seconds and whole sounds each time."""
        dataset = self.dataset("val")
        return self._make_loader(dataset, ShareSampler(dataset, get_rank(), get_world_size()))  # type: ignore[arg-type]

    def test_dataloader(self) -> "DataLoader[str]":
        """Return the ids of this process's videos of the test split, one at a time, for `reader`.

        Raises:
            UserError: more processes than videos, as a process without one would wait forever for the others' scores.
        """
        videos = self.videos(self.test_split)
        world_size = get_world_size()
        if len(videos) < world_size:
            raise UserError(f"{world_size} processes cannot share {len(videos)} videos; use at most {len(videos)}")
        ids: Any = [video.id for video in videos]  # a list is a map-style data set
        return DataLoader(ids, batch_size=None, sampler=VideoShare(videos, get_rank(), world_size))

    def reader(self, video_id: str) -> VideoReader:
        """Return the reader of a video with its ground truth at the rate of the evaluation."""
        return VideoReader(self.release.videos[video_id], self.rate, self.fit, self.config.frames_per_chunk)

    @property
    def walked_names(self) -> str:
        """The pattern of names of annotations, videos and arrays, below `root`: see `avseg.runs.inputs`."""
        return DATA_NAMES

    def fingerprint(self) -> str:
        """Return 16 hexadecimal digits that identify the data: annotations, and each file's name and size."""
        digest = hashlib.sha256()
        for path in find_paths(self.root).annotation_files:
            digest.update(os.fsencode(path.name) + path.read_bytes())
        # sizes instead of contents: the arrays of a release are too large to read
        for video_id in sorted(self.release.videos):
            for path in _files(self.release.videos[video_id]):
                line = f"{path.parent.name}/{path.name}:{path.stat().st_size}\n"
                digest.update(line.encode(errors="surrogateescape"))  # names need not be UTF-8
        return digest.hexdigest()[:16]

    def _make_loader(self, dataset: Dataset[Any], sampler: Sampler[Any]) -> GuardedLoader:
        collate = _COLLATE.get(self.reads, collate_frames)
        return make_loader(dataset, sampler, self.config.batch_size, self.num_workers, collate)


def _files(video: LUVideo) -> Iterator[Path]:
    """Yield the video file and the arrays of its segments."""
    yield video.path
    for segment in video.segments:
        if segment.folder is not None:
            yield from sorted(segment.folder.glob("*.npy"))

"""LU-AVS for the Lightning trainer: loaders for each branch of the strong baseline, and streams for evaluation."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from avseg.data.clip import collate_clips
from avseg.data.loader import ShareSampler, default_workers
from avseg.data.lu_avs.batches import Chunk, collate_frames, collate_sounds
from avseg.data.lu_avs.frames import FrameDataset
from avseg.data.lu_avs.loader import GuardedLoader
from avseg.data.lu_avs.paths import find_places
from avseg.data.lu_avs.release import read_release
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.sampling import EpochSampler, VideoShare
from avseg.data.lu_avs.seconds import SecondDataset
from avseg.data.lu_avs.sound import SoundDataset
from avseg.data.lu_avs.streaming import stream
from avseg.data.lu_avs.types import LUVideo, Release
from avseg.utils.distributed import get_rank, get_world_size
from avseg.utils.errors import UserError, nearest

Branch = Literal["mask", "box", "audio", "avs"]
BRANCHES: tuple[str, ...] = get_args(Branch)


class LUAVSDataModule(pl.LightningDataModule):
    """Loaders for one branch. They bring their own samplers: give the trainer `use_distributed_sampler=False`.

    What is drawn in training depends on the seed, the epoch and the item alone, so that a resumed run sees what a
    straight one sees. In the test each video belongs to one process, which streams it.

    Args:
        root: holds the release, see `read_release`.
        branch: "mask" and "box" give `FrameBatch`, "audio" `SoundBatch`, "avs" `Clip` (a second with five frames).
        image_size: the short side of frames in pixels, None = as they are; branch "avs": the side of a square.
        long_side: at most so many pixels of the longer side.
        batch_size: items per step over all processes together.
        num_workers: reading processes per training process; None = one less than the processors, at most 4.
        per_video: frames (audio: not used) that an epoch takes from each video.
        silent_share: probability that such a frame or second is one in which nothing sounds.
        mirror: probability that a training frame is mirrored.
        window: branch "audio": seconds of each video in training; None = all. Validation takes whole videos.
        share: of a second that a class must sound to be a target in it.
        rate: frames per second of evaluation streams.
        frames_per_chunk: the most frames of a stream held at once.
        skip_missing: go on without videos that were not downloaded.
        seed: of all that is drawn.

    Attributes:
        test_split: the split of `test_dataloader`.
    """

    def __init__(
        self,
        root: Path | str,
        branch: Branch = "mask",
        image_size: int | None = None,
        long_side: int | None = None,
        batch_size: int = 4,
        num_workers: int | None = None,
        per_video: int = 8,
        silent_share: float = 0.0,
        mirror: float = 0.0,
        window: int | None = None,
        share: float = 0.5,
        rate: float = 2.0,
        frames_per_chunk: int = 8,
        skip_missing: bool = False,
        seed: int = 123,
    ) -> None:
        super().__init__()
        if branch not in BRANCHES:
            allowed = ", ".join(BRANCHES) + nearest(branch, BRANCHES)
            raise UserError(f"data.branch '{branch}' is unknown; allowed: {allowed}")
        if branch == "avs" and image_size is None:
            raise UserError("data.image_size is null; branch 'avs' needs a number, 224 in the paper")
        self.root, self.branch, self.seed, self.skip_missing = Path(root), branch, seed, skip_missing
        self.fit = Fit(image_size, long_side, square=branch == "avs")
        self.batch_size, self.per_video, self.window = batch_size, per_video, window
        self.num_workers = default_workers() if num_workers is None else num_workers
        self.silent_share, self.mirror, self.share = silent_share, mirror, share
        self.rate, self.frames_per_chunk = rate, frames_per_chunk
        self.test_split = "test"
        self._check_numbers()

    @cached_property
    def release(self) -> Release:
        """All videos and labels.

        Raises:
            UserError: see `read_release`.
        """
        return read_release(self.root, skip_missing=self.skip_missing)

    @property
    def labels(self) -> list[str]:
        """The names of the classes."""
        return self.release.labels

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.labels)

    def setup(self, stage: str) -> None:
        """Checks the release and the batch size before anything starts.

        Raises:
            UserError: see `read_release`; no video for a split; a batch size that the processes cannot share.
        """
        for split in ("train", "val") if stage == "fit" else (self.test_split,):
            self.videos(split)
        self._batch_size_here()

    def videos(self, split: str) -> list[LUVideo]:
        """The videos of a split that this branch can use.

        Raises:
            UserError: there is none.
        """
        found = [v for v in self.release.subset(split) if v.has_masks or self.branch not in ("mask", "avs")]
        if self.branch == "box":
            found = [video for video in found if all(segment.folder for segment in video.segments)]
        if not found:
            raise UserError(f"{self.root} has no video for data.branch={self.branch} in the split '{split}'")
        return found

    def dataset(self, split: str) -> Dataset[Any]:
        """The items of a split for this branch.

        Raises:
            UserError: see `videos`.
        """
        videos, train = self.videos(split), split == "train"
        draws: dict[str, Any] = {"silent_share": self.silent_share, "per_video": self.per_video, "seed": self.seed}
        if self.branch == "audio":
            window = self.window if train else None
            return SoundDataset(videos, self.num_classes, window=window, share=self.share, seed=self.seed)
        if self.branch == "avs":
            return SecondDataset(videos, self.labels, self.fit, **draws)
        return FrameDataset(videos, self.fit, with_masks=self.branch == "mask", mirror=self.mirror, **draws)

    def train_dataloader(self) -> GuardedLoader:
        """Shuffled anew each epoch; the last batch may be smaller."""
        dataset = self.dataset("train")
        return self._loader(dataset, EpochSampler(dataset, get_rank(), get_world_size(), self.seed))  # type: ignore[arg-type]

    def val_dataloader(self) -> GuardedLoader:
        """This process's share of the validation split: the same frames, seconds and whole sounds each time."""
        dataset = self.dataset("val")
        return self._loader(dataset, ShareSampler(dataset, get_rank(), get_world_size()))  # type: ignore[arg-type]

    def test_dataloader(self) -> "DataLoader[str]":
        """The ids of this process's videos of the test split, one at a time, each to be streamed.

        Raises:
            UserError: more processes than videos: one would wait for the others' scores forever.
        """
        videos, (rank, world_size) = self.videos(self.test_split), (get_rank(), get_world_size())
        if len(videos) < world_size:
            raise UserError(f"{world_size} processes cannot share {len(videos)} videos; use at most {len(videos)}")
        ids: Any = [video.id for video in videos]
        return DataLoader(ids, batch_size=None, sampler=VideoShare(videos, rank, world_size))

    def stream(self, video_id: str) -> Iterator[Chunk]:
        """A video with its ground truth at the evaluation's rate, see `avseg.data.lu_avs.stream`."""
        video = self.release.videos[video_id]
        return stream(video, self.release, self.rate, frames_per_chunk=self.frames_per_chunk, fit=self.fit)

    def fingerprint(self) -> str:
        """16 hexadecimal digits that tell one set of data from another: annotations, and each file's name and size.

        Raises:
            UserError: see `read_release`.
        """
        digest = hashlib.sha256()
        for path in find_places(self.root).jsons:
            digest.update(path.name.encode() + path.read_bytes())
        for video in (self.release.videos[key] for key in sorted(self.release.videos)):
            for path in [video.path, *(file for segment in video.segments for file in _arrays(segment.folder))]:
                digest.update(f"{path.parent.name}/{path.name}:{path.stat().st_size}\n".encode())
        return digest.hexdigest()[:16]

    def _loader(self, dataset: Dataset[Any], sampler: Sampler[Any]) -> GuardedLoader:
        joins: dict[str, Callable[[Sequence[Any]], Any]] = {"audio": collate_sounds, "avs": collate_clips}
        return GuardedLoader(
            dataset,
            joins.get(self.branch, collate_frames),
            batch_size=self._batch_size_here(),
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
        )

    def _batch_size_here(self) -> int:
        """Items per step in this process."""
        world_size = get_world_size()
        if self.batch_size % world_size:
            raise UserError(
                f"data.batch_size {self.batch_size} cannot be shared by {world_size} processes; "
                f"take a multiple of {world_size}"
            )
        return self.batch_size // world_size

    def _check_numbers(self) -> None:
        for key, least in (("batch_size", 1), ("num_workers", 0), ("per_video", 1), ("frames_per_chunk", 1)):
            if getattr(self, key) < least:
                raise UserError(f"data.{key} {getattr(self, key)} is too small; the least is {least}")
        for key in ("silent_share", "mirror", "share"):
            if not 0 <= getattr(self, key) <= 1:
                raise UserError(f"data.{key} {getattr(self, key)} is no share; allowed: 0 to 1")
        if self.window is not None and self.window < 1:
            raise UserError(f"data.window {self.window} is too small; give 1 second or more, or null")
        if not self.rate > 0:
            raise UserError(f"data.rate {self.rate} is too small; give frames per second above 0")


def _arrays(folder: Path | None) -> list[Path]:
    return sorted(folder.glob("*.npy")) if folder is not None else []

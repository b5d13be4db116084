"""The sound of a long video second by second, and who sounds in each second: what the audio branch learns from."""

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.log_mel import SAMPLE_RATE, log_mel_patches
from avseg.data.lu_avs.batches import SoundBatch
from avseg.data.lu_avs.sampling import Key, drawing
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.media.sound_reader import sound_seconds


def sound_patches(video: LUVideo) -> Tensor:
    """The log-mel patch of each second: exactly one for each, so that they never drift against the frames.

    Returns:
        (S, 1, 96, 64) float32, S = `frame_index(video.path).video.seconds`. A video without sound is silent.

    Raises:
        UserError: the file is missing or damaged.
    """
    # a second at a time: all at once the front end holds half a megabyte of double precision for each
    seconds = sound_seconds(frame_index(video.path).video)
    return torch.cat([log_mel_patches(torch.from_numpy(wave), SAMPLE_RATE, "second") for wave in seconds])


def second_targets(video: LUVideo, num_classes: int, share: float = 0.5) -> Tensor:
    """Which classes sound in each second.

    Args:
        video: with its segments.
        num_classes: K.
        share: of the second (of what there is of the last one) that a class must sound to count.

    Returns:
        (S, K) float32 of 0 and 1.
    """
    return (coverage(video, num_classes) >= share - 1e-6).float()


def coverage(video: LUVideo, num_classes: int) -> Tensor:
    """The share of each second in which a class sounds, (S, K) float32; overlapping segments of a class count once."""
    index = frame_index(video.path)
    edges, seconds = index.edges(), index.video.seconds
    bounds = np.minimum(np.arange(seconds + 1), edges[-1])
    there = np.maximum(np.diff(bounds), 1e-9)
    shares = np.zeros((seconds, num_classes), np.float32)
    for label in video.classes:
        heard = np.append(0.0, np.cumsum(np.diff(edges) * sounding_frames(video, index, label)))
        shares[:, label] = np.diff(np.interp(bounds, edges, heard)) / there
    return torch.from_numpy(shares)


def sounding_frames(video: LUVideo, index: FrameIndex, label: int | None = None) -> np.ndarray:
    """Whether a class (None: any) sounds in each frame of a video, (N,) bool."""
    sounding = np.zeros(len(index), np.bool_)
    for segment in video.segments:
        if label is None or segment.label == label:
            sounding[segment.start : segment.end] = True
    return sounding


class PatchCache:
    """Keeps the patches of the videos heard last: epochs of the audio branch see each video again.

    Args:
        videos: how many to keep; a minute of sound takes 1.5 MB.
    """

    def __init__(self, videos: int = 128) -> None:
        self.videos = videos
        self.kept: OrderedDict[str, Tensor] = OrderedDict()

    def patches(self, video: LUVideo) -> Tensor:
        """See `sound_patches`."""
        if video.id not in self.kept:
            self.kept[video.id] = sound_patches(video)
        self.kept.move_to_end(video.id)
        while len(self.kept) > max(self.videos, 1):
            self.kept.popitem(last=False)
        return self.kept[video.id]


class SoundDataset(Dataset[SoundBatch]):
    """The sound of videos, whole or in windows, with the classes of each second.

    Args:
        videos: any.
        num_classes: K.
        window: seconds, drawn anew in each epoch; None = whole videos.
        share: of a second that a class must sound, see `second_targets`.
        seed: of the windows.
        cache: videos whose patches are kept in memory.
    """

    def __init__(
        self,
        videos: Sequence[LUVideo],
        num_classes: int,
        *,
        window: int | None = None,
        share: float = 0.5,
        seed: int = 0,
        cache: int = 128,
    ) -> None:
        self.videos, self.num_classes, self.window, self.share, self.seed = videos, num_classes, window, share, seed
        self.cache = PatchCache(cache)

    def __len__(self) -> int:
        """Number of videos."""
        return len(self.videos)

    def __getitem__(self, key: Key) -> SoundBatch:
        """One video.

        Raises:
            UserError: the video is missing or damaged.
        """
        number, rng = drawing(self.seed, key)
        video = self.videos[number]
        patches, targets = self.cache.patches(video), second_targets(video, self.num_classes, self.share)
        length = min(self.window or len(patches), len(patches))
        begin = int(rng.integers(len(patches) - length + 1))
        return SoundBatch(
            patches=patches[None, begin : begin + length],
            targets=targets[None, begin : begin + length],
            valid=torch.ones(1, length, dtype=torch.bool),
            video_id=[video.id],
        )

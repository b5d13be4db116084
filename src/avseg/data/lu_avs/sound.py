"""Sound of long videos second by second with the sounding classes, for the training of the audio branch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.frontend import FrontEnd, fit_to_frames
from avseg.data.lu_avs.batches import SoundBatch
from avseg.data.lu_avs.sampling import Key, split_key
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.utils.lru import LRUCache

CACHED_VIDEOS = 128  # epochs read each video again; a minute of log-mel patches takes 1.5 MB


def sound_patches(video: LUVideo, frontend: FrontEnd) -> Tensor:
    """Compute the item of the front end for each second, such as the log-mel patch, (S, *shape): one each, no drift.

    A video without a sound track is silent.
    """
    items = []
    for waveform in sound_seconds(frame_index(video.path).video):
        items.append(second_item(waveform, frontend))
    return torch.stack(items)


def second_item(waveform: np.ndarray, frontend: FrontEnd) -> Tensor:
    """Convert the sound of one second to one item (*shape).

    Of a whole video at once the log-mel front end would need half a megabyte per second.
    """
    return fit_to_frames(frontend(torch.from_numpy(waveform), RATE), 1)[0]


def second_targets(video: LUVideo, num_classes: int, share: float = 0.5) -> Tensor:
    """Return the classes that sound in each second, (S, K) float32 of 0 and 1.

    A class must sound for at least `share` of the second (of the existing part of the last one).
    """
    return (class_coverage(video, num_classes) >= share - 1e-6).float()


def class_coverage(video: LUVideo, num_classes: int) -> Tensor:
    """Compute the share of each second in which a class sounds, (S, K) float32; overlapping segments count once."""
    index = frame_index(video.path)
    edges = index.edges()  # (N + 1,) seconds
    seconds = index.video.seconds
    bounds = np.minimum(np.arange(seconds + 1), edges[-1])  # (S + 1,)
    lengths = np.maximum(np.diff(bounds), 1e-9)  # of each second; the last one may be shorter
    shares = np.zeros((seconds, num_classes), np.float32)  # (S, K)
    for label in video.classes:
        frame_lengths = np.diff(edges) * sounding_frames(video, index, label)  # (N,) seconds, 0 for silent frames
        sounding_time = np.append(0.0, np.cumsum(frame_lengths))  # up to each edge
        shares[:, label] = np.diff(np.interp(bounds, edges, sounding_time)) / lengths
    return torch.from_numpy(shares)


def sounding_frames(video: LUVideo, index: FrameIndex, label: int | None = None) -> np.ndarray:
    """Return True for each frame of a video in which a class (None: any class) sounds, (N,) bool."""
    sounding = np.zeros(len(index), np.bool_)
    for segment in video.segments:
        if label is None or segment.label == label:
            sounding[segment.start : segment.end] = True
    return sounding


@dataclass(eq=False, repr=False)
class SoundDataset(Dataset[SoundBatch]):
    """Sounds of videos, whole or in windows, with the classes of each second."""

    videos: Sequence[LUVideo]  # with or without masks
    num_classes: int  # K
    frontend: FrontEnd
    window: int | None = None  # seconds, at a new position in each epoch; None = whole videos
    share: float = 0.5  # of a second that a class must sound, see `second_targets`
    seed: int = 0

    def __post_init__(self) -> None:
        self.cache: LRUCache[str, Tensor] = LRUCache(CACHED_VIDEOS)

    def __len__(self) -> int:
        return len(self.videos)

    def __getitem__(self, key: Key) -> SoundBatch:
        """Read one video; raises `UserError` if it is missing or damaged."""
        position, rng = split_key(self.seed, key)
        video = self.videos[position]
        sound = self.cache.get_or_compute(video.id, lambda: sound_patches(video, self.frontend))  # (S, *shape)
        targets = second_targets(video, self.num_classes, self.share)  # (S, K)
        length = min(self.window or len(sound), len(sound))
        begin = int(rng.integers(len(sound) - length + 1))
        return SoundBatch(
            sound=sound[None, begin : begin + length],
            targets=targets[None, begin : begin + length],
            valid=torch.ones(1, length, dtype=torch.bool),
            video_id=[video.id],
        )

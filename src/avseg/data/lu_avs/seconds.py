"""Clips of one second of sound and five frames: the adaptation of the AVS model to long videos.

LU-AVS, section of the compared methods: "AVS: one second of audio and five frames uniformly sampled in that second".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.audio.frontend import FrontEnd
from avseg.data.clip import Clip
from avseg.data.lu_avs.ground_truth import check_video, segment_masks
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.sampling import Key, draw_index, split_key
from avseg.data.lu_avs.sound import CACHED_VIDEOS, second_targets, sound_patches
from avseg.data.lu_avs.streaming import read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, frame_index
from avseg.utils.lru import LRUCache

FRAMES_PER_SECOND = 5


@dataclass(eq=False, repr=False)
class SecondDataset(Dataset[Clip]):
    """Seconds of videos, each with five frames and the union of the sounding masks."""

    videos: Sequence[LUVideo]  # with masks
    labels: Sequence[str]
    fit: Fit  # size of the frames; it must be the same for all, so `square` or videos of one shape
    frontend: FrontEnd
    per_video: int = 8  # seconds of each video in an epoch, spread over it
    silent_share: float = 0.0  # probability of a silent second
    seed: int = 0

    def __post_init__(self) -> None:
        self.cache: LRUCache[str, Tensor] = LRUCache(CACHED_VIDEOS)

    def __len__(self) -> int:
        return len(self.videos) * self.per_video

    def __getitem__(self, key: Key) -> Clip:
        """Read one second; raises `UserError` if the video or its arrays are missing, damaged or inconsistent."""
        position, rng = split_key(self.seed, key)
        video = self.videos[position // self.per_video]
        targets = second_targets(video, len(self.labels))  # (S, K)
        sounding = targets.any(1).numpy()  # (S,)
        second = draw_index(sounding, position % self.per_video, self.per_video, self.silent_share, rng)
        check_video(video, frame_index(video.path))
        sound = self.cache.get_or_compute(video.id, lambda: sound_patches(video, self.frontend))  # (S, *shape)
        clip = second_clip(video, second, sound[second], self.fit)
        clip.category = [", ".join(self.labels[label] for label in targets[second].nonzero()[:, 0].tolist())]
        clip.index = torch.tensor([position])
        return clip


def frames_of_second(index: FrameIndex, second: int) -> np.ndarray:
    """Return the numbers of the five frames of a second, (5,): those on screen in the middle of each fifth of it."""
    return index.shown_at(second + (np.arange(FRAMES_PER_SECOND) + 0.5) / FRAMES_PER_SECOND)


def second_clip(video: LUVideo, second: int, patch: Tensor, fit: Fit) -> Clip:
    """Read one second as a batch of one clip of five frames, each with the sound of the whole second.

    Without masks the clip is not annotated. `patch` is the item of the front end for the second, (*shape).
    """
    index = frame_index(video.path)
    numbers = frames_of_second(index, second)  # (5,)
    size = (index.video.height, index.video.width)
    sounding = np.zeros((FRAMES_PER_SECOND, *size), np.bool_)  # (5, H, W)
    for segment in video.segments if video.has_masks else ():
        sounding |= segment_masks(segment, numbers, size)
    frame_size = fit.frame_size(index.video)
    frames = read_frames(index, numbers, frame_size)  # (5, 3, h, w)
    masks = torch.from_numpy(sounding)[None]  # (1, 5, H, W)
    if frame_size != size:
        masks = torch.nn.functional.interpolate(masks.byte(), frame_size, mode="nearest-exact")
    valid = torch.ones(1, FRAMES_PER_SECOND, dtype=torch.bool)
    return Clip(
        frames=frames[None],
        sound=patch.expand(1, FRAMES_PER_SECOND, *patch.shape).contiguous(),  # (1, 5, *shape)
        masks=masks.byte(),
        annotated=valid & video.has_masks,
        valid=valid,
        video_id=[video.id],
        category=[""],
        index=torch.tensor([second]),
    )

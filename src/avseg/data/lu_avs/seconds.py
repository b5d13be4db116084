"""The AVS model's adaptation to long videos: one second of sound and five frames of it.

LU-AVS, section of the compared methods: "AVS: one second of audio and five frames uniformly sampled in that second".
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from avseg.data.clip import Clip
from avseg.data.lu_avs.ground_truth import check_video, segment_masks
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.sampling import Key, drawing, pick
from avseg.data.lu_avs.sound import PatchCache, second_targets, sound_patches
from avseg.data.lu_avs.streaming import read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, FrameReader, frame_index

FRAMES_PER_SECOND = 5


class SecondDataset(Dataset[Clip]):
    """The AVS model's adaptation to long videos: one second of sound and five frames of it.

    Args:
        videos: those with masks.
        labels: names of the classes.
        fit: the size of the frames; they must all get the same, so `square` or videos of one shape.
        per_video: seconds of each video in an epoch, spread over it.
        silent_share: probability of a second in which nothing sounds.
        seed: of all that is drawn.
    """

    def __init__(
        self,
        videos: Sequence[LUVideo],
        labels: Sequence[str],
        fit: Fit,
        *,
        per_video: int = 8,
        silent_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.videos, self.labels, self.fit, self.per_video = videos, labels, fit, per_video
        self.silent_share, self.seed = silent_share, seed
        self.cache = PatchCache()

    def __len__(self) -> int:
        """Seconds in an epoch."""
        return len(self.videos) * self.per_video

    def __getitem__(self, key: Key) -> Clip:
        """One second.

        Raises:
            UserError: the video or its arrays are missing, damaged or do not belong together.
        """
        number, rng = drawing(self.seed, key)
        video = self.videos[number // self.per_video]
        targets = second_targets(video, len(self.labels))
        part = number % self.per_video
        second = pick(targets.any(1).numpy(), part, self.per_video, self.silent_share, rng)
        category = ", ".join(self.labels[label] for label in targets[second].nonzero()[:, 0].tolist())
        check_video(video, frame_index(video.path))
        clip = second_clip(video, second, self.cache.patches(video)[second], self.fit)
        clip.category, clip.index = [category], torch.tensor([number])
        return clip


def second_clips(video: LUVideo, fit: Fit) -> Iterator[tuple[Tensor, Clip]]:
    """All seconds of a video in order, as the AVS model is evaluated.

    Returns:
        The numbers (5,) of the frames of each second, and its clip.

    Raises:
        UserError: see `SecondDataset`.
    """
    index = frame_index(video.path)
    check_video(video, index)
    with FrameReader(index) as reader:
        for second, patch in enumerate(sound_patches(video)):
            numbers = torch.from_numpy(frames_of_second(index, second))
            yield numbers, second_clip(video, second, patch, fit, reader)


def frames_of_second(index: FrameIndex, second: int) -> np.ndarray:
    """The five frames that stand for a second, (5,): those on the screen in the middle of each fifth of it."""
    return index.shown_at(second + (np.arange(FRAMES_PER_SECOND) + 0.5) / FRAMES_PER_SECOND)


def second_clip(video: LUVideo, second: int, patch: Tensor, fit: Fit, reader: FrameReader | None = None) -> Clip:
    """One second of a video as a batch of one clip of five frames, each with the sound of the whole second.

    Args:
        video: with masks, or the clip is not annotated.
        second: from 0.
        patch: (1, 96, 64), its sound.
        fit: the size of the frames.
        reader: of the video, where it is open already.
    """
    index = frame_index(video.path)
    numbers = frames_of_second(index, second)
    size = (index.video.height, index.video.width)
    sounding = np.zeros((FRAMES_PER_SECOND, *size), np.bool_)
    for segment in video.segments if video.has_masks else ():
        sounding |= segment_masks(segment, numbers, size)
    frames = read_frames(index, numbers, fit.size(*size), reader)
    masks = torch.from_numpy(sounding)[None]
    if fit.size(*size) != size:
        masks = torch.nn.functional.interpolate(masks.byte(), fit.size(*size), mode="nearest-exact")
    exists = torch.ones(1, FRAMES_PER_SECOND, dtype=torch.bool)
    return Clip(
        frames=frames[None],
        sound=patch.expand(1, FRAMES_PER_SECOND, *patch.shape).contiguous(),
        masks=masks.byte(),
        annotated=exists & video.has_masks,
        valid=exists,
        video_id=[video.id],
        category=[""],
        index=torch.tensor([second]),
    )

"""Annotated frames: what the visual branches learn from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch.utils.data import Dataset

from avseg.data.lu_avs.batches import FrameBatch
from avseg.data.lu_avs.ground_truth import active, check_video, segment_boxes, segment_masks
from avseg.data.lu_avs.resize import Fit, Objects
from avseg.data.lu_avs.sampling import Key, drawing, pick
from avseg.data.lu_avs.sound import sounding_frames
from avseg.data.lu_avs.streaming import read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, frame_index


class FrameDataset(Dataset[FrameBatch]):
    """Single frames with the masks or boxes of what sounds in them.

    Args:
        videos: for masks, those that have them.
        fit: the size of the frames.
        with_masks: masks and boxes, or boxes alone.
        per_video: frames of each video in an epoch, spread over it.
        silent_share: probability of a frame in which nothing sounds.
        mirror: probability that left and right are swapped, in training.
        seed: of all that is drawn.
    """

    def __init__(
        self,
        videos: Sequence[LUVideo],
        fit: Fit,
        *,
        with_masks: bool,
        per_video: int = 8,
        silent_share: float = 0.0,
        mirror: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.videos, self.fit, self.with_masks, self.per_video = videos, fit, with_masks, per_video
        self.silent_share, self.mirror, self.seed = silent_share, mirror, seed

    def __len__(self) -> int:
        """Frames in an epoch."""
        return len(self.videos) * self.per_video

    def __getitem__(self, key: Key) -> FrameBatch:
        """One frame.

        Raises:
            UserError: the video or its arrays are missing, damaged or do not belong together.
        """
        number, rng = drawing(self.seed, key)
        video = self.videos[number // self.per_video]
        index = frame_index(video.path)
        check_video(video, index)
        sounding = sounding_frames(video, index)
        frame = pick(sounding, number % self.per_video, self.per_video, self.silent_share, rng)
        return self._batch(video, index, frame, isinstance(key, tuple) and bool(rng.uniform() < self.mirror))

    def _batch(self, video: LUVideo, index: FrameIndex, number: int, mirror: bool) -> FrameBatch:
        size = self.fit.size(index.video.height, index.video.width)
        frame = read_frames(index, np.array([number]), size)
        objects = objects_at(video, index, number, self.with_masks).resized(size)
        if mirror:
            frame, objects = frame.flip(-1), objects.mirrored()
        return FrameBatch(
            frames=frame,
            masks=None if objects.masks is None else [objects.masks],
            boxes=[objects.boxes],
            classes=[objects.classes],
            video_classes=[torch.tensor(video.classes, dtype=torch.int64)],
            video_id=[video.id],
            index=torch.tensor([number]),
            sizes=torch.tensor([size]),
        )


def objects_at(video: LUVideo, index: FrameIndex, number: int, with_masks: bool) -> Objects:
    """The sounding objects that are seen in a frame, one for each segment, at the video's own size.

    Args:
        video: with its segments.
        index: the video's table.
        number: of the frame.
        with_masks: masks and boxes, or boxes alone.
    """
    size = (index.video.height, index.video.width)
    frames = np.array([number])
    masks, boxes, classes = [], [], []
    for segment in video.segments:
        if segment.folder is None or not active(segment, frames)[0]:
            continue
        mask = segment_masks(segment, frames, size) if video.has_masks else None
        box = segment_boxes(segment, frames, size, mask)
        if np.isfinite(box).all() and (mask is None or mask.any()):
            boxes.append(torch.from_numpy(box))
            classes.append(segment.label)
            masks.extend([torch.from_numpy(mask)] if mask is not None else [])
    return Objects(
        masks=torch.cat([*masks, torch.zeros(0, *size, dtype=torch.bool)]) if with_masks else None,
        boxes=torch.cat([*boxes, torch.zeros(0, 4)]),
        classes=torch.tensor(classes, dtype=torch.int64),
        size=size,
    )

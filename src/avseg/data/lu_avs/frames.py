"""Annotated frames for the training of the visual branches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from avseg.data.lu_avs.batches import FrameBatch
from avseg.data.lu_avs.ground_truth import check_video, is_sounding, segment_boxes, segment_masks
from avseg.data.lu_avs.resize import Fit, Objects
from avseg.data.lu_avs.sampling import Key, draw_index, split_key
from avseg.data.lu_avs.sound import sounding_frames
from avseg.data.lu_avs.streaming import read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, frame_index


@dataclass(eq=False, repr=False)
class FrameDataset(Dataset[FrameBatch]):
    """Single frames with the masks or boxes of their sounding objects."""

    videos: Sequence[LUVideo]  # must have masks if `with_masks`
    fit: Fit
    with_masks: bool  # masks and boxes, or boxes only
    per_video: int = 8  # frames of each video in an epoch, spread over it
    silent_share: float = 0.0  # probability of a frame without a sounding object
    mirror: float = 0.0  # probability of a horizontal flip in training
    seed: int = 0

    def __len__(self) -> int:
        return len(self.videos) * self.per_video

    def __getitem__(self, key: Key) -> FrameBatch:
        """Read one frame; raises `UserError` if the video or its arrays are missing, damaged or inconsistent."""
        position, rng = split_key(self.seed, key)
        video = self.videos[position // self.per_video]
        index = frame_index(video.path)
        check_video(video, index)
        sounding = sounding_frames(video, index)  # (N,)
        number = draw_index(sounding, position % self.per_video, self.per_video, self.silent_share, rng)
        in_training = isinstance(key, tuple)
        return self._read(video, index, number, in_training and bool(rng.uniform() < self.mirror))

    def _read(self, video: LUVideo, index: FrameIndex, number: int, mirror: bool) -> FrameBatch:
        size = self.fit.frame_size(index.video)
        frame = read_frames(index, np.array([number]), size)  # (1, 3, H, W)
        objects = objects_at(video, index, number, self.with_masks).resized(size)
        if mirror:
            frame = frame.flip(-1)
            objects = objects.mirrored()
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
    """Return the visible sounding objects of frame `number`, one for each segment, at the size of the video."""
    size = (index.video.height, index.video.width)
    frames = np.array([number])
    masks = [torch.zeros(0, *size, dtype=torch.bool)]
    boxes = [torch.zeros(0, 4)]
    classes: list[int] = []
    for segment in video.segments:
        if segment.folder is None or not is_sounding(segment, frames)[0]:
            continue
        mask = segment_masks(segment, frames, size) if video.has_masks else None  # (1, H, W)
        box = segment_boxes(segment, frames, size, mask)  # (1, 4)
        is_visible = np.isfinite(box).all() and (mask is None or mask.any())
        if is_visible:
            boxes.append(torch.from_numpy(box))
            classes.append(segment.label)
            if mask is not None:
                masks.append(torch.from_numpy(mask))
    return Objects(
        masks=torch.cat(masks) if with_masks else None,
        boxes=torch.cat(boxes),
        classes=torch.tensor(classes, dtype=torch.int64),
        size=size,
    )

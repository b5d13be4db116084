"""Stream a long video a few frames at a time, with its ground truth: memory is independent of its length."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from avseg.data.lu_avs.batches import Chunk
from avseg.data.lu_avs.ground_truth import check_video, is_sounding, segment_boxes, segment_masks
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameIndex, FrameReader, frame_index
from avseg.media.video import UprightRGB

ORIGINAL_SIZE = Fit()


def read_chunks(video: LUVideo, rate: float, frames_per_chunk: int = 8, fit: Fit = ORIGINAL_SIZE) -> Iterator[Chunk]:
    """Yield frames on a regular time grid with their masks and boxes, at most `frames_per_chunk` at a time.

    `rate` is in frames per second, see `FrameIndex.at_rate`; `math.inf` is every frame. Frames are resized by `fit`;
    masks and boxes keep the size of the video, at which they are scored.

    Raises:
        UserError: the video or its arrays are missing, damaged or inconsistent.
    """
    index = frame_index(video.path)
    check_video(video, index)
    numbers = frame_numbers(index, rate)  # (N,)
    size = (index.video.height, index.video.width)
    with FrameReader(index, cache=2) as reader:
        for begin in range(0, len(numbers), frames_per_chunk):
            chunk_numbers = numbers[begin : begin + frames_per_chunk]  # (n,)
            frames = read_frames(index, chunk_numbers, fit.frame_size(index.video), reader)  # (n, 3, h, w)
            chunk = make_chunk(video, index, chunk_numbers, frames)
            add_ground_truth(chunk, video, size)
            yield chunk


def frame_numbers(index: FrameIndex, rate: float) -> npt.NDArray[np.int64]:
    """Return the numbers of the frames on a regular time grid, (n,); every frame for an infinite rate."""
    return np.arange(len(index)) if rate == np.inf else index.at_rate(rate)


def make_chunk(video: LUVideo, index: FrameIndex, numbers: npt.NDArray[np.int64], frames: Tensor) -> Chunk:
    """Make a chunk of frames (n, 3, h, w) with their numbers and times, without ground truth."""
    return Chunk(video.id, torch.from_numpy(numbers), torch.from_numpy(index.video.times[numbers]), frames)


def read_frames(
    index: FrameIndex, numbers: npt.NDArray[np.int64], size: tuple[int, int], reader: FrameReader | None = None
) -> Tensor:
    """Read upright frames by number, (n,) -> (n, 3, H, W) uint8 RGB, bilinear where `size` (height, width) differs.

    `reader` is an open reader of the video, if there is one.
    """
    upright = UprightRGB(index.video.view, *size)
    images = torch.empty(len(numbers), 3, *size, dtype=torch.uint8)
    frames = index.decode(numbers) if reader is None else reader.decode(numbers)
    for image, frame in zip(images, frames, strict=True):
        image.copy_(torch.from_numpy(upright(frame.image)).permute(2, 0, 1))
    return images


def add_ground_truth(chunk: Chunk, video: LUVideo, size: tuple[int, int]) -> None:
    """Add masks, boxes and audibility of the classes that sound in a chunk; `size` is height and width of the video."""
    frames = chunk.index.numpy()
    boxes: dict[int, list[list[npt.NDArray[np.float32]]]] = {}  # by class, then by frame
    for segment in video.segments:
        on = is_sounding(segment, frames)  # (n,)
        if not on.any():
            continue
        label = segment.label
        if label not in chunk.sounding:
            chunk.sounding[label] = torch.zeros(len(frames), dtype=torch.bool)
            boxes[label] = [[] for _ in frames]
        chunk.sounding[label] |= torch.from_numpy(on)
        masks = segment_masks(segment, frames, size) if video.has_masks else None  # (n, H, W)
        if masks is not None:
            union = chunk.masks.setdefault(label, torch.from_numpy(masks))
            union |= torch.from_numpy(masks)
        for i, box in enumerate(segment_boxes(segment, frames, size, masks)):
            if np.isfinite(box).all():
                boxes[label][i].append(box)
    for label, boxes_of_frames in boxes.items():
        arrays = [np.array(frame_boxes, np.float32).reshape(-1, 4) for frame_boxes in boxes_of_frames]
        chunk.boxes[label] = list(map(torch.from_numpy, arrays))

"""A long video a few frames at a time, with its ground truth: memory does not grow with its length."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from avseg.data.lu_avs.batches import Chunk
from avseg.data.lu_avs.ground_truth import active, check_video, segment_boxes, segment_masks
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.types import LUVideo, Release
from avseg.media.frame_index import FrameIndex, FrameReader, frame_index
from avseg.media.video import UprightRGB
from avseg.utils.errors import UserError

WHOLE = Fit()


def stream(
    video: LUVideo, release: Release, rate: float, *, frames_per_chunk: int = 8, fit: Fit = WHOLE
) -> Iterator[Chunk]:
    """Frames on a regular time grid with their masks and boxes.

    Args:
        video: what to read.
        release: the one that the video is of.
        rate: frames per second; `math.inf` = every frame. See `FrameIndex.at_rate`.
        frames_per_chunk: the most frames held at once.
        fit: the size of the frames; masks and boxes stay at the video's own size, at which they are scored.

    Raises:
        UserError: the video is not of this release; its file or its arrays are missing, damaged or do not belong
            together.
    """
    if video.id not in release.videos:
        raise UserError(f"video '{video.id}' is not in this release of {len(release.videos)} videos")
    index = frame_index(video.path)
    check_video(video, index)
    numbers = np.arange(len(index)) if rate == np.inf else index.at_rate(rate)
    size = (index.video.height, index.video.width)
    with FrameReader(index, cache=2) as reader:
        for begin in range(0, len(numbers), frames_per_chunk):
            part = numbers[begin : begin + frames_per_chunk]
            frames = read_frames(index, part, fit.size(*size), reader)
            chunk = Chunk(video.id, torch.from_numpy(part), torch.from_numpy(index.video.times[part]), frames)
            add_ground_truth(chunk, video, size)
            yield chunk


def read_frames(
    index: FrameIndex, numbers: npt.NDArray[np.int64], size: tuple[int, int], reader: FrameReader | None = None
) -> Tensor:
    """Frames by number, upright.

    Args:
        index: the video's table.
        numbers: (n,).
        size: height and width of the result.
        reader: of the video, where it is open already.

    Returns:
        (n, 3, H, W) uint8 RGB, bilinear where the size differs.
    """
    upright = UprightRGB(index.video.rotation, *size)
    pictures = torch.empty(len(numbers), 3, *size, dtype=torch.uint8)
    frames = index.decode(numbers) if reader is None else reader.decode(numbers)
    for picture, frame in zip(pictures, frames, strict=True):
        picture.copy_(torch.from_numpy(upright(frame.image)).permute(2, 0, 1))
    return pictures


def add_ground_truth(chunk: Chunk, video: LUVideo, size: tuple[int, int]) -> None:
    """Fills a chunk's masks, boxes and who sounds, for the classes that sound in one of its frames.

    Args:
        chunk: with its frame numbers.
        video: with its segments.
        size: height and width of the video.
    """
    frames = chunk.index.numpy()
    boxes: dict[int, list[list[npt.NDArray[np.float32]]]] = {}
    for segment in video.segments:
        on = active(segment, frames)
        if not on.any():
            continue
        label = segment.label
        chunk.sounding[label] = chunk.sounding.get(label, torch.zeros(len(frames), dtype=torch.bool)) | _tensor(on)
        masks = segment_masks(segment, frames, size) if video.has_masks else None
        if masks is not None:
            union = chunk.masks.setdefault(label, torch.from_numpy(masks))
            union |= torch.from_numpy(masks)
        found = segment_boxes(segment, frames, size, masks)
        for rows, box in zip(boxes.setdefault(label, [[] for _ in frames]), found, strict=True):
            rows.extend([box] if np.isfinite(box).all() else [])
    for label, lists in boxes.items():
        chunk.boxes[label] = [_tensor(np.array(found, np.float32).reshape(-1, 4)) for found in lists]


def _tensor(array: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(array)

"""What the evaluation of a long video needs beside its stream: its size, its time line, its seconds."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from avseg.data.lu_avs.batches import Chunk
from avseg.data.lu_avs.ground_truth import active, check_video
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.seconds import frames_of_second
from avseg.data.lu_avs.sound import sound_patches
from avseg.data.lu_avs.streaming import add_ground_truth, read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameReader, frame_index


def video_size(video: LUVideo) -> tuple[int, int]:
    """Height and width of the upright pictures."""
    found = frame_index(video.path).video
    return found.height, found.width


def timeline(video: LUVideo, rate: float) -> Chunk:
    """Who sounds at each frame of the stream at that rate; no picture is decoded, so the chunk has none.

    Args:
        video: any.
        rate: frames per second, see `avseg.data.lu_avs.stream`.

    Raises:
        UserError: the video file is missing or damaged.
    """
    index = frame_index(video.path)
    numbers = np.arange(len(index)) if rate == np.inf else index.at_rate(rate)
    sounding: dict[int, Tensor] = {}
    for segment in video.segments:
        on = torch.from_numpy(active(segment, numbers))
        sounding[segment.label] = sounding.get(segment.label, torch.zeros_like(on)) | on
    times = torch.from_numpy(index.video.times[numbers])
    return Chunk(
        video.id, torch.from_numpy(numbers), times, torch.zeros(0, 3, 1, 1, dtype=torch.uint8), sounding=sounding
    )


def annotated_seconds(video: LUVideo, fit: Fit) -> Iterator[tuple[Chunk, Tensor]]:
    """Each second as the AVS model takes it, with the ground truth at the video's own size.

    Args:
        video: with masks.
        fit: the size of the frames.

    Returns:
        Five frames (fewer where the video has fewer in that second), and the second's patch (1, 96, 64).

    Raises:
        UserError: the video's file or its arrays are missing, damaged or do not belong together.
    """
    index = frame_index(video.path)
    check_video(video, index)
    size, last = video_size(video), -1
    with FrameReader(index) as reader:
        for second, patch in enumerate(sound_patches(video)):
            numbers = np.unique(frames_of_second(index, second))
            numbers = numbers[numbers > last]  # at a low rate a frame may be shown in two seconds; it counts once
            if not len(numbers):
                continue
            last = numbers[-1]
            frames = read_frames(index, numbers, fit.size(*size), reader)
            chunk = Chunk(video.id, torch.from_numpy(numbers), torch.from_numpy(index.video.times[numbers]), frames)
            add_ground_truth(chunk, video, size)
            yield chunk, patch

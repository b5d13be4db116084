"""Inputs of the evaluation of a long video in addition to its stream: size, timeline and seconds."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from avseg.audio.frontend import FrontEnd
from avseg.data.lu_avs.batches import Chunk
from avseg.data.lu_avs.ground_truth import check_video, is_sounding
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.seconds import frames_of_second
from avseg.data.lu_avs.sound import sound_patches
from avseg.data.lu_avs.streaming import add_ground_truth, frame_numbers, make_chunk, read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameReader, frame_index


def video_size(video: LUVideo) -> tuple[int, int]:
    """Return height and width of the upright frames."""
    info = frame_index(video.path).video
    return info.height, info.width


def timeline(video: LUVideo, rate: float) -> Chunk:
    """Return the sounding classes at each frame of the stream; the chunk has no frames, as nothing is decoded.

    Args:
        video: with or without masks.
        rate: frames per second, see `avseg.data.lu_avs.stream`.

    Raises:
        UserError: the video file is missing or damaged.
    """
    index = frame_index(video.path)
    numbers = frame_numbers(index, rate)
    chunk = make_chunk(video, index, numbers, torch.zeros(0, 3, 1, 1, dtype=torch.uint8))
    for segment in video.segments:
        on = torch.from_numpy(is_sounding(segment, numbers))
        chunk.sounding[segment.label] = chunk.sounding.get(segment.label, torch.zeros_like(on)) | on
    return chunk


def annotated_seconds(video: LUVideo, fit: Fit, frontend: FrontEnd) -> Iterator[tuple[Chunk, Tensor]]:
    """Yield each second as the AVS model reads it, with the ground truth at the size of the video.

    Args:
        video: with masks.
        fit: size of the frames.
        frontend: of the model.

    Yields:
        Five frames (fewer if the video has fewer in that second), and the item of the second (*shape).

    Raises:
        UserError: the video or its arrays are missing, damaged or inconsistent.
    """
    index = frame_index(video.path)
    check_video(video, index)
    size = video_size(video)
    last = -1
    with FrameReader(index) as reader:
        for second, patch in enumerate(sound_patches(video, frontend)):
            numbers = np.unique(frames_of_second(index, second))
            numbers = numbers[numbers > last]  # at a low rate two seconds may show the same frame; it counts once
            if not len(numbers):
                continue
            last = numbers[-1]
            frames = read_frames(index, numbers, fit.size(*size), reader)
            chunk = make_chunk(video, index, numbers, frames)
            add_ground_truth(chunk, video, size)
            yield chunk, patch

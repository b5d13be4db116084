"""Read a long video the way models predict it, with its ground truth for an evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from avseg.audio.frontend import FrontEnd
from avseg.data.lu_avs.batches import Chunk
from avseg.data.lu_avs.ground_truth import check_video, is_sounding
from avseg.data.lu_avs.resize import Fit
from avseg.data.lu_avs.seconds import frames_of_second
from avseg.data.lu_avs.sound import second_item
from avseg.data.lu_avs.streaming import add_ground_truth, frame_numbers, make_chunk, read_chunks, read_frames
from avseg.data.lu_avs.types import LUVideo
from avseg.media.frame_index import FrameReader, frame_index
from avseg.media.sound_reader import sound_seconds


@dataclass(frozen=True)
class VideoReader:
    """Reads a long video in memory independent of its length; `avseg predict` reads videos without annotations."""

    video: LUVideo  # with its segments; without any the chunks have no ground truth
    rate: float  # frames per second, see `avseg.data.lu_avs.read_chunks`
    fit: Fit
    frames_per_chunk: int = 8  # maximum number of frames in memory

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the upright frames."""
        info = frame_index(self.video.path).video
        return info.height, info.width

    def chunks(self) -> Iterator[Chunk]:
        """Yield frames on a regular time grid, see `avseg.data.lu_avs.read_chunks`."""
        return read_chunks(self.video, self.rate, self.frames_per_chunk, self.fit)

    def waveforms(self) -> Iterator[np.ndarray]:
        """Yield the sound of each second, see `sound_seconds`."""
        return sound_seconds(frame_index(self.video.path).video)

    def timeline(self) -> Chunk:
        """Return the sounding classes at each frame of the grid; the chunk has no frames, as nothing is decoded."""
        index = frame_index(self.video.path)
        numbers = frame_numbers(index, self.rate)  # (n,)
        chunk = make_chunk(self.video, index, numbers, torch.zeros(0, 3, 1, 1, dtype=torch.uint8))
        for segment in self.video.segments:
            on = torch.from_numpy(is_sounding(segment, numbers))
            chunk.sounding[segment.label] = chunk.sounding.get(segment.label, torch.zeros_like(on)) | on
        return chunk

    def seconds(self, frontend: FrontEnd) -> Iterator[tuple[Chunk, Tensor]]:
        """Yield each second as the AVS model reads it: at most five frames, and the item of the front end (*shape)."""
        index = frame_index(self.video.path)
        check_video(self.video, index)
        last = -1
        with FrameReader(index) as reader:
            for second, waveform in enumerate(self.waveforms()):
                numbers = np.unique(frames_of_second(index, second))
                numbers = numbers[numbers > last]  # at a low rate two seconds may show the same frame; it counts once
                if not len(numbers):
                    continue
                last = numbers[-1]
                frames = read_frames(index, numbers, self.fit.frame_size(index.video), reader)  # (n, 3, h, w)
                chunk = make_chunk(self.video, index, numbers, frames)
                add_ground_truth(chunk, self.video, self.size)
                yield chunk, second_item(waveform, frontend)

"""Decode the frames of a video one by one, and choose those of its seconds.

Everything streams: of a video of any length one frame is held at a time.
"""

from collections.abc import Iterator

import numpy as np
from av.video.frame import VideoFrame

from avseg.media.container import images, open_video, video_stream
from avseg.media.timestamps import FAR, REORDER_DEPTH
from avseg.media.video import Frame, Video, second_of
from avseg.utils.errors import UserError


def frames(video: Video) -> Iterator[Frame]:
    """Decode the frames in display order, without damaged packets; a video without any frame is a `UserError`."""
    with open_video(video.path) as container:
        stream = video_stream(container, video.path)
        clock = FrameClock(video)
        for image in images(container, stream, video.clock):
            yield clock.frame(image)
    if clock.count == 0:
        raise UserError(f"{video.path}: none of its frames can be decoded; the file is damaged")


def official_frames(video: Video) -> list[int]:
    """Select the frame that represents each second, by AVSBench's rule.

    With r = round(frame rate) it is frame int(l r + 15 r / 16) of second l, clamped to the last one. On a long video
    with a fractional rate that rule drifts against the sound (29.97: one frame in 33 s); where it has left its own
    second, and where the frame rate varies, the frame nearest to l + 15/16 s is used.
    """
    last = len(video.times) - 1
    rounded = round(video.frame_rate)
    numbers = []
    for second in range(video.seconds):
        number = min(int(second * rounded + 15 * rounded / 16), last)
        drifted = second_of(float(video.times[number])) != second
        if not video.constant_rate or drifted:
            number = _nearest(video.times, second + 15 / 16)
        numbers.append(number)
    return numbers


class FrameClock:
    """Assign numbers and times to the decoded frames of a video."""

    def __init__(self, video: Video) -> None:
        self.video = video
        self.count = 0
        self.last = 0  # number of the last frame
        self.ahead = -REORDER_DEPTH  # number of the last frame that seemed too far ahead

    def frame(self, image: VideoFrame) -> Frame:
        """Wrap the next decoded image in display order."""
        number = min(self.count, len(self.video.times) - 1)
        if self.video.timed and image.time is not None:
            # decoders may drop frames (of a damaged start, say), so the time identifies the frame
            time = image.time - self.video.start
            number = _nearest(self.video.times, time)
            if abs(self.video.times[number] - time) > FAR:  # its time stamp is damaged
                number = self.last
            elif self.count and number > self.last + REORDER_DEPTH and number > self.ahead + REORDER_DEPTH:
                # the next frame tells whether frames are missing here or this time stamp is damaged
                self.ahead, number = number, self.last
        self.count += 1
        self.last = number
        return Frame(number, float(self.video.times[number]), image)


def _nearest(times: np.ndarray, time: float) -> int:
    """Return the index of the entry of the sorted `times` that is nearest to `time`."""
    right = int(np.searchsorted(times, time))
    if right == 0:
        return 0
    if right == len(times):
        return len(times) - 1
    return right if times[right] - time < time - times[right - 1] else right - 1

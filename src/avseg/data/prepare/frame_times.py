"""Select the frame that represents each second of a clip."""

import numpy as np
import numpy.typing as npt

from avseg.data.prepare.options import FrameRule
from avseg.media.frame_index import FrameIndex
from avseg.media.video import CLOCK_ERROR

OFFICIAL_OFFSET = 15 / 16  # seconds; AVSBench samples 16 frames of each second and keeps the last


def clip_frames(index: FrameIndex, begin: int, count: int, rule: FrameRule, *, cut: bool) -> list[int]:
    """Return the numbers of a clip's frames, one per second, ascending; the last repeats where the video is short.

    "official", the rule of AVSBench: with r = round(frame rate), second l is frame int(l r + 15 r / 16) of the clip,
    clamped to the last one. That rule assumes a constant rate; otherwise the frame nearest to l + 15/16 s is taken.
    "second": the frame on the screen at l + 0.5 s, by its time.

    With `cut` the clip is one of many of a long video, which begins at second `begin`, and only frames of its own
    seconds count, as if it had been cut out. Otherwise the file is the clip, and frames after it may be taken.
    """
    video = index.video
    seconds = np.arange(count)  # (count,)
    if rule == "second":
        return list(map(int, index.shown_at(begin + seconds + 0.5)))
    first = 0
    last = len(index) - 1
    if cut:
        first, stop = np.searchsorted(video.times, [begin - CLOCK_ERROR, begin + count - CLOCK_ERROR]).tolist()
        last = max(stop - 1, 0)
        first = min(first, last)  # if no frame begins in the clip, the one before is still on the screen
    numbers: list[int] = []
    rate = round(video.frame_rate)
    for second in range(count):
        if video.constant_rate:  # counted in frames, as the original does
            numbers.append(min(first + int(second * rate + 15 * rate / 16), last))
        else:
            numbers.append(_nearest_frame(video.times, begin + second + OFFICIAL_OFFSET, first, last))
    return numbers


def _nearest_frame(times: npt.NDArray[np.float64], time: float, first: int, last: int) -> int:
    """Return the number in first ... last of the frame nearest in time; the earlier of two."""
    return first + int(np.argmin(np.abs(times[first : last + 1] - time)))

"""Which frame of a video stands for which second of a clip."""

import numpy as np

from avseg.data.prepare.options import Rule
from avseg.media.frame_index import FrameIndex
from avseg.media.video import CLOCK_ERROR

SHARE = 15 / 16  # the original draws 16 frames of each second and keeps the last


def clip_frames(index: FrameIndex, begin: int, count: int, rule: Rule, *, cut: bool) -> list[int]:
    """The numbers of a clip's frames, one for each second.

    "official", AVSBench's: with r = round(frame rate) second l has frame int(l r + 15 r / 16) of the clip, clamped to
    the last one. Where the frame rate varies, which that rule does not foresee, it is the frame nearest to l + 15/16 s.
    "second": the frame on the screen at l + 0.5 s, by its time.

    Args:
        index: the video's frames.
        begin: the second of the video at which the clip begins.
        count: seconds.
        rule: which.
        cut: the clip is one of many of a long video, and its frames are those of its own seconds, as if it had been cut
            out; otherwise the file is the clip, and what lies behind its seconds is not cut off.

    Returns:
        `count` ascending numbers; the last one repeats where the video ends before the clip.
    """
    times, rate = index.video.times, round(index.video.frame_rate)
    first, last = 0, len(index) - 1
    if cut:
        first, behind = np.searchsorted(times, [begin - CLOCK_ERROR, begin + count - CLOCK_ERROR]).tolist()
        last = max(behind - 1, 0)
        first = min(first, last)  # no frame begins in the clip: the one before it is still shown
    seconds = np.arange(count)
    if rule == "second":
        return [int(number) for number in index.shown_at(begin + seconds + 0.5)]
    if not index.video.constant_rate:
        return [_nearest(times, begin + second + SHARE, first, last) for second in range(count)]
    return [min(first + int(second * rate + 15 * rate / 16), last) for second in range(count)]


def _nearest(times: np.ndarray, instant: float, first: int, last: int) -> int:
    """The number among first ... last of the frame whose time is nearest to the instant; of two the earlier."""
    return first + int(np.argmin(np.abs(times[first : last + 1] - instant)))

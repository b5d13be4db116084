"""The frames of a video as spans of consecutive numbers, all that is kept of a class in a video.

A row of the table is one span of one pair (video, class) in one state, with the sums of its frames' scores. The sums
are integers, multiples of 2^-40: sums of floating-point scores would depend on the order of batches and processes.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Rows = NDArray[np.int64]

# columns; CELL differs between spans that a boundary of annotated segments separates
VIDEO, LABEL, FIRST, LAST, STATE, CELL, IOU, F = range(8)
COLUMNS = 8
# bits of STATE
SOUNDING, PREDICTED = 1, 2
# label of frames that were evaluated, independent of the classes that sound in them
NO_LABEL = -1
ONE = 2**40


def video_key(video: str) -> int:
    """Hash a video's id to 64 bits, the same in every process."""
    return int.from_bytes(blake2b(_bytes(video), digest_size=8).digest(), "little", signed=True)


def _bytes(video: str) -> bytes:
    return video.encode(errors="surrogateescape")


def encode_names(videos: Iterable[str]) -> Tensor:
    """Encode ids as one tensor of bytes, (n,) uint8, which processes can exchange."""
    encoded = b"".join(_bytes(video) + b"\0" for video in videos)
    return torch.tensor(list(encoded), dtype=torch.uint8)


def decode_names(names: Tensor) -> dict[int, str]:
    """Return the id of every video by its `video_key`."""
    videos = names.cpu().numpy().tobytes().decode(errors="surrogateescape").split("\0")[:-1]
    return dict(zip(map(video_key, videos), videos, strict=True))


def frame_rows(
    video: int, label: int, frames: Rows, state: Rows, cell: Rows, scores: tuple[NDArray[np.float64], ...] = ()
) -> Rows:
    """Create one row per frame, (n, COLUMNS), not joined yet.

    Frame numbers, in any order, the bits `SOUNDING` and `PREDICTED`, the cells between boundaries of segments, and the
    scores, IoU and F, are (n,) each; frames that are not sounding and predicted score 0.
    """
    rows = np.zeros((len(frames), COLUMNS), np.int64)
    rows[:, VIDEO], rows[:, LABEL] = video, label
    rows[:, FIRST] = rows[:, LAST] = frames  # spans of one frame
    rows[:, STATE], rows[:, CELL] = state, cell
    overlap = state == SOUNDING | PREDICTED
    for column, score in zip((IOU, F), scores, strict=False):
        rows[:, column] = np.where(overlap, np.rint(score * ONE), 0)
    return rows


def no_frames(video: int) -> Rows:
    """Create the row of a video without frames, (1, COLUMNS)."""
    rows = frame_rows(video, NO_LABEL, *np.zeros((3, 1), np.int64))
    rows[:, LAST] = -1  # from 0 to -1: no frame
    return rows


def join(rows: Rows, names: Mapping[int, str]) -> Rows:
    """Sort rows (n, COLUMNS) by video, class and frame, and join consecutive spans.

    Raises:
        ValueError: a frame came twice for one class of a video, named by the ids in `names`.

    Example:
        >>> rows = frame_rows(7, 3, np.array([2, 0, 1, 5]), np.array([3, 3, 3, 2]), np.zeros(4, np.int64))
        >>> join(rows, {7: "a"})[:, [FIRST, LAST, STATE]].tolist()
        [[0, 2, 3], [5, 5, 2]]
    """
    if not len(rows):
        return rows
    rows = rows[np.lexsort((rows[:, LAST], rows[:, FIRST], rows[:, LABEL], rows[:, VIDEO]))]
    left, right = rows[:-1], rows[1:]
    same_pair = (left[:, [VIDEO, LABEL]] == right[:, [VIDEO, LABEL]]).all(1)
    _check_unique(right[same_pair & (left[:, LAST] >= right[:, FIRST]) & (right[:, LABEL] != NO_LABEL)], names)
    same_state = (left[:, [STATE, CELL]] == right[:, [STATE, CELL]]).all(1)
    continues = same_pair & same_state & (left[:, LAST] + 1 == right[:, FIRST])
    starts = np.flatnonzero(np.append(True, ~continues))  # first row of each joined span
    joined = rows[starts]
    joined[:, LAST] = rows[np.append(starts[1:], len(rows)) - 1, LAST]
    # integer sums do not depend on the order
    joined[:, [IOU, F]] = np.add.reduceat(rows[:, [IOU, F]], starts)
    return joined


def _check_unique(repeated: Rows, names: Mapping[int, str]) -> None:
    if len(repeated):
        video, label, frame = repeated[0, [VIDEO, LABEL, FIRST]].tolist()
        raise ValueError(
            f"frames: frame {frame} of video '{names.get(video, video)}' was given twice for class {label}; "
            "give each frame of a class once, all its regions together, and pad no batch with copies"
        )


def lengths(rows: Rows) -> Rows:
    """Count the frames of each span, (n,)."""
    return np.asarray(rows[:, LAST] - rows[:, FIRST] + 1)


def all_frames(rows: Rows) -> Rows:
    """Return the numbers of all frames in the spans, ascending, each once."""
    spans = [np.arange(first, last + 1) for first, last in np.unique(rows[:, [FIRST, LAST]], axis=0)]
    return np.unique(np.concatenate(spans)) if spans else np.empty(0, np.int64)


def frames_within(frames: Rows, first: Rows, last: Rows) -> Rows:
    """Count the ascending frames that are in each of the ranges [first, last]."""
    return np.asarray(np.searchsorted(frames, last, "right") - np.searchsorted(frames, first, "left"))

"""Check the arguments of `LongVideoScore`; each error is one line that names the argument."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avseg.metrics.spans import Rows

Flags = NDArray[np.bool_]


def check_pair(video: object, label: object, has_regions: bool) -> None:
    """Raise `ValueError` unless the video is an id and the label a class, or None without regions."""
    if not isinstance(video, str) or "\0" in video:
        raise ValueError(f"video {video!r} must be the id of a video, a str")
    if label is None and has_regions:
        raise ValueError(f"label None only declares frames of video '{video}'; regions need the class, 0 and up")
    if label is not None and (isinstance(label, bool) or not isinstance(label, int | np.integer) or label < 0):
        raise ValueError(f"label {label!r} must be the index of a class, 0 and up")


def frame_numbers(frames: Tensor | Sequence[int]) -> Rows:
    """Return frame numbers as an array (n,); raise `ValueError` unless they are integers, 0 and up."""
    numbers = frames.cpu().numpy() if isinstance(frames, Tensor) else np.asarray(frames)
    if numbers.ndim != 1 or (numbers.size and not np.issubdtype(numbers.dtype, np.integer)):
        raise ValueError(f"frames of shape {numbers.shape} and type {numbers.dtype} must be (n,) integers")
    if numbers.size and numbers.min() < 0:
        raise ValueError(f"frames hold {numbers.min()}: frame numbers start at 0")
    return numbers.astype(np.int64)


def frame_flags(name: str, flags: Any, frames: int) -> Flags:
    """Return one bool per frame, (n,); None is False everywhere. Raise `ValueError` for another shape or type."""
    if flags is None:
        return np.zeros(frames, np.bool_)
    values = torch.as_tensor(flags).cpu()
    if values.shape != (frames,) or values.is_floating_point():
        raise ValueError(
            f"{name} of shape {tuple(values.shape)} and type {str(values.dtype).removeprefix('torch.')} "
            f"must be (n,) bool, n = {frames} frames"
        )
    return np.asarray(values.numpy() != 0)


def segment_cuts(segments: Sequence[tuple[int, int]] | None) -> Rows:
    """Return segments as an array (k, 2); raise `ValueError` unless they are integers with 0 <= start < end."""
    cuts = np.asarray(list(map(tuple, segments or ())))
    if not cuts.size:  # np.asarray([]) has the wrong shape and type
        return np.empty((0, 2), np.int64)
    if cuts.ndim != 2 or cuts.shape[1] != 2 or not np.issubdtype(cuts.dtype, np.integer):
        raise ValueError(f"segments of shape {cuts.shape} and type {cuts.dtype} must be (k, 2) integers, start and end")
    invalid = cuts[(cuts[:, 0] < 0) | (cuts[:, 0] >= cuts[:, 1])]
    if len(invalid):
        raise ValueError(f"segments hold {tuple(invalid[0].tolist())}: must be half-open, 0 <= start < end")
    return cuts.astype(np.int64)


def check_inside(sounding: Rows, segments: Rows, label: int) -> None:
    """Raise `ValueError` unless every sounding frame (n,) is in one of the segments (k, 2)."""
    inside = (segments[:, :1] <= sounding) & (sounding < segments[:, 1:])
    outside = sounding[~inside.any(0)]
    if len(outside):
        raise ValueError(
            f"target of class {label} has frame {outside[0]}, which is in none of its {len(segments)} segments"
        )

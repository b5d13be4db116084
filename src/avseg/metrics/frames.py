"""The table of frames that every metric keeps: clip, frame, and integer counts.

Sums of floating-point scores depend on the order in which batches and processes add them. Counts of pixels do not: they
are kept per frame, gathered, sorted and counted once, and only then turned into a score.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from avseg.utils.errors import UserError


class FrameMetric(Metric):
    """A metric over frames; a subclass counts pixels per frame and turns the counts into scores.

    Args:
        counts: number of integers kept per frame.
        state: name of the table. Metrics with the same name and counts share one table in a `MetricCollection`.
        frames_per_video: length of the clips into which a plain stream of frames (N, H, W) is cut.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    table_type = torch.int64

    def __init__(self, counts: int, state: str, frames_per_video: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._columns = 2 + counts
        self._state = state
        self._frames_per_video = frames_per_video
        self.add_state(state, default=[], dist_reduce_fx="cat")
        self._start_table()

    def reset(self) -> None:
        """Remove all frames."""
        super().reset()
        self._start_table()

    def update(self, logits: Tensor, target: Tensor, index: Tensor | None = None) -> None:
        """Add frames.

        Args:
            logits: (N, H, W) or (B, T, H, W); for several classes (N, K, H, W) or (B, T, K, H, W).
            target: (N, H, W) or (B, T, H, W); one class: non-zero is sounding; several: the class index, pixels with a
                label outside the classes (255) are ignored.
            index: (B,), each clip's index in its split.

        Raises:
            ValueError: shapes that do not fit.
        """
        self._add(self._count(logits, target), target.shape[:-2], index)

    @abstractmethod
    def _count(self, logits: Tensor, target: Tensor) -> Tensor:
        """Check the shapes and count the pixels of every frame, (N, counts) int64."""

    def _start_table(self) -> None:
        # ranks without data must contribute an empty table of the right width and type to all_gather
        getattr(self, self._state).append(torch.empty(0, self._columns, dtype=self.table_type, device=self.device))

    def _add(self, counts: Tensor, leading: Sequence[int], index: Tensor | None, keep: Tensor | None = None) -> None:
        """Append the counts (N, counts) of frames shaped `leading`, (N,) or (B, T), where `keep` (N,) is true."""
        keys = frame_keys(leading, index).to(counts.device)  # (N, 2)
        rows = torch.cat([keys, counts], dim=1)  # (N, 2 + counts)
        if keep is not None:
            rows = rows[keep.flatten()]
        getattr(self, self._state).append(rows.to(self.device, self.table_type))

    def _frames(self) -> tuple[Tensor, Tensor]:
        """Return the clip of every frame (N,) and its counts (N, counts), sorted, each frame once, on the CPU."""
        return in_order(dim_zero_cat(getattr(self, self._state)).cpu(), self._frames_per_video)


class FrameMean(FrameMetric):
    """The mean of one score per frame over a split, and over each clip."""

    def compute(self) -> Tensor:
        """Compute the mean over all frames, a float32 scalar in [0, 1]."""
        _, counts = self._frames()
        return self._score(counts).mean().float().to(self.device)

    def per_clip(self) -> dict[int, float]:
        """Compute the mean over the frames of each clip, by index. With several processes all of them must call it."""
        with self.sync_context():
            clips, counts = self._frames()
        indices, sizes = torch.unique_consecutive(clips, return_counts=True)
        clip_scores = torch.split(self._score(counts), sizes.tolist())
        return {int(index): float(scores.mean()) for index, scores in zip(indices, clip_scores, strict=True)}

    @staticmethod
    @abstractmethod
    def _score(counts: Tensor) -> Tensor:
        """Compute the score of each frame, (N, counts) to (N,) float64."""


def check_grouping(metric: str, videos_per_group: int | None, frames_per_video: int) -> None:
    """Raise `UserError` unless both numbers are at least 1, or the first is None."""
    for name, number in (("videos_per_group", videos_per_group), ("frames_per_video", frames_per_video)):
        if number is not None and number < 1:
            raise UserError(f"{metric}: {name} {number} must be at least 1")


def group_sizes(clips: Tensor, videos: int | None) -> list[int]:
    """Count the frames in each group of `videos` consecutive clips, given the sorted clip of each frame (N,).

    None is one group. The last group may hold fewer clips.

    Example:
        >>> import torch
        >>> group_sizes(torch.tensor([2, 2, 5, 5, 9]), 2)
        [4, 1]
    """
    # rank of the clip among the clips of the split, whatever its index
    group = torch.unique_consecutive(clips, return_inverse=True)[1] // (videos or max(1, len(clips)))
    sizes: list[int] = torch.unique_consecutive(group, return_counts=True)[1].tolist()
    return sizes


def frame_keys(leading: Sequence[int], index: Tensor | None) -> Tensor:
    """Number every frame by its clip and its position in the clip, (N, 2) int64; -1 where that is not known yet.

    `leading` is (B, T) for clips, or (N,) for a plain stream of frames. With the clips' `index` (B,), N frames are
    taken as B clips of N / B frames; an index of another number of clips is a `ValueError`.
    """
    clips, length = (leading[0], leading[1]) if len(leading) == 2 else (leading[0], 1)
    if index is None and len(leading) == 1:
        return torch.full((clips, 2), -1)  # a stream of frames; `in_order` cuts it into clips
    if index is None:
        index = torch.full((clips,), -1)
    elif len(leading) == 1 and len(index) and clips % len(index) == 0:
        # frames (N, H, W) of B clips, such as the annotated ones
        clips, length = len(index), clips // len(index)
    if index.shape != (clips,):
        raise ValueError(f"index of shape {tuple(index.shape)} does not number {clips} clips")
    positions = torch.arange(length, device=index.device).repeat(clips)
    return torch.stack([index.long().repeat_interleave(length), positions], dim=1)


def in_order(rows: Tensor, frames_per_video: int = 1) -> tuple[Tensor, Tensor]:
    """Sort a table of frames (N, 2 + counts) into clips (N,) and counts (N, counts), and drop repeated frames.

    Clips without an index are numbered in order of arrival, after those that have one; they are never taken as equal.
    Frames without a position are cut into clips of `frames_per_video`.

    Example:
        >>> import torch
        >>> in_order(torch.tensor([[7, 0, 30], [2, 1, 20], [2, 0, 10], [7, 0, 30]]))
        (tensor([2, 2, 7]), tensor([[10],
                [20],
                [30]]))
    """
    if not len(rows):
        return rows[:, 0], rows[:, 2:]
    clip = rows[:, 0].to(torch.int64, copy=True)
    frame = rows[:, 1].to(torch.int64, copy=True)
    unknown = clip < 0  # clips without an index
    stream = frame[unknown] < 0  # frames that did not come as clips
    frame[unknown] = torch.where(stream, (stream.cumsum(0) - 1) % frames_per_video, frame[unknown])
    # frame 0 starts the next clip
    clip[unknown] = clip.max() + (frame[unknown] == 0).cumsum(0)
    key = clip * (frame.max() + 1) + frame
    # stable: of repeated frames the one that came first stays
    key, order = key.sort(stable=True)
    first = torch.ones_like(key, dtype=torch.bool)
    first[1:] = key[1:] != key[:-1]
    order = order[first]  # a distributed sampler repeats clips
    return clip[order], rows[order, 2:]


def check_shapes(logits: Tensor, target: Tensor) -> None:
    """Raise `ValueError` unless logits and target have one shape, (N, H, W) or (B, T, H, W)."""
    if logits.shape != target.shape or logits.ndim not in (3, 4):
        raise ValueError(
            f"logits {tuple(logits.shape)} and target {tuple(target.shape)} "
            "must have the same shape, (N, H, W) or (B, T, H, W)"
        )

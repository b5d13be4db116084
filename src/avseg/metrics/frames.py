"""The table of frames that every metric keeps: which clip, which frame, and integer counts.

Sums of floating-point scores depend on the order in which batches and processes bring them. Counts of pixels do not:
they are kept per frame, gathered, put in order and counted once, and only then turned into a score.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class FrameMetric(Metric):
    """A metric over frames; a subclass turns the counts of frames into scores.

    Args:
        counts: how many integers are kept for a frame.
        state: the table's name. Metrics with the same name and counts share one table in a `MetricCollection`.
        frames_per_video: how a plain stream of frames (N, H, W) is cut into clips.
        kwargs: see `torchmetrics.Metric`.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(self, counts: int, state: str, frames_per_video: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._columns = 2 + counts
        self._state = state
        self._frames_per_video = frames_per_video
        self.add_state(state, default=[], dist_reduce_fx="cat")
        self._begin()

    def reset(self) -> None:
        """Forgets all frames."""
        super().reset()
        self._begin()

    def _begin(self) -> None:
        # a process without data must bring a table of the right width and type to the gathering
        getattr(self, self._state).append(torch.empty(0, self._columns, dtype=torch.int64, device=self.device))

    def _add(self, counts: Tensor, leading: Sequence[int], index: Tensor | None, keep: Tensor | None = None) -> None:
        """Notes the counts (N, counts) of frames shaped `leading`, (N,) or (B, T), but those that `keep` (N,) drops."""
        keys = frame_keys(leading, index).to(counts.device)
        rows = torch.cat([keys, counts], dim=1)
        if keep is not None:
            rows = rows[keep.flatten()]
        getattr(self, self._state).append(rows.to(self.device))

    def _frames(self) -> tuple[Tensor, Tensor]:
        """The clip of every frame (N,) and its counts (N, counts), in order, each frame once, on the CPU."""
        return in_order(dim_zero_cat(getattr(self, self._state)).cpu(), self._frames_per_video)

    def _clip_means(self, scores: Tensor, clips: Tensor) -> dict[int, float]:
        """The mean of the frames' scores (N,) for every clip."""
        names, sizes = torch.unique_consecutive(clips, return_counts=True)
        parts = torch.split(scores, sizes.tolist())
        return {int(name): float(part.mean()) for name, part in zip(names, parts, strict=True)}


def frame_keys(leading: Sequence[int], index: Tensor | None) -> Tensor:
    """The clip and the place in it of every frame, (N, 2) int64; -1 where it is not known yet.

    Args:
        leading: (B, T) for clips, or (N,) for a plain stream of frames.
        index: (B,), the clips' places in their split; N frames are then taken as B clips of N / B frames.

    Raises:
        ValueError: the index does not fit the number of clips.
    """
    clips, length = (leading[0], leading[1]) if len(leading) == 2 else (leading[0], 1)
    if index is None and len(leading) == 1:
        return torch.full((clips, 2), -1)
    if index is None:
        index = torch.full((clips,), -1)
    elif len(leading) == 1 and len(index) and clips % len(index) == 0:
        clips, length = len(index), clips // len(index)
    if index.shape != (clips,):
        raise ValueError(f"index of shape {tuple(index.shape)} does not number {clips} clips")
    places = torch.arange(length, device=index.device).repeat(clips)
    return torch.stack([index.long().repeat_interleave(length), places], dim=1)


def in_order(rows: Tensor, frames_per_video: int = 1) -> tuple[Tensor, Tensor]:
    """Sorts a table of frames by clip and frame, and leaves out frames that came twice.

    Clips without an index are numbered as they came, after those that have one; they are never taken as equal.

    Args:
        rows: (N, 2 + counts): clip, frame, counts; see `frame_keys`.
        frames_per_video: how frames without a place are cut into clips.

    Returns:
        The clips (N,), ascending, and the counts (N, counts).

    Example:
        >>> import torch
        >>> in_order(torch.tensor([[7, 0, 30], [2, 1, 20], [2, 0, 10], [7, 0, 30]]))
        (tensor([2, 2, 7]), tensor([[10],
                [20],
                [30]]))
    """
    if not len(rows):
        return rows[:, 0], rows[:, 2:]
    clip, frame = rows[:, 0].clone(), rows[:, 1].clone()
    unknown = clip < 0
    stream = frame[unknown] < 0
    frame[unknown] = torch.where(stream, (stream.cumsum(0) - 1) % frames_per_video, frame[unknown])
    clip[unknown] = clip.max() + (frame[unknown] == 0).cumsum(0)
    key = clip * (frame.max() + 1) + frame
    key, order = key.sort(stable=True)
    first = torch.ones_like(key, dtype=torch.bool)
    first[1:] = key[1:] != key[:-1]
    order = order[first]
    return clip[order], rows[order, 2:]


def check_shapes(logits: Tensor, target: Tensor) -> None:
    """Logits and target must be frames of one size, in the same order.

    Raises:
        ValueError: they differ, or are neither (N, H, W) nor (B, T, H, W).
    """
    if logits.shape != target.shape or logits.ndim not in (3, 4):
        raise ValueError(
            f"logits {tuple(logits.shape)} and target {tuple(target.shape)} "
            "must have the same shape, (N, H, W) or (B, T, H, W)"
        )

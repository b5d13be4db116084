"""F-score of one mask per frame, best of 255 thresholds (AVS paper, section 5.1, beta^2 = 0.3), by a histogram.

The official code compares every frame with 255 thresholds. Here each pixel is sorted into a bin between two thresholds
once; cumulative sums over the histogram from above are the same 255 counts.
"""

from typing import Any

import torch
from torch import Tensor

from avseg.metrics.frames import FrameMetric, check_grouping, check_shapes, group_sizes

# The official thresholds, with their float32 rounding; the last one is exactly 1.
THRESHOLDS = torch.linspace(0, 1 - 1e-10, 255, device="cpu")
BETA2 = 0.3
_BINS = len(THRESHOLDS) + 1


def count_thresholds(scores: Tensor) -> Tensor:
    """Count the thresholds that each score (float32, 0 to 1) reaches: 0 (NaN) to 255, int32, the same shape.

    The same as `torch.bucketize(scores, THRESHOLDS, right=True)` and about 10 times faster on a CPU: the thresholds
    are evenly spaced up to rounding, so a product is the count or one less, and one comparison decides.
    """
    edges = torch.cat([THRESHOLDS, THRESHOLDS.new_tensor([torch.inf])]).to(scores.device)
    scores = scores.nan_to_num(nan=-1 / 254)  # below the first threshold
    # 253.999 is below 254 by more than the sum of all rounding errors: the guess is never too high
    guess = scores.mul(253.999).add_(1).int()
    next_edge = edges.index_select(0, guess.flatten()).view_as(scores)
    return guess.add_(scores >= next_edge)


def _histograms(logits: Tensor, target: Tensor) -> Tensor:
    """Count, per frame, silent and sounding pixels by the number of thresholds they reach, (N, 2 * 256) int64."""
    check_shapes(logits, target)
    logits = logits.flatten(0, -3).flatten(1)  # (N, H * W)
    frames = torch.arange(len(logits), dtype=torch.int32, device=logits.device)[:, None]
    bins = count_thresholds(logits.float().sigmoid())
    bins.add_((target != 0).view_as(bins), alpha=_BINS).add_(frames, alpha=2 * _BINS)
    return torch.bincount(bins.flatten(), minlength=len(logits) * 2 * _BINS).view(-1, 2 * _BINS)


def _curves(histograms: Tensor) -> tuple[Tensor, Tensor]:
    """Compute F at every threshold, (N, 255) float64, and a mask of frames with sounding pixels, (N,) bool."""
    silent, sounding = histograms.view(-1, 2, _BINS).unbind(1)  # (N, 256) each
    # true positives and all positives at each threshold, (N, 255)
    correct = sounding.flip(1).cumsum(1).flip(1)[:, 1:].double()
    predicted = correct + silent.flip(1).cumsum(1).flip(1)[:, 1:]
    labelled = sounding.sum(1, keepdim=True).double()  # (N, 1)
    precision = correct / (predicted + 1e-20)
    recall = correct / (labelled + 1e-20)
    curve = (1 + BETA2) * precision * recall / (BETA2 * precision + recall)
    # 0 / 0 without a correct pixel
    return curve.nan_to_num(nan=0.0), labelled[:, 0] > 0


def _best(curves: Tensor, sounding: Tensor) -> Tensor:
    """Compute the maximum of the mean curve over the frames with sounding pixels; 0 without such a frame."""
    return curves[sounding].mean(0).max() if sounding.any() else curves.new_zeros(())


def fscore_curve(logits: Tensor, target: Tensor) -> Tensor:
    """Compute F of every frame at each of the 255 official thresholds, (N, 255) float32; 0 for an empty target.

    A pixel is predicted where sigmoid(logit) >= threshold. Logits and target (non-zero is sounding) are (N, H, W), or
    (B, T, H, W) with N = B * T; another shape is a `ValueError`.

    Example:
        >>> import torch
        >>> curve = fscore_curve(torch.tensor([[[9.0, -9.0], [0.0, -9.0]]]), torch.tensor([[[1, 0], [0, 0]]]))
        >>> curve[0, [0, 100, 200]]
        tensor([0.3023, 0.5652, 1.0000])
    """
    return _curves(_histograms(logits, target))[0].float()


def fscore(logits: Tensor, target: Tensor) -> Tensor:
    """Compute F of one group of frames: the maximum of their mean `fscore_curve`, a float32 scalar in [0, 1].

    Frames with an empty target are left out; 0 when every target is empty.

    Example:
        >>> import torch
        >>> fscore(torch.tensor([[[9.0, -9.0], [0.0, -9.0]]]), torch.tensor([[[1, 0], [0, 0]]]))
        tensor(1.)
    """
    return _best(*_curves(_histograms(logits, target))).float()


class FScore(FrameMetric):
    """F of S4 and MS3 in the official grouping: the mean of `fscore` over groups of consecutive videos.

    The maximum over thresholds is taken per test batch in the official code, so a published F depends on the batch:
    4 videos in AVSBench, 2 in AVSegFormer, 1 in COMBO and VCT. Here the group is a separate setting; the score does
    not depend on the real batches, their order, or the number of processes. A group with only empty targets scores 0.
    NaN without any frame.

    Args:
        videos_per_group: videos in a group, in the order of their index; None makes the whole set one group.
        frames_per_video: length of the videos into which frames (N, H, W) without an index are cut.

    Raises:
        UserError: a number below 1.

    Example:
        >>> import torch
        >>> metric = FScore(videos_per_group=1)
        >>> target = torch.tensor([[[[1, 0], [0, 0]]], [[[1, 1], [0, 0]]]])
        >>> logits = torch.tensor([[[[9.0, -9.0], [0.0, -9.0]]], [[[-9.0, 9.0], [-9.0, -9.0]]]])
        >>> metric.update(logits, target, index=torch.tensor([0, 1]))
        >>> metric.compute()
        tensor(0.9062)
        >>> {clip: round(score, 4) for clip, score in metric.per_clip().items()}
        {0: 1.0, 1: 0.8125}
    """

    def __init__(self, videos_per_group: int | None = 4, frames_per_video: int = 5, **kwargs: Any) -> None:
        check_grouping("FScore", videos_per_group, frames_per_video)
        super().__init__(counts=2 * _BINS, state="histograms", frames_per_video=frames_per_video, **kwargs)
        self.videos_per_group = videos_per_group

    table_type = torch.int32  # half of the memory of 514 columns per frame

    _count = staticmethod(_histograms)

    def compute(self) -> Tensor:
        """Compute the mean over the groups, a float32 scalar in [0, 1]."""
        clips, histograms = self._frames()
        scores = self._groups(clips, histograms, self.videos_per_group)
        return scores.mean().float().to(self.device)

    def per_clip(self) -> dict[int, float]:
        """Compute F of each clip as a separate group, by index. With several processes all of them must call it."""
        with self.sync_context():
            clips, histograms = self._frames()
        scores = self._groups(clips, histograms, 1)
        return dict(zip(torch.unique_consecutive(clips).tolist(), scores.tolist(), strict=True))

    def mean_curve(self) -> Tensor:
        """Compute F at each of the 255 thresholds, averaged over all frames that sound, (255,) float32.

        Its maximum is the score of the whole set as one group. With several processes all of them must call it.
        """
        with self.sync_context():
            _, histograms = self._frames()
        curves, sounding = _curves(histograms)
        return curves[sounding].mean(0).float() if sounding.any() else torch.zeros(len(THRESHOLDS))

    def _groups(self, clips: Tensor, histograms: Tensor, videos: int | None) -> Tensor:
        """Compute the score of each group of `videos` clips, (groups,) float64."""
        if not len(clips):
            return torch.empty(0, dtype=torch.float64)
        # clips are sorted, so the frames of a group are consecutive
        sizes = group_sizes(clips, videos)
        # curves of one group at a time: those of all frames need several times the memory of the table
        return torch.stack([_best(*_curves(group)) for group in torch.split(histograms, sizes)])

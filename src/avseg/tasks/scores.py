"""What one kind of sound scores on a split: J, F and false-positive share, or the semantic scores of AVSS."""

from typing import Any

import torch
from torch import Tensor, nn

from avseg.data.clip import Clip
from avseg.metrics import DatasetIoU, FalsePositiveShare, FScore, MaskIoU, SemanticScore, g_miou


class Scores(nn.Module):
    """The metrics of one pass over a split.

    Args:
        num_classes: 1 for sounding / silent, more for AVSS.
        frames_per_video: T.
        videos_per_group: the test batch that the official F-score averages its curves over; None = the whole split.
    """

    def __init__(self, num_classes: int = 1, frames_per_video: int = 5, videos_per_group: int | None = 4) -> None:
        super().__init__()
        self.binary = num_classes == 1
        if self.binary:
            self.iou = MaskIoU()
            self.fscore = FScore(videos_per_group=videos_per_group, frames_per_video=frames_per_video)
            self.dataset_iou = DatasetIoU()
        else:
            self.semantic = SemanticScore(num_classes=num_classes)
        self.false_positives = FalsePositiveShare()

    def update(self, logits: Tensor, clip: Clip) -> None:
        """Adds a batch.

        Args:
            logits: (B, T, K, H, W).
            clip: the batch with its (B, T, H, W) masks.
        """
        if self.binary:
            for metric in (self.iou, self.fscore, self.dataset_iou, self.false_positives):
                metric.update(logits[:, :, 0], clip.masks, index=clip.index)
        else:
            labels = logits.argmax(dim=2)
            self.semantic.update(labels, clip.masks, valid=clip.valid, index=clip.index)
            # a logit of any sign will do: foreground is every class but 0
            self.false_positives.update((labels > 0).float() - 0.5, clip.masks.clamp(max=1), index=clip.index)

    def reset(self) -> None:
        """Forgets everything."""
        for metric in self.children():
            metric.reset()  # type: ignore[operator]

    def compute(self) -> dict[str, float]:
        """The scores of the whole split, over all processes."""
        fpr = float(self.false_positives.compute())
        if not self.binary:
            return {name: float(value) for name, value in self.semantic.compute().items()} | {"fpr": fpr}
        dataset = {f"dataset_{name}": float(value) for name, value in self.dataset_iou.compute().items()}
        return {"miou": float(self.iou.compute()), "fscore": float(self.fscore.compute()), "fpr": fpr, **dataset}

    def per_clip(self) -> dict[int, dict[str, float]]:
        """J, F and false-positive share of every clip by its place in the split (over all processes)."""
        if not self.binary:
            return {index: {"fpr": value} for index, value in self.false_positives.per_clip().items()}
        columns = {"miou": self.iou.per_clip(), "fscore": self.fscore.per_clip(), "fpr": self.false_positives.per_clip()}
        return {index: {name: column[index] for name, column in columns.items()} for index in sorted(columns["miou"])}


def summarise(by_sound: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Adds G-mIoU to every control: the harmonic mean of J with the clip's own sound and 1 - J with the control.

    Args:
        by_sound: the scores of "own" and of each control; a control's J is against the ORIGINAL mask, lower is better.
    """
    own = by_sound["own"].get("miou")
    result: dict[str, dict[str, Any]] = {}
    for name, scores in by_sound.items():
        result[name] = dict(scores)
        if name != "own" and own is not None:
            result[name]["g_miou"] = float(g_miou(torch.tensor(own), torch.tensor(scores["miou"])))
    return result

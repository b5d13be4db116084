"""What one kind of sound scores on a split: J, F and the share of marked pixels, or the semantic scores of AVSS."""

from typing import Any

from torch import Tensor, nn
from torchmetrics import Metric

from avseg.data.clip import Clip
from avseg.metrics import DatasetFScore, DatasetIoU, FalsePositiveShare, FScore, MaskIoU, SemanticScore, g_miou


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
        metrics: dict[str, Metric] = (
            {
                "miou": MaskIoU(),
                "fscore": FScore(videos_per_group=videos_per_group, frames_per_video=frames_per_video),
                "dataset_iou": DatasetIoU(),
                "dataset_fscore": DatasetFScore(),
            }
            if self.binary
            else {
                "miou": SemanticScore("iou", num_classes=num_classes),
                "fscore": SemanticScore("f_score", num_classes=num_classes),
            }
        )
        self.metrics = nn.ModuleDict(metrics)
        self.marked = FalsePositiveShare()

    def update(self, logits: Tensor, clip: Clip) -> None:
        """Adds a batch; frames without a label are not scored.

        Args:
            logits: (B, T, K, H, W).
            clip: the batch with its (B, T, H, W) masks.
        """
        if self.binary:
            sounding, masks = logits[:, :, 0], clip.masks
            if not clip.annotated.all():  # S4's training clips: the first frame of each
                sounding, masks = sounding[clip.annotated], masks[clip.annotated]
            for metric in (*self.metrics.values(), self.marked):
                metric.update(sounding, masks, index=clip.index)  # type: ignore[operator]
            return
        for metric in self.metrics.values():
            metric.update(logits, clip.masks, index=clip.index, valid=clip.valid)  # type: ignore[operator]
        # sounding is every class but 0, the background
        self.marked.update((logits.argmax(dim=2) > 0).float() - 0.5, index=clip.index)

    def reset(self) -> None:
        """Forgets everything."""
        for metric in (*self.metrics.values(), self.marked):
            metric.reset()  # type: ignore[operator]

    def compute(self) -> dict[str, float]:
        """The scores of the whole split, over all processes."""
        scores = {name: float(metric.compute()) for name, metric in self.metrics.items()}  # type: ignore[operator]
        return scores | {"marked": float(self.marked.compute())}

    def per_clip(self) -> dict[int, dict[str, float]]:
        """J, F and share of marked pixels of every clip by its place in the split (over all processes)."""
        columns = {"marked": self.marked.per_clip()}
        if self.binary:
            columns = {name: self.metrics[name].per_clip() for name in ("miou", "fscore")} | columns  # type: ignore[operator]
        return {index: {name: column[index] for name, column in columns.items()} for index in sorted(columns["marked"])}


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
            result[name]["g_miou"] = g_miou(own, scores["miou"])
    return result

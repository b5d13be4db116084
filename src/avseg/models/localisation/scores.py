"""Scores of a model that gives a map instead of a mask: J and cIoU of two masks, F of the map."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from avseg.data.clip import Clip
from avseg.metrics import BestThreshold, MaskIoU, SuccessAUC, SuccessRate
from avseg.models.scores import Scores

MaskRule = Callable[[Tensor], Tensor]  # maps (..., H, W) in [0, 1] to masks, bool
_OF_MAPS = ("fscore", "dataset_fscore")  # scores that try all thresholds
_LIMIT = 1e-6  # a map is kept this far from 0 and 1, so that its logit is finite
_CERTAIN = 20.0  # logit of a marked pixel


class LocalisationScores(Scores):
    """The metrics of `Scores`, with the official mask where they need one, and those of localisation.

    Args:
        rule: from maps to official masks.
        threshold: of a map, for a second J and cIoU: None to find the best in this split.
        frames_per_video, videos_per_group, registered: as for `Scores`.
    """

    def __init__(
        self,
        rule: MaskRule,
        threshold: float | None,
        frames_per_video: int = 5,
        videos_per_group: int | None = 4,
        registered: Sequence[str] | None = None,
    ) -> None:
        super().__init__(1, frames_per_video, videos_per_group, registered)
        self.rule = rule
        self.threshold = threshold
        self.metrics["ciou"] = SuccessRate()
        self.metrics["ciou_auc"] = SuccessAUC()
        if threshold is None:
            self.metrics["threshold"] = BestThreshold()
        else:
            self.metrics["threshold_miou"] = MaskIoU(videos_per_group, frames_per_video)
            self.metrics["threshold_ciou"] = SuccessRate()
            self.metrics["threshold_ciou_auc"] = SuccessAUC()

    def update(self, logits: Tensor, clip: Clip, graded: Tensor | None = None) -> None:
        """Add a batch with logits (B, T, 1, H, W) of maps, see `map_logits`; the maps are also what is `graded`."""
        logits, masks = self._selected(logits, clip), clip.masks  # (B, T, H, W)
        if not clip.annotated.all():
            masks = masks[clip.annotated]  # (N, H, W), as the logits
        maps = logits.float().sigmoid()
        official = certain(self.rule(maps))
        chosen = official if self.threshold is None else certain(maps > self.threshold)
        for key, metric in self.metrics.items():
            if key in _OF_MAPS or key == "threshold":
                values = logits
            elif key.startswith("threshold_"):
                values = chosen
            else:
                values = official
            metric.update(values, masks, index=clip.index)


def map_logits(maps: Tensor) -> Tensor:
    """Return logits whose sigmoid is the map in [0, 1], up to 1e-6."""
    return maps.float().clamp(_LIMIT, 1 - _LIMIT).logit()


def stretch(maps: Tensor) -> Tensor:
    """Stretch each map (N, H, W) to [0, 1]; a constant map is only clipped to [0, 1]."""
    lowest, highest = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    extent = highest - lowest
    stretched = (maps - lowest) / torch.where(extent > 0, extent, 1.0)
    return torch.where(extent > 0, stretched, maps.clamp(0, 1))


def upper_half(maps: Tensor) -> Tensor:
    """Mark the pixels above the median of each map (..., H, W), element H * W / 2 of the sorted values, counted from 0.

    Half of the pixels are marked, whatever the map; fewer if values repeat.
    """
    values = maps.flatten(-2)  # (..., H * W)
    median = values.sort(dim=-1).values[..., values.shape[-1] // 2]
    return maps > median[..., None, None]


def above_half(maps: Tensor) -> Tensor:
    """Mark the pixels above 0.5."""
    return maps > 0.5


def certain(masks: Tensor) -> Tensor:
    """Return logits of binary masks."""
    return torch.where(masks, _CERTAIN, -_CERTAIN)

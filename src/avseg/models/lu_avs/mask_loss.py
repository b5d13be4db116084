"""Loss of the mask branch (MaskFormer: Cheng et al., NeurIPS 2021, section 3.3)."""

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.query_loss import Detections, QueryLoss, select
from avseg.models.lu_avs.silent_loss import Matches, SilentObjectLoss
from avseg.nn.overlap import mask_iou


class MaskQueryLoss(QueryLoss):
    """MaskFormer's loss: focal and dice loss of the matched masks, and the classes (by `silent`); official weights.

    Example:
        >>> MaskQueryLoss().weights
        {'mask': 20.0, 'dice': 1.0}
    """

    def __init__(
        self,
        silent: SilentObjectLoss | None = None,
        class_weight: float = 1.0,
        mask_weight: float = 20.0,
        dice_weight: float = 1.0,
    ) -> None:
        from transformers.models.maskformer import modeling_maskformer as maskformer

        super().__init__(silent, class_weight)
        self.weights = {"mask": mask_weight, "dice": dice_weight}
        self.matcher = maskformer.MaskFormerHungarianMatcher(class_weight, mask_weight, dice_weight)
        # sums over flattened masks (N, H*W), divided by `num_masks`
        self.losses = {"mask": maskformer.sigmoid_focal_loss, "dice": maskformer.dice_loss}

    def forward(
        self,
        output: QueryOutput,
        masks: Sequence[Tensor],
        classes: Sequence[Tensor],
        *,
        video_classes: Sequence[Tensor] | None = None,
        teacher: Sequence[Detections] | None = None,
        elapsed: float = math.inf,
    ) -> dict[str, Tensor]:
        """Compute the weighted terms "class", "mask", "dice" of each layer; the loss is their sum.

        As `QueryLoss.terms`, with masks (n, H, W) of any type, non-zero inside.
        """
        return self.terms(output, list(map(Tensor.float, masks)), classes, video_classes, teacher, elapsed)

    def regions(self, layer: QueryOutput) -> Tensor:
        """Return the mask logits (B, Q, h, w)."""
        assert layer.masks is not None
        return layer.masks

    def overlap(self, regions: Tensor, targets: Tensor) -> Tensor:
        """Compute the mask IoU at the resolution of `regions`."""
        return mask_iou(regions, targets)

    def match(self, layer: QueryOutput, targets: Sequence[Tensor], classes: Sequence[Tensor]) -> Matches:
        """Match by the costs of class, focal and dice loss, with the matcher of transformers."""
        matches: Matches = self.matcher(layer.masks, layer.class_logits, targets, classes)
        return matches

    def region_terms(self, layer: QueryOutput, targets: Sequence[Tensor], matches: Matches) -> dict[str, Tensor]:
        """Compute focal and dice loss at the size of the annotation."""
        predicted, annotated = select(self.regions(layer), targets, matches)
        size = targets[0].shape[-2:]
        # (N, 1, h, w) -> (N, 1, H, W)
        predicted = functional.interpolate(predicted[:, None], size=size, mode="bilinear", align_corners=False)
        terms: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            # the sum over all masks: `terms` divides by their number
            terms[name] = self.weights[name] * loss(predicted.flatten(1), annotated.flatten(1), num_masks=1)
        return terms

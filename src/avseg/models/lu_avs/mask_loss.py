"""The loss of the mask branch (MaskFormer: Cheng et al., NeurIPS 2021, section 3.3)."""

import math
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional

from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.query_loss import QueryLoss, Teacher, chosen
from avseg.models.lu_avs.silent_loss import Matches, SilentObjectLoss
from avseg.nn.overlap import mask_iou


class MaskQueryLoss(QueryLoss):
    """MaskFormer's loss: focal and dice loss of the matched masks, and the classes; weights as upstream.

    Args:
        silent: the classification term; None for the plain one.
        class_weight: weight of the classification.
        mask_weight: weight of the focal loss.
        dice_weight: weight of the dice loss.

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
        self.losses = {"mask": maskformer.sigmoid_focal_loss, "dice": maskformer.dice_loss}

    def forward(
        self,
        output: QueryOutput,
        masks: Sequence[Tensor],
        classes: Sequence[Tensor],
        *,
        video_classes: Sequence[Tensor] | None = None,
        teacher: Teacher | None = None,
        elapsed: float = math.inf,
    ) -> dict[str, Tensor]:
        """The weighted terms "class", "mask", "dice" of each layer; sum them.

        Args:
            output: of `MaskBranch`.
            masks: per frame (n, H, W) of any type, non-zero inside; n may be 0.
            classes: per frame (n,) int64.
            video_classes: per frame the classes that sound anywhere in its video, for `sounding_elsewhere`.
            teacher: per frame masks (m, H, W) and scores (m,) of a frozen detector, for the mode "teacher".
            elapsed: training so far, in the unit of the warm-up.
        """
        return self.terms(output, [mask.float() for mask in masks], classes, video_classes, teacher, elapsed)

    def queries(self, layer: QueryOutput) -> Tensor:
        """The mask logits (B, Q, h, w)."""
        assert layer.masks is not None
        return layer.masks

    def overlap(self, one: Tensor, other: Tensor) -> Tensor:
        """Mask IoU at the resolution of `one`."""
        return mask_iou(one, other)

    def match(self, layer: QueryOutput, regions: Sequence[Tensor], classes: Sequence[Tensor]) -> Matches:
        """The matcher of transformers: class, focal and dice costs."""
        matches: Matches = self.matcher(layer.masks, layer.class_logits, regions, classes)
        return matches

    def region_terms(self, layer: QueryOutput, regions: Sequence[Tensor], matches: Matches) -> dict[str, Tensor]:
        """Focal and dice loss at the size of the annotation."""
        predicted = chosen(self.queries(layer), [queries for queries, _ in matches])[:, None]
        annotated = chosen(regions, [objects for _, objects in matches]).flatten(1)
        predicted = functional.interpolate(predicted, size=regions[0].shape[-2:], mode="bilinear", align_corners=False)
        return {
            name: self.weights[name] * loss(predicted.flatten(1), annotated, num_masks=1)
            for name, loss in self.losses.items()
        }

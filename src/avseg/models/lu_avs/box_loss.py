"""The loss of the box branch (DETR: Carion et al., ECCV 2020, section 3.1)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, generalized_box_iou_loss

from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.query_loss import QueryLoss, Teacher, chosen
from avseg.models.lu_avs.silent_loss import Matches, SilentObjectLoss
from avseg.nn.overlap import centre_box_iou


class BoxQueryLoss(QueryLoss):
    """DETR's loss: L1 and generalised IoU of the matched boxes, and the classes; weights as upstream.

    Args:
        silent: the classification term; None for the plain one.
        class_weight: weight of the classification.
        box_weight: weight of the L1 distance.
        giou_weight: weight of the generalised IoU.

    Example:
        >>> BoxQueryLoss().weights
        {'box': 5.0, 'giou': 2.0}
    """

    def __init__(
        self,
        silent: SilentObjectLoss | None = None,
        class_weight: float = 1.0,
        box_weight: float = 5.0,
        giou_weight: float = 2.0,
    ) -> None:
        from transformers.loss.loss_for_object_detection import HungarianMatcher

        super().__init__(silent, class_weight)
        self.weights = {"box": box_weight, "giou": giou_weight}
        self.matcher = HungarianMatcher(class_weight, box_weight, giou_weight)

    def forward(
        self,
        output: QueryOutput,
        boxes: Sequence[Tensor],
        classes: Sequence[Tensor],
        size: tuple[int, int] | Tensor,
        *,
        video_classes: Sequence[Tensor] | None = None,
        teacher: Teacher | None = None,
        elapsed: float = math.inf,
    ) -> dict[str, Tensor]:
        """The weighted terms "class", "box", "giou" of each layer; sum them.

        Args:
            output: of `BoxBranch`.
            boxes: per frame (n, 4), x0, y0, x1, y1 in pixels; n may be 0.
            classes: per frame (n,) int64.
            size: height and width of the frames; (B, 2) without the padding, where some are padded: DETR's positions
                and so its boxes are relative to what is not padding.
            video_classes: per frame the classes that sound anywhere in its video, for `sounding_elsewhere`.
            teacher: per frame boxes (m, 4) in pixels and scores (m,) of a frozen detector, for the mode "teacher".
            elapsed: training so far, in the unit of the warm-up.
        """
        sizes = size.tolist() if isinstance(size, Tensor) else [size] * len(boxes)
        relative = [to_relative(frame, of) for frame, of in zip(boxes, sizes, strict=True)]
        seen: Teacher | None = None
        if teacher is not None:
            seen = [(to_relative(frame, of), scores) for (frame, scores), of in zip(teacher, sizes, strict=True)]
        return self.terms(output, relative, classes, video_classes, seen, elapsed)

    def queries(self, layer: QueryOutput) -> Tensor:
        """The boxes (B, Q, 4)."""
        assert layer.boxes is not None
        return layer.boxes

    def overlap(self, one: Tensor, other: Tensor) -> Tensor:
        """Box IoU."""
        return centre_box_iou(one, other)

    def match(self, layer: QueryOutput, regions: Sequence[Tensor], classes: Sequence[Tensor]) -> Matches:
        """The matcher of transformers: class, L1 and generalised IoU costs."""
        outputs = {"logits": layer.class_logits, "pred_boxes": layer.boxes}
        pairs = zip(classes, regions, strict=True)
        matches: Matches = self.matcher(outputs, [{"class_labels": c, "boxes": boxes} for c, boxes in pairs])
        return matches

    def region_terms(self, layer: QueryOutput, regions: Sequence[Tensor], matches: Matches) -> dict[str, Tensor]:
        """L1 distance of centre and size, and 1 - GIoU."""
        predicted = chosen(self.queries(layer), [queries for queries, _ in matches])
        annotated = chosen(regions, [objects for _, objects in matches])
        corners = (box_convert(boxes, "cxcywh", "xyxy") for boxes in (predicted, annotated))
        return {
            "box": self.weights["box"] * functional.l1_loss(predicted, annotated, reduction="sum"),
            "giou": self.weights["giou"] * generalized_box_iou_loss(*corners, reduction="sum"),
        }


def to_relative(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (n, 4) from x0, y0, x1, y1 in pixels to centre x, centre y, width, height relative to (height, width)."""
    height, width = size
    scale = torch.tensor([width, height, width, height], dtype=torch.float32, device=boxes.device)
    relative: Tensor = box_convert(boxes.float() / scale, "xyxy", "cxcywh")
    return relative

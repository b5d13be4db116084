"""Loss of the box branch (DETR: Carion et al., ECCV 2020, section 3.1)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_convert, generalized_box_iou_loss

from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.query_loss import Detections, QueryLoss, select
from avseg.models.lu_avs.silent_loss import Matches, SilentObjectLoss
from avseg.nn.overlap import centre_box_iou


class BoxQueryLoss(QueryLoss):
    """DETR's loss: L1 and generalised IoU of the matched boxes, and the classes (by `silent`); official weights.

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
        teacher: Sequence[Detections] | None = None,
        elapsed: float = math.inf,
    ) -> dict[str, Tensor]:
        """Compute the weighted terms "class", "box", "giou" of each layer; the loss is their sum.

        As `QueryLoss.terms`, but boxes (annotated and of the teacher) are x0, y0, x1, y1 in pixels. `size` is the
        height and width of the frames; (B, 2) without the padding, where some are padded: DETR's positions and thus its
        boxes are relative to the frame without padding.
        """
        sizes = size.tolist() if isinstance(size, Tensor) else [size] * len(boxes)
        relative = list(map(to_relative, boxes, sizes))
        detections: list[Detections] | None = None
        if teacher is not None:
            detections = []
            for (detected, scores), frame_size in zip(teacher, sizes, strict=True):
                detections.append((to_relative(detected, frame_size), scores))
        return self.terms(output, relative, classes, video_classes, detections, elapsed)

    def regions(self, layer: QueryOutput) -> Tensor:
        """Return the boxes (B, Q, 4)."""
        assert layer.boxes is not None
        return layer.boxes

    def overlap(self, regions: Tensor, targets: Tensor) -> Tensor:
        """Compute the box IoU."""
        return centre_box_iou(regions, targets)

    def match(self, layer: QueryOutput, targets: Sequence[Tensor], classes: Sequence[Tensor]) -> Matches:
        """Match by the costs of class, L1 and generalised IoU, with the matcher of transformers."""
        assert layer.boxes is not None
        # the matcher fails for NaN; the terms keep them, and the run ends with a reason
        outputs = {"logits": layer.class_logits.nan_to_num(), "pred_boxes": layer.boxes.nan_to_num(0.5, 0.5, 0.5)}
        annotations: list[dict[str, Tensor]] = []
        for labels, boxes in zip(classes, targets, strict=True):
            annotations.append({"class_labels": labels, "boxes": boxes})
        matches: Matches = self.matcher(outputs, annotations)
        return matches

    def region_terms(self, layer: QueryOutput, targets: Sequence[Tensor], matches: Matches) -> dict[str, Tensor]:
        """Compute the L1 distance of centre and size, and 1 - GIoU."""
        predicted, annotated = select(self.regions(layer), targets, matches)  # (N, 4) each
        # sums, which `terms` divides by the number of objects
        l1 = functional.l1_loss(predicted, annotated, reduction="sum")
        corners = box_convert(predicted, "cxcywh", "xyxy")
        target_corners = box_convert(annotated, "cxcywh", "xyxy")
        giou = generalized_box_iou_loss(corners, target_corners, reduction="sum")
        return {"box": self.weights["box"] * l1, "giou": self.weights["giou"] * giou}


def to_relative(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Convert boxes (n, 4) from x0, y0, x1, y1 in pixels to relative centre x, centre y, width, height."""
    height, width = size
    scale = torch.tensor([width, height, width, height], dtype=torch.float32, device=boxes.device)
    relative: Tensor = box_convert(boxes.float() / scale, "xyxy", "cxcywh")
    return relative

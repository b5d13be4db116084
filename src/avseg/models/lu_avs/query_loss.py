"""Base of the losses of the visual branches: match queries with annotated objects, then compare classes and regions.

MaskFormer (Cheng et al., NeurIPS 2021, section 3.3) and DETR (Carion et al., ECCV 2020, section 3.1), with the
classification term of `avseg.models.lu_avs.silent_loss`. Matching and all terms are repeated for every decoder layer.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.silent_loss import Matches, SilentObjectLoss, find_unannotated
from avseg.utils.distributed import all_reduce_sum, get_world_size

# the regions (m, ...) of one frame that a frozen detector finds, and their scores (m,)
Detections = tuple[Tensor, Tensor]


class QueryLoss(nn.Module):
    """The common part of both losses; region terms are divided by the mean number of objects over all processes."""

    def __init__(self, silent: SilentObjectLoss | None, class_weight: float) -> None:
        super().__init__()
        self.silent = silent or SilentObjectLoss("off")
        self.class_weight = class_weight

    def terms(
        self,
        output: QueryOutput,
        targets: Sequence[Tensor],
        classes: Sequence[Tensor],
        video_classes: Sequence[Tensor] | None = None,
        teacher: Sequence[Detections] | None = None,
        elapsed: float = math.inf,
    ) -> dict[str, Tensor]:
        """Compute the weighted terms; those of an earlier decoder layer end with its number ("class_0").

        Args:
            output: of the branch, with its auxiliary layers.
            targets: per frame the annotated regions (n, ...), in the form that `overlap` reads; n may be 0.
            classes: per frame (n,) int64.
            video_classes: per frame the classes that sound anywhere in its video, for `sounding_elsewhere`.
            teacher: per frame the regions (like `targets`) and scores (m,) of a frozen detector, for "teacher".
            elapsed: training so far, in the unit of the warm-up.
        """
        with torch.autocast(output.class_logits.device.type, enabled=False):
            count = _mean_count(sum(map(len, classes)), output.class_logits.device)
            # objects that the teacher is sure of and that are not annotated
            unannotated: list[Tensor] | None = None
            if teacher is not None:
                unannotated = list(map(self._unannotated_regions, teacher, targets))
            terms: dict[str, Tensor] = {}
            for number, layer in enumerate(output.layers()):
                layer = _to_float32(layer)
                suffix = "" if number == len(output.auxiliary) else f"_{number}"
                matches = self.match(layer, targets, classes)
                for name, value in self.region_terms(layer, targets, matches).items():
                    terms[f"{name}{suffix}"] = value / count
                terms[f"class{suffix}"] = self.class_weight * self.silent(
                    layer.class_logits,
                    classes,
                    matches,
                    self.overlaps(layer, targets),
                    video_classes=video_classes,
                    teacher_overlaps=None if unannotated is None else self.overlaps(layer, unannotated),
                    elapsed=elapsed,
                )
        return terms

    def _unannotated_regions(self, detections: Detections, annotated: Tensor) -> Tensor:
        regions, scores = detections
        return regions[find_unannotated(scores, self.overlap(regions, annotated), self.silent.teacher_score)]

    def overlaps(self, layer: QueryOutput, targets: Sequence[Tensor]) -> list[Tensor]:
        """Compute per frame the IoU (Q, n) of its queries with `targets`, in float32 also under autocast."""
        # pixels are counted by a matrix product, which 16 bits would round
        with torch.no_grad(), torch.autocast(layer.class_logits.device.type, enabled=False):
            return list(map(self.overlap, self.regions(layer), targets))

    @abstractmethod
    def regions(self, layer: QueryOutput) -> Tensor:
        """Return the regions of the queries (B, Q, ...)."""

    @abstractmethod
    def overlap(self, regions: Tensor, targets: Tensor) -> Tensor:
        """Compute the IoU (Q, n) of the regions (Q, ...) and (n, ...) of one frame."""

    @abstractmethod
    def match(self, layer: QueryOutput, targets: Sequence[Tensor], classes: Sequence[Tensor]) -> Matches:
        """Return the Hungarian assignment, per frame (queries, objects)."""

    @abstractmethod
    def region_terms(self, layer: QueryOutput, targets: Sequence[Tensor], matches: Matches) -> dict[str, Tensor]:
        """Compute the weighted sums over the matched pairs."""


def select(regions: Tensor, targets: Sequence[Tensor], matches: Matches) -> tuple[Tensor, Tensor]:
    """Return the matched regions and targets (N, ...) of all frames, pair by pair."""
    predicted: list[Tensor] = []
    annotated: list[Tensor] = []
    for frame, (queries, objects) in enumerate(matches):
        predicted.append(regions[frame][queries.to(regions.device)])
        annotated.append(targets[frame][objects.to(targets[frame].device)])
    return torch.cat(predicted), torch.cat(annotated)


def _to_float32(layer: QueryOutput) -> QueryOutput:
    masks = None if layer.masks is None else layer.masks.float()
    boxes = None if layer.boxes is None else layer.boxes.float()
    return QueryOutput(layer.class_logits.float(), masks, boxes)


def _mean_count(count: int, device: torch.device) -> float:
    """Return the mean over all processes, at least 1.

    With its own count, a process with few objects would weigh each of them more than the other processes do.
    """
    total = all_reduce_sum(torch.tensor(float(count), device=device))
    return max(total.item() / get_world_size(), 1.0)

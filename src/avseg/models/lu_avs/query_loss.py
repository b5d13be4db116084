"""What the losses of the visual branches share: match queries with annotated objects, then compare class and region.

MaskFormer (Cheng et al., NeurIPS 2021, section 3.3) and DETR (Carion et al., ECCV 2020, section 3.1), with the
classification term of `avseg.models.lu_avs.silent_loss`. Matching and all terms are repeated for every decoder layer.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, distributed, nn

from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.silent_loss import Matches, SilentObjectLoss, unannotated

Teacher = Sequence[tuple[Tensor, Tensor]]


class QueryLoss(nn.Module):
    """What both losses share; region terms are divided by the number of annotated objects (mean over the processes)."""

    def __init__(self, silent: SilentObjectLoss | None, class_weight: float) -> None:
        super().__init__()
        self.silent = silent or SilentObjectLoss("off")
        self.class_weight = class_weight

    def terms(
        self,
        output: QueryOutput,
        regions: Sequence[Tensor],
        classes: Sequence[Tensor],
        video_classes: Sequence[Tensor] | None = None,
        teacher: Teacher | None = None,
        elapsed: float = math.inf,
    ) -> dict[str, Tensor]:
        """The weighted terms; those of an earlier decoder layer carry its number ("class_0"). Their sum is the loss.

        Args:
            output: of the branch, with its auxiliary layers.
            regions: per frame the annotated regions, in the form that `overlap` reads.
            classes: per frame (n,) int64.
            video_classes: per frame the classes that sound anywhere in its video.
            teacher: per frame a frozen detector's regions (like `regions`) and scores (m,).
            elapsed: see `SilentObjectLoss`.
        """
        with torch.autocast(output.class_logits.device.type, enabled=False):
            count = _mean_over_processes(sum(map(len, classes)), output.class_logits.device)
            unknown = None if teacher is None else [self._unknown(*seen) for seen in zip(teacher, regions, strict=True)]
            terms: dict[str, Tensor] = {}
            for number, layer in enumerate(output.layers()):
                layer = _float32(layer)
                matches = self.match(layer, regions, classes)
                found = {name: value / count for name, value in self.region_terms(layer, regions, matches).items()}
                found["class"] = self.class_weight * self.silent(
                    layer.class_logits,
                    classes,
                    matches,
                    self.overlaps(layer, regions),
                    video_classes=video_classes,
                    teacher_overlaps=None if unknown is None else self.overlaps(layer, unknown),
                    elapsed=elapsed,
                )
                suffix = "" if number == len(output.auxiliary) else f"_{number}"
                terms |= {f"{name}{suffix}": value for name, value in found.items()}
        return terms

    def _unknown(self, seen: tuple[Tensor, Tensor], annotated: Tensor) -> Tensor:
        """The teacher's sure objects that are not annotated."""
        regions, scores = seen
        return regions[unannotated(scores, self.overlap(regions, annotated), self.silent.teacher_score)]

    def overlaps(self, layer: QueryOutput, regions: Sequence[Tensor]) -> list[Tensor]:
        """Per frame the IoU (Q, n) of its queries with `regions`; in float32 also under autocast."""
        # pixels are counted by a matrix product, which 16 bits would round
        with torch.no_grad(), torch.autocast(layer.class_logits.device.type, enabled=False):
            return [self.overlap(query, region) for query, region in zip(self.queries(layer), regions, strict=True)]

    @abstractmethod
    def queries(self, layer: QueryOutput) -> Tensor:
        """The queries' regions (B, Q, ...)."""

    @abstractmethod
    def overlap(self, one: Tensor, other: Tensor) -> Tensor:
        """IoU of the regions of one frame."""

    @abstractmethod
    def match(self, layer: QueryOutput, regions: Sequence[Tensor], classes: Sequence[Tensor]) -> Matches:
        """The Hungarian assignment, per frame (queries, objects)."""

    @abstractmethod
    def region_terms(self, layer: QueryOutput, regions: Sequence[Tensor], matches: Matches) -> dict[str, Tensor]:
        """The weighted sums over the matched pairs."""


def chosen(frames: Sequence[Tensor] | Tensor, indices: Sequence[Tensor]) -> Tensor:
    """The entries `indices` of each frame, one frame after the other."""
    return torch.cat([frame[index.to(frame.device)] for frame, index in zip(frames, indices, strict=True)])


def _float32(layer: QueryOutput) -> QueryOutput:
    masks, boxes = (None if region is None else region.float() for region in (layer.masks, layer.boxes))
    return QueryOutput(layer.class_logits.float(), masks, boxes)


def _mean_over_processes(count: int, device: torch.device) -> float:
    """At least 1; without it a process with few objects would weigh each of them more than the others do."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return float(max(count, 1))
    total = torch.tensor(float(count), device=device)
    distributed.all_reduce(total)
    return max(total.item() / distributed.get_world_size(), 1.0)

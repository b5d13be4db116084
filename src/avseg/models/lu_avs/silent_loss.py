"""Silent-object-aware classification loss: a visible object that is silent is not penalised as background.

LU-AVS (CVPR 2024) trains its visual branches with the loss of "Audio-Visual Segmentation by Exploring Cross-Modal
Mutual Semantics" (ACM MM 2023), whose equation was never published. This is our reconstruction from its description:
a dog that barks in one video is silent in the next; only sounding dogs have masks, so a plain MaskFormer or DETR
learns from the second video that a dog is "no object". Here that part of the loss is weighted down, query by query.

With p_i the class probabilities of query i, M the queries matched to an annotated object, U the others, l0 the weight
of "no object" and c_i the class of the object matched to i:

    L = ( sum_{i in M} -log p_i(c_i) + l0 sum_{i in U} w_i (-log p_i(none)) ) / ( |M| + l0 sum_{i in U} w_i )

w = 1 everywhere is the plain loss of MaskFormer and DETR.

Warm-up and floor prevent a collapse: a new head predicts p(none) of about 1/(K+1), so every query looks like an object,
w is nearly 0, and the head would never learn "no object": all queries become foreground. The warm-up trains with w = 1
until the head has learned it; afterwards the floor keeps a pull towards "no object" on every query.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

Mode = Literal["soft", "ignore", "teacher", "off"]
Matches = Sequence[tuple[Tensor, Tensor]]


class SilentObjectLoss(nn.Module):
    """Classification loss of the queries, the same for masks and boxes; computed in float32 also under autocast.

    The weight w_i of an unmatched query is 1 if it duplicates an annotated object (IoU at least `duplicate_iou`).
    Otherwise, by `mode`:

    - "soft": 1 - (1 - p_i(none))^gamma: the more certain an object, the less it is pushed to "no object".
    - "ignore": 0 if 1 - p_i(none) > tau, else 1.
    - "teacher": 0 if a frozen detector finds an unannotated object there (see `find_unannotated`), else 1.
    - "off": always 1; plain MaskFormer or DETR.

    In every mode but "off" w is at least `floor`. It has no gradient. `sounding_elsewhere` sets w to 0 also where the
    most probable class of a query ("no object" included) sounds anywhere in the same video.

    Raises:
        UserError: an unknown mode, or a number outside its range.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[[4.0, 0.0], [0.0, 4.0]]])  # certain of an object, certain of none
        >>> SilentObjectLoss("soft").weights(logits, [torch.zeros(2, 0)])
        tensor([[0.0500, 0.9820]])
    """

    def __init__(
        self,
        mode: Mode = "soft",
        no_object_weight: float = 0.1,  # l0, 0.1 in MaskFormer and DETR
        duplicate_iou: float = 0.5,  # smallest IoU with an annotated object at which a query is a duplicate of it
        gamma: float = 1.0,  # exponent of "soft"
        tau: float = 0.5,  # threshold of "ignore"
        floor: float = 0.05,  # smallest w
        warmup: float = 1.0,  # while less training than this has `elapsed`, the loss is "off"; usually in epochs
        sounding_elsewhere: bool = False,
        teacher_iou: float = 0.5,  # smallest IoU with an object of the teacher at which w is 0
        teacher_score: float = 0.7,  # smallest score of the teacher's objects; used by the losses of the branches
    ) -> None:
        super().__init__()
        check_choice("mode", mode, get_args(Mode), "silent")
        self.mode = mode
        self.no_object_weight = no_object_weight
        self.duplicate_iou = duplicate_iou
        self.gamma = gamma
        self.tau = tau
        self.floor = floor
        self.warmup = warmup
        self.sounding_elsewhere = sounding_elsewhere
        self.teacher_iou = teacher_iou
        self.teacher_score = teacher_score
        for name in ("duplicate_iou", "tau", "floor", "teacher_iou", "teacher_score"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"silent: {name} is {getattr(self, name)}, but must be between 0 and 1")
        for name in ("no_object_weight", "gamma", "warmup"):
            if not getattr(self, name) >= 0:
                raise UserError(f"silent: {name} is {getattr(self, name)}, but must be 0 or more")

    def forward(
        self,
        class_logits: Tensor,
        classes: Sequence[Tensor],
        matches: Matches,
        overlaps: Sequence[Tensor],
        *,
        video_classes: Sequence[Tensor] | None = None,
        teacher_overlaps: Sequence[Tensor] | None = None,
        elapsed: float = math.inf,
    ) -> Tensor:
        """Compute the loss L of a batch of B frames, a float32 scalar.

        Args:
            class_logits: (B, Q, K+1), "no object" last.
            classes: per frame the classes (n,) of its annotated objects.
            matches: per frame (queries, objects), two index vectors of the same length.
            overlaps: per frame the IoU (Q, n) of each query with each annotated object.
            video_classes: per frame the classes that sound anywhere in its video; for `sounding_elsewhere`.
            teacher_overlaps: per frame the IoU (Q, m) with each unannotated object of the teacher; for "teacher".
            elapsed: training so far, in the unit of `warmup`; the default is after any warm-up.
        """
        logits = class_logits.float()
        no_object = logits.shape[-1] - 1
        target = torch.full(logits.shape[:2], no_object, device=logits.device)  # (B, Q)
        for frame, ((queries, objects), labels) in enumerate(zip(matches, classes, strict=True)):
            target[frame, queries] = labels[objects.to(labels.device)].to(target)
        # l0 w for unmatched queries, 1 for matched ones
        weight = self.weights(logits, overlaps, video_classes, teacher_overlaps, elapsed) * self.no_object_weight
        weight = torch.where(target == no_object, weight, torch.ones_like(weight))
        cost = -logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]  # (B, Q)
        # with l0 = 0 and without a match all weights are 0, and so is the loss
        return (weight * cost).sum() / weight.sum().clamp(min=torch.finfo(weight.dtype).tiny)

    @torch.no_grad()
    def weights(
        self,
        class_logits: Tensor,
        overlaps: Sequence[Tensor],
        video_classes: Sequence[Tensor] | None = None,
        teacher_overlaps: Sequence[Tensor] | None = None,
        elapsed: float = math.inf,
    ) -> Tensor:
        """Compute w (B, Q) of every query as if it were unmatched; arguments as in `forward`."""
        probabilities = class_logits.float().softmax(-1)  # (B, Q, K+1)
        ones = torch.ones_like(probabilities[..., 0])
        if self.mode == "off" or elapsed < self.warmup:
            return ones
        weight = self._mode_weights(probabilities, teacher_overlaps)
        if self.sounding_elsewhere:
            most_probable = probabilities.argmax(-1)  # (B, Q)
            for frame, sounding in enumerate(_required("sounding_elsewhere", "video_classes", video_classes)):
                weight[frame][torch.isin(most_probable[frame], sounding.to(most_probable))] = 0
        # a duplicate must learn "no object", also if it sounds elsewhere or the teacher detects it
        duplicates = torch.stack(list(map(_max_overlap, overlaps))).to(ones.device) >= self.duplicate_iou
        return torch.where(duplicates, ones, weight.clamp(min=self.floor))

    def _mode_weights(self, probabilities: Tensor, teacher_overlaps: Sequence[Tensor] | None) -> Tensor:
        foreground = 1 - probabilities[..., -1]  # (B, Q), 1 - p(none)
        if self.mode == "soft":
            return 1 - foreground**self.gamma
        if self.mode == "ignore":
            return (foreground <= self.tau).to(foreground)
        ious = map(_max_overlap, _required("teacher", "teacher_overlaps", teacher_overlaps))
        detected = torch.stack(list(ious)) >= self.teacher_iou
        return 1 - detected.to(foreground)


def find_unannotated(scores: Tensor, overlaps: Tensor, min_score: float = 0.7, iou: float = 0.5) -> Tensor:
    """Mark the certain objects (m,) of a frozen detector in a frame that are not annotated.

    Certain is a score (m,) of at least `min_score`; annotated an IoU (m, n) of at least `iou` with any annotated
    object.
    """
    return (scores >= min_score) & (_max_overlap(overlaps) < iou)


def _max_overlap(overlaps: Tensor) -> Tensor:
    """Return the largest entry of each row of (Q, n); -1 for n = 0."""
    return functional.pad(overlaps, (1, 0), value=-1).amax(1)


def _required(option: str, name: str, values: Sequence[Tensor] | None) -> Sequence[Tensor]:
    if values is None:
        raise UserError(f"silent: '{option}' needs {name}, which were not given; pass them, or choose another mode")
    return values

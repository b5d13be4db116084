"""The silent-object-aware classification loss: a visible object that is silent is not punished as background.

LU-AVS (CVPR 2024) trains its visual branches with the loss of "Audio-Visual Segmentation by Exploring Cross-Modal
Mutual Semantics" (ACM MM 2023), whose equation is public nowhere. This is our reconstruction, from what is said of it:
a dog that barks in one video is silent in the next; only sounding dogs carry masks, so a plain MaskFormer or DETR
learns from the second video that a dog is "no object". Here that part of the loss is weighted down, query by query.

With p_i the class probabilities of query i, M the queries matched to an annotated object, U the others, l0 the weight
of "no object" and c_i the class of the object matched to i:

    L = ( sum_{i in M} -log p_i(c_i) + l0 sum_{i in U} w_i (-log p_i(none)) ) / ( |M| + l0 sum_{i in U} w_i )

w = 1 everywhere is the plain loss of MaskFormer and DETR.

Why a warm-up and a floor: a fresh head gives p(none) of about 1/(K+1), so every query looks like an object, w is
nearly 0, and nothing would ever teach the head what "no object" is: all queries collapse to foreground. The warm-up
trains with w = 1 until the head knows; the floor keeps a pull towards "no object" on every query ever after.
"""

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from avseg.utils.errors import UserError, nearest

Mode = Literal["soft", "ignore", "teacher", "off"]
Matches = Sequence[tuple[Tensor, Tensor]]


class SilentObjectLoss(nn.Module):
    """Classification loss of the queries, the same for masks and boxes; computed in float32 also under autocast.

    The weight w_i of an unmatched query is 1 if it doubles an annotated object (IoU at least `duplicate_iou` with one).
    Otherwise, by `mode`:

    - "soft": 1 - (1 - p_i(none))^gamma: the surer of an object, the less it is pushed to "no object".
    - "ignore": 0 if 1 - p_i(none) > tau, else 1.
    - "teacher": 0 if a frozen detector sees an unannotated object there (see `unannotated`), else 1.
    - "off": 1, always; plain MaskFormer or DETR.

    In every mode but "off" w is at least `floor`, and passes no gradient.

    Args:
        mode: "soft", "ignore", "teacher" or "off".
        no_object_weight: l0, 0.1 in MaskFormer and DETR.
        duplicate_iou: from this IoU with an annotated object on, a query is a duplicate of it.
        gamma: exponent of "soft".
        tau: threshold of "ignore".
        floor: the smallest w.
        warmup: until this much training has `elapsed` the loss is "off"; in the caller's unit, usually epochs.
        sounding_elsewhere: also excuse a query whose likeliest class, "no object" among them, is one that sounds
            anywhere in the same video: a known visible candidate. Not in the mode "off".
        teacher_iou: from this IoU with one of the teacher's objects on, a query is excused.
        teacher_score: how sure the teacher must be of an object; read by the losses of the branches.

    Raises:
        UserError: an unknown mode, or a number outside its range.

    Example:
        >>> import torch
        >>> sure = torch.tensor([[[4.0, 0.0], [0.0, 4.0]]])  # of an object, of none
        >>> SilentObjectLoss("soft").weights(sure, [torch.zeros(2, 0)])
        tensor([[0.0500, 0.9820]])
    """

    def __init__(
        self,
        mode: Mode = "soft",
        no_object_weight: float = 0.1,
        duplicate_iou: float = 0.5,
        gamma: float = 1.0,
        tau: float = 0.5,
        floor: float = 0.05,
        warmup: float = 1.0,
        sounding_elsewhere: bool = False,
        teacher_iou: float = 0.5,
        teacher_score: float = 0.7,
    ) -> None:
        super().__init__()
        if mode not in get_args(Mode):
            choices = ", ".join(get_args(Mode))
            raise UserError(f"silent: mode '{mode}' is unknown{nearest(mode, get_args(Mode))}; choose {choices}")
        shares = {"duplicate_iou": duplicate_iou, "tau": tau, "floor": floor, "teacher_iou": teacher_iou}
        shares["teacher_score"] = teacher_score
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise UserError(f"silent: {name} is {value}, but must lie between 0 and 1")
        for name, value in {"no_object_weight": no_object_weight, "gamma": gamma, "warmup": warmup}.items():
            if not value >= 0:
                raise UserError(f"silent: {name} is {value}, but must be 0 or more")
        self.mode, self.no_object_weight, self.duplicate_iou = mode, no_object_weight, duplicate_iou
        self.gamma, self.tau, self.floor, self.warmup = gamma, tau, floor, warmup
        self.sounding_elsewhere, self.teacher_iou, self.teacher_score = sounding_elsewhere, teacher_iou, teacher_score

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
        """The loss L of a batch of B frames.

        Args:
            class_logits: (B, Q, K+1), "no object" last.
            classes: per frame the classes (n,) of its annotated objects.
            matches: per frame (queries, objects), two index vectors of the same length.
            overlaps: per frame the IoU (Q, n) of each query with each annotated object.
            video_classes: per frame the classes that sound anywhere in its video; for `sounding_elsewhere`.
            teacher_overlaps: per frame the IoU (Q, m) with each unannotated object of the teacher; for "teacher".
            elapsed: training so far, in the unit of `warmup`; the default is past any warm-up.

        Returns:
            A float32 scalar.

        Raises:
            UserError: the mode or option needs `teacher_overlaps` or `video_classes`, and they are missing.
        """
        logits = class_logits.float()
        none = logits.shape[-1] - 1
        target = torch.full(logits.shape[:2], none, device=logits.device)
        for frame, ((queries, objects), labels) in enumerate(zip(matches, classes, strict=True)):
            target[frame, queries] = labels[objects.to(labels.device)].to(target)
        weight = self.weights(logits, overlaps, video_classes, teacher_overlaps, elapsed) * self.no_object_weight
        weight = torch.where(target == none, weight, torch.ones_like(weight))
        cost = -logits.log_softmax(-1).gather(-1, target[..., None])[..., 0]
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
        """The w (B, Q) of every query as if it were unmatched; arguments as in `forward`."""
        probabilities = class_logits.float().softmax(-1)
        ones = torch.ones_like(probabilities[..., 0])
        if self.mode == "off" or elapsed < self.warmup:
            return ones
        weight = self._by_mode(probabilities, teacher_overlaps)
        if self.sounding_elsewhere:
            top = probabilities.argmax(-1)
            for frame, known in enumerate(_given("sounding_elsewhere", "video_classes", video_classes)):
                weight[frame][torch.isin(top[frame], known.to(top))] = 0
        duplicates = torch.stack([_best(overlap) >= self.duplicate_iou for overlap in overlaps]).to(ones.device)
        return torch.where(duplicates, ones, weight.clamp(min=self.floor))

    def _by_mode(self, probabilities: Tensor, teacher_overlaps: Sequence[Tensor] | None) -> Tensor:
        foreground = 1 - probabilities[..., -1]
        if self.mode == "soft":
            return 1 - foreground**self.gamma
        if self.mode == "ignore":
            return (foreground <= self.tau).to(foreground)
        seen = [_best(iou) >= self.teacher_iou for iou in _given("teacher", "teacher_overlaps", teacher_overlaps)]
        return 1 - torch.stack(seen).to(foreground)


def unannotated(scores: Tensor, overlaps: Tensor, score: float = 0.7, iou: float = 0.5) -> Tensor:
    """Which of a frozen detector's objects in a frame are sure, and not among the annotated ones.

    Args:
        scores: (m,) of the teacher's objects, 0 to 1.
        overlaps: (m, n), their IoU with the annotated objects.
        score: the least score that counts.
        iou: from this IoU with an annotated object on, it is that object.

    Returns:
        (m,) bool.
    """
    return (scores >= score) & (_best(overlaps) < iou)


def _best(overlaps: Tensor) -> Tensor:
    """The largest entry of each row of (Q, n); -1 where there is nothing to overlap with."""
    return functional.pad(overlaps, (1, 0), value=-1).amax(1)


def _given(what: str, name: str, values: Sequence[Tensor] | None) -> Sequence[Tensor]:
    if values is None:
        raise UserError(f"silent: '{what}' needs {name}, which were not given; pass them, or choose another mode")
    return values

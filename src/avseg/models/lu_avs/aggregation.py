"""Audio-visual aggregation: keep a region while its class sounds (LU-AVS, pipeline figure).

The paper does not say how the visual class is matched with the sound; the modes are our definitions. Nothing is learned
here. A video is aggregated in chunks of frames, after the sound of the whole video.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor
from torch.nn import functional

from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.queries import QueryOutput, to_corners, to_pixels
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

Mode = Literal["argmax", "product", "group"]
Modality = Literal["A", "V", "AV"]
Keep = Literal["best", "all"]
T = TypeVar("T")


@dataclass(frozen=True)
class Aggregation:
    """Options that make query i of a frame, with class probabilities p_i, a region of class c, which sounds with a(c).

    - mode "argmax": c is the most probable class of p_i ("no object" included); the score is p_i(c). Every such query
      is kept.
    - mode "product": the score is p_i(c) a(c). The sound decides the label, as in the ACM MM 2023 paper.
    - mode "group": the score is p_i(looks like c) a(c), with p_i summed over the classes that look like c.

    In all modes c must sound (the gate of `SoundActivity`) and the score must be above `threshold`. Modality "A"
    is intervals without regions, "V" regions of the most probable class, for any sound ("argmax" without the gate).
    """

    mode: Mode = "product"
    modality: Modality = "AV"
    keep: Keep = "best"  # for "product" and "group": the "best" query of each class, or "all"
    threshold: float = 0.0  # tau_s
    groups: Sequence[int] | None = None  # appearance group of each class (`appearance_groups`); for "group"

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, get_args(Mode), "aggregation")
        check_choice("modality", self.modality, get_args(Modality), "aggregation")
        check_choice("keep", self.keep, get_args(Keep), "aggregation")
        if self.mode == "group" and self.groups is None:
            raise UserError("aggregation: mode 'group' needs groups, the appearance group of each class")


@dataclass(frozen=True)
class RegionPrediction:
    """The prediction for n frames, by class; a missing class is in none of these frames.

    Masks (n, H, W) bool, or boxes, n times (k, 4) corners in pixels; scores (n,) of the best query that was kept, 0
    without one; and the gate `sounding` (n,) bool, with or without a region, empty for modality "V".
    """

    masks: dict[int, Tensor] = field(default_factory=dict)
    boxes: dict[int, list[Tensor]] = field(default_factory=dict)
    scores: dict[int, Tensor] = field(default_factory=dict)
    sounding: dict[int, Tensor] = field(default_factory=dict)


def aggregate(
    queries: QueryOutput | None,
    seconds: Tensor,
    size: tuple[int, int],
    activity: SoundActivity | None = None,
    options: Aggregation | None = None,
) -> RegionPrediction:
    """Aggregate n frames of one video, at the times `seconds` (n,), to regions of `size` = (height, width).

    Modality "A" needs no queries, modality "V" no activity (which is of the whole video).

    Raises:
        UserError: the visual and the audio branch have different numbers of classes, or one of them is missing.
    """
    options = options or Aggregation()
    sound = None if options.modality == "V" else _required("activity", options, activity).at(seconds)
    sounding: dict[int, Tensor] = {}
    if sound is not None:
        for label in _nonzero(sound.active.any(0)):
            sounding[label] = sound.active[:, label]
    if options.modality == "A":
        return RegionPrediction(sounding=sounding)
    queries = _required("queries", options, queries)
    scores = query_scores(queries.class_logits, sound, options)  # (n, Q, K)
    prediction = RegionPrediction(sounding=sounding)
    if queries.masks is not None:
        prediction.masks.update(_unite_masks(queries.masks, scores, size))
        labels = list(prediction.masks)
    else:
        assert queries.boxes is not None
        labels = _nonzero(scores.amax((0, 1)))
        for label in labels:
            prediction.boxes[label] = _select_boxes(queries.boxes, scores[..., label], size)
    for label in labels:
        prediction.scores[label] = scores[..., label].amax(1)
    return prediction


def query_scores(class_logits: Tensor, sound: SoundActivity | None, options: Aggregation) -> Tensor:
    """Compute the score (n, Q, K) of each query as a region of each class, 0 where the query is not kept.

    `class_logits` are (n, Q, K+1); without `sound` at the n frames (modality "V") all classes count.
    """
    probabilities = class_logits.float().softmax(-1)
    most_probable = probabilities.argmax(-1)  # (n, Q)
    objects = probabilities[..., :-1]  # (n, Q, K), without "no object"
    classes = objects.shape[2]
    if sound is not None and sound.scores.shape[1] != classes:
        raise UserError(
            f"aggregation: the visual branch has {classes} classes, the audio branch {sound.scores.shape[1]}; "
            "train both on the same labels"
        )
    if options.mode == "argmax" or sound is None:
        scores = objects * functional.one_hot(most_probable, classes + 1)[..., :-1]
    else:
        visual = objects if options.mode == "product" else _sum_groups(objects, options.groups)
        scores = visual * sound.scores.to(objects)[:, None]  # (n, 1, K) for all queries
    if sound is not None:
        scores = scores * sound.active.to(objects)[:, None]
    scores = scores * (scores > options.threshold)
    if options.keep == "best" and options.mode != "argmax" and sound is not None:
        best = functional.one_hot(scores.argmax(1), scores.shape[1])  # (n, K, Q)
        scores = scores * best.transpose(1, 2)
    return scores


def _sum_groups(objects: Tensor, groups: Sequence[int] | None) -> Tensor:
    """Replace the probability of each class by that of its appearance group."""
    group = torch.tensor(groups, device=objects.device)  # (K,)
    if group.shape != objects.shape[-1:]:
        raise UserError(f"aggregation: there are groups for {len(group)} classes, but {objects.shape[-1]} classes")
    return objects @ (group[:, None] == group[None]).to(objects)


def _unite_masks(logits: Tensor, scores: Tensor, size: tuple[int, int]) -> dict[int, Tensor]:
    """Unite the masks of the kept queries by class; (n, Q, h, w) to (n, H, W) each."""
    masks: dict[int, Tensor] = {}
    for frame, frame_scores in enumerate(scores):  # (Q, K)
        # only the masks that are kept are resized to the video
        kept = frame_scores.amax(1).nonzero().flatten()
        regions = to_pixels(logits[frame, kept], size)
        for label in _nonzero(frame_scores.amax(0)):
            union = regions[frame_scores[kept, label] > 0].any(0)
            if union.any():
                if label not in masks:
                    masks[label] = union.new_zeros(len(scores), *size)
                masks[label][frame] = union
    return masks


def _select_boxes(boxes: Tensor, scores: Tensor, size: tuple[int, int]) -> list[Tensor]:
    """Return the boxes (n, Q, 4) of the queries that are kept for a class, with scores (n, Q), in pixels."""
    return [to_corners(frame[kept], size) for frame, kept in zip(boxes, scores > 0, strict=True)]


def _nonzero(values: Tensor) -> list[int]:
    labels: list[int] = values.nonzero().flatten().tolist()
    return labels


def _required(name: str, options: Aggregation, value: T | None) -> T:
    if value is None:
        raise UserError(f"aggregation: modality '{options.modality}' needs {name}, which were not given")
    return value

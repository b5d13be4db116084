"""Audio-visual aggregation: a region is kept while its class is heard (LU-AVS, pipeline figure).

The paper names no rule for matching the visual class with the sound; the modes are our definitions. Nothing is learned
here. A video is aggregated chunk by chunk of its frames; the sound of the whole video is known before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor
from torch.nn import functional

from avseg.models.lu_avs.activity import SoundActivity
from avseg.models.lu_avs.queries import QueryOutput
from avseg.models.lu_avs.regions import to_corners, to_pixels
from avseg.utils.errors import UserError, nearest

Mode = Literal["argmax", "product", "group"]
Modality = Literal["A", "V", "AV"]
Keep = Literal["best", "all"]
T = TypeVar("T")


@dataclass(frozen=True)
class Aggregation:
    """How query i of a frame, with class probabilities p_i, becomes the region of class c, heard with a(c).

    - mode "argmax": p_i's likeliest class is c ("no object" among the candidates); its score is p_i(c). Every such
      query is kept.
    - mode "product": the score is p_i(c) a(c). The sound decides the label, as in the ACM MM 2023 paper.
    - mode "group": the score is p_i(looks like c) a(c), with p_i summed over the classes that look like c.

    In all of them c must be heard (the gate of `SoundActivity`) and the score above `threshold`.

    Attributes:
        mode: "argmax", "product" or "group".
        modality: "A" (intervals without regions), "V" (regions of the likeliest class, whatever is heard: "argmax"
            without the gate), or "AV" (both).
        keep: for "product" and "group": the "best" query of each class, or "all".
        threshold: tau_s.
        groups: per class the number of its appearance group (`appearance_groups`); for "group".
    """

    mode: Mode = "product"
    modality: Modality = "AV"
    keep: Keep = "best"
    threshold: float = 0.0
    groups: Sequence[int] | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("mode", get_args(Mode)), ("modality", get_args(Modality)), ("keep", get_args(Keep))):
            value = getattr(self, name)
            if value not in allowed:
                choices = ", ".join(allowed)
                raise UserError(f"aggregation: {name} '{value}' is unknown{nearest(value, allowed)}; choose {choices}")
        if self.mode == "group" and self.groups is None:
            raise UserError("aggregation: mode 'group' needs groups, the appearance group of each class")


@dataclass(frozen=True)
class Prediction:
    """What is predicted in n frames, by class; a class that is missing is nowhere in these frames.

    Attributes:
        masks: (n, H, W) bool; of the mask branch.
        boxes: n times (k, 4), x0, y0, x1, y1 in pixels; of the box branch.
        scores: (n,) of the best query kept, 0 where there is none.
        sounding: (n,) bool, the gate: the class is heard, whether or not it has a region. Empty for modality "V".
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
) -> Prediction:
    """Aggregates n frames of one video.

    Args:
        queries: of a visual branch for the n frames; None for modality "A".
        seconds: (n,) the times of the frames.
        size: height and width of the video.
        activity: of the whole video; None for modality "V".
        options: None for the defaults.

    Raises:
        UserError: the visual and the audio branch know different numbers of classes, or one of them is missing.
    """
    how = options or Aggregation()
    heard = None if how.modality == "V" else _required("activity", how, activity).at(seconds)
    sounding = {} if heard is None else _by_class(heard.active)
    if how.modality == "A":
        return Prediction(sounding=sounding)
    said = _required("queries", how, queries)
    scores = query_scores(said.class_logits, heard, how)
    best = {label: scores[..., label].amax(1) for label in scores.amax((0, 1)).nonzero().flatten().tolist()}
    if said.masks is not None:
        masks = _masks(said.masks, scores, size)
        return Prediction(masks=masks, scores={label: best[label] for label in masks}, sounding=sounding)
    assert said.boxes is not None
    boxes = {label: _boxes(said.boxes, scores[..., label], size) for label in best}
    return Prediction(boxes=boxes, scores=best, sounding=sounding)


def query_scores(class_logits: Tensor, heard: SoundActivity | None, how: Aggregation) -> Tensor:
    """The score (n, Q, K) with which each query is kept as a region of each class, 0 where it is not.

    Args:
        class_logits: (n, Q, K+1).
        heard: the sound at the n frames, or None to hear everything (modality "V").
        how: the options.

    Raises:
        UserError: the branches know different numbers of classes.
    """
    probabilities = class_logits.float().softmax(-1)
    known, likeliest = probabilities[..., :-1], probabilities.argmax(-1)
    if heard is not None and heard.scores.shape[1] != known.shape[2]:
        raise UserError(
            f"aggregation: the visual branch knows {known.shape[2]} classes, the audio branch {heard.scores.shape[1]}; "
            "train both on the same labels"
        )
    if how.mode == "argmax" or heard is None:
        kept = known * functional.one_hot(likeliest, known.shape[2] + 1)[..., :-1]
    else:
        kept = (known if how.mode == "product" else _looks(known, how.groups)) * heard.scores.to(known)[:, None]
    if heard is not None:
        kept = kept * heard.active.to(known)[:, None]
    kept = kept * (kept > how.threshold)
    if how.keep == "best" and how.mode != "argmax" and heard is not None:
        best = functional.one_hot(kept.argmax(1), kept.shape[1]).transpose(1, 2)
        kept = kept * best
    return kept


def _looks(known: Tensor, groups: Sequence[int] | None) -> Tensor:
    """Each class's probability replaced by that of its appearance group."""
    group = torch.tensor(groups, device=known.device)
    if group.shape != known.shape[-1:]:
        raise UserError(f"aggregation: groups are given for {len(group)} classes, but there are {known.shape[-1]}")
    return known @ (group[:, None] == group[None]).to(known)


def _masks(logits: Tensor, scores: Tensor, size: tuple[int, int]) -> dict[int, Tensor]:
    """The union of the kept queries' masks, class by class; only these masks are brought to the video's size."""
    masks: dict[int, Tensor] = {}
    for frame, kept in enumerate(scores):
        used = kept.amax(1).nonzero().flatten()
        regions = to_pixels(logits[frame, used], size)
        for label in kept.amax(0).nonzero().flatten().tolist():
            union = regions[kept[used, label] > 0].any(0)
            if union.any():
                if label not in masks:
                    masks[label] = union.new_zeros(len(scores), *size)
                masks[label][frame] = union
    return masks


def _boxes(boxes: Tensor, scores: Tensor, size: tuple[int, int]) -> list[Tensor]:
    return [to_corners(frame[kept > 0], size) for frame, kept in zip(boxes, scores, strict=True)]


def _by_class(flags: Tensor) -> dict[int, Tensor]:
    return {label: flags[:, label] for label in flags.any(0).nonzero().flatten().tolist()}


def _required(name: str, how: Aggregation, value: T | None) -> T:
    if value is None:
        raise UserError(f"aggregation: modality '{how.modality}' needs {name}, which were not given")
    return value

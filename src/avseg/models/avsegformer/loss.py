"""The losses of AVSegFormer (section 3.5 and the published code): mask loss and mix loss."""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from avseg.utils.choices import check_choice

Form = Literal["dice", "bce", "dice_bce"]
FORMS = get_args(Form)
# the published constant, once for each sum of squares
_SMOOTH = 0.001


def dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Compute 1 - 2 sum(p g) / (sum(p^2) + sum(g^2)) of each frame (N, H, W), averaged over the frames.

    An empty mask gives 1 and no gradient.
    """
    probability = logits.sigmoid().flatten(1)  # (N, pixels)
    target = masks.flatten(1).float()
    overlap = (probability * target).sum(1)
    squares = probability.square().sum(1) + _SMOOTH + target.square().sum(1) + _SMOOTH
    return (1 - 2 * overlap / squares).mean()


def binary_loss(logits: Tensor, masks: Tensor, form: Form = "dice") -> Tensor:
    """Compare logits (N, H, W) with masks (N, H, W), non-zero is sounding; zero without a frame.

    - "dice": as published; frames where nothing sounds teach nothing.
    - "bce": binary cross-entropy, the other choice of the published code.
    - "dice_bce": their sum, which also learns from silent frames.

    Computed in float32 also under autocast.
    """
    check_choice("model.loss.form", form, FORMS)
    if len(logits) == 0:
        return logits.float().sum()
    with torch.autocast(logits.device.type, enabled=False):
        scores, target = logits.float(), (masks != 0).float()
        dice = dice_loss(scores, target) if form != "bce" else 0.0
        entropy = F.binary_cross_entropy_with_logits(scores, target) if form != "dice" else 0.0
        return torch.as_tensor(dice + entropy)


def mask_loss(logits: Tensor, masks: Tensor, annotated: Tensor, form: Form = "dice") -> Tensor:
    """Compare logits (B, T, K, H, W) with masks (B, T, H, W) on the annotated frames (B, T).

    K = 1: `binary_loss`; K > 1: cross-entropy with the class indices.
    """
    frames, labels = logits[annotated], masks[annotated]  # (N, K, H, W), (N, H, W)
    if frames.shape[1] == 1:
        return binary_loss(frames[:, 0], labels, form)
    if len(frames) == 0:
        return frames.float().sum()
    with torch.autocast(logits.device.type, enabled=False):
        return F.cross_entropy(frames.float(), labels.long())


def mix_loss(mask_feature: Tensor, masks: Tensor, annotated: Tensor, form: Form = "dice") -> Tensor:
    """Compare the mean channel of the gated mask feature (B, T, C, h, w), as logits, with the masks (B, T, H, W).

    The feature is never negative, so neither is the logit: this term pulls it up where something sounds, and cannot
    push it below a probability of one half elsewhere.
    """
    labels = masks[annotated]  # (N, H, W)
    logits = mask_feature[annotated].float().mean(1, keepdim=True)  # (N, 1, h, w)
    if len(logits) == 0:
        return logits.sum()
    enlarged = F.interpolate(logits, size=labels.shape[-2:], mode="bilinear", align_corners=False)
    return binary_loss(enlarged[:, 0], labels, form)

"""Overlap of predicted and annotated regions per frame: masks, sets of boxes, or activity (LU-AVS; our definition)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from avseg.metrics.f_score import BETA2

Regions = Tensor | Sequence[Tensor]
_BLOCK = 128


class Overlap(NamedTuple):
    """Regions of n frames: is one annotated, is one predicted, (n,) bool; IoU and, except for boxes, F, (n,)."""

    target: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    scores: tuple[NDArray[np.float64], ...]


def mask_overlap(predicted: Tensor, target: Tensor, beta2: float = BETA2) -> tuple[Tensor, Tensor]:
    """Compute IoU and F-score of one mask per frame, (n,) float64 each, on the CPU; 0 where both masks are empty.

    J = |R & Q| / |R | Q| and F = (1 + beta2) Pr Rc / (beta2 Pr + Rc), as in AVSBench, for target R and prediction Q,
    both (n, H, W) bool on any device, or integers, where non-zero belongs to the object.

    Raises:
        ValueError: the shapes differ, or a mask is not binarised.

    Example:
        >>> import torch
        >>> target = torch.tensor([[[1, 1], [0, 0]], [[0, 0], [0, 0]]]).bool()
        >>> predicted = torch.tensor([[[1, 0], [1, 0]], [[0, 0], [0, 0]]]).bool()
        >>> iou, f = mask_overlap(predicted, target)
        >>> iou, f
        (tensor([0.3333, 0.0000], dtype=torch.float64), tensor([0.5000, 0.0000], dtype=torch.float64))
    """
    iou, f = overlap_of_masks(predicted, target, len(predicted), beta2).scores
    return torch.from_numpy(iou), torch.from_numpy(f)


def box_overlap(predicted: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Compute the IoU of one set of boxes per frame: the best matching's sum of IoUs over the larger number of boxes.

    Both sets are n times (k, 4), corners (x1, y1, x2, y2) in pixels; k may be 0. The result is (n,) float64 on the CPU:
    for one box on each side their plain IoU, and 0 for a frame without a box on either side.

    Raises:
        ValueError: different numbers of frames, or boxes that are not (k, 4) corners.

    Example:
        >>> import torch
        >>> target = [torch.tensor([[0, 0, 2, 2], [4, 4, 6, 6]])]
        >>> box_overlap([torch.tensor([[4, 4, 6, 6]])], target)
        tensor([0.5000], dtype=torch.float64)
    """
    return torch.from_numpy(overlap_of_boxes(predicted, target, len(predicted)).scores[0])


def overlap_of_masks(predicted: Regions | None, target: Regions | None, frames: int, beta2: float) -> Overlap:
    """Compute the overlap of masks (n, H, W); None is n empty masks."""
    q = _masks("predicted", predicted, frames)
    r = _masks("target", target, frames)
    if q is not None and r is not None and (q.shape != r.shape or q.device != r.device):
        raise ValueError(
            f"predicted {tuple(q.shape)} on {q.device} and target {tuple(r.shape)} on {r.device} "
            "must be masks of one shape on one device"
        )
    # areas in pixels, (n,) each; an area is 0 where a mask is None
    correct = _areas(None if q is None or r is None else q & r, frames)
    area_q = _areas(q, frames)
    area_r = _areas(r, frames)
    iou = _ratio(correct, area_q + area_r - correct)
    f = _ratio((1 + beta2) * correct, area_q + beta2 * area_r)
    return Overlap(area_r > 0, area_q > 0, (iou, f))


def overlap_of_boxes(predicted: Regions | None, target: Regions | None, frames: int) -> Overlap:
    """Compute the overlap of n sets of boxes (k, 4); None is n empty sets."""
    q, q_sizes = _boxes("predicted", predicted, frames)
    r, r_sizes = _boxes("target", target, frames)
    pairwise = _pairwise_iou(q, r)  # (n, k, m)
    # one box against several: the best one; the padding's IoU is 0
    matched = pairwise.max((1, 2), initial=0.0)
    for frame in np.flatnonzero((q_sizes > 1) & (r_sizes > 1)):
        matched[frame] = pairwise[frame][linear_sum_assignment(pairwise[frame], maximize=True)].sum()
    # missing and superfluous boxes both lower the score
    iou = _ratio(matched, np.maximum(q_sizes, r_sizes).astype(np.float64))
    return Overlap(r_sizes > 0, q_sizes > 0, (iou,))


def overlap_of_activity(predicted: Regions | None, target: Regions | None, frames: int) -> Overlap:
    """Compute the overlap of activity (n,) bool: without a spatial part, 1 where both are active."""
    q = _activity("predicted", predicted, frames)
    r = _activity("target", target, frames)
    score = (q & r).astype(np.float64)
    return Overlap(r, q, (score, score))


def overlap_of(
    region: str, predicted: Regions | None, target: Regions | None, frames: int, beta2: float = BETA2
) -> Overlap:
    """Compute the overlap of n frames' "mask", "box" or "none" (activity); None means without regions."""
    if region == "mask":
        return overlap_of_masks(predicted, target, frames, beta2)
    if region == "box":
        return overlap_of_boxes(predicted, target, frames)
    return overlap_of_activity(predicted, target, frames)


def merge_regions(region: str, regions: Sequence[Regions]) -> Regions | None:
    """Merge the regions of several classes, frame by frame: masks and activity by `or`, boxes as one set."""
    if region != "box" or not regions:
        # masks and activity are bool tensors
        return merge_flags("regions", regions)
    lengths = list(map(len, regions))
    if len(set(lengths)) > 1:
        raise ValueError(f"boxes of {lengths} frames cannot be merged: give the same frames")
    merged: list[Tensor] = []
    for frame in zip(*regions, strict=True):  # the boxes of every class in one frame
        merged.append(torch.cat([torch.as_tensor(boxes).reshape(-1, 4) for boxes in frame]))
    return merged


def merge_flags(name: str, flags: Sequence[Regions]) -> Tensor | None:
    """Merge tensors: true where any of them is not zero; None without a tensor. Raise `ValueError` unless they fit."""
    tensors = list(map(torch.as_tensor, flags))
    if len({tensor.shape for tensor in tensors}) > 1 or any(tensor.is_floating_point() for tensor in tensors):
        shapes = " and ".join(map(_shape, tensors))
        raise ValueError(f"{name} of {shapes} cannot be merged: must be bool and of one shape")
    return torch.stack([tensor != 0 for tensor in tensors]).any(0) if tensors else None


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _masks(name: str, masks: Regions | None, frames: int) -> Tensor | None:
    if masks is None:
        return None
    if not isinstance(masks, Tensor) or masks.ndim != 3 or len(masks) != frames or masks.is_floating_point():
        raise ValueError(f"{name} of {_shape(masks)} must be masks (n, H, W) bool, n = {frames} frames")
    return masks if masks.dtype == torch.bool else masks != 0


def _areas(masks: Tensor | None, frames: int) -> NDArray[np.float64]:
    """Count the pixels of each mask (n, H, W), (n,); None is n empty masks."""
    if masks is None:
        return np.zeros(frames)
    # sums of 128 zeros and ones fit a byte: 25 times faster on a CPU than `masks.sum`
    flat = masks.flatten(1).view(torch.uint8)
    remainder = flat.shape[1] % _BLOCK
    blocks = flat[:, remainder:].reshape(len(flat), flat.shape[1] // _BLOCK, _BLOCK)
    areas = flat[:, :remainder].sum(1) + blocks.sum(2, dtype=torch.uint8).sum(1)
    return np.asarray(areas.cpu().double().numpy())


def _boxes(name: str, boxes: Regions | None, frames: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Pad boxes with zeros to (n, k, 4), and count those of each frame, (n,)."""
    if boxes is None:
        boxes = [torch.empty(0, 4)] * frames
    if len(boxes) != frames:
        raise ValueError(f"{name} of {len(boxes)} frames must be boxes of n = {frames} frames, (k, 4) each")
    corners: list[NDArray[np.float64]] = []
    for position, frame_boxes in enumerate(boxes):
        values = torch.as_tensor(frame_boxes).detach().double().cpu().numpy()  # (k, 4)
        if values.size and (values.ndim != 2 or values.shape[1] != 4 or not _are_corners(values)):
            raise ValueError(f"{name}[{position}] of {_shape(values)} must be (k, 4) corners x1 <= x2, y1 <= y2")
        corners.append(values.reshape(-1, 4))  # an empty set may have any shape
    sizes = np.array(list(map(len, corners)), dtype=np.int64)
    padded = np.zeros((frames, int(sizes.max(initial=0)), 4))  # (n, largest k, 4)
    for frame in np.flatnonzero(sizes):
        padded[frame, : sizes[frame]] = corners[frame]
    return padded, sizes


def _are_corners(boxes: NDArray[np.float64]) -> bool:
    return bool((np.isfinite(boxes).all(1) & (boxes[:, 2:] >= boxes[:, :2]).all(1)).all())


def _pairwise_iou(q: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute the IoU of every box (n, k, 4) with every box (n, m, 4), (n, k, m)."""
    q = q[:, :, None]  # (n, k, 1, 4)
    r = r[:, None]  # (n, 1, m, 4)
    sides = np.minimum(q[..., 2:], r[..., 2:]) - np.maximum(q[..., :2], r[..., :2])
    intersection = sides.clip(min=0).prod(-1)  # (n, k, m)
    q_area = (q[..., 2:] - q[..., :2]).prod(-1)
    r_area = (r[..., 2:] - r[..., :2]).prod(-1)
    return _ratio(intersection, q_area + r_area - intersection)


def _activity(name: str, active: Regions | None, frames: int) -> NDArray[np.bool_]:
    if active is None:
        return np.zeros(frames, np.bool_)
    if not isinstance(active, Tensor) or active.shape != (frames,) or active.is_floating_point():
        raise ValueError(f"{name} of {_shape(active)} must be activity (n,) bool, n = {frames} frames")
    return np.asarray(active.cpu().numpy() != 0)


def _shape(value: object) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    return f"type {type(value).__name__}"

"""Slow reference implementations of the scores: one frame, one threshold, one class at a time."""

import torch

THRESHOLDS = torch.linspace(0, 1 - 1e-10, 255)


def iou(logits: torch.Tensor, target: torch.Tensor) -> float:
    """Compute J of one frame (H, W)."""
    predicted, sounding = (logits.sigmoid() > 0.5).double(), (target > 0).double()
    if sounding.sum() == 0:
        return (((1 - predicted) * (1 - sounding)).sum() / (sounding.numel() + 1e-7)).item()
    return ((predicted * sounding).sum() / (torch.maximum(predicted, sounding).sum() + 1e-7)).item()


def threshold_counts(logits: torch.Tensor, target: torch.Tensor) -> list[tuple[int, int]]:
    """Count correct and predicted pixels of one frame (H, W) at each threshold."""
    scores, counts = logits.sigmoid(), []
    for threshold in THRESHOLDS:
        predicted = scores >= threshold
        counts.append((int((predicted & (target > 0)).sum()), int(predicted.sum())))
    return counts


def curve(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Compute F of one frame (H, W) at each threshold, in float32 as the official code does."""
    correct, predicted = torch.tensor(threshold_counts(logits, target)).float().unbind(1)
    precision, recall = correct / (predicted + 1e-20), correct / ((target > 0).sum() + 1e-20)
    score = 1.3 * precision * recall / (0.3 * precision + recall)
    return torch.where(score.isnan(), torch.zeros(()), score)


def fscore(logits: torch.Tensor, target: torch.Tensor) -> float:
    """Compute F of one group of frames (N, H, W)."""
    curves = [curve(z, g) for z, g in zip(logits, target, strict=True) if (g > 0).any()]
    return torch.stack(curves).mean(0).max().item() if curves else 0.0


def semantic(predicted: torch.Tensor, target: torch.Tensor, classes: int) -> tuple[float, float]:
    """Compute mIoU and F of AVSS from class maps (N, H, W)."""
    ious, fscores = [], []
    for label in range(classes):
        frames_iou, frames_f = [], []
        for p, g in zip(predicted == label, target == label, strict=True):
            if not (p | g).any():
                continue
            overlap, area, labelled = (p & g).sum().item(), p.sum().item(), g.sum().item()
            frames_iou.append(overlap / (area + labelled - overlap))
            precision, recall = (overlap / area if area else 0), (overlap / labelled if labelled else 0)
            frames_f.append(1.3 * precision * recall / (0.3 * precision + recall) if overlap else 0)
        ious.append(sum(frames_iou) / len(frames_iou) if frames_iou else 0)
        fscores.append(sum(frames_f) / len(frames_f) if frames_f else 0)
    return sum(ious) / classes, sum(fscores) / classes


def clips(
    count: int, frames: int = 5, size: tuple[int, int] = (9, 11), seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw random logits and masks (count, frames, H, W); some masks are empty, all of one clip."""
    generator = torch.Generator().manual_seed(seed)
    target = (torch.rand(count, frames, *size, generator=generator) > 0.6).to(torch.uint8)
    target[torch.rand(count, frames, generator=generator) < 0.3] = 0
    if count > 1:
        target[1] = 0
    logits = 3 * torch.randn(count, frames, *size, generator=generator) + 2 * target - 1
    return logits, target

"""F-score of one official test batch (4 videos of 5 frames): the histogram against the loop over 255 thresholds."""

import torch
from torch import Tensor

from avseg.metrics import fscore
from benchmarks.measure import Comparison, alternate


def loop_fscore(logits: Tensor, target: Tensor) -> Tensor:
    """Compute the F-score as published, on frames (N, H, W) and float masks: one comparison per threshold."""
    scores, curves = logits.sigmoid(), []
    thresholds = torch.linspace(0, 1 - 1e-10, 255, device=logits.device)
    for score, mask in zip(scores, target, strict=True):
        if mask.mean() == 0:
            continue
        precision, recall = torch.zeros_like(thresholds), torch.zeros_like(thresholds)
        for i, threshold in enumerate(thresholds):
            predicted = (score >= threshold).float()
            correct = (predicted * mask).sum()
            precision[i], recall[i] = correct / (predicted.sum() + 1e-20), correct / (mask.sum() + 1e-20)
        curve = 1.3 * precision * recall / (0.3 * precision + recall)
        curves.append(torch.where(curve.isnan(), 0.0, curve))
    return torch.stack(curves).mean(0).max()


def frames(count: int, size: int, device: str) -> tuple[Tensor, Tensor]:
    """Draw blurred noise as logits (N, H, W), and masks around its maxima (uint8)."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(count, 1, 7, 7, generator=generator)
    hills = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")[:, 0]
    noise = torch.randn(count, size, size, generator=generator)
    return (4 * hills + noise).to(device), (hills > 0.5).to(torch.uint8).to(device)


def measure(count: int = 20, size: int = 224, repeats: int = 5, device: str = "cpu") -> list[Comparison]:
    """Measure the time of both forms, whose scores must agree.

    Raises:
        RuntimeError: they do not agree.
    """
    logits, target = frames(count, size, device)
    mask = target.float()  # as the official loader returns it
    ours, published = fscore(logits, target).item(), loop_fscore(logits, mask).item()
    if abs(ours - published) > 1e-6:
        raise RuntimeError(f"the two forms disagree: {ours} and {published}")
    ours_ms, published_ms = alternate(
        lambda: fscore(logits, target), lambda: loop_fscore(logits, mask), repeats, device
    )
    return [Comparison(f"F-score of {count} frames {size}x{size}: time", "ms", ours_ms, published_ms, target=50)]

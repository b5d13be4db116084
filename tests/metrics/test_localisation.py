"""cIoU and its curve against loops over pixels and thresholds, and the official values."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from avseg.metrics import BestThreshold, SuccessAUC, SuccessRate, consensus_iou, success_auc, success_rate
from avseg.metrics.iou import MaskIoU


def brute_force(mask: np.ndarray, truth: np.ndarray) -> float:
    correct = wrong = total = 0.0
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            total += truth[row, column]
            if mask[row, column]:
                correct += truth[row, column]
                wrong += truth[row, column] == 0
    return correct / (total + wrong) if total + wrong else 1.0


def brute_force_auc(scores: list[float]) -> float:
    rates = [sum(score >= 0.05 * step for score in scores) / len(scores) for step in range(21)]
    return sum(0.05 * (left + right) / 2 for left, right in pairwise(rates))


def test_consensus_iou_equals_a_loop_over_pixels() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice([0.0, 0.5, 1.0], (20, 6, 7)).astype(np.float32)
    mask = rng.random((20, 6, 7)) < 0.5
    truth[0] = 0  # silent, marked
    truth[1], mask[1] = 0, False  # silent, not marked
    scores = consensus_iou(torch.from_numpy(mask), torch.from_numpy(truth))
    expected = [brute_force(mask[i], truth[i]) for i in range(20)]
    assert scores.tolist() == pytest.approx(expected, abs=1e-12)
    assert scores[:2].tolist() == [0.0, 1.0]
    assert float(success_auc(scores)) == pytest.approx(brute_force_auc(expected), abs=1e-12)
    assert float(success_rate(scores)) == pytest.approx(np.mean(np.array(expected) >= 0.5))


def test_the_curve_of_scores_on_its_steps() -> None:
    """0.05 * 3 is above 0.15, as in the official code."""
    assert float(success_auc(torch.tensor([0.15], dtype=torch.float64))) == pytest.approx(brute_force_auc([0.15]))
    assert float(success_auc(torch.tensor([1.0], dtype=torch.float64))) == pytest.approx(1)


def test_the_metrics_of_a_split_do_not_depend_on_batches() -> None:
    torch.manual_seed(0)
    logits, masks = torch.randn(6, 2, 8, 8), torch.rand(6, 2, 8, 8) < 0.4
    masks[3] = False
    scores = consensus_iou(logits.flatten(0, 1).sigmoid() > 0.5, masks.flatten(0, 1).float())
    for metric, expected in ((SuccessRate(), success_rate(scores)), (SuccessAUC(), success_auc(scores))):
        for index in ([4, 1], [0, 5, 3], [2, 4]):  # clip 4 twice
            metric.update(logits[index], masks[index], index=torch.tensor(index))
        assert float(metric.compute()) == pytest.approx(float(expected), abs=1e-6)
    assert math.isnan(float(SuccessRate().compute()))


def test_the_best_threshold_has_the_highest_j() -> None:
    torch.manual_seed(1)
    masks = torch.rand(3, 2, 8, 8) < 0.3
    maps = (0.25 * masks + 0.1 + 0.1 * torch.rand(3, 2, 8, 8)).clamp(0.01, 0.99)
    metric = BestThreshold()
    metric.update(maps.logit(), masks)
    by_threshold: dict[float, float] = {}
    for threshold in torch.linspace(0.05, 0.95, 19).tolist():
        score = MaskIoU(None)
        score.update((maps > threshold).float() * 40 - 20, masks)
        by_threshold[threshold] = float(score.compute())
    best = max(by_threshold, key=lambda threshold: by_threshold[threshold])
    assert float(metric.compute()) == pytest.approx(best)
    assert best != pytest.approx(0.5)
    assert float(BestThreshold().compute()) == 0.5

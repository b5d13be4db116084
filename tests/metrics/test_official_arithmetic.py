"""J and F of a split whose last group of videos is short, beside the official script's arithmetic written by hand."""

import numpy as np
import pytest
import torch

from avseg.metrics import FScore, MaskIoU

CLIPS, FRAMES, GROUP = 10, 5, 4
SIZE = (9, 12)


def _predictions() -> tuple[np.ndarray, np.ndarray]:
    """Return logits and masks (CLIPS, FRAMES, H, W); some frames and a whole clip do not sound."""
    random = np.random.default_rng(5)
    masks = np.zeros((CLIPS, FRAMES, *SIZE), np.uint8)
    for clip in range(CLIPS):
        for frame in range(FRAMES):
            top, left = random.integers(0, 6, 2)
            masks[clip, frame, top : top + 4, left : left + 5] = 1
    masks[random.random((CLIPS, FRAMES)) < 0.2] = 0
    masks[6] = 0
    skill = np.linspace(0.2, 4, CLIPS)[:, None, None, None]  # so that the groups differ
    logits = random.normal(0, 2, masks.shape) + skill * (2.0 * masks - 1)
    return logits.astype(np.float32), masks


def _official_j(logits: np.ndarray, masks: np.ndarray) -> float:
    """Average J over the frames of a test batch."""
    scores = []
    for logit, mask in zip(logits, masks, strict=True):
        marked = 1 / (1 + np.exp(-logit.astype(np.float64))) > 0.5
        if mask.any():
            shared, joined = np.sum(marked & (mask == 1)), np.sum(marked | (mask == 1))
        else:
            shared, joined = np.sum(~marked), mask.size
        scores.append(shared / (joined + 1e-7))
    return float(np.mean(scores))


def _official_f(logits: np.ndarray, masks: np.ndarray) -> float:
    """Average F at each threshold over the sounding frames of a test batch; the best threshold counts."""
    curves = []
    thresholds = torch.linspace(0, 1 - 1e-10, 255)
    for logit, mask in zip(logits, masks, strict=True):
        if not mask.any():
            continue
        score = torch.sigmoid(torch.from_numpy(logit))
        curve = []
        for threshold in thresholds:
            marked = (score >= threshold).numpy()
            true = float(np.sum(marked & (mask == 1)))
            precision, recall = true / (marked.sum() + 1e-20), true / (mask.sum() + 1e-20)
            curve.append(1.3 * precision * recall / (0.3 * precision + recall) if true else 0.0)
        curves.append(curve)
    return float(np.mean(curves, 0).max()) if curves else 0.0


@pytest.mark.parametrize("batch", [1, 3, 10])
def test_ten_clips_in_groups_of_four(batch: int) -> None:
    logits, masks = _predictions()
    frames = [(values.reshape(-1, *SIZE)) for values in (logits, masks)]
    groups = [slice(begin * FRAMES, (begin + GROUP) * FRAMES) for begin in range(0, CLIPS, GROUP)]
    expected_j = np.mean([_official_j(frames[0][group], frames[1][group]) for group in groups])
    expected_f = np.mean([_official_f(frames[0][group], frames[1][group]) for group in groups])
    iou, f_score = MaskIoU(videos_per_group=GROUP), FScore(videos_per_group=GROUP)
    order = np.random.default_rng(batch).permutation(CLIPS)
    for begin in range(0, CLIPS, batch):  # any order, any batches
        index = torch.from_numpy(order[begin : begin + batch])
        values = torch.from_numpy(logits)[index], torch.from_numpy(masks)[index]
        iou.update(*values, index=index)
        f_score.update(*values, index=index)
    assert iou.compute().item() == pytest.approx(expected_j, abs=1e-6)
    assert f_score.compute().item() == pytest.approx(expected_f, abs=1e-6)
    # the groups matter: neither is the mean over frames, clips or the whole split
    assert abs(_official_j(*frames) - expected_j) > 1e-3
    assert abs(_official_f(*frames) - expected_f) > 1e-3

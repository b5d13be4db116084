"""One frame's regions against numpy, scipy's assignment and torchvision; errors in arguments are one line."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from avseg.metrics import LongVideoScore, box_overlap, mask_overlap
from avseg.utils.errors import UserError


@settings(max_examples=40, deadline=None)
@given(size=st.tuples(st.integers(0, 3), st.integers(1, 30), st.integers(1, 40)), seed=st.integers(0, 99))
def test_masks_equal_numpy(size: tuple[int, int, int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    q, r = (torch.rand(2, *size, generator=generator) > 0.5).unbind()
    q[:1] = seed % 2 == 0
    iou, f = mask_overlap(q, r, beta2=1.0)
    overlap, either = (q & r).numpy().sum((1, 2)), (q | r).numpy().sum((1, 2))
    assert iou.numpy() == pytest.approx(overlap / np.maximum(either, 1))
    assert f.numpy() == pytest.approx(2 * overlap / np.maximum(overlap + either, 1))  # beta 1 is Dice


def test_masks_of_integers_and_views() -> None:
    generator = torch.Generator().manual_seed(0)
    q, r = (torch.rand(2, 20, 30, 4, generator=generator) > 0.5).unbind()
    expected = mask_overlap(q, r)[0]
    assert torch.equal(mask_overlap(3 * q.to(torch.uint8), r)[0], expected)
    views = [masks.movedim(1, 2).contiguous().movedim(1, 2) for masks in (q, r)]
    assert torch.equal(mask_overlap(*views)[0], expected)


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=4), seed=st.integers(0, 99))
def test_boxes_equal_torchvision_and_scipy(counts: list[tuple[int, int]], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def boxes(count: int) -> torch.Tensor:
        corner, side = 50 * torch.rand(2, count, 2, generator=generator, dtype=torch.float64) + 1
        return torch.cat([corner, corner + side], dim=1)

    sets = [(boxes(k), boxes(m)) for k, m in counts]
    got = box_overlap([q for q, _ in sets], [r for _, r in sets])
    for value, (q, r) in zip(got.tolist(), sets, strict=True):
        pairs = box_iou(q, r).numpy()
        expected = pairs[linear_sum_assignment(-pairs)].sum() / max(len(q), len(r), 1)
        assert value == pytest.approx(expected)


def test_boxes_without_area_and_sets_without_shape() -> None:
    line = torch.tensor([[1, 1, 1, 5]])
    assert box_overlap([line, torch.empty(0), line], [line, line, torch.empty(0, 4)]).tolist() == [0, 0, 0]


MASKS, BOXES = torch.ones(2, 3, 4).bool(), [torch.tensor([[0, 0, 1, 1]])] * 2
VALID: dict[str, Any] = {"video": "a", "label": 0, "frames": [0, 1], "predicted": MASKS, "target": MASKS}
INVALID: list[tuple[str, dict[str, Any], str]] = [
    ("mask", {"predicted": MASKS[0]}, "predicted of shape (3, 4) and type bool must be masks (n, H, W) bool, n = 2"),
    ("mask", {"target": MASKS[:1]}, "target of shape (1, 3, 4) and type bool must be masks (n, H, W) bool, n = 2"),
    ("mask", {"predicted": MASKS.float()}, "predicted of shape (2, 3, 4) and type float32 must be masks"),
    ("mask", {"predicted": BOXES}, "predicted of type list must be masks (n, H, W) bool, n = 2 frames"),
    ("mask", {"predicted": MASKS[:, :2]}, "predicted (2, 2, 4) on cpu and target (2, 3, 4) on cpu"),
    ("mask", {"frames": [0.5, 1]}, "frames of shape (2,) and type float64 must be (n,) integers"),
    ("mask", {"frames": [[0, 1]]}, "frames of shape (1, 2) and type int64 must be (n,) integers"),
    ("mask", {"frames": [-1, 1]}, "frames hold -1: frame numbers start at 0"),
    ("mask", {"frames": [1, 1]}, "frames: frame 1 of video 'a' was given twice for class 0"),
    ("mask", {"video": 3}, "video 3 must be the id of a video, a str"),
    ("mask", {"label": -1}, "label -1 must be the index of a class, 0 and up"),
    ("mask", {"label": "dog"}, "label 'dog' must be the index of a class, 0 and up"),
    ("mask", {"label": None}, "label None only declares frames of video 'a'; regions need the class"),
    ("mask", {"audible": torch.ones(3).bool()}, "audible of shape (3,) and type bool must be (n,) bool, n = 2 frames"),
    ("mask", {"gate": torch.ones(2)}, "gate of shape (2,) and type float32 must be (n,) bool, n = 2 frames"),
    ("mask", {"segments": [(3, 3)]}, "segments hold (3, 3): must be half-open, 0 <= start < end"),
    ("mask", {"segments": [(0.5, 3)]}, "segments of shape (1, 2) and type float64 must be (k, 2) integers"),
    ("mask", {"segments": [(0, 1, 2)]}, "segments of shape (1, 3) and type int64 must be (k, 2) integers"),
    ("box", {"predicted": BOXES[:1], "target": BOXES}, "predicted of 1 frames must be boxes of n = 2 frames"),
    ("box", {"predicted": BOXES, "target": [MASKS, MASKS]}, "target[0] of shape (2, 3, 4) and type float64 must be"),
    ("box", {"predicted": [torch.tensor([[2, 0, 1, 1]])] * 2, "target": BOXES}, "must be (k, 4) corners x1 <= x2"),
    ("box", {"predicted": [torch.full((1, 4), torch.nan)] * 2, "target": BOXES}, "must be (k, 4) corners x1 <= x2"),
    ("none", {}, "predicted of shape (2, 3, 4) and type bool must be activity (n,) bool, n = 2 frames"),
    ("none", {"gate": MASKS}, "audible and gate are for masks and boxes"),
]


@pytest.mark.parametrize(("region", "change", "message"), INVALID)
def test_errors_are_one_line(region: str, change: dict[str, Any], message: str) -> None:
    score = LongVideoScore(region)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        score.update(**{**VALID, **change})
    assert "\n" not in str(caught.value)
    assert score.per_video() == {}


def test_segments_that_differ_between_updates_are_refused() -> None:
    score = LongVideoScore("none", unit="segment")
    on = torch.ones(2).bool()
    score.update("a", 0, [0, 1], predicted=on, target=on, segments=[(0, 9)])
    score.update("a", 0, [2, 3], predicted=on, target=on, segments=[(1, 9)])
    with pytest.raises(ValueError, match="segments of class 0 in video 'a' must be the same"):
        score.compute()


def test_unknown_options_are_refused() -> None:
    with pytest.raises(UserError, match=r"region 'masks' is unknown; allowed: mask, box, none; did you mean 'mask'"):
        LongVideoScore("masks")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="beta2 0 must be a positive number"):
        LongVideoScore(beta2=0)


def test_regions_that_cannot_be_merged_are_refused() -> None:
    masks, boxes = LongVideoScore(merge_classes=True), LongVideoScore("box", merge_classes=True)
    with pytest.raises(ValueError, match=r"type bool and shape .* cannot be merged: must be bool and of one shape"):
        masks.update_classes("a", [0, 1], {0: MASKS, 1: MASKS[:1]}, {})
    with pytest.raises(ValueError, match="type float32 cannot be merged"):
        masks.update_classes("a", [0, 1], {0: MASKS.float()}, {})
    with pytest.raises(ValueError, match=r"audible of .* cannot be merged"):
        masks.update_classes("a", [0, 1], {}, {0: MASKS}, audible={0: MASKS[:, 0, 0], 1: torch.zeros(2)})
    with pytest.raises(ValueError, match="frames cannot be merged"):
        boxes.update_classes("a", [0, 1], {0: BOXES, 1: BOXES[:1]}, {})

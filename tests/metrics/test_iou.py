import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.metrics import MaskIoU, mask_iou
from avseg.utils.errors import UserError
from tests.golden_recipe import arr, blob_masks, golden
from tests.metrics import reference


def _official() -> tuple[torch.Tensor, torch.Tensor]:
    target = blob_masks(10, 56, 72, 2)
    return arr("metric_logits", (10, 56, 72), 2) + 2 * (target - 0.5), target


def test_golden() -> None:
    logits, target = _official()
    metric = MaskIoU()
    metric.update(logits, target)
    assert metric.compute().item() == pytest.approx(golden()["metric_iou"].item(), rel=1e-5)


def test_golden_silent() -> None:
    logits = _official()[0][:5]
    expected = golden()["metric_iou_silent"].item()
    assert mask_iou(logits, torch.zeros_like(logits)).mean().item() == pytest.approx(expected, rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 4), frames=st.integers(1, 4), height=st.integers(1, 9), seed=st.integers(0, 999))
def test_equals_the_definition(count: int, frames: int, height: int, seed: int) -> None:
    logits, target = reference.clips(count, frames, (height, 7), seed)
    values = mask_iou(logits, target)
    expected = [reference.iou(z, g) for z, g in zip(logits.flatten(0, 1), target.flatten(0, 1), strict=True)]
    assert values.tolist() == pytest.approx(expected, rel=1e-6)
    assert ((values >= 0) & (values <= 1)).all()


def test_a_logit_that_rounds_to_one_half_is_not_predicted() -> None:
    logits, target = torch.tensor([[[1e-9, 1.0]]]), torch.tensor([[[0, 1]]])
    assert mask_iou(logits, target).item() == pytest.approx(1)


def test_any_nonzero_label_and_any_type_is_sounding() -> None:
    logits, target = reference.clips(2)
    expected = mask_iou(logits, target)
    for converted in (target * 255, target.bool(), target.float(), target.long()):
        assert torch.equal(mask_iou(logits, converted), expected)


def test_half_precision_logits() -> None:
    logits, target = reference.clips(2)
    assert torch.equal(mask_iou(logits.bfloat16(), target), mask_iou(logits.bfloat16().float(), target))


def test_perfect_and_opposite() -> None:
    target = reference.clips(3)[1]
    sign = target.float() * 2 - 1
    assert mask_iou(9 * sign, target).tolist() == pytest.approx([1] * 15)
    assert mask_iou(-9 * sign, target).tolist() == pytest.approx([0] * 15)


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="same shape"):
        mask_iou(torch.zeros(2, 4, 4), torch.zeros(2, 4, 5))
    with pytest.raises(ValueError, match="does not number"):
        MaskIoU().update(torch.zeros(2, 5, 4, 4), torch.zeros(2, 5, 4, 4), index=torch.tensor([0, 1, 2]))


def _official_mean(values: list[float], batch: int) -> float:
    """The mean over test batches of the mean over their frames, as the official script adds it up."""
    batches = [values[start : start + batch] for start in range(0, len(values), batch)]
    return sum(sum(frames) / len(frames) for frames in batches) / len(batches)


@pytest.mark.parametrize("clips", [1, 4, 8, 10])
def test_groups_of_four_videos_are_those_of_the_official_script(clips: int) -> None:
    logits, target = reference.clips(clips, 5, (8, 7), seed=clips)
    values = mask_iou(logits, target).double().tolist()
    metric, frames = MaskIoU(), MaskIoU(videos_per_group=None)
    for start in range(0, clips, 3):  # real batches have another size
        part = slice(start, start + 3)
        for one in (metric, frames):
            one.update(logits[part], target[part], index=torch.arange(clips)[part])
    assert metric.compute().item() == pytest.approx(_official_mean(values, 20), rel=1e-6)
    assert frames.compute().item() == pytest.approx(sum(values) / len(values), rel=1e-6)
    assert (clips == 10) == (abs(metric.compute() - frames.compute()) > 1e-5)
    stream = MaskIoU()
    stream.update(logits.flatten(0, 1), target.flatten(0, 1))
    assert torch.equal(stream.compute(), metric.compute())
    with pytest.raises(UserError, match="MaskIoU: videos_per_group 0 must be at least 1"):
        MaskIoU(0)

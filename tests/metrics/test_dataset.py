import pytest
import torch
from torchmetrics.classification import BinaryJaccardIndex, MulticlassConfusionMatrix, MulticlassJaccardIndex

from avseg.metrics import DatasetFScore, DatasetIoU
from tests.metrics import reference


def test_sounding_class_equals_torchmetrics() -> None:
    logits, target = reference.clips(5)
    metric = DatasetIoU()
    for start in range(0, 5, 2):
        metric.update(logits[start : start + 2], target[start : start + 2])
    expected = BinaryJaccardIndex()(logits.sigmoid(), target.long())
    assert metric.per_class()[1].item() == pytest.approx(expected.item(), rel=1e-6)
    silent = BinaryJaccardIndex()((-logits).sigmoid(), 1 - target.long())
    assert metric.compute().item() == pytest.approx((expected + silent).item() / 2, rel=1e-6)


def test_many_classes_equal_torchmetrics() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, 4, 6, 7, generator=generator)
    target = torch.randint(0, 4, (3, 5, 6, 7), generator=generator)
    metric = DatasetIoU(num_classes=4)
    metric.update(logits, target, index=torch.arange(3))
    expected = MulticlassJaccardIndex(4)(logits.flatten(0, 1), target.flatten(0, 1))
    assert metric.compute().item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_class_that_never_occurs_is_zero_in_iou_and_left_out_of_f() -> None:
    target = torch.tensor([[[0, 1]]])
    logits = torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
    iou, f_score = DatasetIoU(3), DatasetFScore(3)
    iou.update(logits, target)
    f_score.update(logits, target)
    assert iou.compute().item() == pytest.approx(2 / 3)
    assert f_score.compute().item() == pytest.approx(1)
    assert iou.per_class().isnan().tolist() == [False, False, True]


def test_f_from_the_confusion_matrix() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(6, 3, 8, 8, generator=generator)
    target = torch.randint(0, 3, (6, 8, 8), generator=generator)
    metric = DatasetFScore(3)
    metric.update(logits, target)
    matrix = MulticlassConfusionMatrix(3)(logits, target).double()
    precision, recall = matrix.diag() / matrix.sum(0), matrix.diag() / matrix.sum(1)
    expected = (1.3 * precision * recall / (0.3 * precision + recall)).mean()
    assert metric.compute().item() == pytest.approx(expected.item(), rel=1e-6)


def test_pixels_to_ignore() -> None:
    target = torch.tensor([[[0, 1, 255, 2]]])
    logits = torch.nn.functional.one_hot(torch.tensor([[[0, 1, 1, 2]]]), 3).movedim(-1, 1).float()
    metric = DatasetIoU(3)
    metric.update(logits, target)
    assert metric.compute() == 1

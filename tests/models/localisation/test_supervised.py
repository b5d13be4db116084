"""The supervised losses of LVS and MSSL against their formula, cell by cell."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from avseg.models.lvs.loss import supervised_loss as lvs_loss
from avseg.models.mssl.loss import supervised_loss as mssl_loss


@pytest.mark.parametrize(("loss", "threshold", "width"), [(lvs_loss, 0.65, 0.03), (mssl_loss, 0.5, 0.1)])
def test_a_cell_is_compared_with_the_share_of_its_sounding_pixels(
    loss: Callable[[Tensor, Tensor], Tensor], threshold: float, width: float
) -> None:
    similarity = torch.tensor([[[0.7, 0.6], [0.66, 0.5]]], dtype=torch.float64)
    masks = torch.zeros(1, 4, 4, dtype=torch.uint8)
    masks[0, :2, :2] = 1  # all of the first cell
    masks[0, 0, 2] = 1  # a quarter of the second
    masks[0, 2:, 0] = 3  # half of the third; another class sounds as well
    expected = 0.0
    for value, share in zip(similarity.flatten().tolist(), (1, 0.25, 0.5, 0), strict=True):
        probability = 1 / (1 + math.exp(-(value - threshold) / width))
        expected -= (share * math.log(probability) + (1 - share) * math.log(1 - probability)) / 4
    assert float(loss(similarity, masks)) == pytest.approx(expected, rel=1e-5)

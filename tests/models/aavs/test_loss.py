"""The loss of AAVS by hand."""

import torch

from avseg.models.aavs.decoder import QueryLayer
from avseg.models.aavs.loss import QueryMaskLoss


def test_queries_are_matched_with_a_class_cost_of_one() -> None:
    """The first query has the better class, the second one the better mask.

    At constant mask logits of 2.0 and 2.4 on an all-background frame, 5 * (cross-entropy + dice) is 0.951 and 0.651;
    the probabilities of the class are 0.9 and 0.65: the second query is cheaper at a class cost of 1, not at 2.
    """
    probabilities = torch.tensor([[0.9, 0.05, 0.05], [0.65, 0.175, 0.175]])
    mask_logits = torch.stack([torch.full((256, 256), 2.0), torch.full((256, 256), 2.4)])[None].requires_grad_()
    layer = QueryLayer(probabilities.log()[None], mask_logits)
    terms = QueryMaskLoss(2, points=4096)([layer], torch.zeros(1, 256, 256))
    (gradient,) = torch.autograd.grad(terms["mask"] + terms["dice"], mask_logits)
    assert gradient[0, 0].abs().max() == 0
    assert gradient[0, 1].abs().max() > 0

"""Uncertainty of LGVT from several samples: entropy-like maps, split into two causes."""

from typing import NamedTuple

import torch
from torch import Tensor


class Uncertainty(NamedTuple):
    """Maps of one shape: mean probability, and -p log p terms in 0 to 0.37."""

    mean: Tensor
    predictive: Tensor  # of the mean probability
    aleatoric: Tensor  # mean of that of each sample
    epistemic: Tensor  # their difference, at least 0: where the samples disagree


def uncertainty(probabilities: Tensor) -> Uncertainty:
    """Compute the maps (...) of probabilities (samples, ...)."""
    mean = probabilities.mean(0)
    predictive = _term(mean)
    aleatoric = _term(probabilities).mean(0)
    return Uncertainty(mean, predictive, aleatoric, predictive - aleatoric)


def _term(probability: Tensor) -> Tensor:
    return -torch.xlogy(probability, probability)

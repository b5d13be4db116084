"""Langevin sampling of the noise vectors: from the prior, and from the posterior given the mask."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from avseg.models.lgvt.loss import likelihood_loss

STEPS = 5
PRIOR_STEP = 0.4
POSTERIOR_STEP = 0.1

Energy = Callable[[Tensor], Tensor]
Decode = Callable[[Tensor], Tensor]


def sample_prior(energy: Energy, start: Tensor, noises: Sequence[Tensor]) -> Tensor:
    """Move z (N, noise, 1, 1) down the energy, one step for each noise of its shape; the result has no gradient.

    z <- z - s^2 / 2 (dU/dz + z) + s n. Works under `torch.inference_mode`.
    """
    with torch.inference_mode(False), torch.enable_grad():
        z = start.detach().clone()
        for noise in noises:
            gradient = _gradient(lambda point: energy(point).sum(), z)
            z = z - 0.5 * PRIOR_STEP**2 * (gradient + z) + PRIOR_STEP * noise
        return z


def sample_posterior(decode: Decode, energy: Energy, masks: Tensor, start: Tensor, noises: Sequence[Tensor]) -> Tensor:
    """Move z (N, noise, 1, 1) to where the masks (N, 1, H, H) are likely and the energy is low; no gradient.

    z <- z - s^2 / 2 (dL/dz + dU/dz + z) + s n, with L of `likelihood_loss` of the logits `decode(z)`.
    """
    z = start.detach().clone()
    with torch.enable_grad():
        for noise in noises:
            likelihood = _gradient(lambda point: likelihood_loss(decode(point), masks), z)
            gradient = likelihood + _gradient(lambda point: energy(point).sum(), z)
            z = z - 0.5 * POSTERIOR_STEP**2 * (gradient + z) + POSTERIOR_STEP * noise
    return z


def _gradient(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    point = z.detach().requires_grad_()
    return torch.autograd.grad(function(point), point)[0]

"""One channel at the rate of a front end: the first step of all of them."""

from math import gcd

import torch
from torch import Tensor

from avseg.audio.resample import resample

# the filters hold about (rate / g) * (target / g) numbers, g their divisor; above this the rate is rounded
_LARGEST_KERNEL = 1 << 23


def mono(waveform: Tensor, rate: int, target: int) -> Tensor:
    """Average the channels of (n,) or (channels, n), int16 or float, and resample to `target` Hz; (m,) float64.

    The official front ends compute in double precision too.
    """
    scale = 1 / 32768 if waveform.dtype == torch.int16 else 1.0
    samples = waveform.to(torch.float64) * scale
    if samples.ndim == 2:
        samples = samples.mean(0)
    rate = _rounded_rate(rate, target)
    return samples if rate == target or samples.numel() == 0 else resample(samples, rate, target)


def _rounded_rate(rate: int, target: int) -> int:
    """Return the rate, or the nearest multiple of 25 Hz where its kernel would fill the memory (44,101 Hz)."""
    common = gcd(rate, target)
    fits = (rate // common) * (target // common) <= _LARGEST_KERNEL
    return rate if fits else 25 * max(round(rate / 25), 1)

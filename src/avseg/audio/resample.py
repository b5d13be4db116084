"""Resample sound as the official front end does: resampy's filter `kaiser_best` (version 0.4), a windowed sinc.

Smith's method: an output sample is a sum over the input under the sinc, read from a finely sampled table by linear
interpolation. Both rates are whole numbers, so the output repeats the same few positions between input samples: one
filter for each, and the whole sound is a product of its windows with these filters.
"""

from functools import lru_cache
from math import gcd

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

ZERO_CROSSINGS = 50  # of the sinc, on each side
TABLE_STEPS = 8192  # entries of the table between two of them
ROLLOFF = 0.9173473712608761  # cut-off as a share of the lower Nyquist frequency
BETA = 12.984585247040012  # of the Kaiser window
_WINDOWS = 2048  # in one product, so that a long sound takes little memory


def resample(samples: Tensor, rate: int, target: int) -> Tensor:
    """Resample (n,) float64 from `rate` to `target` Hz, (n * target / rate, rounded down,), at least one sample."""
    common = gcd(rate, target)
    step, phases = rate // common, target // common  # `step` input samples become `phases` output samples
    filters, lead = _filters(step, phases)  # (phases, length)
    count = max(len(samples) * phases // step, 1)
    periods = -(-count // phases)
    length = filters.shape[1]
    trail = max((periods - 1) * step + length - lead - len(samples), 0)
    windows = functional.pad(samples, (lead, trail)).unfold(0, length, step)[:periods]  # (periods, length)
    # windows overlap in memory, which a matrix product cannot read without a copy
    products = [windows[start : start + _WINDOWS] @ filters.T for start in range(0, periods, _WINDOWS)]
    return torch.cat(products).flatten()[:count]


@lru_cache(maxsize=4)
def _filters(step: int, phases: int) -> tuple[Tensor, int]:
    """Return the filter of each output sample of a period, (phases, length), and the samples before the period."""
    scale = min(1.0, phases / step)
    reach = int(ZERO_CROSSINGS / scale) + 2  # samples on each side that a filter can reach
    filters = np.zeros((phases, 2 * reach + step))
    for phase in range(phases):
        quotient, remainder = divmod(phase * step, phases)
        left = _wing(scale * (remainder / phases), scale)
        right = _wing(scale - scale * (remainder / phases), scale)
        centre = reach + quotient  # of the window; the last input sample that is not later than the output
        filters[phase, centre - len(left) + 1 : centre + 1] = left[::-1]
        filters[phase, centre + 1 : centre + 1 + len(right)] = right
    return torch.from_numpy(filters), reach


def _wing(offset: float, scale: float) -> np.ndarray:
    """Read the table at `offset` and then every `scale` zero crossings."""
    table, slope = _table()
    begin, between = divmod(offset * TABLE_STEPS, 1)
    # rounded down as in resampy
    spacing = int(scale * TABLE_STEPS)
    entries = slice(int(begin), None, spacing)
    # the last entry is left out where less than a whole spacing follows it, as in resampy
    count = (len(table) - int(begin)) // spacing
    wing: np.ndarray = scale * (table[entries] + between * slope[entries])[:count]
    return wing


@lru_cache(maxsize=1)
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Return the right half of the windowed sinc, 8192 entries between zero crossings, and the step to the next."""
    count = ZERO_CROSSINGS * TABLE_STEPS
    sinc: np.ndarray = ROLLOFF * np.sinc(ROLLOFF * np.linspace(0, ZERO_CROSSINGS, count + 1))
    table = sinc * np.kaiser(2 * count + 1, BETA)[count:]
    return table, np.append(np.diff(table), 0.0)

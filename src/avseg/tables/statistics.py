"""Means, intervals and paired tests of a table.

Two sources of variation are kept apart: the standard deviation is over seeds (another training), the interval and the
tests are over clips (another test set of the same kind), whose scores are averaged over the seeds first.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 9999
SIGNIFICANT = 0.05
_BATCH = 1000  # resamples at a time: 6 MB for 740 clips
_SEED = 0  # the same runs give the same table to the last digit


def mean_and_sd(values: ArrayLike) -> tuple[float, float]:
    """Compute mean and sample standard deviation (n - 1) over seeds; the latter is NaN for a single seed.

    >>> mean_and_sd([70.0, 72.0])
    (71.0, 1.4142135623730951)
    """
    numbers = np.asarray(values, dtype=np.float64)
    sd = float(numbers.std(ddof=1)) if len(numbers) > 1 else float("nan")
    return float(numbers.mean()), sd


def clip_interval(scores: ArrayLike) -> tuple[float, float]:
    """Compute the ends of the 95 % BCa bootstrap interval (Efron 1987) of the mean of (N,) scores, one per clip.

    Both are NaN for a single clip, and the score itself if all clips are equal.
    """
    numbers = np.asarray(scores, dtype=np.float64)
    if len(numbers) < 2:
        return float("nan"), float("nan")
    # BCa is undefined without variation
    if np.ptp(numbers) == 0:
        return float(numbers[0]), float(numbers[0])
    interval = stats.bootstrap(
        (numbers,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        method="BCa",
        batch=_BATCH,
        random_state=np.random.default_rng(_SEED),
    ).confidence_interval
    return float(interval.low), float(interval.high)


def paired_p(first: ArrayLike, second: ArrayLike) -> float:
    """Compute the two-sided p value of the mean difference of two cells, (N,) scores of the same clips each.

    A permutation test that flips signs, all or 9999 random ones; 1 if no clip differs or there is only one.
    """
    a = np.asarray(first, dtype=np.float64)
    b = np.asarray(second, dtype=np.float64)
    if len(a) < 2 or not np.any(a != b):
        return 1.0
    test = stats.permutation_test(
        (a, b),
        _mean_difference,
        permutation_type="samples",  # swaps the two scores of a clip, which flips the sign of its difference
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=_BATCH,
        random_state=np.random.default_rng(_SEED),
    )
    return float(test.pvalue)


def _mean_difference(a: NDArray[np.float64], b: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    return np.asarray((b - a).mean(axis=axis))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct the p values of one family of tests (Holm 1979), so that the family-wise error stays below the level.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    ascending = sorted(range(len(p_values)), key=lambda index: p_values[index])
    for rank, index in enumerate(ascending):
        # multiplied by the number of hypotheses that remain; never below the one before
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected

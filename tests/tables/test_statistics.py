"""Statistics against examples by hand, against every resample or flip, and against scipy called independently."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from avseg.tables.statistics import clip_interval, holm, mean_and_sd, paired_p

SCORES = np.array([62.0, 71.5, 55.0, 80.0, 77.0])


def test_mean_and_deviation_by_hand():
    assert mean_and_sd([1.0, 2.0, 6.0]) == (3.0, pytest.approx(math.sqrt((4 + 1 + 9) / 2)))
    mean, sd = mean_and_sd([70.0])
    assert mean == 70.0
    assert math.isnan(sd)


def exact_bca(scores: np.ndarray) -> tuple[float, float]:
    """Efron's BCa interval over all n^n resamples (Efron 1987, equations 2.3 and 7.9)."""
    n = len(scores)
    means = np.sort([np.mean(resample) for resample in itertools.product(scores, repeat=n)])
    mean = scores.mean()
    below = (np.sum(means < mean - 1e-9) + np.sum(means <= mean + 1e-9)) / (2 * len(means))
    bias = stats.norm.ppf(below)
    left_out = np.array([np.delete(scores, index).mean() for index in range(n)])
    away = left_out.mean() - left_out
    acceleration = np.sum(away**3) / (6 * np.sum(away**2) ** 1.5)
    z = stats.norm.ppf([0.025, 0.975])
    levels = stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
    low, high = np.quantile(means, levels)
    return float(low), float(high)


def test_the_interval_is_that_of_all_resamples():
    low, high = clip_interval(SCORES)
    assert (low, high) == pytest.approx(exact_bca(SCORES), abs=0.35)  # 9999 of 3125 possible resamples, drawn at random


def test_the_interval_is_scipy_s():
    rng = np.random.default_rng(4)
    scores = 100 * rng.beta(5, 2, 90)
    ours = clip_interval(scores)
    theirs = stats.bootstrap(
        (scores,),
        np.mean,
        n_resamples=9999,
        method="BCa",
        confidence_level=0.95,
        batch=1000,
        random_state=np.random.default_rng(0),
    ).confidence_interval
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    # many clips: nearly the interval of the normal distribution
    margin = 1.96 * scores.std(ddof=1) / math.sqrt(len(scores))
    assert ours == pytest.approx((scores.mean() - margin, scores.mean() + margin), abs=0.3 * margin)
    assert clip_interval(scores) == ours


def test_intervals_without_variation():
    assert all(math.isnan(end) for end in clip_interval([50.0]))
    assert all(math.isnan(end) for end in clip_interval([]))
    assert clip_interval([50.0, 50.0, 50.0]) == (50.0, 50.0)


def test_three_clips_that_all_gain_prove_little():
    # 2 of the 8 ways to flip three signs give a mean as large as the one seen
    assert paired_p([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(2 / 8)


def test_p_is_the_share_of_all_flips():
    rng = np.random.default_rng(7)
    a, b = rng.normal(60, 10, (2, 9))
    seen = abs((b - a).mean())
    flips = itertools.product((1, -1), repeat=9)
    as_large = np.mean([abs(((b - a) * np.array(signs)).mean()) >= seen - 1e-9 for signs in flips])
    assert paired_p(a, b) == pytest.approx(as_large)
    theirs = stats.permutation_test((b - a,), lambda x: np.mean(x), permutation_type="samples", n_resamples=np.inf)
    assert paired_p(a, b) == pytest.approx(theirs.pvalue)


def test_pairing_finds_what_separate_samples_hide():
    rng = np.random.default_rng(5)
    a = rng.normal(60, 20, 64)
    b = a + rng.normal(2, 2, 64)
    assert paired_p(a, b) < 0.001
    assert stats.ttest_ind(a, b).pvalue > 0.1


def test_equal_cells_do_not_differ():
    assert paired_p([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert paired_p([], []) == 1.0
    assert paired_p([1.0], [2.0]) == 1.0


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=8))
def test_the_order_of_two_cells_does_not_matter(pairs):
    a, b = np.array(pairs).T
    assert 0 < paired_p(a, b) <= 1
    assert paired_p(a, b) == pytest.approx(paired_p(b, a))


def test_holm_by_hand():
    # sorted 0.01, 0.03, 0.04 times 3, 2, 1 are 0.03, 0.06, 0.04, and none may be below the one before
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_holm_is_statsmodels():
    """The corrected values are those of `statsmodels.stats.multitest.multipletests(..., method="holm")`."""
    p_values = [0.019, 0.5719, 0.0095, 0.4262, 0.0001, 0.0201, 0.0344, 0.0278]
    p_values += [1.0, 0.6528, 0.0298, 0.324, 0.759, 0.0459, 0.004]
    corrected = [0.228, 1.0, 0.1235, 1.0, 0.0015, 0.228, 0.278, 0.278, 1.0, 1.0, 0.278, 1.0, 1.0, 0.3213, 0.056]
    assert holm(p_values) == pytest.approx(corrected)
    assert holm([0.02, 0.02, 0.5, 0.001]) == pytest.approx([0.06, 0.06, 0.5, 0.004])


@given(st.lists(st.floats(0, 1), max_size=20), st.randoms())
def test_holm_does_not_depend_on_the_order(p_values, random):
    pairs = list(zip(p_values, holm(p_values), strict=True))
    random.shuffle(pairs)
    assert holm([p for p, _ in pairs]) == [corrected for _, corrected in pairs]
    assert all(p <= corrected <= 1 for p, corrected in pairs)

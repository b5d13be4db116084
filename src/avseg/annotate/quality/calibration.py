"""Probability that a propagated mask is right, calibrated on masks with known truth.

A logistic regression on the logarithms of the terms, fitted to composed films propagated by the default backends:
frames with an IoU below 0.6 against those above 0.85. `python -m benchmarks.bench_annotation_quality` fits, and counts
how many of each are marked in films of other objects. The terms of other propagators have other scales: without the
second opinion, which only the default one has, the score is the uncalibrated mean of `scores.combine_terms`.
"""

import math
from collections.abc import Mapping

from avseg.annotate.quality.scores import FLOOR, combine_terms

BIAS = 2.46  # log-odds of a frame whose terms are all typical
# weight of the logarithm of each term, and its typical value in frames that are right
CALIBRATED: dict[str, tuple[float, float]] = {
    "second": (0.59, 0.91),
    "returned": (1.03, 0.85),
    "refined_iou": (0.78, 0.94),
    "evidence": (0.99, 0.89),
    "certainty": (0.92, 0.82),
    "shape": (1.19, 0.83),
    "area": (0.65, 0.94),
    "likeness": (0.16, 1.00),
    "agreement": (1.00, 0.94),
}
REQUIRED = "second"


def frame_score(terms: Mapping[str, float]) -> float:
    """Compute the probability that a mask is right from its terms, 0 to 1; missing terms count as typical."""
    if terms.get("visible") == 0.0:  # out of sight or lost, which only a person can tell
        return FLOOR
    if REQUIRED not in terms:
        return combine_terms(terms)
    odds = BIAS
    for name, (weight, typical) in CALIBRATED.items():
        if name in terms:
            odds += weight * (math.log(max(terms[name], FLOOR)) - math.log(typical))
    return 1 / (1 + math.exp(-odds))

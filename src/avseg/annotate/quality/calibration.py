"""Probability that a propagated mask is right, calibrated on masks with known truth.

The log-odds are the sum of the logarithms of the terms, each relative to its median in right frames (IoU above 0.85) of
composed films propagated by the default backends, and a bias that marks 12 % of these frames. Weights fitted to the few
wrong frames of such films were worse on films left out. A mask is no better than those it was propagated through, so
the lowest score since the accepted frame is a bound. `python -m benchmarks.bench_annotation_quality` calibrates, and
counts what is marked in films of other objects. The terms of other propagators have other scales: without the second
opinion, which only the default one has, the score is the uncalibrated mean of `scores.combine_terms`.
"""

import math
from collections.abc import Mapping

from avseg.annotate.quality.scores import FLOOR, combine_terms

BIAS = 1.53  # log-odds of a frame whose terms are all typical
TYPICAL = {
    "second": 0.88,
    "returned": 0.88,
    "refined_iou": 0.94,
    "evidence": 0.90,
    "certainty": 0.79,
    "shape": 0.88,
    "area": 0.97,
    "likeness": 1.00,
    "agreement": 0.92,
}
REQUIRED = "second"
PATH = "path"  # the lowest score of the visible masks between the accepted frame and this one


def frame_score(terms: Mapping[str, float]) -> float:
    """Compute the probability that a mask is right from its terms, 0 to 1; missing terms count as typical."""
    if terms.get("visible") == 0.0:  # out of sight or lost, which only a person can tell
        return FLOOR
    if REQUIRED not in terms:
        return combine_terms(terms)
    odds = BIAS
    for name, typical in TYPICAL.items():
        if name in terms:
            odds += math.log(max(terms[name], FLOOR)) - math.log(typical)
    return min(1 / (1 + math.exp(-odds)), terms.get(PATH, 1.0))

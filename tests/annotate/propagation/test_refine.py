from typing import Any

import numpy as np

from avseg.annotate.backends.crop import padded_box
from avseg.annotate.propagation.refine import refine
from avseg.annotate.protocols import Candidate, Image, Mask
from avseg.annotate.quality.scores import iou

PICTURE = np.zeros((40, 60, 3), np.uint8)


def box(top: int, left: int, bottom: int, right: int) -> Mask:
    mask = np.zeros((40, 60), np.bool_)
    mask[top:bottom, left:right] = True
    return mask


class Given:
    """Answers with what it was given, and notes what it was asked."""

    learned = True

    def __init__(self, *candidates: Candidate) -> None:
        self.candidates, self.asked, self.encoded = list(candidates), [], 0

    def encode(self, picture: Image) -> str:
        self.encoded += 1
        return "encoded"

    def predict(self, encoded: Any, points: Any = (), box: Any = None, mask: Any = None) -> list[Candidate]:
        self.asked.append((encoded, points, box, mask))
        return self.candidates


def test_the_best_mean_of_score_and_overlap_is_taken() -> None:
    prior = box(10, 10, 30, 30)
    sure_elsewhere = Candidate(box(10, 10, 30, 42), 0.9)  # IoU 0.625: 1.525
    fitting = Candidate(box(10, 10, 30, 31), 0.7)  # IoU 0.952: 1.652
    segmenter = Given(sure_elsewhere, fitting)
    refined = refine(segmenter, PICTURE, ((20, 20, True),), prior)
    assert refined.source == "refined"
    assert (refined.mask == fitting.mask).all()
    assert refined.score == 0.7
    assert abs(refined.iou - 400 / 420) < 1e-9
    assert segmenter.asked[0][:3] == ("encoded", ((20, 20, True),), (8.0, 8.0, 32.0, 32.0))
    assert segmenter.asked[0][3] is prior


def test_something_else_is_not_taken() -> None:
    prior = box(10, 10, 30, 30).astype(np.float32) * 0.9
    refined = refine(Given(Candidate(box(10, 20, 30, 60), 1.0)), PICTURE, (), prior)
    assert refined.source == "propagated"
    assert (refined.mask == (prior > 0.5)).all()
    assert refined.iou == 200 / 1000
    assert refined.score == 1.0


def test_nothing_is_left_nothing_and_what_is_encoded_is_not_encoded_again() -> None:
    segmenter = Given(Candidate(box(0, 0, 40, 60), 1.0))
    assert refine(segmenter, PICTURE, (), box(0, 0, 0, 0)).mask.sum() == 0
    assert segmenter.asked == []
    refine(segmenter, PICTURE, (), box(0, 0, 40, 50), encoded="here")
    assert segmenter.asked[0][0] == "here"
    assert segmenter.encoded == 0


def test_boxes_stay_in_the_picture() -> None:
    assert padded_box(box(0, 0, 40, 60)) == (0, 0, 60, 40)
    assert padded_box(box(10, 20, 20, 40), 0.5) == (10, 5, 50, 25)
    assert padded_box(box(0, 0, 0, 0)) is None


def test_iou() -> None:
    assert iou(box(0, 0, 10, 10), box(0, 5, 10, 15)) == 50 / 150
    assert iou(box(0, 0, 0, 0), box(0, 0, 0, 0)) == 1


def test_without_weights_only_a_clearer_border_is_kept() -> None:
    image = np.full((40, 60, 3), 100, np.uint8)
    on_the_edge, beside_it = box(10, 10, 30, 30), box(10, 10, 30, 40)
    image[on_the_edge] = (130, 90, 85)
    segmenter = Given(Candidate(on_the_edge, 0.9))
    segmenter.learned = False
    assert (refine(segmenter, image, ((20, 20, True),), beside_it).mask == on_the_edge).all()
    segmenter.candidates = [Candidate(beside_it, 0.9)]
    kept = refine(segmenter, image, ((20, 20, True),), on_the_edge)
    assert kept.source == "propagated"
    assert (kept.mask == on_the_edge).all()

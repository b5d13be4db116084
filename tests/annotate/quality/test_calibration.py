import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseg.annotate.quality.calibration import PATH, REQUIRED, TYPICAL, frame_score
from avseg.annotate.quality.scores import BAD, FLOOR, combine_terms


@given(st.dictionaries(st.sampled_from(sorted([*TYPICAL, PATH])), st.floats(0, 1)))
def test_a_score_is_a_probability_and_never_rises_when_a_term_falls(terms: dict[str, float]) -> None:
    terms = {**terms, REQUIRED: terms.get(REQUIRED, 0.9), "visible": 1.0}
    score = frame_score(terms)
    assert 0 <= score < 1
    for name in terms:
        if name != "visible":
            assert frame_score(terms | {name: terms[name] / 2}) <= score


def test_typical_terms_are_fine_and_a_term_that_is_missing_counts_as_typical() -> None:
    assert frame_score({**TYPICAL, "visible": 1.0}) > BAD
    assert frame_score({REQUIRED: TYPICAL[REQUIRED], "visible": 1.0}) == pytest.approx(frame_score(TYPICAL))


def test_the_typical_wrong_frame_is_marked_and_the_typical_right_one_is_not() -> None:
    # medians of frames of composed films with an IoU below 0.6 and above 0.85
    wrong = {"second": 0.26, "returned": 0.35, "refined_iou": 0.75, "evidence": 0.57, "certainty": 0.53, "shape": 0.35}
    right = {"second": 0.90, "returned": 0.84, "refined_iou": 0.94, "evidence": 0.89, "certainty": 0.82, "shape": 0.83}
    assert frame_score(wrong) < 0.3
    assert frame_score(right) > 0.7


def test_an_empty_mask_is_always_marked() -> None:
    assert frame_score({**TYPICAL, "visible": 0.0}) == FLOOR


def test_without_a_second_opinion_the_mean_of_the_terms_counts() -> None:
    terms = {"evidence": 0.6, "shape": 0.9}
    assert frame_score(terms) == combine_terms(terms)


def test_a_mask_is_no_better_than_those_it_was_propagated_through() -> None:
    assert frame_score({**TYPICAL, PATH: 0.2}) == 0.2
    assert frame_score({**TYPICAL, PATH: 1.0}) == frame_score(TYPICAL)

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseg.annotate.protocols import Affinity
from avseg.annotate.quality.scores import (
    BAD,
    WEIGHTS,
    affinity_terms,
    cell_coverage,
    certainty,
    combine_terms,
    count_components,
    longest_bad_run,
    mask_terms,
    segment_quality,
    shape_iou,
)  # fmt: skip


def disc(y: float, x: float, radius: float, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    rows, columns = np.mgrid[: size[0], : size[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def cells(evidence: np.ndarray, side: float = 5) -> Affinity:
    y, x = np.mgrid[: evidence.shape[0], : evidence.shape[1]]
    centres = np.stack([(x + 0.5) * side, (y + 0.5) * side], -1).astype(np.float32)
    ones = np.ones(evidence.shape, np.float32)
    return Affinity(evidence.astype(np.float32), ones * 0.8, ones * 0.25, ones.astype(np.int64), centres)


@given(st.dictionaries(st.sampled_from(sorted(WEIGHTS)), st.floats(0, 1), min_size=1))
def test_a_score_is_a_share_and_falls_with_every_term(terms: dict[str, float]) -> None:
    value = combine_terms(terms)
    assert 0 < value <= 1
    for name in terms:
        assert combine_terms(terms | {name: terms[name] / 2}) <= value + 1e-12
        assert combine_terms(terms | {name: 1.0}) >= value - 1e-12


def test_terms_that_are_fine_make_one_and_unknown_ones_do_not_count() -> None:
    assert combine_terms({name: weight.perfect for name, weight in WEIGHTS.items()}) == pytest.approx(1)
    assert combine_terms({}) == 1
    assert combine_terms({"agreement": 0.3, "of another tool": 0.0}) == combine_terms({"agreement": 0.3})


def test_one_failed_term_of_many_draws_a_look() -> None:
    fine = dict.fromkeys(WEIGHTS, 1.0)
    for name in ("agreement", "evidence", "refined_iou", "likeness", "visible"):
        assert combine_terms(fine | {name: 0.0}) < 0.62


@given(st.lists(st.sampled_from([0.1, 0.49, 0.5, 0.9]), min_size=1, max_size=12))
def test_segment_quality_by_hand(scores: list[float]) -> None:
    quality = segment_quality(scores)
    runs = [len(list(run)) for bad, run in itertools.groupby(scores, lambda value: value < BAD) if bad]
    assert quality.longest_bad_run == max(runs, default=0)
    assert quality.minimum == min(scores)
    assert min(scores) <= quality.p10 <= sorted(scores)[int(np.ceil(0.1 * (len(scores) - 1)))]
    start, end = longest_bad_run(scores)
    assert all(value < BAD for value in scores[start:end])


def test_no_frames_are_no_trouble() -> None:
    assert segment_quality([]) == (quality := segment_quality([]))
    assert (quality.minimum, quality.p10, quality.longest_bad_run) == (1, 1, 0)


def test_a_mask_that_moves_is_no_jump_but_one_that_grows_is() -> None:
    before, moved, grown = disc(20, 20, 10), disc(31, 44, 10), disc(20, 20, 15)
    assert shape_iou(moved, before) == 1
    same = mask_terms(moved, moved.astype(np.float32), before)
    assert (same["shape"], same["area"], same["whole"], same["certainty"], same["visible"]) == (1, 1, 1, 1, 1)
    terms = mask_terms(grown, grown.astype(np.float32), before)
    assert terms["area"] == pytest.approx(before.sum() / grown.sum())
    assert terms["shape"] == pytest.approx(before.sum() / grown.sum(), abs=0.02)
    nothing = np.zeros((60, 80), np.bool_)
    assert mask_terms(nothing, nothing.astype(np.float32), before) == {"visible": 0.0}


def test_components_without_specks() -> None:
    mask = disc(20, 20, 10) | disc(40, 60, 8)
    assert count_components(mask) == 2
    mask[0, 79] = True
    assert count_components(mask) == 2


def test_certainty_is_told_where_the_object_may_be() -> None:
    probability = np.array([[1.0, 0.75, 0.25, 0.0, 0.05]], np.float32)
    assert certainty(probability) == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_evidence_is_the_overlap_with_what_the_memory_sees() -> None:
    mask = np.zeros((60, 80), np.bool_)
    mask[20:40, 20:40] = True
    seen = cell_coverage(mask, cells(np.zeros((12, 16))).centres)
    assert seen.sum() == 16
    assert affinity_terms(cells(seen), mask)["evidence"] == 1
    half = seen.copy()
    half[4:6] = 0
    terms = affinity_terms(cells(half), mask)
    assert terms["evidence"] == pytest.approx(0.5)
    assert terms["nearness"] == pytest.approx(0.8)
    assert terms["focus"] == pytest.approx(0.75)
    leaked = mask.copy()
    leaked[20:40, 40:60] = True
    assert affinity_terms(cells(seen), leaked)["evidence"] == pytest.approx(0.5)
    assert affinity_terms(None, mask) == {}


def test_a_rival_far_away_does_not_count() -> None:
    mask = np.zeros((60, 80), np.bool_)
    mask[4:14, 4:14] = True
    evidence = cell_coverage(mask, cells(np.zeros((12, 16))).centres)
    evidence[10:, 14:] = 1
    assert affinity_terms(cells(evidence), mask)["evidence"] == pytest.approx(1, abs=0.15)


def test_a_segment_says_how_many_of_its_frames_to_look_at() -> None:
    quality = segment_quality([0.9, 0.49, 0.1, 0.5])
    assert (quality.to_check, quality.total) == (2, 4)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.data.synthetic.oracle import score_frame, score_table, summarise
from avseg.data.synthetic.schedule import ScheduleRules, draw_schedule, subset_prior


def official_j(predicted, truth):
    """Compute the official J, I / (U + 1e-7); an empty truth counts the common background over all pixels."""
    if not truth.any():
        return (~predicted & ~truth).sum() / (truth.size + 1e-7)
    return (predicted & truth).sum() / ((predicted | truth).sum() + 1e-7)


def union_of(visible, subset):
    members = [mask for i, mask in enumerate(visible) if subset >> i & 1]
    return np.any(members, axis=0) if members else np.zeros(visible[0].shape, bool)


def expected_j(predicted, visible, prior):
    return sum(p * official_j(predicted, union_of(visible, subset)) for subset, p in enumerate(prior) if p)


@st.composite
def tiny_frames(draw):
    owner = np.array(draw(st.lists(st.integers(0, 2), min_size=9, max_size=9))).reshape(3, 3)
    weights = np.array(draw(st.lists(st.integers(1, 9), min_size=4, max_size=4)), float)
    return np.stack([owner == 1, owner == 2]), weights / weights.sum()


@settings(max_examples=25, deadline=None)
@given(tiny_frames())
def test_no_set_of_pixels_at_all_beats_the_best_union(frame):
    visible, prior = frame
    pixels = np.arange(512)[:, None] >> np.arange(9) & 1
    best = max(expected_j(p.reshape(3, 3).astype(bool), visible, prior) for p in pixels)
    assert score_frame(visible, prior, np.array([True, False])).oracle == pytest.approx(best, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_the_table_contains_the_official_j(seed, objects):
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, objects + 1, (6, 7))
    visible = np.stack([owner == n + 1 for n in range(objects)])
    table = score_table(visible.sum(axis=(1, 2)), owner.size)
    for predicted in range(2**objects):
        for truth in range(2**objects):
            j = official_j(union_of(visible, predicted), union_of(visible, truth))
            assert table[predicted, truth] == pytest.approx(j, abs=1e-12)


def test_a_hidden_sounding_object_counts_as_an_empty_frame():
    visible = np.zeros((2, 4, 4), bool)
    visible[1, :2] = True
    frame = score_frame(visible, np.array([0.0, 1.0, 0.0, 0.0]), np.array([True, False]))
    assert frame.silent
    assert frame.nothing == pytest.approx(1.0)
    assert frame.everything == pytest.approx(0.5)


def test_two_equal_objects_score_two_thirds():
    visible = np.zeros((2, 4, 4), bool)
    visible[0, 0], visible[1, 1] = True, True
    prior = subset_prior(2, ScheduleRules(silent_clips=0, silent_seconds=0))
    frame = score_frame(visible, prior, np.array([True, True]))
    assert frame.oracle == pytest.approx(2 / 3)
    assert frame.biggest == pytest.approx(1 / 2)
    assert frame.oracle_drawn == pytest.approx(1.0)


def test_the_expected_score_matches_drawn_schedules():
    rules = ScheduleRules(sounding="second")
    rng = np.random.default_rng(0)
    visible = np.zeros((3, 16, 16), bool)
    visible[0, :4], visible[1, 4:6], visible[2, 6:9, :8] = True, True, True
    prior = subset_prior(3, rules)
    drawn = draw_schedule(rng, 3, 4000, ScheduleRules(sounding="second", silent_clips=0, silent_seconds=0.136)).sounding
    scores = summarise(score_frame(visible, prior, row) for row in drawn)
    assert scores.frames == 4000
    assert scores.oracle_drawn == pytest.approx(scores.oracle, abs=0.02)
    assert scores.silent_share == pytest.approx(prior[0], abs=0.02)
    assert max(scores.everything, scores.biggest, scores.nothing) <= scores.oracle

import numpy as np
import pytest

from avseg.data.synthetic.schedule import ScheduleRules, draw_schedule, subset_prior
from avseg.utils.errors import UserError


@pytest.mark.parametrize("setting", ["s4", "ms3"])
@pytest.mark.parametrize("sounding", ["clip", "second"])
def test_the_prior_is_how_often_each_subset_is_drawn(setting, sounding):
    rules = ScheduleRules(setting, sounding)
    rng = np.random.default_rng(0)
    seconds = np.concatenate([draw_schedule(rng, 3, 5, rules).sounding for _ in range(3000)])
    counts = np.bincount(seconds @ [1, 2, 4], minlength=8) / len(seconds)
    np.testing.assert_allclose(counts, subset_prior(3, rules), atol=0.02)
    assert subset_prior(3, rules).sum() == pytest.approx(1)


def test_clip_keeps_who_sounds_and_second_does_not():
    rng = np.random.default_rng(1)
    for _ in range(50):
        kept = draw_schedule(rng, 3, 5, ScheduleRules(sounding="clip")).sounding
        assert len(np.unique(kept[kept.any(axis=1)], axis=0)) <= 1
    varied = [draw_schedule(rng, 3, 5, ScheduleRules(sounding="second")).sounding for _ in range(50)]
    assert np.mean([len(np.unique(s, axis=0)) for s in varied]) > 3


def test_some_seconds_and_some_clips_are_silent():
    rng = np.random.default_rng(2)
    clips = [draw_schedule(rng, 2, 5, ScheduleRules()).sounding.any(axis=1) for _ in range(500)]
    assert 0.02 < np.mean([not c.any() for c in clips]) < 0.08
    assert 0.1 < 1 - np.mean(clips) < 0.18


def test_only_the_lead_sounds_in_s4():
    rng = np.random.default_rng(3)
    for sounding in ("clip", "second"):
        for _ in range(50):
            schedule = draw_schedule(rng, 2, 5, ScheduleRules("s4", sounding))
            assert not schedule.sounding[:, 1 - schedule.lead].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"setting": "ms4"}, r"setting 'ms4' is unknown; allowed: s4, ms3, avss; did you mean"),
        ({"sounding": "seconds"}, r"sounding 'seconds' is unknown.*did you mean 'second'"),
        ({"silent_seconds": 1.0}, r"silent_seconds is 1.0"),
        ({"silent_clips": -0.1}, r"silent_clips is -0.1"),
    ],
)
def test_bad_rules_are_reported(change, message):
    with pytest.raises(UserError, match=message):
        ScheduleRules(**change)

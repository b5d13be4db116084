"""Proposed segments: bursts are found where they were made, as frames, at any level of noise."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import open_reader
from avseg.annotate.proposals import energy as module
from avseg.annotate.proposals.energy import noise_floor, propose, sound_levels
from avseg.utils.errors import UserError
from tests.media.make_video import make_video

RATE = 16_000
BURSTS = [(0.5, 1.4), (2.2, 2.6), (4.0, 5.52)]
TIMES = np.cumsum([0, *np.random.default_rng(2).choice([0.02, 0.04, 0.1], 119)]).round(3).tolist()


def with_noise(seconds, bursts, level_db, noise_db, seed=0):
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    wave = rng.normal(0, 10 ** (noise_db / 20), count)
    for start, end in bursts:
        part = slice(round(start * RATE), round(end * RATE))
        wave[part] += rng.normal(0, 10 ** (level_db / 20), len(wave[part]))
    return wave.clip(-1, 1).astype(np.float32)[None]


def video(path, wave, frames=150, rate=25, times=None):
    return make_video(path / "v.mkv", frames=frames, rate=rate, times=times, sound="flac", waveform=wave)


def spans(found, film):
    edges = film.index.edges()
    return [(edges[proposal.start], edges[proposal.end]) for proposal in found]


@pytest.mark.parametrize(("level", "noise"), [(-20, -70), (-20, -45), (-38, -65), (-15, -120)])
def test_bursts_are_found(tmp_path, level, noise):
    path = video(tmp_path, with_noise(6, BURSTS, level, noise), rate=Fraction(30000, 1001), frames=180)
    with open_reader(path) as film:
        found = propose(Sound(path), film)
        assert len(found) == len(BURSTS)
        np.testing.assert_allclose(spans(found, film), BURSTS, atol=0.08)
        assert all(proposal.label is None and 0 < proposal.score <= 1 for proposal in found)


def test_frames_of_a_varying_rate(tmp_path):
    wave = with_noise(TIMES[-1] + 0.04, BURSTS, -20, -70)
    path = video(tmp_path, wave, frames=len(TIMES), times=TIMES)
    with open_reader(path) as film:
        found = propose(path, film, pad=0.0)
        for proposal, (start, end) in zip(found, BURSTS, strict=True):
            edges = film.index.edges()
            assert edges[proposal.start] <= start + 0.02 < edges[proposal.start + 1] + 0.04
            assert edges[proposal.end - 1] < end + 0.02 <= edges[proposal.end] + 0.04


def test_gaps_lengths_and_pads(tmp_path):
    bursts = [(0.5, 0.9), (1.0, 1.4), (3.0, 3.05), (4.0, 5.0)]
    path = video(tmp_path, with_noise(6, bursts, -20, -70))
    with open_reader(path) as film:
        assert len(propose(path, film)) == 2  # the first two are bridged, the third is too short
        assert len(propose(path, film, min_gap=0.05, min_length=0.02)) == 4
        assert len(propose(path, film, min_gap=10)) == 1
        tight, wide = (propose(path, film, pad=pad)[-1] for pad in (0, 0.4))
        assert (tight.start - wide.start, wide.end - tight.end) == (10, 10)
        assert not propose(path, film, floor=-20.0, rise=30, fall=25)


def test_hysteresis_keeps_a_fading_tail(tmp_path):
    wave = with_noise(6, [], -20, -70)
    part = slice(1 * RATE, 4 * RATE)
    fade = 10 ** (np.linspace(-20, -62, 3 * RATE) / 20)
    wave[0, part] += np.random.default_rng(1).normal(0, 1, 3 * RATE).astype(np.float32) * fade
    path = video(tmp_path, wave)
    with open_reader(path) as film:
        (early,), (late,) = (spans(propose(path, film, rise=14, fall=fall), film) for fall in (14, 3))
        assert early[0] == late[0]
        assert late[1] > early[1] + 0.3


def test_sound_without_a_pause_is_one_segment(tmp_path):
    path = video(tmp_path, with_noise(6, [(0, 6)], -20, -70))
    with open_reader(path) as film:
        assert [(proposal.start, proposal.end) for proposal in propose(path, film)] == [(0, 150)]


@pytest.mark.parametrize("noise", [-300, -75])
def test_silence_has_no_segment(tmp_path, noise):
    path = video(tmp_path, with_noise(6, [], -20, noise))
    with open_reader(path) as film:
        assert propose(path, film) == []


def test_no_sound_track_has_no_segment(tmp_path):
    path = make_video(tmp_path / "v.mp4", frames=30, sound=None)
    with open_reader(path) as film:
        assert propose(path, film) == []


def test_levels_are_root_mean_squares(tmp_path):
    wave = with_noise(3, BURSTS, -20, -50)
    path = video(tmp_path, wave, frames=75)
    levels = sound_levels(Sound(path))
    assert len(levels) == 300
    for place in (3, 80, 120, 240):
        part = wave[0, place * 160 - 160 : place * 160 + 320]
        assert levels[place] == pytest.approx(10 * np.log10(np.mean(part**2)), abs=0.1)
    assert noise_floor(levels) == pytest.approx(-50, abs=1.5)


@settings(max_examples=100, deadline=None)
@given(
    begins=st.lists(st.booleans(), min_size=1, max_size=60),
    more=st.lists(st.booleans(), min_size=60, max_size=60),
    gap=st.integers(0, 6),
    length=st.integers(1, 5),
)
def test_runs_against_going_step_by_step(begins, more, gap, length):
    on = np.array(begins)
    goes_on = on | np.array(more[: len(on)])
    got = module._bridge(module._hysteresis(on, goes_on), gap * module.STEP - 1e-9, length * module.STEP - 1e-9)
    marked = np.zeros(len(on), bool)
    for place in np.flatnonzero(on):
        for step in (-1, 1):
            at = place
            while 0 <= at < len(on) and goes_on[at]:
                marked[at] = True
                at += step
    runs, at = [], 0
    while at < len(on):
        if marked[at]:
            end = at
            while end < len(on) and marked[end]:
                end += 1
            if runs and at - runs[-1][1] < gap:
                runs[-1][1] = end
            else:
                runs.append([at, end])
            at = end
        at += 1
    assert got == [(first, last) for first, last in runs if last - first >= length]


def test_padding_never_makes_segments_overlap(tmp_path):
    path = video(tmp_path, with_noise(6, BURSTS, -20, -70))
    with open_reader(path) as reader:
        proposals = propose(path, reader, pad=0.6)
    assert len(proposals) == len(BURSTS)
    assert all(earlier.end <= later.start for earlier, later in itertools.pairwise(proposals))
    assert proposals[0].end == proposals[1].start  # 0.8 s between the bursts, padded by 1.2 s


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("enregy", {}, "did you mean 'energy'"),
        ("energy", {"min_gpa": 1}, "did you mean 'min_gap'"),
        ("energy", {"rise": "loud"}, "rise is 'loud'"),
        ("energy", {"rise": 3, "fall": 9}, "fall 9 dB is above rise 3 dB"),
        ("no/run", {}, "neither 'energy' nor a run"),
        (".", {"treshold": 0.4}, "did you mean 'threshold'"),
    ],
)
def test_mistakes(tmp_path, method, options, message):
    path = video(tmp_path, with_noise(1, [], -20, -70), frames=25)
    with open_reader(path) as film, pytest.raises(UserError, match=message):
        propose(path, film, method, **options)

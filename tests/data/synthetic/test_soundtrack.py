import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.audio.log_mel import log_mel_patches
from avseg.data.synthetic.soundtrack import SAMPLE_RATE, loudness_envelope, mix_voices


@settings(max_examples=12, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=5))
def test_a_patch_contains_its_second_only(active):
    envelope = loudness_envelope(np.array(active))
    assert envelope.shape == (5 * SAMPLE_RATE,)
    for k, sounds in enumerate(active):
        start = round(0.96 * k * SAMPLE_RATE)
        patch = envelope[start : start + round(0.975 * SAMPLE_RATE)]
        assert (patch.mean() > 0.75) if sounds else (patch.max() == 0)


def test_levels_are_as_requested():
    time = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    voices = [np.sqrt(2, dtype=np.float32) * np.sin(2 * np.pi * f * time).astype(np.float32) for f in (500, 2000)]
    sounding = np.ones((5, 2), bool)
    wave = mix_voices(voices, sounding, np.array([-6.0, 0.0]), np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(wave)) / len(wave) * 2
    peaks = [20 * np.log10(spectrum[f * 5 - 3 : f * 5 + 4].max() / np.sqrt(2)) for f in (500, 2000)]
    assert peaks == pytest.approx([-26.0, -20.0], abs=0.3)


def test_silence_is_faint_noise_and_nothing_clips():
    rng = np.random.default_rng(0)
    voice = rng.standard_normal(5 * SAMPLE_RATE).astype(np.float32)
    silent = mix_voices([voice], np.zeros((5, 1), bool), np.zeros(1), rng)
    assert 0 < np.abs(silent).max() < 0.01
    loud = mix_voices([voice], np.ones((5, 1), bool), np.full(1, 30.0), rng)
    assert np.abs(loud).max() == pytest.approx(0.99, abs=1e-4)


def test_a_silent_second_is_silent_in_its_log_mel_patch():
    rng = np.random.default_rng(0)
    voice = rng.standard_normal(5 * SAMPLE_RATE).astype(np.float32)
    sounding = np.array([[1], [0], [1], [0], [1]], bool)
    patches = log_mel_patches(torch.from_numpy(mix_voices([voice], sounding, np.zeros(1), rng)), SAMPLE_RATE)
    level = patches[:5].mean(dim=(1, 2, 3))
    assert (level[[0, 2, 4]] > 0).all()
    assert (level[[1, 3]] < -2.5).all()

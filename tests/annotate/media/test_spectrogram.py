"""Spectrogram tiles: tones stand where they belong, and tiles of any stretch agree with one another."""

import numpy as np
import pytest
import torch
from torchaudio.functional import melscale_fbanks

from avseg.annotate.media import spectrogram
from avseg.annotate.media.sound import Sound
from avseg.utils.errors import UserError
from tests.media.make_video import make_video, tone

RATE = 16_000
PITCHES = (220.0, 1000.0, 4000.0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A second of each pitch, each 20 dB softer than the one before, then a second of silence."""
    waves = [tone(1, RATE, 1, pitch, 0.5 / 10**place) for place, pitch in enumerate(PITCHES)]
    wave = np.concatenate([*waves, np.zeros((1, RATE), np.float32)], 1)
    path = tmp_path_factory.mktemp("tones") / "v.mkv"
    return Sound(make_video(path, frames=100, sound="flac", waveform=wave))


def row_of(pitch, rows):
    mel = 1127 * np.log1p(np.array([50, 8000, pitch]) / 700)
    return rows - 1 - int((mel[2] - mel[0]) / (mel[1] - mel[0]) * rows)


@pytest.mark.parametrize(("columns", "rows"), [(40, 96), (400, 128), (8, 48)])
def test_each_tone_has_its_row_and_its_time(sound, columns, rows):
    tile = spectrogram.tile(sound, 0, 4, columns, rows)
    assert tile.shape == (rows, columns)
    assert tile.dtype == np.uint8
    for second, pitch in enumerate(PITCHES):
        middle = tile[:, int((second + 0.5) * columns / 4)].astype(int)
        assert abs(int(middle.argmax()) - row_of(pitch, rows)) <= max(1, rows // 48)
    assert tile[:, int(3.5 * columns / 4)].max() == 0


def test_a_shade_is_a_level(sound):
    tile = spectrogram.tile(sound, 0, 4, 40, 96).astype(int)
    loud = [tile[:, 10 * second + 5].max() for second in range(3)]
    per_db = 255 / (spectrogram.MAX_DB - spectrogram.MIN_DB)
    assert loud[0] == 255  # -6 dB, above the ceiling
    levels = [shade / per_db + spectrogram.MIN_DB for shade in loud[1:]]
    np.testing.assert_allclose(levels, [-26, -46], atol=3)  # less what the width of a band takes


def test_tiles_fit_together(sound):
    whole = spectrogram.tile(sound, 0, 4, 80, 64)
    halves = [spectrogram.tile(sound, begin, begin + 2, 40, 64) for begin in (0, 2)]
    np.testing.assert_array_equal(whole, np.concatenate(halves, 1))


def test_outside_of_the_sound_there_is_nothing(sound):
    assert not spectrogram.tile(sound, 5, 9, 20, 32).any()
    tile = spectrogram.tile(sound, -1, 1, 40, 32)
    assert not tile[:, :18].any()
    assert tile[:, 25:].any()


def test_a_long_stretch_takes_few_windows(sound, monkeypatch):
    taken = []
    windows = spectrogram._windows
    monkeypatch.setattr(
        spectrogram, "_windows", lambda sound, centres: (taken.append(len(centres)), windows(sound, centres))[1]
    )
    tile = spectrogram.tile(sound, 0, 3600, 30, 16)
    assert taken == [30 * spectrogram._MAX_PER_COLUMN]
    assert not tile[:, 1:].any()


def test_the_filters_are_torchaudios():
    wanted = melscale_fbanks(513, 50.0, 8000.0, spectrogram.BANDS, RATE, mel_scale="htk")
    torch.testing.assert_close(torch.from_numpy(spectrogram._mel_filters()), wanted, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("span", [(1, 1, 5, 5), (0, 1, 0, 5), (0, 1, 5, 0)])
def test_no_stretch(sound, span):
    with pytest.raises(UserError, match="start < end"):
        spectrogram.tile(sound, *span)

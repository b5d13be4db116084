"""The clips' sound: the same samples, up to the end of the sound, and the patches that the reader would compute."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from avseg.audio.frontend import fit_to_frames
from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.data.prepare.sound import clip_waveforms, sound_end, write_sound
from avseg.media.video import probe
from tests.media.make_video import make_video

RATE = 16_000


def _noise(seconds: float, channels: int = 1) -> np.ndarray:
    """(channels, n) float32, whole 16-bit numbers."""
    values = np.random.default_rng(3).integers(-20_000, 20_000, (channels, round(seconds * RATE)))
    return (values / 32768).astype(np.float32)


def _video(path: Path, seconds: float, wave: np.ndarray, layout: str = "mono") -> Path:
    return make_video(path, frames=round(25 * seconds), sound="pcm_s16le", layout=layout, waveform=wave)


def test_lossless_sound_comes_out_sample_by_sample(tmp_path: Path) -> None:
    wave = _noise(12.0)
    video = probe(_video(tmp_path / "v.mov", 12.0, wave))
    clips = list(clip_waveforms(video, sound_end(video), 3, 5))
    assert [len(clip) for clip in clips] == [5 * RATE, 5 * RATE, 2 * RATE]
    prepared = np.concatenate(clips)
    written = np.round(wave[0] * 32767)  # the encoder's scale
    assert np.abs(prepared - written).max() <= 1


@pytest.mark.parametrize(
    ("layout", "weights"), [("stereo", [0.5, 0.5]), ("5.1", [0.5, 0.5, 0.5**0.5, 0, 0.125**0.5, 0.125**0.5])]
)
def test_channels_are_mixed_to_mono(tmp_path: Path, layout: str, weights: list[float]) -> None:
    wave = _noise(2.0, len(weights)) / 3  # quiet enough for the sum of all
    video = probe(_video(tmp_path / "v.mov", 2.0, wave, layout))
    (clip,) = clip_waveforms(video, sound_end(video), 1, 5)
    assert np.abs(clip - np.array(weights) @ wave * 32767).max() <= 15  # FFmpeg's weight is 0.707


@pytest.mark.parametrize(("sound_seconds", "lengths"), [(2.5, [2.5, 5, 5]), (7.0, [5, 2, 5]), (12.0, [5, 5, 2])])
def test_a_clip_is_as_long_as_its_sound_and_silence_has_full_length(
    tmp_path: Path, sound_seconds: float, lengths: list[float]
) -> None:
    video = probe(_video(tmp_path / "v.mov", 12.0, _noise(sound_seconds)))
    clips = list(clip_waveforms(video, sound_end(video), 3, 5))
    assert [len(clip) / RATE for clip in clips] == lengths
    assert [bool(clip.any()) for clip in clips] == [5 * clip < sound_seconds for clip in range(3)]


def test_no_sound_is_silence(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mp4", frames=125, sound=None))
    assert sound_end(video) == 0
    (clip,) = clip_waveforms(video, 0.0, 1, 5)
    assert (len(clip), clip.any()) == (5 * RATE, False)


@pytest.mark.parametrize("seconds", [0.2, 2.5, 5.0])
def test_the_patches_are_those_of_the_wav(tmp_path: Path, seconds: float) -> None:
    wave = (_noise(seconds)[0] * 32768).astype(np.int16)
    write_sound(tmp_path / "w/v.wav", tmp_path / "p/v.pkl", wave, 5)
    assert soundfile.info(tmp_path / "w/v.wav").subtype == "PCM_16"
    assert np.array_equal(soundfile.read(tmp_path / "w/v.wav", dtype="int16")[0], wave)
    patches = read_log_mel(tmp_path / "p/v.pkl")
    assert torch.equal(torch.load(tmp_path / "p/v.pkl", weights_only=True), patches)
    assert torch.equal(patches, fit_to_frames(log_mel_patches(*read_wav(tmp_path / "w/v.wav")), 5))
    if seconds == 2.5:
        assert torch.equal(patches[1], patches[4])
        assert not torch.equal(patches[0], patches[1])

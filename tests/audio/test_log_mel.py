"""The VGGish front end against the official values, and the reading of sound files."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from avseg.audio.frontend import fit_to_frames
from avseg.audio.log_mel import log_mel_patches, read_wav
from avseg.audio.log_mel_file import read_log_mel
from avseg.utils.errors import UserError

GOLDEN = load_file(Path(__file__).parents[1] / "golden" / "avsbench.safetensors")
PATCHES = GOLDEN["log_mel"]


@pytest.mark.parametrize("scale", [None, 32768.0])
def test_golden(scale: float | None) -> None:
    wave = GOLDEN["wave_int16"]
    wave = wave if scale is None else wave.float() / scale
    torch.testing.assert_close(log_mel_patches(wave, 16_000), PATCHES, rtol=1e-5, atol=1e-5)


def test_golden_through_a_wav_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", GOLDEN["wave_int16"].numpy(), 16_000, subtype="PCM_16")
    torch.testing.assert_close(log_mel_patches(*read_wav(tmp_path / "a.wav")), PATCHES, rtol=1e-5, atol=1e-5)


def test_silence_is_the_logarithm_of_the_offset() -> None:
    torch.testing.assert_close(
        log_mel_patches(torch.zeros(16_000), 16_000), torch.full((1, 1, 96, 64), np.log(0.01)).float()
    )


def test_a_tone_is_loudest_in_its_band() -> None:
    mel = lambda hertz: 1127 * np.log(1 + hertz / 700)  # noqa: E731
    edges = np.linspace(mel(125), mel(7500), 66)
    for band in (3, 20, 50, 62):
        hertz = 700 * (np.exp(edges[band + 1] / 1127) - 1)
        wave = torch.sin(2 * np.pi * hertz * torch.arange(16_000) / 16_000)
        assert log_mel_patches(wave, 16_000)[0, 0].mean(0).argmax() == band


def test_hop_second_is_each_second_on_its_own() -> None:
    wave = torch.randn(16_000 * 4 + 5_000, generator=torch.Generator().manual_seed(1)) * 0.1
    chunks = [*wave[: 16_000 * 4].reshape(4, 16_000), torch.nn.functional.pad(wave[16_000 * 4 :], (0, 10_600))]
    expected = torch.cat([log_mel_patches(chunk, 16_000) for chunk in chunks])
    torch.testing.assert_close(log_mel_patches(wave, 16_000, hop="second"), expected)


@pytest.mark.parametrize(
    ("seconds", "vggish", "second"), [(5, 5, 5), (10, 10, 10), (25, 26, 25), (42, 43, 42), (60, 62, 60)]
)
def test_vggish_hop_drifts(seconds: int, vggish: int, second: int) -> None:
    wave = torch.zeros(16_000 * seconds)
    assert len(log_mel_patches(wave, 16_000)) == vggish
    assert len(log_mel_patches(wave, 16_000, hop="second")) == second


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([8_000, 11_025, 16_000, 22_050, 44_100, 44_101, 47_999, 48_000, 96_000]),
    seconds=st.floats(0.001, 6),
    channels=st.integers(0, 3),
    hop=st.sampled_from(["vggish", "second"]),
)
def test_any_rate_length_and_channels(rate: int, seconds: float, channels: int, hop: Any) -> None:
    samples = max(int(rate * seconds), 1)
    shape = (samples,) if channels == 0 else (channels, samples)
    patches = log_mel_patches(torch.rand(shape) * 2 - 1, rate, hop)
    assert patches.shape[1:] == (1, 96, 64)
    assert patches.dtype == torch.float32
    assert patches.isfinite().all()
    spacing = 1.0 if hop == "second" else 0.96
    assert abs(len(patches) - max(samples / rate / spacing, 1)) <= 1.02


@settings(max_examples=40, deadline=None)
@given(have=st.integers(1, 12), want=st.integers(1, 12))
def test_fit_to_frames(have: int, want: int) -> None:
    patches = torch.arange(have).float().reshape(have, 1, 1, 1).expand(have, 1, 96, 64)
    fitted = fit_to_frames(patches, want)
    assert fitted[:, 0, 0, 0].tolist() == [min(place, have - 1) for place in range(want)]


def test_44_khz_stereo_is_like_16_khz_mono(tmp_path: Path) -> None:
    def tones(rate: int) -> np.ndarray:
        time = np.arange(5 * rate) / rate
        return sum(0.2 * np.sin(2 * np.pi * hertz * time) for hertz in (300, 1_000, 4_000))

    left, right = tones(44_100) * 1.5, tones(44_100) * 0.5
    soundfile.write(tmp_path / "stereo.wav", np.stack([left, right], 1), 44_100, subtype="PCM_16")
    patches = log_mel_patches(*read_wav(tmp_path / "stereo.wav"))
    expected = log_mel_patches(torch.from_numpy(tones(16_000)), 16_000)
    assert patches.shape == expected.shape
    assert (patches - expected).abs().mean() < 0.02


def test_odd_rates_take_little_memory() -> None:
    # the exact kernel for 47,999 Hz would hold 768 million numbers
    def tone(rate: int) -> torch.Tensor:
        return torch.sin(2 * np.pi * 1_000 * torch.arange(rate, dtype=torch.float64) / rate)

    difference = log_mel_patches(tone(47_999), 47_999) - log_mel_patches(tone(16_000), 16_000)
    # the sudden start of the tone rings in the highest band of the first frame
    assert difference[..., 1:, :].abs().max() < 0.005


def test_single_nan_samples_are_silence(tmp_path: Path) -> None:
    wave = np.full(16_000, 0.5, dtype=np.float32)
    wave[7] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, 16_000, subtype="FLOAT")
    waveform, rate = read_wav(tmp_path / "a.wav")
    assert (waveform.shape, rate, float(waveform[0, 7])) == ((1, 16_000), 16_000, 0.0)


def test_empty_sound_and_unknown_hop() -> None:
    with pytest.raises(UserError, match="empty"):
        log_mel_patches(torch.zeros(0), 16_000)
    with pytest.raises(UserError, match="did you mean 'second'"):
        log_mel_patches(torch.zeros(9), 16_000, hop="seconds")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="0 items"):
        fit_to_frames(torch.zeros(0, 1, 96, 64), 5)


def _torch_save(value: Any, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


WRITERS = {
    "pickle": pickle.dumps,
    "pickle protocol 2": lambda value: pickle.dumps(value, protocol=2),
    "pickle protocol 5": lambda value: pickle.dumps(value, protocol=5),
    "with gradient, as the official extractor": lambda value: pickle.dumps(value.clone().requires_grad_() * 1),
    "float64": lambda value: pickle.dumps(value.double()),
    "torch.save": _torch_save,
    "torch.save before 1.6": lambda value: _torch_save(value, _use_new_zipfile_serialization=False),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_log_mel_files(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(WRITERS[writer](PATCHES))
    patches = read_log_mel(path)
    assert torch.equal(patches, PATCHES)
    assert not patches.requires_grad


class _Code:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


class _Hidden(_Code):
    """The same, inside the numbers of a tensor."""

    def __reduce__(self) -> Any:
        return torch.storage._load_from_bytes, (_torch_save(_Code(self.mark)),)


@pytest.mark.parametrize("code", [_Code, _Hidden])
@pytest.mark.parametrize("writer", ["pickle", "pickle protocol 2", "torch.save", "torch.save before 1.6"])
def test_code_in_a_log_mel_file_never_runs(writer: str, code: type[_Code], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    content = WRITERS[writer](code(mark))
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError, match="refused and not run") as caught:
        read_log_mel(path)
    assert "a.pkl" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not mark.exists()
    if code is _Code and writer == "pickle":  # the trap works
        pickle.loads(content)  # noqa: S301
        assert mark.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Ran out of input"),
        (pickle.dumps(PATCHES)[:500], "truncated"),
        (pickle.dumps(PATCHES[0]), "expected log-mel patches"),
        (pickle.dumps(torch.full((5, 1, 96, 64), torch.nan)), "only NaN"),
        (pickle.dumps([1, 2]), "holds a list; expected log-mel patches"),
    ],
)
def test_bad_log_mel_files(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(UserError, match=reason):
        read_log_mel(tmp_path / "a.pkl")

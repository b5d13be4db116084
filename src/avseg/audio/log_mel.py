"""Compute the log-mel patches of VGGish, and read sound files.

Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017, with the constants of the
released VGGish: 16 kHz, frames of 400 samples every 160, periodic Hann window, FFT 512, magnitudes, 64 mel bands of
125-7500 Hz, ln(mel + 0.01), patches of 96 frames.
"""

import os
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Literal

import soundfile
import torch
from torch import Tensor
from torch.nn import functional

from avseg.audio.mono import mono
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

SAMPLE_RATE = 16_000
WINDOW = 400  # samples
HOP = 160
FFT = 512
BANDS = 64
LOWEST_HZ = 125.0
HIGHEST_HZ = 7500.0
PATCH_FRAMES = 96
PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP + WINDOW  # 15,600 samples, 0.975 s
LOG_OFFSET = 0.01

Hop = Literal["vggish", "second"]
HOPS = ("vggish", "second")


def log_mel_patches(waveform: Tensor, sample_rate: int, hop: Hop = "vggish") -> Tensor:
    """Compute the log-mel patches of a sound, the input of VGGish.

    Args:
        waveform: (n,) or (channels, n), float in [-1, 1] or int16; channels are averaged.
        sample_rate: in Hz; other rates are resampled to 16 kHz as resampy 0.4 does, the resampler of the official code.
        hop: "vggish", a patch every 0.96 s as in the official features (it drifts against the seconds: 42 s give 43
            patches), or "second", a patch of each exact second, so that patch index = second (the last zero-padded).

    Returns:
        (P, 1, 96, 64) float32 with P >= 1: a sound shorter than one patch (0.975 s) is zero-padded to one.

    Raises:
        UserError: the sound is empty, or the hop is unknown.
    """
    check_choice("audio hop", hop, HOPS)
    samples = mono(waveform, sample_rate, SAMPLE_RATE)
    if samples.numel() == 0:
        raise UserError("the sound is empty (0 samples); at least one sample is needed")
    # (P, 96, 400)
    frames = _cut_seconds(samples) if hop == "second" else _cut_patches(samples)
    return _log_mel(frames).unsqueeze(1)


def read_wav(path: Path) -> tuple[Tensor, int]:
    """Read a sound file (wav, flac, ogg and other formats of libsndfile) of any rate and number of channels.

    Returns:
        waveform (channels, n) float32, int16/32768 for 16-bit files, NaN or infinite samples set to 0; rate in Hz.

    Raises:
        UserError: the file is missing, unreadable, empty, or all NaN.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; the clip's sound is expected there")
    try:
        samples, rate = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable sound file ({error}); fetch or extract it again") from error
    waveform = torch.from_numpy(samples).T
    if waveform.numel() == 0:
        raise UserError(f"{path} is empty (0 samples); fetch or extract it again")
    if not waveform.isfinite().any():
        raise UserError(f"{path} holds only NaN or infinite samples; fetch or extract it again")
    return waveform.nan_to_num(0.0, 0.0, 0.0), int(rate)


def _cut_patches(samples: Tensor) -> Tensor:
    """Cut (n,) into the frames of each 0.96 s, (P, 96, 400); an incomplete patch at the end is dropped."""
    samples = functional.pad(samples, (0, max(PATCH_SAMPLES - samples.numel(), 0)))
    frames = samples.unfold(0, WINDOW, HOP)
    count = frames.shape[0] // PATCH_FRAMES
    return frames[: count * PATCH_FRAMES].reshape(count, PATCH_FRAMES, WINDOW)


def _cut_seconds(samples: Tensor) -> Tensor:
    """Cut (n,) into the first 96 frames of each second, (P, 96, 400)."""
    seconds = ceil(samples.numel() / SAMPLE_RATE)
    samples = functional.pad(samples, (0, seconds * SAMPLE_RATE - samples.numel()))
    return samples.reshape(seconds, SAMPLE_RATE)[:, :PATCH_SAMPLES].unfold(1, WINDOW, HOP)


def _log_mel(frames: Tensor) -> Tensor:
    """Turn frames (..., 400) float64 into log-mel bands (..., 64) float32."""
    # torch.stft would centre the window and yield one frame fewer
    spectrum = torch.fft.rfft(frames * _window(), n=FFT).abs()  # (..., 257)
    log_mel: Tensor = (spectrum @ _mel_matrix() + LOG_OFFSET).log()
    return log_mel.float()


@lru_cache(maxsize=1)
def _window() -> Tensor:
    return torch.hann_window(WINDOW, periodic=True, dtype=torch.float64)


@lru_cache(maxsize=1)
def _mel_matrix() -> Tensor:
    """Return the (257, 64) triangles, linear in mel (torchaudio's are linear in Hz: off by up to 4e-3)."""
    bins = _mel(torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=torch.float64)).unsqueeze(1)
    lowest, highest = _mel(torch.tensor([LOWEST_HZ, HIGHEST_HZ], dtype=torch.float64)).tolist()
    edges = torch.linspace(lowest, highest, BANDS + 2, dtype=torch.float64)
    low = edges[:-2]
    centre = edges[1:-1]
    high = edges[2:]
    weights = torch.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clamp_min(0)
    weights[0] = 0  # the DC bin
    return weights


def _mel(hertz: Tensor) -> Tensor:
    """Convert Hz to mel, in HTK's form."""
    return 1127 * (1 + hertz / 700).log()

"""The log-mel spectrogram of MSSL: 22,050 Hz, 40 ms windows every 20 ms, as librosa 0.7 computes it."""

from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional
from torchaudio.functional import melscale_fbanks

from avseg.audio.mono import mono
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

SAMPLE_RATE = 22_050
FFT = 882  # samples, 40 ms
HOP = 441
BANDS = 64
LOG_OFFSET = 2.220446049250313e-16

Scope = Literal["clip", "second"]


class WideLogMel:
    """Log-mel spectrogram (1, frames, 64) of the whole clip, or of each second; time is the height.

    A sound shorter than `seconds` is padded with zeros, a longer one cut. With `peak` the sound is divided by its peak
    first, as the authors do in their test (but not in training).
    """

    sample_rate = SAMPLE_RATE
    dim = 0

    def __init__(self, scope: Scope = "clip", seconds: float = 5.0, *, peak: bool = True) -> None:
        check_choice("model.sound_scope", scope, get_args(Scope))
        self.scope = scope
        self.per_frame = scope == "second"
        self.peak = peak
        self.window = 1.0 if self.per_frame else seconds
        self.samples = int(self.window * SAMPLE_RATE)
        self.name = f"mssl_log_mel-{scope}-{seconds:g}-{'peak' if peak else 'raw'}"
        self.shape: tuple[int, ...] = (1, self.samples // HOP + 1, BANDS)

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        """Compute the items (P, 1, frames, 64) of a sound (n,) or (channels, n)."""
        samples = mono(waveform, rate, SAMPLE_RATE)
        if samples.numel() == 0:
            raise UserError("the sound is empty (0 samples); at least one sample is needed")
        peak = samples.abs().max()
        if self.peak and peak > 0:
            samples = samples / peak
        pieces = torch.split(samples, SAMPLE_RATE) if self.per_frame else (samples[: self.samples],)
        items = [wide_log_mel(functional.pad(piece, (0, self.samples - len(piece)))) for piece in pieces]
        return torch.stack(items)[:, None].float()  # (P, 1, frames, 64)


def wide_log_mel(samples: Tensor) -> Tensor:
    """Compute ln(mel + 2.2e-16) of (n,) float64 at 22,050 Hz, (n // 441 + 1, 64); windows are centred and reflected."""
    window = torch.hann_window(FFT, periodic=True, dtype=samples.dtype)
    spectrum = torch.stft(
        samples, FFT, HOP, window=window, center=True, pad_mode="reflect", return_complex=True
    )  # (442, frames)
    power = spectrum.abs().square()
    mel: Tensor = power.T @ _filters()
    log_mel: Tensor = (mel + LOG_OFFSET).log()
    return log_mel


@lru_cache(maxsize=1)
def _filters() -> Tensor:
    """Return Slaney's triangles of equal area, (442, 64) float64, 0 to 11,025 Hz."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # the function has no type of its own
    try:
        filters: Tensor = melscale_fbanks(FFT // 2 + 1, 0.0, SAMPLE_RATE / 2, BANDS, SAMPLE_RATE, "slaney", "slaney")
        return filters
    finally:
        torch.set_default_dtype(default)

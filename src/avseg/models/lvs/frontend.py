"""The spectrogram of LVS: several seconds of sound, 257 frequencies, no mel scale."""

from typing import Literal, get_args

import torch
from torch import Tensor

from avseg.audio.mono import mono
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

SAMPLE_RATE = 16_000
WINDOW = 512  # samples
HOP = 238
TAPER = 64  # samples of the Tukey window at each end: a quarter of it together
BINS = WINDOW // 2 + 1
LOG_OFFSET = 1e-7
DEVIATION = 12.0

Scope = Literal["clip", "second"]


class Spectrogram:
    """Log power spectrogram of `seconds` of sound, an item for the whole clip or for each second.

    A shorter sound is repeated and a longer one cut, as in the official code, so that with scope "second" each second
    of sound is repeated. Other rates are resampled to 16 kHz (the official code takes the samples as they are).
    """

    sample_rate = SAMPLE_RATE
    dim = 0

    def __init__(self, scope: Scope = "clip", seconds: float = 10.0) -> None:
        check_choice("model.sound_scope", scope, get_args(Scope))
        self.scope = scope
        self.per_frame = scope == "second"
        self.samples = int(seconds * SAMPLE_RATE)
        self.name = f"lvs_spectrogram-{scope}-{seconds:g}"
        self.window = 1.0 if self.per_frame else seconds
        self.shape: tuple[int, ...] = (1, BINS, (self.samples - WINDOW + HOP) // HOP)

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        """Compute the items (P, 1, 257, frames) of a sound (n,) or (channels, n)."""
        samples = mono(waveform, rate, SAMPLE_RATE)
        if samples.numel() == 0:
            raise UserError("the sound is empty (0 samples); at least one sample is needed")
        pieces = torch.split(samples, SAMPLE_RATE) if self.per_frame else (samples,)
        items = [spectrogram(self._fitted(piece)) for piece in pieces]
        return torch.stack(items)[:, None].float()  # (P, 1, 257, frames)

    def _fitted(self, samples: Tensor) -> Tensor:
        if len(samples) < self.samples:
            samples = samples.repeat(self.samples // len(samples) + 1)
        return samples[: self.samples].clamp(-1, 1)


def spectrogram(samples: Tensor) -> Tensor:
    """Compute ln(power density + 1e-7) / 12 of (n,) float64 at 16 kHz, (257, frames); SciPy's `spectrogram`."""
    frames = samples.unfold(0, WINDOW, HOP)  # (frames, 512)
    frames = frames - frames.mean(1, keepdim=True)
    window = tukey_window().to(samples)
    power: Tensor = torch.fft.rfft(frames * window).abs().square() / (SAMPLE_RATE * window.square().sum())
    power[:, 1:-1] *= 2  # negative frequencies
    return (power.T + LOG_OFFSET).log() / DEVIATION


def tukey_window() -> Tensor:
    """Compute the periodic Tukey window (512,) float64: one without its last point of 513."""
    steps = torch.arange(WINDOW + 1, dtype=torch.float64)
    edge = torch.minimum(steps, WINDOW - steps).clamp(max=TAPER) / TAPER  # 0 at both ends, 1 in the middle
    return (0.5 * (1 + torch.cos(torch.pi * (edge - 1))))[:-1]

"""An audio front end that is not log-mel: whole seconds of the waveform, encoded by a 1-D convolution."""

import math

import torch
from torch import Tensor, nn
from torchaudio.functional import resample

from avseg.audio.encoders import AudioEncoder
from avseg.audio.frontend import FrontEnd
from avseg_example.config import WaveConfig

RATE = 4000


class WaveFrontEnd:
    """Each second of the sound as (1, 4000) samples at 4 kHz; the last second is padded with zeros."""

    name = "example_wave"
    sample_rate = RATE
    window = 1.0
    shape: tuple[int, ...] = (1, RATE)
    per_frame = True

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        """(n,) or (channels, n) at `rate` Hz to (seconds, 1, 4000)."""
        mono = waveform.float()
        if mono.ndim == 2:
            mono = mono.mean(0)
        mono = resample(mono, rate, RATE)
        seconds = max(1, math.ceil(len(mono) / RATE))
        padded = torch.nn.functional.pad(mono, (0, seconds * RATE - len(mono)))
        return padded.reshape(seconds, 1, RATE)


class WaveEncoder(AudioEncoder):
    """(B, T, 1, 4000) to (B, T, kernels): the mean energy behind each kernel."""

    def __init__(self, config: WaveConfig, pretrained: bool = True) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(1, config.kernels, kernel_size=64, stride=16)

    @staticmethod
    def make_frontend(config: WaveConfig) -> FrontEnd:
        """The waveform itself."""
        return WaveFrontEnd(config.kernels)

    def forward(self, items: Tensor) -> Tensor:
        """Encode (B, T, 1, 4000)."""
        filtered = self.convolution(items.flatten(0, 1))  # (B * T, kernels, steps)
        energy = (filtered.square().mean(-1) + 1e-6).log()
        return energy.unflatten(0, items.shape[:2])  # (B, T, kernels)

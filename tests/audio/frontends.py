"""Small front ends for tests: one with an item per second, one with an item per clip."""

import torch
from torch import Tensor
from torchaudio.functional import resample


class RawSeconds:
    """The samples of each second."""

    name = "raw_seconds"
    sample_rate = 800
    window = 1.0
    shape: tuple[int, ...] = (800,)
    dim = 8
    per_frame = True

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        samples = resample(waveform.float().reshape(-1, waveform.shape[-1]).mean(0), rate, self.sample_rate)
        seconds = max(-(-len(samples) // self.sample_rate), 1)
        samples = torch.nn.functional.pad(samples, (0, seconds * self.sample_rate - len(samples)))
        return samples.reshape(seconds, self.sample_rate)


class MeanSpectrum:
    """One item per clip: magnitudes of short spectra at the beginning, middle and end."""

    name = "mean_spectrum"
    sample_rate = 16_000
    window = 5.0
    shape: tuple[int, ...] = (3, 33)
    dim = 99
    per_frame = False

    def __call__(self, waveform: Tensor, rate: int) -> Tensor:
        samples = waveform.float().reshape(-1, waveform.shape[-1]).mean(0)
        thirds = torch.stack([third[:64] for third in samples.tensor_split(3)])
        return torch.fft.rfft(thirds).abs()[None]

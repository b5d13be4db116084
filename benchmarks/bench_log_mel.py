"""Log-mel patches of five seconds of sound: ours against the plain numpy form that VGGish publishes."""

import numpy as np
import numpy.typing as npt
import torch

from avseg.audio.log_mel import log_mel_patches
from benchmarks.measure import Comparison, alternate

RATE = 16_000
Array = npt.NDArray[np.float64]


def published_log_mel(samples: Array) -> Array:
    """Convert (n,) at 16 kHz to (P, 96, 64): 25 ms per 10 ms, periodic Hann, 512 bins, 64 HTK bands, log(x + 0.01)."""
    length, hop = 400, 160
    count = 1 + (len(samples) - length) // hop
    frames = np.stack([samples[k * hop : k * hop + length] for k in range(count)])
    window = 0.5 - 0.5 * np.cos(2 * np.pi / length * np.arange(length))
    spectrum = np.abs(np.fft.rfft(frames * window, 512))
    log_mel = np.log(spectrum @ _mel_matrix() + 0.01)
    patches = count // 96
    return log_mel[: 96 * patches].reshape(patches, 96, 64)


def _mel_matrix() -> Array:
    def mel(hertz: Array) -> Array:
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    edges = np.linspace(*mel(np.array([125.0, 7500.0])), 66)
    bins = mel(np.linspace(0, RATE / 2, 257))
    rows = []
    for lower, centre, upper in zip(edges, edges[1:], edges[2:], strict=False):
        rows.append(np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre))))
    matrix = np.stack(rows, 1)
    matrix[0] = 0  # the constant part
    return matrix


def measure(repeats: int = 5, device: str = "cpu", *, small: bool = False) -> list[Comparison]:
    """Measure the time of both forms for one clip, on the CPU as in the data loader.

    Raises:
        RuntimeError: they do not agree.
    """
    del device
    seconds = 2 if small else 5
    samples = 0.3 * np.random.default_rng(0).standard_normal(RATE * seconds)
    waveform = torch.from_numpy(samples).float()
    ours, published = log_mel_patches(waveform, RATE)[:, 0].numpy(), published_log_mel(samples)
    if not np.allclose(ours, published, atol=1e-3):
        raise RuntimeError(f"the two forms disagree by {np.abs(ours - published).max()}")
    times = alternate(lambda: log_mel_patches(waveform, RATE), lambda: published_log_mel(samples), repeats)
    return [Comparison(f"log-mel of {seconds} s of sound", "ms", *times)]

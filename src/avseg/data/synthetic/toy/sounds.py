"""Sounds of toy objects: each class has its band of the spectrum and its texture in time.

The bands divide the range of VGGish (125 to 7500 Hz) evenly in mel, so classes stay separable in the log-mel patch even
when several sound at once. Neighbours in the cycle of classes, the look-alikes, get bands far apart. Pitch, rates and
phases differ from object to object.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from avseg.data.synthetic.soundtrack import SAMPLE_RATE

_LOWEST, _HIGHEST = 160.0, 7000.0  # Hz
Wave = NDArray[np.float64]
Texture = Callable[[Wave, float, float, np.random.Generator], Wave]  # (time, low, high, rng) -> waveform


def synthesise(class_id: int, num_classes: int, samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Synthesise the sound of one object of the class at a position in the cycle, (samples,) at 16 kHz with RMS 1."""
    low, high = frequency_band(class_id, num_classes)
    time = np.arange(samples) / SAMPLE_RATE  # (samples,) seconds
    wave = _TEXTURES[class_id % len(_TEXTURES)](time, low, high, rng)
    return (wave / math.sqrt(float(np.mean(wave**2)) + 1e-12)).astype(np.float32)


def frequency_band(class_id: int, num_classes: int) -> tuple[float, float]:
    """Return the band of a class in Hz, (low, high); a guard of a quarter band separates neighbours."""
    # a stride coprime to the cycle visits every band once and keeps look-alikes apart
    stride = next(step for step in (5, 3, 7) if math.gcd(step, num_classes) == 1)
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), num_classes + 1)  # mel
    band = class_id * stride % num_classes
    width = float(edges[1] - edges[0])
    return _hertz(float(edges[band]) + 0.125 * width), _hertz(float(edges[band + 1]) - 0.125 * width)


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)


def _hertz(mel: float) -> float:
    return 700.0 * math.expm1(mel / 1127.0)


def _sweep(frequency: Wave, rng: np.random.Generator) -> Wave:
    """Return a sine with the given frequency in Hz at each sample."""
    return np.asarray(np.sin(2 * np.pi * np.cumsum(frequency) / SAMPLE_RATE + rng.uniform(0, 2 * np.pi)))


def _wobble(time: Wave, rate: float, rng: np.random.Generator) -> Wave:
    """Return a slow sine in [-1, 1] at `rate` Hz with a random phase."""
    return np.asarray(np.sin(2 * np.pi * rate * time + rng.uniform(0, 2 * np.pi)))


def _saw(time: Wave, rate: float, rng: np.random.Generator) -> Wave:
    """Return a ramp in [0, 1) at `rate` Hz with a random phase."""
    return np.asarray((time * rate + rng.uniform()) % 1.0)


def _band_pass(wave: Wave, low: float, high: float) -> Wave:
    """Keep the frequencies from `low` to `high` Hz."""
    spectrum = np.fft.rfft(wave)
    frequency = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    return np.fft.irfft(np.where((frequency >= low) & (frequency <= high), spectrum, 0), len(wave))


def _noise(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _band_pass(rng.standard_normal(len(time)), low, high)


def _tone(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _sweep(np.full_like(time, rng.uniform(0.7 * low + 0.3 * high, 0.3 * low + 0.7 * high)), rng)


def _chirp(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _sweep(low + (high - low) * _saw(time, rng.uniform(2.5, 4.0), rng), rng)


def _am_noise(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _noise(time, low, high, rng) * (1.05 + _wobble(time, rng.uniform(5, 8), rng))


def _clicks(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    decay = np.exp(-_saw(time, rng.uniform(9, 13), rng) * 6)
    return _noise(time, low, high, rng) * decay


def _buzz(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _band_pass(_saw(time, rng.uniform(70, 100), rng) - 0.5, low, high)


def _vibrato(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    middle, swing = (low + high) / 2, (high - low) / 2
    return _sweep(middle + 0.6 * swing * _wobble(time, rng.uniform(5, 7), rng), rng)


def _fm(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    middle, swing = (low + high) / 2, (high - low) / 2
    return _band_pass(_sweep(middle + 0.8 * swing * _wobble(time, rng.uniform(35, 55), rng), rng), low, high)


def _trill(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    upper = _saw(time, rng.uniform(6, 9), rng) < 0.5
    return _sweep(np.where(upper, 0.2 * low + 0.8 * high, 0.8 * low + 0.2 * high), rng)


def _siren(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _sweep((low + high) / 2 + (high - low) / 2 * _wobble(time, rng.uniform(0.8, 1.4), rng), rng)


def _chord(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return np.asarray(sum(_sweep(np.full_like(time, f), rng) for f in np.linspace(low, high, 4)))


def _pluck(time: Wave, low: float, high: float, rng: np.random.Generator) -> Wave:
    return _chord(time, low, high, rng) * np.exp(-_saw(time, rng.uniform(3, 5), rng) * 4)


_TEXTURES: tuple[Texture, ...] = (
    _tone, _am_noise, _chirp, _noise, _buzz, _clicks, _vibrato, _fm, _trill, _siren, _pluck, _chord,
)  # fmt: skip

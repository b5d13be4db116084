"""Bring decoded sound to one rate on the clock of the frames: gaps become silence, overlaps are trimmed."""

from collections.abc import Callable, Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

TOLERANCE = 0.025  # seconds; smaller differences of time stamps are jitter

Convert = Callable[[AudioFrame], np.ndarray]  # a frame to (channels, n) float32, always the same channels


class SoundTimeline:
    """Converts frames of any rate and layout to (channels, n) float32 without gaps, from the time `start` on."""

    def __init__(self, start: float, end: float, rate: int, layout: str, convert: Convert) -> None:
        self.start = start  # container times in seconds; frames that begin after `end` are left out
        self.end = end
        self.rate = rate  # Hz
        self.layout = layout  # of what `convert` returns
        self.convert = convert
        self.clock = start  # container time of the next sample
        self.written = 0  # samples
        self.resampler: AudioResampler | None = None
        self.source_rate = 0
        self.decoded = False  # True once any sound was decoded

    def align(self, frame: AudioFrame) -> Iterator[np.ndarray]:
        """Yield the samples up to the end of a frame, at most about a second at a time."""
        self.decoded = True
        late = 0.0 if frame.time is None else frame.time - self.clock
        if self.clock + late > self.end:
            return
        samples = self.convert(frame)
        if late > TOLERANCE:  # the recording pauses
            yield from self.flush()
            yield from self._silence(self.clock + late, len(samples))
            self.clock += late
        elif late < -TOLERANCE or (late < 0 and self.resampler is None):  # overlap, or sound before the first frame
            samples = samples[:, round(-late * frame.sample_rate) :]
        if samples.shape[1]:
            self.clock += samples.shape[1] / frame.sample_rate
            for resampled in self._resample(samples, frame.sample_rate):
                self.written += resampled.shape[1]
                yield resampled

    def flush(self) -> Iterator[np.ndarray]:
        """Yield the samples that the resampler still holds."""
        if self.resampler is not None:
            for resampled in self.resampler.resample(None):
                if resampled is not None:
                    self.written += resampled.samples
                    yield resampled.to_ndarray()
        self.resampler = None

    def _resample(self, samples: np.ndarray, rate: int) -> Iterator[np.ndarray]:
        if self.resampler is None or rate != self.source_rate:
            yield from self.flush()
            self.resampler = AudioResampler(format="fltp", layout=self.layout, rate=self.rate)
            self.source_rate = rate
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self.layout)
        frame.sample_rate = rate
        for resampled in self.resampler.resample(frame):
            yield resampled.to_ndarray()

    def _silence(self, until: float, channels: int) -> Iterator[np.ndarray]:
        """Yield silence up to a container time, so that errors of rounding do not add up."""
        missing = round((until - self.start) * self.rate) - self.written
        for begin in range(0, missing, self.rate):
            samples = min(self.rate, missing - begin)
            self.written += samples
            yield np.zeros((channels, samples), np.float32)

"""Read the sound of any video second by second, aligned with its frames."""

from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from avseg.media.container import decode, open_video, packets, sound_stream
from avseg.media.downmix import Downmix
from avseg.media.video import GAP, Video
from avseg.utils.errors import UserError

RATE = 16_000  # Hz, the sample rate of VGGish


def sound_seconds(video: Video) -> Iterator[np.ndarray]:
    """Yield the sound of each second of a video as (16000,) float32, mixed to mono by `Downmix`.

    Second 0 begins with the first frame. Gaps in the recording and time after its end are silence, so that the l-th
    array is always the sound of second l. A video without a sound track is silent; a track of which nothing can be
    decoded is a `UserError`.
    """
    buffer = np.zeros(0, np.float32)
    second = 0
    for samples in _samples(video) if video.sound else ():
        buffer = np.concatenate([buffer, samples])
        while len(buffer) >= RATE:
            if second == video.seconds:
                return
            yield buffer[:RATE]
            buffer = buffer[RATE:]
            second += 1
    while second < video.seconds:
        yield np.concatenate([buffer, np.zeros(RATE - len(buffer), np.float32)])
        buffer = buffer[:0]
        second += 1


def _samples(video: Video) -> Iterator[np.ndarray]:
    """Yield 16 kHz samples from the time of the first frame on, at most a second at a time."""
    timeline = _Timeline(video.start)
    with open_video(video.path) as container:
        stream = sound_stream(container, video.audio_track)
        assert stream is not None
        for packet in packets(container, [stream]):
            for frame in decode(packet):
                if isinstance(frame, AudioFrame):
                    yield from timeline.align(frame)
        yield from timeline.flush()
    if not timeline.decoded:
        raise UserError(
            f"{video.path}: its sound ({stream.codec_context.name}) cannot be decoded; --silence predicts without"
        )


class _Timeline:
    """Align decoded sound with the video's clock: resample, cut what precedes the first frame, fill gaps."""

    def __init__(self, start: float) -> None:
        self.clock = start  # container time of the next sample
        self.downmix = Downmix(1)
        self.resampler: AudioResampler | None = None
        self.rate = 0
        self.decoded = False  # True once any sound was decoded

    def align(self, frame: AudioFrame) -> Iterator[np.ndarray]:
        self.decoded = True
        mono = self.downmix(frame)  # (1, n)
        late = 0.0 if frame.time is None else frame.time - self.clock
        if late > GAP:  # the recording pauses
            yield from self.flush()
            yield from _silence(late)
            self.clock += late
        elif late < -GAP or (late < 0 and self.resampler is None):  # overlap, or sound before the first frame
            mono = mono[:, round(-late * frame.sample_rate) :]
        if mono.shape[1]:
            self.clock += mono.shape[1] / frame.sample_rate
            yield from self._resample(mono, frame.sample_rate)

    def _resample(self, mono: np.ndarray, rate: int) -> Iterator[np.ndarray]:
        if self.resampler is None or rate != self.rate:
            yield from self.flush()
            self.resampler = AudioResampler(format="fltp", layout="mono", rate=RATE)
            self.rate = rate
        frame = AudioFrame.from_ndarray(mono, format="fltp", layout="mono")
        frame.sample_rate = rate
        for resampled in self.resampler.resample(frame):
            yield self._limit(resampled.to_ndarray()[0])

    def flush(self) -> Iterator[np.ndarray]:
        """Yield the samples that the resampler still holds."""
        if self.resampler is not None:
            for resampled in self.resampler.resample(None):
                if resampled is not None:
                    yield self._limit(resampled.to_ndarray()[0])
        self.resampler = None

    def _limit(self, samples: np.ndarray) -> np.ndarray:
        # resampling rounds off the corners of clipped sound and exceeds full scale
        return np.clip(samples, -1, 1) if self.downmix.mixes else samples


def _silence(seconds: float) -> Iterator[np.ndarray]:
    samples = round(seconds * RATE)
    for begin in range(0, samples, RATE):
        yield np.zeros(min(RATE, samples - begin), np.float32)

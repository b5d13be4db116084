"""The sound of any video, second by second, in step with its frames."""

from collections.abc import Iterator

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from avseg.media.container import decode, open_video, packets, sound_stream
from avseg.media.video import GAP, Video
from avseg.utils.errors import UserError

RATE = 16_000  # VGGish's


def sound_seconds(video: Video) -> Iterator[np.ndarray]:
    """Yields the sound of each second of a video, from its first frame on: (16000,) float32, the mean of the channels.

    A gap in the recording and what lies behind its end are silence, so that the l-th array is the sound of second l.
    A video without sound gives silence.

    Raises:
        UserError: there is a sound track and nothing of it can be decoded.
    """
    kept = np.zeros(0, np.float32)
    given = 0
    for piece in _samples(video) if video.sound else ():
        kept = np.concatenate([kept, piece])
        while len(kept) >= RATE:
            if given == video.seconds:
                return
            yield kept[:RATE]
            kept, given = kept[RATE:], given + 1
    while given < video.seconds:
        yield np.concatenate([kept, np.zeros(RATE - len(kept), np.float32)])
        kept, given = kept[:0], given + 1


def _samples(video: Video) -> Iterator[np.ndarray]:
    """Samples at 16 kHz from the first frame's instant on, in pieces of at most a second."""
    line = _Line(video.start)
    with open_video(video.path) as container:
        stream = sound_stream(container)
        assert stream is not None
        for packet in packets(container, [stream]):
            for frame in decode(packet):
                if isinstance(frame, AudioFrame):
                    yield from line.place(frame)
        yield from line.flush()
    if not line.heard:
        raise UserError(
            f"{video.path}: its sound ({stream.codec_context.name}) cannot be decoded; --silence predicts without"
        )


class _Line:
    """Lays decoded sound onto the time line of the video: resamples, cuts what comes before it, fills gaps."""

    def __init__(self, start: float) -> None:
        self.clock = start  # container time of the next sample
        self.resampler: AudioResampler | None = None
        self.rate = 0
        self.heard = False

    def place(self, frame: AudioFrame) -> Iterator[np.ndarray]:
        self.heard = True
        mono = _mono(frame)
        late = 0.0 if frame.time is None else frame.time - self.clock
        if late > GAP:
            yield from self.flush()
            yield from _silence(late)
            self.clock += late
        elif late < -GAP or (late < 0 and self.resampler is None):
            mono = mono[round(-late * frame.sample_rate) :]
        if len(mono):
            self.clock += len(mono) / frame.sample_rate
            yield from self._resample(mono, frame.sample_rate)

    def _resample(self, mono: np.ndarray, rate: int) -> Iterator[np.ndarray]:
        if self.resampler is None or rate != self.rate:
            yield from self.flush()
            self.resampler, self.rate = AudioResampler(format="flt", layout="mono", rate=RATE), rate
        frame = AudioFrame.from_ndarray(mono[None], format="flt", layout="mono")
        frame.sample_rate = rate
        for part in self.resampler.resample(frame):
            yield part.to_ndarray()[0]

    def flush(self) -> Iterator[np.ndarray]:
        """What the resampler still holds."""
        if self.resampler is not None:
            for part in self.resampler.resample(None):
                if part is not None:
                    yield part.to_ndarray()[0]
        self.resampler = None


def _silence(seconds: float) -> Iterator[np.ndarray]:
    samples = round(seconds * RATE)
    for begin in range(0, samples, RATE):
        yield np.zeros(min(RATE, samples - begin), np.float32)


def _mono(frame: AudioFrame) -> np.ndarray:
    """Mean of the channels as (n,) float32 in [-1, 1]; any sample format, planar or packed, any layout."""
    samples: np.ndarray = frame.to_ndarray()
    channels = len(frame.layout.channels) or frame.layout.nb_channels
    planes = samples if frame.format.is_planar else samples.reshape(-1, channels).T
    mean: np.ndarray = planes.mean(0, dtype=np.float64)
    if samples.dtype == np.uint8:
        mean = (mean - 128) / 128
    elif samples.dtype.kind == "i":
        mean = mean / 2.0 ** (8 * samples.itemsize - 1)
    heard: np.ndarray = np.nan_to_num(mean).astype(np.float32)
    return heard

"""Writes frames and sound as a small MP4 with B-frames, as videos of the web have them."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from avseg.data.synthetic.soundtrack import SAMPLE_RATE

# one thread without the macroblock tree: with it the same frames now and then give other bytes (3 runs in 100)
_X264 = {"preset": "veryfast", "crf": "16", "bf": "2", "g": "40", "threads": "1", "x264-params": "mbtree=0"}
_AAC_FRAME = 1024


class Mp4Writer:
    """Takes frames at whole ticks, and sound as far as the frames have come.

    Args:
        target: the file being written.
        shape: height and width, both even.
        rate: ticks per second.
        waveform: (samples,) float32 at 16 kHz.
    """

    def __init__(
        self,
        target: av.container.OutputContainer,
        shape: tuple[int, int],
        rate: Fraction,
        waveform: npt.NDArray[np.float32],
    ) -> None:
        self.target, self.rate, self.waveform, self.heard = target, rate, waveform, 0
        self.film = target.add_stream("libx264", rate=rate, options=dict(_X264))
        self.film.height, self.film.width = shape
        self.film.pix_fmt = "yuv420p"
        self.film.codec_context.time_base = 1 / rate
        self.sound = target.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options={"aac_coder": "fast"})
        self.sound.codec_context.bit_rate = 64_000

    def write(self, picture: npt.NDArray[np.uint8], tick: int, until: int) -> None:
        """Adds a frame (H, W, 3) shown from `tick` to `until`."""
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts, frame.time_base, frame.duration = tick, 1 / self.rate, until - tick
        self.target.mux(self.film.encode(frame))
        self._hear(int(until / self.rate * SAMPLE_RATE))

    def close(self) -> None:
        """Ends both tracks."""
        self._hear(len(self.waveform) + _AAC_FRAME)
        self.target.mux(self.film.encode(None))
        self.target.mux(self.sound.encode(None))

    def _hear(self, until: int) -> None:
        while self.heard < min(until, len(self.waveform)):
            part = self.waveform[None, self.heard : self.heard + _AAC_FRAME]
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self.heard, Fraction(1, SAMPLE_RATE)
            self.target.mux(self.sound.encode(frame))
            self.heard += part.shape[1]


@contextmanager
def create_mp4(
    path: Path, shape: tuple[int, int], rate: Fraction, waveform: npt.NDArray[np.float32]
) -> Iterator[Mp4Writer]:
    """Opens a file for writing, see `Mp4Writer`, and ends it."""
    with av.open(str(path), "w", format="mp4", container_options={"movflags": "+faststart"}) as target:
        writer = Mp4Writer(target, shape, rate, waveform)
        yield writer
        writer.close()

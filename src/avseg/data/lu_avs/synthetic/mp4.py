"""Write frames and sound as a small MP4 with B-frames, like videos from the web."""

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

# one thread and no macroblock tree (mbtree), which make the encoder nondeterministic (3 runs in 100)
_X264_OPTIONS = {"preset": "veryfast", "crf": "16", "bf": "2", "g": "40", "threads": "1", "x264-params": "mbtree=0"}
_AAC_FRAME = 1024  # samples


class Mp4Writer:
    """Encode frames at whole ticks, and the sound up to the end of the last frame.

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
        self.target = target
        self.rate = rate
        self.waveform = waveform
        self.encoded_samples = 0
        self.video = target.add_stream("libx264", rate=rate, options=dict(_X264_OPTIONS))
        self.video.height, self.video.width = shape
        self.video.pix_fmt = "yuv420p"
        self.video.codec_context.time_base = 1 / rate
        self.audio = target.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options={"aac_coder": "fast"})
        self.audio.codec_context.bit_rate = 64_000

    def write(self, image: npt.NDArray[np.uint8], tick: int, until: int) -> None:
        """Add a frame (H, W, 3) shown from `tick` to `until`."""
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts = tick
        frame.time_base = 1 / self.rate
        frame.duration = until - tick
        self.target.mux(self.video.encode(frame))
        self._encode_sound(int(until / self.rate * SAMPLE_RATE))

    def close(self) -> None:
        """Encode the remaining sound and flush both encoders."""
        self._encode_sound(len(self.waveform) + _AAC_FRAME)
        self.target.mux(self.video.encode(None))
        self.target.mux(self.audio.encode(None))

    def _encode_sound(self, until: int) -> None:
        """Encode the sound up to a sample, in whole AAC frames."""
        while self.encoded_samples < min(until, len(self.waveform)):
            samples = self.waveform[None, self.encoded_samples : self.encoded_samples + _AAC_FRAME]  # (1, samples)
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
            frame.sample_rate = SAMPLE_RATE
            frame.pts = self.encoded_samples
            frame.time_base = Fraction(1, SAMPLE_RATE)
            self.target.mux(self.audio.encode(frame))
            self.encoded_samples += samples.shape[1]


@contextmanager
def create_mp4(
    path: Path, shape: tuple[int, int], rate: Fraction, waveform: npt.NDArray[np.float32]
) -> Iterator[Mp4Writer]:
    """Open a file for writing, see `Mp4Writer`, and finish it at the end of the block."""
    with av.open(str(path), "w", format="mp4", container_options={"movflags": "+faststart"}) as target:
        writer = Mp4Writer(target, shape, rate, waveform)
        yield writer
        writer.close()

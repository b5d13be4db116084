"""Write frames and sound as a small MP4 with B-frames, like videos from the web."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame

from avseg.data.synthetic.soundtrack import SAMPLE_RATE
from avseg.media.container import file_url

# one thread and no macroblock tree (mbtree), which make the encoder nondeterministic (3 runs in 100)
_X264_OPTIONS = {"preset": "veryfast", "crf": "16", "bf": "2", "g": "40", "threads": "1", "x264-params": "mbtree=0"}
_AAC_FRAME = 1024  # samples


def write_mp4(
    path: Path,
    frames: Iterable[tuple[npt.NDArray[np.uint8], int, int]],  # (H, W, 3), tick of its appearance, tick of its end
    shape: tuple[int, int],  # height and width, both even
    rate: Fraction,
    waveform: npt.NDArray[np.float32],  # (samples,) at 16 kHz
) -> None:
    """Encode frames, each followed by the sound up to its end; `rate` is in ticks per second."""
    with av.open(file_url(path), "w", format="mp4", container_options={"movflags": "+faststart"}) as file:
        video = file.add_stream("libx264", rate=rate, options=dict(_X264_OPTIONS))
        video.height, video.width = shape
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = 1 / rate
        audio = file.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options={"aac_coder": "fast"})
        audio.codec_context.bit_rate = 64_000
        position = 0  # samples encoded so far
        for image, tick, until in frames:
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = tick
            frame.time_base = 1 / rate
            frame.duration = until - tick
            file.mux(video.encode(frame))
            # interleaved, as players expect it
            position = _encode_sound(file, audio, waveform, position, int(until / rate * SAMPLE_RATE))
        _encode_sound(file, audio, waveform, position, len(waveform))
        file.mux(video.encode(None))
        file.mux(audio.encode(None))


def _encode_sound(
    file: av.container.OutputContainer, audio: AudioStream, waveform: npt.NDArray[np.float32], position: int, until: int
) -> int:
    """Encode whole AAC frames from sample `position` to at least `until`; return the new position."""
    while position < min(until, len(waveform)):
        samples = waveform[None, position : position + _AAC_FRAME]  # (1, samples)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = position
        frame.time_base = Fraction(1, SAMPLE_RATE)
        file.mux(audio.encode(frame))
        position += samples.shape[1]
    return position

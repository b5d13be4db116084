"""Make tiny test videos of any codec, container, rate, size and sound layout, whose frames show their numbers.

The number is written in binary as a row of 8 blocks across the top (white = 1), so that it survives lossy coding.
"""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

BITS = 8
SHADE, FLASH = 90, 250


def numbered(number: int, height: int, width: int, shade: int = SHADE) -> np.ndarray:
    """Draw a number in the upper third of an image (H, W, 3) uint8, above a plain shade."""
    image = np.full((height, width, 3), shade, np.uint8)
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        image[: height // 3, left:right] = 235 if number >> bit & 1 else 16
    return image


def read_number(image: np.ndarray) -> int:
    """Read the number that `numbered` drew."""
    height, width = image.shape[:2]
    row = image[height // 12 : height // 4].mean((0, 2))
    blocks = [row[width * bit // BITS + 1 : width * (bit + 1) // BITS - 1].mean() > 125 for bit in range(BITS)]
    return sum(int(on) << bit for bit, on in enumerate(blocks))


def tone(seconds: float, rate: int, channels: int, pitch: float = 440.0, level: float = 0.5) -> np.ndarray:
    """Return a sine (channels, n) float32."""
    wave = level * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32), (channels, 1))


def make_video(
    path: Path,
    *,
    frames: int = 50,
    rate: Fraction | int = 25,
    size: tuple[int, int] = (64, 96),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    sound: str | None = "aac",
    layout: str = "mono",
    sample_rate: int = 16000,
    waveform: np.ndarray | None = None,
    times: Sequence[float] | None = None,
    rotation: int = 0,
    options: dict[str, str] | None = None,
    sound_options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    first: int = 0,
    flash: int | None = None,
) -> Path:
    """Write a video of numbered frames and a tone; `times` (seconds of each frame) sets a varying rate.

    The numbers begin with `first`; the frame with the index `flash` is bright below its number.
    """
    with av.open(str(path), "w", container_options=container_options or {}) as output:
        images = output.add_stream(codec, rate=rate, options=options or {})
        images.height, images.width, images.pix_fmt = size[0], size[1], pix_fmt
        if times is not None:
            images.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            images.set_display_rotation(rotation)
        sound_options = sound_options or ({"aac_coder": "fast"} if sound == "aac" else {})
        track = output.add_stream(sound, rate=sample_rate, layout=layout, options=sound_options) if sound else None
        seconds = frames / float(rate) if times is None else times[-1] + 1 / float(rate)
        for number in range(frames):
            shade = FLASH if number == flash else SHADE
            frame = VideoFrame.from_ndarray(numbered(first + number, *size, shade), format="rgb24")
            if times is None:
                frame.pts, frame.time_base = number, 1 / Fraction(rate)
            else:
                until = times[number + 1] if number + 1 < frames else seconds
                frame.pts, frame.time_base = round(times[number] * 1000), Fraction(1, 1000)
                frame.duration = round((until - times[number]) * 1000)
            output.mux(images.encode(frame))
        output.mux(images.encode(None))
        if track is not None:
            channels = track.codec_context.layout.nb_channels
            wave = tone(seconds, sample_rate, channels) if waveform is None else waveform
            _write_sound(output, track, wave, sample_rate, layout)
    return path


def _write_sound(output, track, wave: np.ndarray, sample_rate: int, layout: str) -> None:
    step = 1024
    for begin in range(0, wave.shape[1], step):
        part = np.ascontiguousarray(wave[:, begin : begin + step].T).reshape(1, -1)  # packed: PyAV cannot read 8 planes
        frame = AudioFrame.from_ndarray(part, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, begin, Fraction(1, sample_rate)
        output.mux(track.encode(frame))
    output.mux(track.encode(None))

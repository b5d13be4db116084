"""Recordings joined of parts, with a flash and a click half a second after the begin of each part."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avseg.media.frames import frames
from avseg.media.sound_reader import RATE, sound_seconds
from avseg.media.video import UprightRGB, Video
from tests.media.make_video import FLASH, SHADE, make_video, read_number

FPS = 25
FLASHED = 12  # frame of each part, at 0.48 s
CLICK = FLASHED / FPS


def click_sound(seconds: float, rate: int, channels: int) -> np.ndarray:
    """Return a quiet tone with a loud burst of 20 ms at `CLICK` seconds, (channels, n) float32."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.02 * np.sin(2 * np.pi * 300 * time)
    burst = (time >= CLICK) & (time < CLICK + 0.02)
    wave[burst] = 0.8 * np.sin(2 * np.pi * 1000 * time[burst])
    return np.tile(wave.astype(np.float32), (channels, 1))


def make_part(
    path: Path,
    first: int,
    *,
    frames: int = 50,
    clock: float = 0.0,
    sound_seconds: float | None = None,
    sound: str | None = "aac",
    layout: str = "stereo",
    sample_rate: int = 48000,
    size: tuple[int, int] = (64, 96),
    codec: str = "libx264",
) -> Path:
    """Write a part whose frames are numbered from `first` and whose container time begins near `clock`."""
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    waveform = click_sound(sound_seconds or frames / FPS, sample_rate, channels)
    return make_video(
        path,
        frames=frames,
        first=first,
        flash=FLASHED,
        codec=codec,
        sound=sound,
        layout=layout,
        sample_rate=sample_rate,
        size=size,
        waveform=waveform,
        options={"bf": "2", "g": "12"},
        container_options={"output_ts_offset": str(clock)} if clock else None,
    )


def join(path: Path, parts: Sequence[Path]) -> Path:
    """Join parts byte by byte, as `cat` does."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def drawn(video: Video) -> list[int]:
    """Decode the numbers that the frames show."""
    upright = UprightRGB(video.view, video.height, video.width)
    return [read_number(upright(frame.image)) for frame in frames(video)]


def flashes(video: Video) -> list[float]:
    """Return the times of the bright frames in seconds."""
    upright = UprightRGB(video.view, video.height, video.width)
    times = []
    for frame in frames(video):
        if upright(frame.image)[video.height // 2 :].mean() > (SHADE + FLASH) / 2:
            times.append(frame.time)
    return times


def clicks(video: Video) -> list[float]:
    """Return the times at which bursts of sound begin in seconds."""
    wave = np.concatenate(list(sound_seconds(video)))
    loud = np.flatnonzero(np.abs(wave) > 0.2)
    begins = loud[np.flatnonzero(np.diff(loud, prepend=-RATE) > RATE // 10)]
    return [float(begin) / RATE for begin in begins]

"""Generate a folder of raw videos with many codecs, rates, sizes and sounds, and of broken files."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.media.make_video import make_video, tone

SECONDS = 5
NTSC = Fraction(30000, 1001)
RATES = (10, 24, 25, NTSC, 30, 60, None)  # None = variable
SIZES = ((48, 64), (49, 67), (64, 40), (64, 96))
SOUNDS = (("mono", 5.0), ("stereo", 5.0), ("5.1", 5.0), (None, 0.0), ("mono", 2.5))
CODECS = ("b_frames.mp4", "mpeg4.mp4", "vp9.webm", "hevc.mp4")
ROTATIONS = (0, 0, 90, 0, 0, 270, 0, 180)
_OPTIONS = {
    "b_frames.mp4": {"options": {"bf": "3", "preset": "ultrafast"}},
    "mpeg4.mp4": {"codec": "mpeg4", "options": {"bf": "2"}},
    "vp9.webm": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8"}},
    "hevc.mp4": {"codec": "libx265", "options": {"x265-params": "log-level=none", "preset": "ultrafast"}},
}


@dataclass(frozen=True)
class RawSample:
    """A playable video: file, number and times of its frames, sound."""

    file: str
    frames: int
    rate: float
    times: tuple[float, ...]
    variable: bool
    size: tuple[int, int]
    rotation: int
    layout: str | None
    sound_seconds: float

    @property
    def official(self) -> list[int]:
        """Return the frames of its five seconds by the official rule."""
        if self.variable:
            return [min(range(self.frames), key=lambda i: abs(self.times[i] - (s + 15 / 16))) for s in range(SECONDS)]
        rate = round(self.rate)
        return [min(int(s * rate + 15 * rate / 16), self.frames - 1) for s in range(SECONDS)]

    @property
    def exact(self) -> list[int]:
        """Return the frames on the screen in the middle of each second."""
        return [max(i for i in range(self.frames) if self.times[i] <= s + 0.5 + 1e-3) for s in range(SECONDS)]


def make_folder(folder: Path, count: int) -> list[RawSample]:
    """Write `count` playable videos, two folders deep, and next to them all `BROKEN` ones."""
    raws = [make_raw(folder, number) for number in range(count)]
    for name, make in BROKEN.items():
        make(folder / f"{name}.mp4")
    return raws


def make_raw(folder: Path, number: int) -> RawSample:
    """Write a video; its properties cycle with different periods, so that all pairs of values occur."""
    codec = CODECS[number % len(CODECS)]
    rate = RATES[number % len(RATES)]
    layout, sound_seconds = SOUNDS[(number + number // len(SOUNDS)) % len(SOUNDS)]
    height, width = SIZES[(number // len(CODECS) + number) % len(SIZES)]
    if codec == "hevc.mp4":
        height, width = (64, 96) if width > 64 else (48, 64)  # x265 corrupts its memory with odd and with narrow sizes
    rotation = ROTATIONS[number % len(ROTATIONS)] if codec.endswith("mp4") else 0
    random = np.random.default_rng(number)
    times = _varying(random) if rate is None else None
    frames = len(times) if times else round(SECONDS * rate)
    file = Path(f"batch{number % 3}", f"video {number:03d}").with_suffix(Path(codec).suffix)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    odd = height % 2 or width % 2
    sample_rate = 48000 if codec.endswith("webm") else (16000, 44100, 48000)[number % 3]
    channels = {"mono": 1, "stereo": 2, "5.1": 6}.get(layout, 1)
    make_video(
        folder / file,
        frames=frames,
        rate=rate or 25,
        size=(height, width),
        pix_fmt="yuv444p" if odd and codec == "b_frames.mp4" else "yuv420p",
        sound=layout and ("libopus" if codec.endswith("webm") else "aac"),
        layout=layout or "mono",
        sample_rate=sample_rate,
        waveform=tone(sound_seconds, sample_rate, channels, 300.0 + 7 * number),
        times=times,
        rotation=rotation,
        **_OPTIONS[codec],
    )
    shown_at = tuple(times) if times else tuple(i / float(rate) for i in range(frames))
    return RawSample(
        file.as_posix(),
        frames,
        float(rate or 0),
        shown_at,
        rate is None,
        (height, width),
        rotation,
        layout,
        sound_seconds,
    )


def _varying(random: np.random.Generator) -> list[float]:
    """Return times of 60 frames within five seconds, in whole milliseconds at least 20 apart."""
    slots = np.sort(random.choice(np.arange(1, SECONDS * 50 - 1), 59, replace=False))
    return [0.0, *(float(slot) / 50 for slot in slots)]


def _make_plain(path: Path, **options: object) -> Path:
    return make_video(path, frames=125, container_options={"movflags": "faststart"}, **options)


def _truncated(path: Path) -> None:
    content = _make_plain(path).read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])


def _header_only(path: Path) -> None:
    content = _make_plain(path).read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 4])


def _sound_only(path: Path) -> None:
    import av

    with av.open(str(_make_plain(path.with_suffix(".tmp.mp4")))) as source, av.open(str(path), "w") as output:
        track = output.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = track
                output.mux(packet)
    path.with_suffix(".tmp.mp4").unlink()


def damage_middle(path: Path, length: int = 400, share: float = 0.6) -> None:
    """Overwrite the middle of a file with random bytes."""
    content = bytearray(path.read_bytes())
    middle = int(len(content) * share)
    content[middle : middle + length] = np.random.default_rng(5).bytes(length)
    path.write_bytes(content)


BROKEN: dict[str, Callable[[Path], object]] = {
    "truncated": _truncated,
    "zero_bytes": Path.touch,
    "text": lambda path: path.write_text("this is not a video\n" * 50),
    "sound_only": _sound_only,
    "header_only": _header_only,
    "random_bytes": lambda path: damage_middle(_make_plain(path)),
}
REASONS = {
    "truncated": "truncated",
    "zero_bytes": "empty",
    "text": "not a video",
    "sound_only": "no video track",
    "header_only": "no frames|truncated|not a video",
    "random_bytes": "damaged",
}

"""Joined and broken recordings: right frames at right times, flash and click together, no empty hours."""

from pathlib import Path

import numpy as np
import pytest

from avseg.media.clock import WRAP
from avseg.media.frame_index import frame_index
from avseg.media.sound_copy import plan_sound
from avseg.media.video import UprightRGB, probe
from avseg.media.video_writer import repaint
from tests.media.joined import CLICK, FPS, clicks, drawn, flashes, join, make_part
from tests.media.make_video import make_video, read_number

MP2 = {"sound": "mp2", "codec": "mpeg2video"}
WEBM = {"codec": "libvpx", "sound": "libopus"}
# name: parts in file order; of two seconds each
JOINED = {
    "restart.ts": [{}, {}, {}],
    "restart.mts": [{"clock": 40_000}, {"clock": 7}],
    "hour.ts": [{}, {"clock": 3600}],
    "day.ts": [{"clock": 50_000}, {"clock": 3}, {"clock": 50_000}],
    "wrap.ts": [{"clock": WRAP - 1}],
    "wrap_later.ts": [{}, {"clock": WRAP - 2.5}],
    "overlap.ts": [{}, {"clock": 1.95}],
    "long_sound.ts": [{"sound_seconds": 2.05}, {}],
    "longer_sound.ts": [{"sound_seconds": 2.3}, {}],
    "rate.ts": [{}, {"sample_rate": 44_100}],
    "channels.ts": [{}, {"layout": "mono"}, {"layout": "5.1"}],
    "ac3.ts": [{"sound": "ac3"}, {"sound": "ac3", "sample_rate": 44_100, "layout": "mono"}],
    "size.ts": [{}, {"size": (96, 128)}],
    "silent_part.ts": [{}, {"sound": None}, {}],
    "short_parts.ts": [{"frames": 20}, {"frames": 20}, {"frames": 20}],
    "restart.mpg": [MP2, MP2],
    "size.mpg": [MP2, {**MP2, "size": (96, 128)}],
    "rate.mpg": [MP2, {**MP2, "sample_rate": 44_100, "layout": "mono"}],
    "restart.mkv": [{}, {}],
    "restart.webm": [WEBM, WEBM],
}


def make_joined(folder: Path, name: str) -> tuple[Path, list[float]]:
    """Write a joined recording; returns it and the seconds at which its parts begin."""
    parts: list[Path] = []
    begins: list[float] = []
    number = 0
    for options in JOINED[name]:
        begins.append(number / FPS)
        parts.append(make_part(folder / f"{len(parts)}{Path(name).suffix}", number, **options))
        number += options.get("frames", 50)
    return join(folder / name, parts), begins


# the same kinds in another container, or at another time
REPEATED = ("restart.mts", "hour.ts", "wrap_later.ts", "longer_sound.ts", "size.mpg", "rate.mpg", "restart.webm")
CASES = [pytest.param(name, marks=pytest.mark.slow) if name in REPEATED else name for name in JOINED]


@pytest.mark.parametrize("name", CASES)
def test_parts_follow_one_another_in_sync(tmp_path: Path, name: str) -> None:
    path, begins = make_joined(tmp_path, name)
    video = probe(path)
    count = sum(options.get("frames", 50) for options in JOINED[name])
    np.testing.assert_allclose(video.times, np.arange(count) / FPS, atol=2e-3)
    assert video.duration == pytest.approx(count / FPS, abs=0.5 / FPS)
    assert drawn(video) == list(range(count))
    times = [begin + CLICK for begin in begins]
    assert flashes(video) == pytest.approx(times, abs=2e-3)
    sounding = [time for time, part in zip(times, JOINED[name], strict=True) if part.get("sound", "aac")]
    assert clicks(video) == pytest.approx(sounding, abs=1 / FPS)
    assert len(video.breaks) == len(begins) - 1

    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    result = probe(tmp_path / "out.mp4")
    assert drawn(result) == list(range(count))
    assert result.duration == pytest.approx(video.duration, abs=0.5 / FPS)
    assert flashes(result) == pytest.approx(times, abs=2e-3)
    assert clicks(result) == pytest.approx(sounding, abs=1 / FPS)
    assert len(begins) == 1 or "joined" in str(plan_sound(video))


@pytest.mark.parametrize("name", ["restart.ts", "hour.ts", "day.ts", "size.mpg", "restart.mkv"])
def test_any_order_of_frames(tmp_path: Path, name: str) -> None:
    path, _ = make_joined(tmp_path, name)
    index = frame_index(path)
    upright = UprightRGB(index.video.view, index.video.height, index.video.width)
    numbers = np.random.default_rng(3).integers(0, len(index), 25).tolist()
    assert [read_number(upright(frame.image)) for frame in index.decode(numbers)] == numbers
    assert len(index.keyframes) > 0 or name.endswith("mkv")


def test_a_pause_stays_and_is_reported(tmp_path: Path) -> None:
    parts = [make_part(tmp_path / "a.ts", 0), make_part(tmp_path / "b.ts", 50, clock=22)]
    video = probe(join(tmp_path / "v.ts", parts))
    assert video.duration == pytest.approx(24, abs=0.15)
    assert [item.kind for item in video.breaks] == ["pause"]
    assert "pauses for 20 s at 2.0 s" in str(video.breaks[0])
    assert flashes(video) == pytest.approx([CLICK, 22 + CLICK], abs=0.1)
    assert clicks(video) == pytest.approx(flashes(video), abs=1 / FPS)
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    result = probe(tmp_path / "out.mp4")
    assert clicks(result) == pytest.approx(flashes(video), abs=1 / FPS)


def test_a_pause_in_an_mp4_is_reported(tmp_path: Path) -> None:
    times = [*np.arange(50) / FPS, *(22 + np.arange(25) / FPS)]
    video = probe(make_video(tmp_path / "v.mp4", frames=75, times=times, sound=None))
    assert video.duration == pytest.approx(23, abs=0.1)
    assert [item.kind for item in video.breaks] == ["pause"]
    assert video.breaks[0].seconds == pytest.approx(20, abs=1.1)


def test_an_hour_left_out_is_reported(tmp_path: Path) -> None:
    path, _ = make_joined(tmp_path, "hour.ts")
    assert [str(item) for item in probe(path).breaks] == ["a gap of 3598 s at 2.0 s is left out"]

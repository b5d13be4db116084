"""Painted videos: same frames at the same times, same sound."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avseg.media.frames import frames
from avseg.media.sound_reader import sound_seconds
from avseg.media.video import UprightRGB, probe
from avseg.media.video_writer import make_clip_video, repaint
from tests.media.make_video import make_video, read_number, tone

NTSC = Fraction(30000, 1001)
VIDEOS = {
    "h264.mp4": ({}, "aac"),
    "rate.mkv": ({"rate": NTSC, "sound": "flac", "layout": "5.1", "sample_rate": 22050}, "flac"),
    "varying.mp4": ({"times": list(np.cumsum([0.04, 0.12, 0.2] * 16) - 0.04)}, "aac"),
    "odd.mkv": ({"size": (65, 97), "codec": "ffv1", "pix_fmt": "yuv444p"}, "aac"),
    "turned.mp4": ({"rotation": 90}, "aac"),
    "vp9.webm": (
        {
            "codec": "libvpx-vp9",
            "sound": "libopus",
            "sample_rate": 48000,
            "options": {"deadline": "realtime", "cpu-used": "8"},
        },
        "aac",
    ),
    "pcm.mov": ({"codec": "mjpeg", "pix_fmt": "yuvj420p", "sound": "pcm_s16le", "sample_rate": 11025}, "aac"),
    "b_frames.avi": ({"sound": "libmp3lame", "options": {"bf": "3"}}, "mp3"),
    "late.ts": ({"sample_rate": 48000}, "aac"),
    "silent.mp4": ({"sound": None}, None),
}


def _burst(rate: int, channels: int) -> np.ndarray:
    """A rising tone from 0.7 to 1.1 s of 2 s."""
    wave = np.zeros((channels, 2 * rate), np.float32)
    time = np.arange(int(0.4 * rate)) / rate
    wave[:, int(0.7 * rate) : int(0.7 * rate) + len(time)] = 0.5 * np.sin(2 * np.pi * (300 + 1500 * time) * time)
    return wave


def _lag(first: np.ndarray, second: np.ndarray) -> float:
    """Return the delay of the second sound in seconds."""
    size = len(first) + len(second)
    product = np.fft.irfft(np.fft.rfft(second, size) * np.conj(np.fft.rfft(first, size)), size)
    shift = int(np.argmax(np.abs(product)))
    return (shift if shift < size // 2 else shift - size) / 16000


@pytest.mark.parametrize("name", VIDEOS)
def test_frames_times_and_sound_stay(tmp_path: Path, name: str) -> None:
    options, codec = VIDEOS[name]
    channels = {"5.1": 6}.get(options.get("layout", "mono"), 1)
    wave = _burst(options.get("sample_rate", 16000), channels)
    source = probe(make_video(tmp_path / name, frames=48, waveform=wave, **options))
    painted = []
    repaint(source, tmp_path / "out.mp4", lambda image, frame: painted.append((image.shape, frame.number)) or image)
    result = probe(tmp_path / "out.mp4")

    assert painted == [((source.height, source.width, 3), number) for number in range(48)]
    assert (result.codec, result.rotation) == ("h264", 0)
    assert (result.height, result.width) == (source.height + source.height % 2, source.width + source.width % 2)
    upright = UprightRGB(0, result.height, result.width)
    stored = [np.rot90(upright(frame.image), -source.rotation // 90) for frame in frames(result)]
    assert [read_number(image) for image in stored] == list(range(48))
    np.testing.assert_allclose(result.times, source.times, atol=2e-3)
    assert result.duration == pytest.approx(source.duration, abs=0.5 / source.frame_rate)

    assert (result.sound.codec if result.sound else None) == codec
    if codec:
        assert result.sound.rate == source.sound.rate
        before, after = (np.concatenate(list(sound_seconds(video))) for video in (source, result))
        assert np.abs(before).max() > 0.4
        assert abs(_lag(before, after)) <= 1.1e-3  # Matroska keeps milliseconds
        assert np.std(after) == pytest.approx(np.std(before), rel=0.05)


def test_paint_is_seen(tmp_path: Path) -> None:
    source = probe(make_video(tmp_path / "v.mp4", frames=4))
    repaint(source, tmp_path / "out.mp4", lambda image, frame: np.full_like(image, (20, 200, 90)))
    result = probe(tmp_path / "out.mp4")
    for frame in frames(result):
        image = UprightRGB(0, 64, 96)(frame.image)
        np.testing.assert_allclose(image.reshape(-1, 3).mean(0), (20, 200, 90), atol=4)


def test_a_clip_becomes_playable(tmp_path: Path) -> None:
    from tests.media.make_video import numbered

    images = np.stack([numbered(second + 1, 33, 48) for second in range(3)])
    make_clip_video(images, tone(2.0, 16000, 1), tmp_path / "new" / "clip.mp4")
    video = probe(tmp_path / "new" / "clip.mp4")
    upright = UprightRGB(0, video.height, video.width)
    assert [read_number(upright(frame.image)) for frame in frames(video)] == [1] * 8 + [2] * 8 + [3] * 8
    assert video.duration == pytest.approx(3)
    levels = [float(np.sqrt(np.mean(second**2))) for second in sound_seconds(video)]
    assert levels == pytest.approx([0.354, 0.354, 0], abs=0.02)
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["clip.mp4"]

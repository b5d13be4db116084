"""Videos of many codecs, containers, rates and sounds, each frame numbered."""

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avseg.media.frames import frames, official_frames
from avseg.media.sound_reader import sound_seconds
from avseg.media.video import UprightRGB, probe
from avseg.utils.errors import UserError
from tests.media.make_video import make_video, read_number, tone

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
VIDEOS = {
    "h264.mp4": {},
    "mpeg4.avi": {
        "codec": "mpeg4",
        "sound": "libmp3lame",
        "layout": "stereo",
        "sample_rate": 44100,
        "options": {"bf": "2"},
    },
    "b_frames.avi": {"sound": "pcm_s16le", "options": {"bf": "3"}},
    "vp9.webm": {
        "codec": "libvpx-vp9",
        "sound": "libopus",
        "sample_rate": 48000,
        "rate": FILM,
        "options": {"deadline": "realtime", "cpu-used": "8"},
    },
    "hidden_frames.webm": {"codec": "libvpx", "sound": None, "options": {"auto-alt-ref": "1", "lag-in-frames": "16"}},
    "mjpeg.mov": {
        "codec": "mjpeg",
        "pix_fmt": "yuvj420p",
        "sound": "pcm_s16le",
        "layout": "5.1",
        "sample_rate": 48000,
        "rate": NTSC,
    },
    "h264.mkv": {"sound": "flac", "layout": "stereo", "sample_rate": 22050, "rate": NTSC},
    "late_start.ts": {"sound": "aac", "sample_rate": 48000},
    "raw.h264": {"sound": None},
    "deep.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le", "sound": "pcm_s24le", "sample_rate": 48000},
}


@pytest.mark.parametrize("name", VIDEOS)
def test_every_frame_comes_with_its_number_and_time(tmp_path: Path, name: str) -> None:
    options = VIDEOS[name]
    video = probe(make_video(tmp_path / name, **options))
    rate = float(options.get("rate", 25))
    upright = UprightRGB(video.rotation, video.height, video.width)
    seen = [(frame.number, read_number(upright(frame.image)), frame.time) for frame in frames(video)]
    assert [number for number, _, _ in seen] == list(range(50))
    assert [drawn for _, drawn, _ in seen] == list(range(50))
    np.testing.assert_allclose([time for _, _, time in seen], np.arange(50) / rate, atol=1.1e-3)
    assert (video.height, video.width) == (64, 96)
    assert video.frame_rate == pytest.approx(rate, rel=1e-3)
    assert video.constant_rate
    assert video.duration == pytest.approx(50 / rate, abs=0.5 / rate)
    assert video.missing == 0
    assert (video.sound is None) == (options.get("sound", "aac") is None)


@pytest.mark.parametrize(
    ("sound", "layout", "rate", "suffix"),
    [
        ("aac", "mono", 16000, "mp4"),
        ("aac", "stereo", 44100, "mkv"),
        ("pcm_s16le", "5.1", 48000, "mov"),
        ("pcm_u8", "stereo", 11025, "avi"),
        ("flac", "5.1", 22050, "mkv"),
        ("libopus", "stereo", 48000, "webm"),
        ("pcm_s32le", "mono", 96000, "mov"),
    ],
)
def test_sound_is_at_its_second(tmp_path: Path, sound: str, layout: str, rate: int, suffix: str) -> None:
    channels = {"mono": 1, "stereo": 2, "5.1": 6}[layout]
    wave = np.zeros((channels, round(2.48 * rate)), np.float32)
    wave[:, round(1.2 * rate) : round(1.6 * rate)] = tone(0.4, rate, channels, level=0.2)[
        :, : round(1.6 * rate) - round(1.2 * rate)
    ]
    codec = {"codec": "libvpx"} if suffix == "webm" else {}
    path = make_video(
        tmp_path / f"v.{suffix}", frames=62, sound=sound, layout=layout, sample_rate=rate, waveform=wave, **codec
    )
    seconds = list(sound_seconds(probe(path)))
    assert [second.shape for second in seconds] == [(16000,)] * 3
    sound_track = np.concatenate(seconds)
    envelope = np.sqrt(np.mean(sound_track.reshape(-1, 160) ** 2, axis=1))  # 10 ms each
    gain = {"mono": 1, "stereo": 1, "5.1": 1 + 2 * np.sqrt(0.5)}[layout]  # of the same sound in all channels
    assert envelope[122:158] == pytest.approx(gain * 0.2 / np.sqrt(2), rel=0.05)
    assert envelope[:117].max() < 0.02
    assert envelope[163:].max() < 0.02


def test_sound_of_all_channels_is_averaged(tmp_path: Path) -> None:
    wave = tone(1.0, 16000, 2)
    wave[1] *= -1
    path = make_video(tmp_path / "v.mov", frames=25, sound="pcm_s16le", layout="stereo", waveform=wave)
    assert np.abs(next(sound_seconds(probe(path)))).max() < 1e-3


def test_sound_may_end_before_the_frames(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mp4", frames=75, waveform=tone(1.0, 16000, 1))
    levels = [float(np.abs(second).max()) for second in sound_seconds(probe(path))]
    assert levels[0] > 0.4
    assert levels[2] == 0


def test_a_video_without_sound_is_silent(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mp4", sound=None))
    assert video.sound is None
    assert [float(np.abs(second).max()) for second in sound_seconds(video)] == [0, 0]


def test_varying_rate_takes_the_frame_nearest_to_the_instant(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.9, 1.3, 1.31, 1.95, 2.4, 3.5]
    video = probe(make_video(tmp_path / "v.mp4", frames=len(times), times=times))
    assert not video.constant_rate
    np.testing.assert_allclose(video.times, times, atol=1e-3)
    assert video.seconds == 4
    assert official_frames(video) == [3, 6, 7, 8]  # nearest to 0.9375, 1.9375, 2.9375 (2.4 is nearer than 3.5), 3.9375


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_rotation_is_undone(tmp_path: Path, rotation: int) -> None:
    video = probe(make_video(tmp_path / "v.mp4", frames=5, rotation=rotation))
    assert video.rotation == rotation
    assert (video.height, video.width) == ((64, 96) if rotation == 180 else (96, 64))
    upright = UprightRGB(video.rotation, video.height, video.width)
    for frame in frames(video):
        image = upright(frame.image)
        assert image.shape == (video.height, video.width, 3)
        stored = np.rot90(image, -rotation // 90)  # the turn is counter-clockwise, as numpy's
        assert read_number(stored) == frame.number


def test_odd_sizes_and_other_sizes(tmp_path: Path) -> None:
    video = probe(make_video(tmp_path / "v.mkv", frames=3, size=(65, 97), codec="ffv1", pix_fmt="yuv444p"))
    assert (video.height, video.width) == (65, 97)
    assert UprightRGB(0, 32, 40)(next(frames(video)).image).shape == (32, 40, 3)


def _plan(count: int, rate: float) -> list[int]:
    times = np.arange(count) / rate
    seconds = max(int(times[-1] + 1e-3) + 1, int(np.ceil(count / rate - 1 / 16)))
    return official_frames(SimpleNamespace(times=times, frame_rate=rate, constant_rate=True, seconds=seconds))


@pytest.mark.parametrize("rate", [10, 15, 24, 25, 30, 60, 30000 / 1001, 24000 / 1001])
def test_five_seconds_follow_the_official_rule(rate: float) -> None:
    count, rounded = round(5 * rate), round(rate)
    assert _plan(count, rate) == [min(int(second * rounded + 15 * rounded / 16), count - 1) for second in range(5)]


@given(rate=st.floats(0.2, 120), seconds=st.integers(1, 4000))
def test_the_frame_of_a_second_never_drifts(rate: float, seconds: int) -> None:
    count = max(1, round(seconds * rate))
    plan = _plan(count, rate)
    assert plan == sorted(plan)
    for second, index in enumerate(plan):
        # in its own second, or as near as frames this rare come
        assert abs(index / rate - (second + 0.5)) <= 0.51 + 1 / rate


def test_a_partial_last_second_counts(tmp_path: Path) -> None:
    assert probe(make_video(tmp_path / "a.mp4", frames=56)).seconds == 3
    assert probe(make_video(tmp_path / "b.mp4", frames=50)).seconds == 2
    assert (
        probe(make_video(tmp_path / "c.mp4", frames=60, rate=NTSC)).seconds == 2
    )  # 2.002 s: no frame starts after 2 s
    assert probe(make_video(tmp_path / "d.mp4", frames=1)).seconds == 1


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 50)
    (tmp_path / "text.txt").write_text("not a video\n" * 50)
    (tmp_path / "noise.mkv").write_bytes(np.random.default_rng(0).bytes(4000))
    make_video(tmp_path / "film.mp4", frames=1, size=(32, 32))
    image = UprightRGB(0, 32, 32)(next(frames(probe(tmp_path / "film.mp4"))).image)
    from PIL import Image

    Image.fromarray(image).save(tmp_path / "image.png")
    for name, reason in {
        "gone.mp4": "no such file",
        ".": "folder",
        "empty.mp4": "empty",
        "text.mp4": "not a video",
        "text.txt": "not a video",
        "noise.mkv": "not a video",
        "image.png": "not a video",
    }.items():
        with pytest.raises(UserError, match=reason) as caught:
            probe(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert str(tmp_path) in str(caught.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "song.wav", tone(1.0, 16000, 1).T, 16000)
    with pytest.raises(UserError, match="no video track"):
        probe(tmp_path / "song.wav")


def _cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


@pytest.mark.parametrize("suffix", ["mkv", "avi", "mp4"])
def test_truncation_is_seen(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix == "mp4" else {}
    path = make_video(tmp_path / f"v.{suffix}", frames=100, sound="libmp3lame", container_options=options)
    assert probe(path).missing == 0
    video = probe(_cut(path, 0.4))
    assert 1 < video.missing < 4
    assert video.duration + video.missing == pytest.approx(4, abs=0.3)
    assert len(list(frames(video))) == pytest.approx(len(video.times), abs=2)
    assert len(list(sound_seconds(video))) == video.seconds


def test_an_mp4_cut_before_its_index_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="truncated or damaged"):
        probe(_cut(make_video(tmp_path / "v.mp4"), 0.5))


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mkv", frames=75, codec="mjpeg", pix_fmt="yuvj420p", sound="flac")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 60] = bytes(60)
    path.write_bytes(data)
    video = probe(path)
    upright = UprightRGB(0, video.height, video.width)
    seen = {frame.number: read_number(upright(frame.image)) for frame in frames(video)}
    assert len(seen) >= 70
    assert all(seen[number] == number for number in (*range(20), *range(65, 70)))
    assert len(list(sound_seconds(video))) == 3

"""Damaged time stamps of Matroska: a clock that jumps and returns, and single frames at a wrong time."""

import struct
from collections.abc import Collection
from pathlib import Path

import numpy as np
import pytest

from avseg.media.frame_index import frame_index
from avseg.media.frames import official_frames
from avseg.media.timestamps import displaced
from avseg.media.video import UprightRGB, Video, probe
from avseg.media.video_writer import repaint
from tests.media.joined import clicks, drawn, flashes, join
from tests.media.make_video import make_video, read_number, tone

FRAMES = 200  # of 8 s
CLUSTERS = {"cluster_time_limit": "1000"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "v.mkv"
    return make_video(path, frames=FRAMES, options={"g": "25"}, container_options=CLUSTERS).read_bytes()


def move_cluster(data: bytes, number: int, milliseconds: int) -> bytes:
    """Change the time of a cluster, which all of its frames and sounds share."""
    moved = bytearray(data)
    position = -1
    for _ in range(number + 1):
        position = data.index(b"\x1f\x43\xb6\x75", position + 1)
    element = data.index(b"\xe7\x82", position, position + 24) + 2  # its time code, of two bytes
    (time,) = struct.unpack_from(">H", data, element)
    struct.pack_into(">H", moved, element, time + milliseconds)
    return bytes(moved)


def move_frames(data: bytes, numbers: Collection[int], milliseconds: int) -> bytes:
    """Change the times of single frames, by their numbers in coded order."""
    moved = bytearray(data)
    position, number = 0, 0
    while (position := data.find(b"\xa3", position)) >= 0:
        width = 9 - data[position + 1].bit_length()  # bytes of the size
        begin = position + 1 + width
        size = int.from_bytes(data[position + 1 : begin], "big") & ((1 << 7 * width) - 1)
        is_block = width <= 4 and size > 8 and begin + size <= len(data) and data[begin + 3] & 0x71 == 0
        if is_block and data[begin] in (0x81, 0x82):
            if data[begin] == 0x81:
                (time,) = struct.unpack_from(">h", data, begin + 1)
                if number in numbers:
                    struct.pack_into(">h", moved, begin + 1, time + milliseconds)
                number += 1
            position = begin + size
        else:
            position += 1
    assert number == FRAMES
    return bytes(moved)


def official(video: Video) -> list[int]:
    upright = UprightRGB(video.view, video.height, video.width)
    index = frame_index(video.path)
    return [read_number(upright(frame.image)) for frame in index.decode(official_frames(video))]


@pytest.mark.parametrize(("number", "seconds"), [(3, 20), (6, 30), pytest.param(2, 50, marks=pytest.mark.slow)])
def test_a_clock_that_jumps_and_returns_does_not_lengthen_the_film(
    tmp_path: Path, whole: bytes, number: int, seconds: int
) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes(move_cluster(whole, number, seconds * 1000))
    video = probe(path)
    np.testing.assert_allclose(video.times, np.arange(FRAMES) / 25, atol=2e-3)
    assert drawn(video) == list(range(FRAMES))  # the decoder continues
    (jump,) = video.breaks
    assert str(jump).startswith(f"its clock jumps by {seconds} s at ")
    assert jump.time == pytest.approx(number, abs=0.3)
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    result = probe(tmp_path / "out.mp4")
    assert result.duration == pytest.approx(8, abs=0.02)
    assert drawn(result) == list(range(FRAMES))


@pytest.mark.parametrize(("number", "seconds"), [(3, 0.7), (3, 3), (2, 4.5), (3, -2), (5, -0.7)])
def test_nor_does_a_clock_that_jumps_by_little(tmp_path: Path, whole: bytes, number: int, seconds: float) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes(move_cluster(whole, number, round(seconds * 1000)))
    video = probe(path)
    np.testing.assert_allclose(video.times, np.arange(FRAMES) / 25, atol=0.041)
    assert drawn(video) == list(range(FRAMES))
    assert [item.kind for item in video.breaks] == ["jump"]


def test_sound_stays_in_sync_after_a_jump(tmp_path: Path) -> None:
    rate, times = 48_000, (1.48, 3.48, 6.48)
    wave = tone(8, rate, 1, level=0.02)
    for time in times:
        wave[:, round(time * rate) : round((time + 0.02) * rate)] = tone(0.02, rate, 1, pitch=1000, level=0.8)
    path = tmp_path / "v.mkv"
    options = {"g": "25"}
    make_video(
        path, frames=FRAMES, flash=162, sample_rate=rate, waveform=wave, options=options, container_options=CLUSTERS
    )
    path.write_bytes(move_cluster(path.read_bytes(), 3, 3000))
    video = probe(path)
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    for result in (video, probe(tmp_path / "out.mp4")):
        assert clicks(result) == pytest.approx(times, abs=0.02)
        assert flashes(result) == pytest.approx([6.48], abs=2e-3)


def test_a_clock_of_the_sound_alone_that_jumps_back(tmp_path: Path) -> None:
    wave = tone(8, 44100, 1, level=0.02)
    wave[:, round(7.48 * 44100) : round(7.5 * 44100)] = tone(0.02, 44100, 1, pitch=1000, level=0.8)
    path = tmp_path / "v.flv"
    make_video(path, frames=FRAMES, flash=187, sample_rate=44100, waveform=wave, options={"g": "25"})
    data = bytearray(path.read_bytes())
    position = 13  # of the first tag
    while position + 11 <= len(data):
        time = int.from_bytes(data[position + 4 : position + 7], "big")
        if data[position] == 8 and 3000 <= time < 4000:
            data[position + 4 : position + 7] = (time - 2000).to_bytes(3, "big")
        position += 11 + int.from_bytes(data[position + 1 : position + 4], "big") + 4
    path.write_bytes(data)
    video = probe(path)
    assert video.duration == pytest.approx(8, abs=0.2)
    assert clicks(video) == pytest.approx(flashes(video), abs=1 / 25)


def test_frames_that_jump_alone_stay_with_their_neighbours(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes(move_frames(whole, range(60, 70), 3000))
    video = probe(path)
    assert video.duration == pytest.approx(8, abs=0.1)
    assert official(video) == [23, 48, 73, 98, 123, 148, 173, 198]


def test_first_frames_at_a_wrong_time(tmp_path: Path, whole: bytes) -> None:
    """They are shown at the beginning, not after as many seconds of sound."""
    path = tmp_path / "v.mkv"
    for numbers in ([0], [0, 1, 2]):
        path.write_bytes(move_frames(whole, numbers, 20_000))
        video = probe(path)
        assert video.lead < 0.1
        assert video.duration == pytest.approx(8, abs=0.05)
        assert drawn(video) == list(range(FRAMES))
        assert [str(item) for item in video.breaks] == ["its clock jumps by 20 s at 0.0 s and back, which is undone"]


def test_frames_that_begin_late_are_no_damage(tmp_path: Path) -> None:
    times = list(20 + np.arange(50) / 25)
    wave = tone(22, 16000, 1)
    video = probe(make_video(tmp_path / "v.mkv", times=times, waveform=wave, options={"bf": "0"}))
    assert video.lead == pytest.approx(20, abs=0.1)
    assert video.duration == pytest.approx(2, abs=0.05)
    assert video.breaks == ()


@pytest.mark.parametrize(("numbers", "seconds"), [([199], 8), ([199], 30), ([198, 199], 30)])
def test_last_frames_far_after_the_end_of_the_header_are_damaged(
    tmp_path: Path, whole: bytes, numbers: list[int], seconds: int
) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes(move_frames(whole, numbers, seconds * 1000))
    video = probe(path)
    assert video.duration == pytest.approx(8, abs=0.1)
    assert video.breaks == ()
    shown = official(video)
    assert shown[:7] == [23, 48, 73, 98, 123, 148, 173]
    assert shown[7] in (197, 198, 199)  # the order of coding is another one
    repaint(video, tmp_path / "out.mp4", lambda image, frame: image)
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_late_last_frame_that_the_header_knows_is_a_pause(tmp_path: Path, suffix: str) -> None:
    times = [*np.arange(49) / 25, 31.92]
    video = probe(make_video(tmp_path / f"v.{suffix}", frames=50, times=times, sound=None))
    assert video.duration == pytest.approx(31.96, abs=0.05)
    assert [item.kind for item in video.breaks] == ["pause"]


def test_a_short_recording_with_a_pause_twice(tmp_path: Path) -> None:
    """The clock of the second begins near the time at which the first had ended without its pause."""
    times = [*np.arange(5) / 25, *(2 + np.arange(5) / 25)]
    parts = [
        make_video(tmp_path / f"{first}.ts", frames=10, times=times, sound=None, first=first, options={"bf": "0"})
        for first in (0, 10)
    ]
    video = probe(join(tmp_path / "v.ts", parts))
    assert [item.kind for item in video.breaks] == ["joint"]
    assert video.times[[5, -1]] == pytest.approx([2, 4.32], abs=0.1)


def test_some_frames_at_a_wrong_time_follow_those_before(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes(move_frames(whole, range(60, 70), 20_000))
    video = probe(path)
    assert video.duration == pytest.approx(8, abs=0.1)
    assert official(video) == [23, 48, 73, 98, 123, 148, 173, 198]


@pytest.mark.parametrize(("numbers", "milliseconds"), [([60], 20_000), ([60], 3000), ([60, 150], 20_000)])
def test_single_frames_at_a_wrong_time(tmp_path: Path, whole: bytes, numbers: list[int], milliseconds: int) -> None:
    path = tmp_path / "v.mkv"
    path.write_bytes(move_frames(whole, numbers, milliseconds))
    video = probe(path)
    assert video.breaks == ()
    assert video.duration == pytest.approx(8, abs=0.02)
    assert official(video) == [23, 48, 73, 98, 123, 148, 173, 198]
    painted: list[float] = []  # no frame is painted with what belongs to a much later one
    repaint(video, tmp_path / "out.mp4", lambda image, frame: painted.append(frame.time) or image)
    assert painted == sorted(painted)


def test_last_frames_hours_later_are_damaged() -> None:
    stamps = np.arange(40) / 25
    assert not displaced(stamps).any()
    stamps[-2:] = 24_000.0, 46_000.0
    assert np.flatnonzero(displaced(stamps)).tolist() == [38, 39]
    stamps[-2:] = 300.0, 500.0  # still frames
    assert not displaced(stamps).any()


def test_a_last_frame_after_the_end_of_the_header_is_damaged_beside_an_earlier_one_at_a_later_time() -> None:
    stamps = np.arange(200) / 25
    stamps[[50, 199]] = 500.0, 30.0
    assert np.flatnonzero(displaced(stamps, 8.0)).tolist() == [50, 199]


def test_the_only_frames_are_shown_though_the_header_ends_before_them() -> None:
    assert not displaced(np.array([20, 20.04]), 1.0).any()


def test_long_still_frames_are_no_pause(tmp_path: Path) -> None:
    times = [*np.arange(50) / 25, *(2.0 + 3 * np.arange(4))]
    video = probe(make_video(tmp_path / "v.mkv", frames=54, times=times))
    assert video.breaks == ()
    assert video.duration == pytest.approx(11.04, abs=0.01)

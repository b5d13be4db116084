"""Frame n is frame n: every frame shows its own number."""

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.media.frame_index import NEAR, FrameReader, frame_index
from avseg.media.video import UprightRGB
from avseg.utils.errors import UserError
from tests.media.make_video import make_video, read_number

FRAMES = 150
B_FRAMES = {"bf": "3", "g": "30", "b_strategy": "0"}
GAPS = np.cumsum([0, *np.random.default_rng(5).choice([0.02, 0.04, 0.1, 0.7], FRAMES - 1)]).round(3).tolist()
VIDEOS = {
    "constant.mp4": {"rate": Fraction(30000, 1001), "options": B_FRAMES},
    "no_b_frames.mp4": {"options": {"bf": "0", "g": "40"}},
    "open_gop.mp4": {"options": {**B_FRAMES, "x264-params": "open-gop=1"}},
    "often.mp4": {"options": {"bf": "3", "g": "4", "b_strategy": "0"}},
    "one_keyframe.mp4": {"options": {"bf": "3", "g": "1000", "b_strategy": "0"}},
    "varying.mp4": {"times": GAPS, "options": B_FRAMES},
    "constant.mkv": {"rate": Fraction(30000, 1001), "options": B_FRAMES, "sound": "flac"},
    "varying.mkv": {"times": GAPS, "options": B_FRAMES},
    "late_start.ts": {"options": B_FRAMES, "sample_rate": 48000},
    "hidden_frames.webm": {
        "codec": "libvpx",
        "sound": None,
        "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "30"},
    },
    "no_times.avi": {"sound": "pcm_s16le", "options": B_FRAMES},
    "no_times.h264": {"sound": None, "options": B_FRAMES},
}


@pytest.fixture(scope="module", params=VIDEOS)
def index(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("numbered") / request.param
    return frame_index(make_video(path, frames=FRAMES, **VIDEOS[request.param]))


def drawn(frames):
    upright = UprightRGB(0, 64, 96)
    return [read_number(upright(frame.image)) for frame in frames]


def test_the_table_has_every_frame_and_its_time(index):
    assert len(index) == FRAMES
    rate = 25 if "hidden" in index.video.path.name or index.video.constant_rate is False else index.video.frame_rate
    expected = GAPS if "varying" in index.video.path.name else np.arange(FRAMES) / rate
    np.testing.assert_allclose(index.video.times, expected, atol=1.1e-3)
    timed = "no_times" not in index.video.path.name
    assert len(index.stamps) == (FRAMES if timed else 0)
    assert (len(index.keyframes) > 0) == timed


def test_straight_reading_gives_every_frame_without_a_seek(index):
    with FrameReader(index) as reader:
        reader._jump = None  # type: ignore[method-assign,assignment]
        assert drawn(reader.decode(range(FRAMES))) == list(range(FRAMES))


@pytest.mark.parametrize("rate", [0.7, 2, 9.99])
def test_sampled_frames_are_the_frames_of_their_numbers(index, rate):
    numbers = index.at_rate(rate)
    assert drawn(index.decode(numbers)) == numbers.tolist()


def test_after_seeking_in_any_order(index):
    timed = "no_times" not in index.video.path.name
    numbers = random.Random(7).choices(range(FRAMES), k=80 if timed else 12)
    assert drawn(index.decode(numbers)) == numbers


@pytest.fixture(scope="module")
def long_gaps(tmp_path_factory):
    path = tmp_path_factory.mktemp("numbered") / "v.mp4"
    return frame_index(make_video(path, frames=250, times=(np.arange(250) ** 1.1 / 25).tolist(), options=B_FRAMES))


@settings(max_examples=25, deadline=None)
@given(numbers=st.lists(st.integers(0, 249), min_size=1, max_size=12), cache=st.integers(1, 20))
def test_any_order_and_any_cache(long_gaps, numbers, cache):
    with FrameReader(long_gaps, cache) as reader:
        assert drawn(reader.decode(numbers)) == numbers
        assert len(reader.kept) <= max(cache, 2)


def test_a_jump_begins_at_the_keyframe_before(long_gaps):
    with FrameReader(long_gaps) as reader:
        decoded = []
        keep = reader._keep
        reader._keep = lambda number, image: (decoded.append(number), keep(number, image))  # type: ignore[assignment]
        assert drawn(reader.decode([200])) == [200]
        keyframe = long_gaps.keyframes[long_gaps.keyframes <= 200].max()
        assert decoded == list(range(keyframe, 201))
        assert drawn(reader.decode([200, 198])) == [200, 198]
        assert len(decoded) == 201 - keyframe  # both were kept
        assert drawn(reader.decode([201 + NEAR])) == [201 + NEAR]
        assert decoded[-1 - NEAR :] == list(range(201, 202 + NEAR))


def test_the_grid_takes_what_is_on_the_screen(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.9, 1.3, 1.31, 1.95, 2.4, 3.5]
    index = frame_index(make_video(tmp_path / "v.mp4", frames=len(times), times=times))
    assert index.at_rate(1).tolist() == [0, 3, 6, 7]
    assert index.at_rate(2).tolist() == [0, 2, 3, 5, 6, 7, 8]
    assert index.at_rate(1000).tolist() == list(range(9))
    with pytest.raises(UserError, match="rate is 0"):
        index.at_rate(0)


@pytest.mark.parametrize("rate", [10, 25, 29.97, 59.94])
def test_the_grid_of_a_constant_rate_never_drifts(rate: float, tmp_path: Path) -> None:
    index = frame_index(make_video(tmp_path / "v.mp4", frames=120, rate=Fraction(rate).limit_denominator(1001)))
    chosen = index.at_rate(5)
    assert abs(len(chosen) - index.video.duration * 5) <= 1
    np.testing.assert_array_less(np.abs(index.video.times[chosen] - np.arange(len(chosen)) / 5), 1 / rate)


def test_a_changed_file_has_a_new_table(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    assert len(frame_index(make_video(path, frames=20))) == 20
    assert len(frame_index(make_video(path, frames=30))) == 30


def test_a_damaged_frame_is_replaced_by_the_one_before(tmp_path: Path) -> None:
    path = make_video(tmp_path / "v.mov", frames=75, codec="mjpeg", pix_fmt="yuvj420p", sound=None)
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in (30, 74):
        begin, size = packets[number]
        data[begin : begin + size] = bytes(size)
    path.write_bytes(data)
    index = frame_index(path)
    expected = [*range(30), 29, *range(31, 74), 73]
    # one file, two damaged frames: each reading reports both
    for numbers, images in ((range(75), expected), ([74, 3, 30, 29], [73, 3, 29, 29])):
        first = pytest.warns(UserWarning, match="frame 30 cannot be decoded; frame 29 is used instead")
        last = pytest.warns(UserWarning, match="frame 74 cannot be decoded; frame 73 is used instead")
        with first, last:
            assert drawn(index.decode(numbers)) == images


def test_frames_that_do_not_exist(tmp_path: Path) -> None:
    index = frame_index(make_video(tmp_path / "v.mp4", frames=5))
    with pytest.raises(IndexError):
        next(index.decode([5]))
    with pytest.raises(UserError, match="no such file"):
        frame_index(tmp_path / "gone.mp4")


def test_frames_cut_away_by_an_edit_list_are_not_counted(tmp_path: Path) -> None:
    whole = make_video(tmp_path / "whole.mp4", frames=90, sound=None, options={"bf": "3", "g": "30", "b_strategy": "0"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / "cut.mp4"), "w") as target:
        track = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                cut = round(41 / 25 / packet.time_base)  # inside a group of pictures (GOP)
                packet.pts, packet.dts, packet.stream = packet.pts - cut, packet.dts - cut, track
                target.mux(packet)
    index = frame_index(tmp_path / "cut.mp4")
    assert len(index) == 49
    assert drawn(index.decode(range(49))) == list(range(41, 90))
    numbers = random.Random(1).choices(range(49), k=30)
    assert [number - 41 for number in drawn(index.decode(numbers))] == numbers

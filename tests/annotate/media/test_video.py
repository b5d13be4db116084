"""The frame that is asked for is the frame that comes: every frame carries its own number as a picture."""

import io
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from avseg.annotate.media import index_cache as film_index
from avseg.annotate.media import video as film_module
from avseg.annotate.media.prefetch import Prefetch
from avseg.annotate.media.scrub_reader import ScrubReader
from avseg.annotate.media.video import open_reader
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.media.make_video import make_video, read_number

FRAMES = 120
B_FRAMES = {"bf": "3", "g": "60", "b_strategy": "0"}
GAPS = np.cumsum([0, *np.random.default_rng(4).choice([0.02, 0.04, 0.1, 0.7], FRAMES - 1)]).round(3).tolist()
KINDS = {
    "constant.mp4": {"rate": Fraction(30000, 1001), "options": B_FRAMES},
    "pyramid.mp4": {"options": {"bf": "7", "g": "1000", "b_strategy": "0", "x264-params": "b-pyramid=normal"}},
    "open_gop.mkv": {"options": {**B_FRAMES, "x264-params": "open-gop=1"}},
    "varying.mp4": {"times": GAPS, "options": B_FRAMES, "sound": None},
    "hidden_frames.webm": {
        "codec": "libvpx-vp9",
        "sound": None,
        "options": {"auto-alt-ref": "1", "lag-in-frames": "16", "g": "40", "deadline": "realtime", "cpu-used": "8"},
    },
    "told_once.mkv": {"codec": "libsvtav1", "sound": None, "options": {"preset": "12", "g": "40"}},
    "no_times.avi": {"sound": "pcm_s16le", "options": B_FRAMES},
}


@pytest.fixture(scope="module", params=KINDS)
def video(request, tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("films") / request.param, frames=FRAMES, **KINDS[request.param])


def of_jpeg(data):
    return read_number(np.asarray(Image.open(io.BytesIO(data))))


def test_any_frame_in_any_order(video):
    jumps = random.Random(3).choices(range(FRAMES), k=25 if "avi" not in video.name else 6)
    order = [*jumps, *range(50, 62), *range(61, 30, -1), *range(0, FRAMES, 10), *range(90, 60, -10)]
    with open_reader(video) as film:
        assert film.frames == FRAMES
        assert [read_number(film.image(number)) for number in order] == order
        assert [of_jpeg(film.jpeg(number)) for number in order] == order
        assert film.note(order[0]) is None


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("film") / "plain.mp4", frames=FRAMES, options=B_FRAMES)


def test_threads_do_not_mix_up_frames(plain):
    orders = [random.Random(seed).choices(range(FRAMES), k=40) for seed in range(4)]
    with open_reader(plain) as film, ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda order: [of_jpeg(film.jpeg(number)) for number in order], orders))
    assert got == orders


@settings(max_examples=15, deadline=None)
@given(order=st.lists(st.integers(0, FRAMES - 1), min_size=1, max_size=15), cache=st.integers(8, 40))
def test_a_reader_with_any_cache(plain, order, cache):
    with ScrubReader(frame_index(plain), cache) as reader:
        from avseg.media.video import UprightRGB

        upright = UprightRGB(0, 64, 96)
        assert [read_number(upright(frame.image)) for frame in reader.decode(order)] == order
        assert len(reader.kept) <= cache
        assert not reader.notes


def test_a_jump_passes_over_frames_that_no_other_needs(plain):
    with ScrubReader(frame_index(plain), 16) as reader:
        seen = []
        keep = reader._keep
        reader._keep = lambda number, picture: (seen.append(number), keep(number, picture))
        next(reader.decode([118]))
        keyframe = reader.index.keyframes[-1]
        assert seen[0] == keyframe
        assert seen[-5:] == [114, 115, 116, 117, 118]
        assert len(seen) < 0.7 * (118 - keyframe)
        del seen[:]
        list(reader.decode(range(117, 113, -1)))
        assert not seen  # they were kept
        list(reader.decode(range(113, 106, -1)))
        assert len(seen) < 119 - keyframe  # once, for all of these steps


def test_what_is_known_of_a_film(plain):
    with open_reader(plain) as film:
        assert (film.height, film.width, film.fps, film.has_sound) == (64, 96, 25.0, True)
        np.testing.assert_allclose(film.times, np.arange(FRAMES) / 25, atol=1e-3)
        assert film.duration == pytest.approx(FRAMES / 25)
        picture = film.image(3)
        assert picture.shape == (64, 96, 3)
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("rotation", [90, 180])
def test_rotated_and_odd(tmp_path, rotation):
    path = make_video(tmp_path / "v.mp4", frames=6, size=(65, 97), pix_fmt="yuv444p", sound=None, rotation=rotation)
    with open_reader(path) as film:
        assert (film.height, film.width) == ((97, 65) if rotation == 90 else (65, 97))
        upright = film.image(5)
        assert upright.shape == (film.height, film.width, 3)
        assert read_number(np.rot90(upright, -rotation // 90)) == 5
        small = Image.open(io.BytesIO(film.jpeg(5, width=40)))
        assert small.size == (40, round(40 * film.height / film.width))


def test_jpegs_are_kept_and_bounded(plain, monkeypatch):
    with open_reader(plain) as film:
        assert film.jpeg(7, width=4000) == film.jpeg(7) != film.jpeg(7, quality=20)
        decoded = []
        decode = film.image
        monkeypatch.setattr(film, "image", lambda number: (decoded.append(number), decode(number))[1])
        film.jpeg(7)
        assert 7 not in decoded
        monkeypatch.setattr(film._jpegs, "capacity", 5000)
        for number in range(60):
            film.jpeg(number)
        film.close()
        for number in range(60):
            film._cached_jpeg(number, 80, 96)
        sizes = [len(film._jpegs[key]) for key in [(number, 80, 96) for number in range(60)] if key in film._jpegs]
        assert 0 < sum(sizes) <= 5000
        assert len(sizes) == len(film._jpegs)


def test_readers_are_bounded_and_near_ones_reused(plain):
    with open_reader(plain) as film:
        for number in (0, 60, 100, 1, 61, 101, 30, 31, 119):
            film.image(number)
        assert len(film._readers) == film_module.READERS


def test_the_next_frames_are_guessed():
    ahead = Prefetch(100)
    assert ahead.predict(50) == [51, 49, 52, 48]
    ahead.last = 50
    assert ahead.predict(51)[:3] == [52, 53, 54]
    assert ahead.predict(49) == [*range(41, 49), *range(33, 41)]
    assert ahead.predict(40) == [10, 20, 30, 0]
    ahead.last = 10
    assert ahead.predict(99) == [98, 97]


def test_the_next_frames_are_made_in_the_meantime(plain):
    made, done = [], threading.Event()
    ahead = Prefetch(20)

    def make(number):
        made.append(number)
        if number == 17:
            done.set()

    ahead.last = 9
    ahead.request(10, make)
    assert done.wait(20)
    ahead.close()
    assert made[:8] == list(range(11, 19))
    assert ahead.thread is None


def test_a_closed_film_opens_again(plain):
    film = open_reader(plain)
    film.image(3)
    film.close()
    assert not film._readers
    assert of_jpeg(film.jpeg(77)) == 77
    film.close()


def broken_mjpeg(path, numbers):
    make_video(path, frames=40, codec="mjpeg", pix_fmt="yuvj420p", sound=None)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for number in numbers:
        begin, size = places[number]
        data[begin : begin + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_a_broken_frame_has_a_stand_in_and_a_note(tmp_path):
    with open_reader(broken_mjpeg(tmp_path / "v.mov", [20])) as film:
        assert [read_number(film.image(number)) for number in (19, 20, 21)] == [19, 19, 21]
        assert "frame 20 cannot be decoded; frame 19 is shown instead" in film.note(20)
        assert film.note(21) is None


def test_where_nothing_can_be_decoded_there_is_grey(tmp_path):
    with open_reader(broken_mjpeg(tmp_path / "v.mov", range(20, 40))) as film:
        assert (film.image(39) == 128).all() or read_number(film.image(39)) == 19
        assert "frame 39 cannot be decoded" in film.note(39)
        assert read_number(film.image(5)) == 5


def test_the_table_is_kept_on_disk(tmp_path, monkeypatch):
    path = make_video(tmp_path / "v.mp4", frames=20)
    first = open_reader(path)
    assert (tmp_path / ".avseg" / "v.mp4" / "index.npz").is_file()
    monkeypatch.setattr(film_index, "frame_index", lambda path: pytest.fail("read again"))
    second = open_reader(path)
    for name in ("stamps", "keyframes"):
        np.testing.assert_array_equal(getattr(first.index, name), getattr(second.index, name))
    np.testing.assert_array_equal(first.times, second.times)
    assert {**vars(first.index.video), "times": 0} == {**vars(second.index.video), "times": 0}
    monkeypatch.undo()
    make_video(path, frames=30)
    assert open_reader(path).frames == 30
    for spoilt in (b"", b"PK\x03\x04" + bytes(50), b"x" * 100):
        (tmp_path / ".avseg" / "v.mp4" / "index.npz").write_bytes(spoilt)
        assert open_reader(path).frames == 30


def test_another_folder_for_the_table_or_none_at_all(tmp_path, monkeypatch):
    path = make_video(tmp_path / "v.mp4", frames=5)
    assert open_reader(path, tmp_path / "cache").frames == 5
    assert (tmp_path / "cache" / "index.npz").is_file()
    assert not (tmp_path / ".avseg").exists()
    (tmp_path / ".avseg").write_text("in the way")
    assert open_reader(path).frames == 5


@pytest.mark.parametrize("content", [None, b"", b"no video at all" * 50])
def test_what_is_no_video(tmp_path: Path, content) -> None:
    path = tmp_path / "v.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as message:
        open_reader(path)
    assert str(path) in str(message.value)
    assert "\n" not in str(message.value)


def test_frames_that_do_not_exist(plain):
    with open_reader(plain) as film:
        for number in (-1, FRAMES):
            with pytest.raises(IndexError, match=f"no frame {number}"):
                film.jpeg(number)


def test_a_file_that_goes_away(tmp_path):
    path = make_video(tmp_path / "v.mp4", frames=5)
    film = open_reader(path)
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        film.image(3)


@settings(max_examples=60, deadline=None)
@given(span=st.lists(st.integers(0, 60_000), min_size=2, max_size=2, unique=True).map(sorted))
def test_the_frames_of_a_time(tmp_path_factory, span):
    film = gaps_film(tmp_path_factory)
    edges, (start, end) = film.index.edges(), (value / 1000 for value in span)
    touched = [f for f in range(film.frames) if edges[f] < end - 1e-3 and edges[f + 1] > start + 1e-3]
    first, last = film.frame_span(start, end)
    assert 0 <= first < last <= film.frames
    if touched:
        assert (first, last) == (touched[0], touched[-1] + 1)


def test_the_times_of_frames_are_those_frames(tmp_path_factory):
    film = gaps_film(tmp_path_factory)
    edges = film.index.edges()
    for start in range(0, FRAMES, 7):
        for end in range(start + 1, FRAMES + 1, 5):
            assert film.frame_span(edges[start], edges[end]) == (start, end)


def gaps_film(factory, kept=[]):  # noqa: B006
    if not kept:
        kept.append(open_reader(make_video(factory.mktemp("gaps") / "v.mp4", frames=FRAMES, times=GAPS, sound=None)))
    return kept[0]

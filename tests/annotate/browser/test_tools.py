"""Polygon, hide, lock, copy and paste, go to, listening, theme, and pixels that are not square."""

import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import open_reader
from tests.annotate.browser.live_server import Live, serving
from tests.annotate.browser.page_driver import User, wait_until_drawn
from tests.media.make_video import make_video

HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video whose sound sets in at 0.6 s and ends at 1.4 s, and one with pixels twice as wide as high."""
    folder = tmp_path_factory.mktemp("tools")
    wave = np.zeros((1, 32000), np.float32)
    wave[0, 9600:22400] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(12800) / 16000)
    make_video(folder / "film.mp4", frames=50, size=(HEIGHT, WIDTH), waveform=wave)
    with av.open(str(folder / "wide.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(2, 1)
        for _ in range(10):
            image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    shutil.copy(folder / "wide.mp4", folder / f"{'a rehearsal with a very long name, ' * 4}second take.mp4")
    return folder


@pytest.fixture
def live(folder: Path) -> Iterator[Live]:
    shutil.rmtree(folder / ".avseg", ignore_errors=True)
    with serving(folder) as server:
        yield server


def begin(page: Any, live: Live) -> User:
    user = User(page, live, "film.mp4")
    if not user.document.objects:
        user.add_object("square")
        user.add_segment(10, 30)
    user.press("1")
    return user


@pytest.mark.slow
def test_polygon_copy_hide_and_lock(page: Any, live: Live) -> None:
    user = begin(page, live)
    user.go(12)
    user.press("w")
    for x, y in ((20, 20), (100, 20), (100, 80), (20, 80)):
        page.mouse.click(*user.place(x, y))
        page.wait_for_timeout(30)
    user.press("Enter")
    user.until(lambda: user.document.mask(1, 12) is not None)
    user.settle()
    mask = user.document.mask(1, 12)
    assert mask is not None
    assert mask[25:78, 25:98].all()
    assert not mask[85:].any()
    page.click("#sign")  # minus
    for x, y in ((50, 40), (70, 40), (60, 60)):
        page.mouse.click(*user.place(x, y))
        page.wait_for_timeout(30)
    page.mouse.click(*user.place(50, 40))  # the first corner closes it
    user.until(lambda: not user.document.mask(1, 12)[45, 60])  # type: ignore[index]
    page.click("#sign")
    user.press("Control+c")
    user.go(20)
    user.press("Control+v")
    user.until(lambda: user.document.mask(1, 20) is not None)
    np.testing.assert_array_equal(user.document.mask(1, 20), user.document.mask(1, 12))
    user.settle()
    user.press("Shift+L", "p")  # locked
    steps = len(user.document.history)  # the version also counts the time of work
    page.mouse.click(*user.place(110, 90))
    user.until(lambda: "is locked" in user.status_text)
    user.press("Shift+L", "h")
    page.wait_for_selector(".object button[aria-label^='Hide'][aria-pressed=true]")
    assert page.evaluate("import('/store.js').then(m => m.isShown(1))") is False
    user.press("Shift+H")
    assert page.evaluate("import('/store.js').then(m => m.isShown(1))") is True
    user.press("Shift+H", "h")
    assert len(user.document.history) == steps


@pytest.mark.slow
def test_go_to_listening_and_snap(page: Any, live: Live) -> None:
    user = begin(page, live)
    for text, frame in (("33", 33), ("0:00.4", 10), ("1.2s", 30)):
        user.press("j")
        page.fill("[name=to]", text)
        user.press("Enter")
        user.until(lambda frame=frame: user.frame == frame)
    user.go(11)
    user.press("'")  # the start, at 0.4 s: the sound sets in at 0.6 s
    user.until(lambda: abs(user.document.segments[1].start - 15) <= 1)
    user.settle()
    user.go(28)
    user.press("'")  # the end, at 1.2 s: it ends at 1.4 s
    user.until(lambda: abs(user.document.segments[1].end - 35) <= 1)
    user.press("u")
    assert page.evaluate(
        "[document.querySelector('#sound').playbackRate, document.querySelector('#sound').preservesPitch]"
    ) == [0.5, True]
    user.press("l")
    user.until(lambda: page.evaluate("import('/store.js').then(m => m.state.playing)"))
    page.wait_for_timeout(900)
    assert 26 <= user.frame <= 44  # around the end
    user.press("l")
    page.evaluate(
        "document.querySelector('#volume').value = 30; document.querySelector('#volume').oninput({target: {value: 30}})"
    )
    assert page.evaluate("document.querySelector('#sound').volume") == pytest.approx(0.3)


@pytest.mark.slow
def test_theme(page: Any, live: Live) -> None:
    user = begin(page, live)
    page.click("#theme")
    page.wait_for_selector("html[data-theme=light]")
    user.settle()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.get_attribute("html", "data-theme") == "light"
    page.emulate_media(forced_colors="active")
    assert page.evaluate("getComputedStyle(document.querySelector('[aria-pressed=true]')).outlineStyle") == "solid"
    page.emulate_media(forced_colors="none")
    page.click("#theme")
    page.wait_for_selector("html[data-theme=dark]")


@pytest.mark.slow
def test_pixels_that_are_not_square_are_stretched(page: Any, live: Live) -> None:
    user = User(page, live, "wide.mp4")
    assert live.session("wide.mp4").video.pixel_aspect == pytest.approx(2)  # type: ignore[attr-defined]
    user.add_object("square")
    user.add_segment(0, 5)
    user.go(1)
    canvas = page.locator("#stage").bounding_box()
    scale = min((canvas["width"] - 28) / (2 * WIDTH), (canvas["height"] - 28) / HEIGHT)
    left = canvas["x"] + canvas["width"] / 2 - WIDTH * scale
    top = canvas["y"] + canvas["height"] / 2 - HEIGHT * scale / 2
    user.press("d")
    page.mouse.click(left + 40.5 * 2 * scale, top + 30.5 * scale)
    user.until(lambda: user.document.mask(1, 1) is not None)
    rows, columns = np.nonzero(user.document.mask(1, 1))
    assert (columns.mean(), rows.mean()) == (pytest.approx(40, abs=1), pytest.approx(30, abs=1))


def test_another_sound_track(folder: Path, tmp_path: Path) -> None:
    """Two tracks, the second one loud; the index and the waveform are of the track that was asked for."""
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tracks = [container.add_stream("pcm_s16le", rate=16000, layout="mono") for _ in range(2)]
        for _ in range(10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(video.encode())
        for track, level in zip(tracks, (0, 12000), strict=True):
            frame = av.AudioFrame.from_ndarray(np.full((1, 16000), level, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            container.mux(track.encode(frame))
            container.mux(track.encode())
    for number, level in ((None, 0.0), (1, 12000 / 32768), (0, 0.0)):
        with open_reader(path, audio_track=number) as reader:
            peaks = Sound(path, audio_track=reader.audio_track).peaks(0.2, 0.8, 4)
        np.testing.assert_allclose(peaks[:, 1], level, atol=0.01)


LISTS = [".bar", ".transport", ".foot", ".left", ".right", "#objects", "#queue", "#history", "#runs", "#segment"]
WIDER = """names => names.filter(name => {
  const { scrollWidth, clientWidth } = document.querySelector(name);
  return scrollWidth > clientWidth + 1;
})"""
OVERLAPS = """() => [".bar", ".transport", ".foot"].flatMap(name => {
  const boxes = [...document.querySelector(name).children].map(e => [e.id, e.getBoundingClientRect()]);
  return boxes.filter(([id, a]) => a.width && boxes.some(([other, b]) =>
    b.width && a !== b && a.left + 1 < b.right && b.left + 1 < a.right)).map(([id]) => id);
})"""


@pytest.mark.slow
def test_nothing_is_cut_off_in_a_small_window(page: Any, live: Live) -> None:
    user = begin(page, live)
    user.add_object("a violin with a very long name in the middle of the orchestra")
    user.press("i", "ArrowRight", "o")
    page.set_viewport_size({"width": 1024, "height": 700})
    for text in ("", "a status that is much longer than there is room for, with a file and what to do " * 3):
        page.evaluate("text => import('/status.js').then(m => m.showStatus(text))", text)
        wait_until_drawn(page)
        assert page.evaluate(WIDER, LISTS) == []
        assert page.evaluate(OVERLAPS) == []
    row = page.locator("#history .item").first
    assert row.locator(".name span").count() == 2
    user.press("Escape", "y")
    page.wait_for_selector("dialog[open] table")
    assert page.evaluate(WIDER, ["dialog", "dialog .scroll"]) == []
    page.keyboard.press("Escape")


@pytest.mark.slow
def test_objects_are_cut_out_split_and_joined(page: Any, live: Live) -> None:
    user = User(page, live, "wide.mp4")
    for operation in (
        {"op": "add_object", "label": "front"},
        {"op": "add_object", "label": "back"},
        {"op": "add_object", "label": "locked"},
        *({"op": "add_segment", "object": number, "start": 6, "end": 10} for number in (-3, -2, -1)),
    ):
        added = sorted(user.document.objects)
        if operation["op"] == "add_segment":
            operation = {**operation, "object": added[operation["object"]]}
        user.document.do(operation)
    front, back, locked = sorted(user.document.objects)[-3:]
    masks = {number: np.zeros((HEIGHT, WIDTH), bool) for number in (front, back, locked)}
    masks[front][40:60, 40:60] = True
    masks[back][50:80, 50:80] = masks[locked][50:80, 50:80] = True
    for number, mask in masks.items():
        user.session.brush(number, 7, mask)
    page.reload()
    page.wait_for_selector(".object:has-text('locked')")
    user.press(str(sorted(user.document.objects).index(locked) + 1), "Shift+L")
    user.press(str(sorted(user.document.objects).index(front) + 1))
    user.go(7)
    user.press("Shift+E")
    user.until(lambda: "front cut out of 1 other mask" in user.status_text)
    np.testing.assert_array_equal(user.document.mask(back, 7), masks[back] & ~masks[front])
    np.testing.assert_array_equal(user.document.mask(locked, 7), masks[locked])
    user.press("z")
    user.until(lambda: user.document.mask(back, 7)[55, 55])  # type: ignore[index]
    user.settle()
    # split: the second half becomes an object of its own
    user.press("s")
    user.until(lambda: len(user.document.segments_of(front)) == 2)
    user.settle()
    user.press("ArrowRight", "ArrowLeft", "Shift+M", "Enter")
    user.until(lambda: "moved to front 2" in user.status_text)
    second = max(user.document.objects)
    assert user.document.objects[second].label == "front"
    np.testing.assert_array_equal(user.document.mask(second, 7), masks[front])
    assert [(item.start, item.end) for item in user.document.segments_of(front)] == [(6, 7)]
    # join them again
    page.click(".object:has-text('front 2') button[aria-label^='Name, label']")
    page.select_option("dialog [name=into]", str(front))
    user.press("Enter")
    user.until(lambda: second not in user.document.objects)
    assert [(item.start, item.end) for item in user.document.segments_of(front)] == [(6, 7), (7, 10)]
    np.testing.assert_array_equal(user.document.mask(front, 7), masks[front])

"""Keys on any keyboard, keys on focused elements, touchpads, own shortcuts, and lists that are up to date."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.annotate.browser.live_server import Live, serving
from tests.annotate.browser.page_driver import User, wait_until_drawn
from tests.media.make_video import make_video

PRESS = """key => window.dispatchEvent(new KeyboardEvent("keydown", {bubbles: true, cancelable: true, ...key}))"""
VIEW = """async () => {
  const { view } = await import("/view.js");
  return {scale: view.scale, left: view.left, top: view.top};
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("input")
    make_video(folder / "film.mp4", frames=30, size=(120, 160))
    shutil.copy(folder / "film.mp4", folder / "other.mp4")
    return folder


@pytest.fixture
def live(folder: Path) -> Iterator[Live]:
    shutil.rmtree(folder / ".avseg", ignore_errors=True)
    with serving(folder) as server:
        yield server


def tool(page: Any) -> str:
    return str(page.get_attribute("[data-tool][aria-pressed=true]", "data-tool"))


KEYS = [
    ("Caps Lock", {"key": "B", "code": "KeyB"}, "box"),
    ("Cyrillic", {"key": "у", "code": "KeyE"}, "eraser"),
    ("Cyrillic with Caps Lock", {"key": "В", "code": "KeyD"}, "brush"),
    ("Greek", {"key": "π", "code": "KeyP"}, "points"),
    ("AZERTY: by what it types", {"key": "b", "code": "KeyN"}, "box"),
    ("Caps Lock and Shift: another shortcut", {"key": "b", "code": "KeyB", "shiftKey": True}, "points"),
]


def test_keys_of_other_layouts(page: Any, live: Live) -> None:
    page.goto(live.address)
    page.wait_for_selector("body[data-ready]")
    for name, key, expected in KEYS:
        page.keyboard.press("p")
        page.wait_for_selector("[data-tool=points][aria-pressed=true]")
        page.evaluate(PRESS, key)
        wait_until_drawn(page)
        assert tool(page) == expected, name


NAMES = """async keys => {
  const { namesOf } = await import("/shortcuts.js");
  const state = graph => ({getModifierState: name => name === "AltGraph" && Boolean(graph)});
  return keys.map(({graph, ...key}) => namesOf({...state(graph), ...key}));
}"""


@pytest.mark.slow
def test_keys_focus_and_own_shortcuts(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    names = page.evaluate(
        NAMES,
        [
            {"key": "[", "code": "Digit8", "ctrlKey": True, "altKey": True, "graph": True},  # AltGr on Windows
            {"key": "ƒ", "code": "KeyF", "altKey": True},  # Option on a Mac
            {"key": "[", "code": "Digit5", "altKey": True},  # Option on a German Mac
            {"key": "х", "code": "BracketLeft"},
            {"key": "Х", "code": "BracketLeft", "shiftKey": True},
        ],
    )
    assert names[0][-1] == names[2][-1] == "["
    assert "Alt+f" in names[1]
    assert "[" in names[3]
    assert "{" in names[4]
    # Enter and Space are for the focused element
    user.add_object("square")
    user.add_object("circle")
    page.focus("#help")
    user.press("Enter")
    page.wait_for_selector("dialog[open] .keys")
    user.press("Escape")
    page.locator(".object .pick").first.focus()
    user.press(" ")
    page.wait_for_selector(".object.chosen:has-text('square')")
    assert page.evaluate("document.activeElement.className") == "pick"  # after the list was drawn again
    user.press("i")  # other keys still are shortcuts
    assert "start at frame" in user.status_text
    page.click("#help")
    page.wait_for_selector("dialog[open] .keys")
    # a key that comes before the focus has left a closed dialog
    assert page.evaluate("""async () => {
      const { isForElement } = await import("/shortcuts.js");
      const dialog = document.createElement("dialog");
      const input = dialog.appendChild(document.createElement("input"));
      document.body.append(dialog);
      const closed = isForElement({target: input, key: "f"});
      dialog.open = true;
      const open = isForElement({target: input, key: "f"});
      dialog.remove();
      return [closed, open];
    }""") == [False, True]
    # another key for the box
    page.click("dialog button.key:text-is('B')")
    user.press("k")
    page.wait_for_selector("dialog button.key:text-is('K')")
    user.settle()
    user.press("Escape")
    user.press("k")
    page.wait_for_selector("[data-tool=box][aria-pressed=true]")
    page.reload()
    page.wait_for_selector("body[data-ready]")
    user.press("b")
    assert tool(page) == "points"
    user.press("k")
    page.wait_for_selector("[data-tool=box][aria-pressed=true]")
    user.press("?")
    page.click("dialog button:text-is('Reset all')")
    user.settle()
    user.press("Escape")
    user.press("p", "b")
    page.wait_for_selector("[data-tool=box][aria-pressed=true]")


@pytest.mark.slow
def test_two_fingers_pan_and_a_pinch_zooms_by_its_distance(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    page.mouse.move(*user.place(80, 60))
    first = page.evaluate(VIEW)
    for _ in range(6):
        page.mouse.wheel(8, 4)
    moved = page.evaluate(VIEW)
    assert moved["scale"] == first["scale"]
    np.testing.assert_allclose([moved["left"] - first["left"], moved["top"] - first["top"]], [-48, -24])
    page.keyboard.down("Control")
    for _ in range(4):
        page.mouse.wheel(0, -6)
    small = page.evaluate(VIEW)["scale"]
    page.mouse.wheel(0, 24)
    page.keyboard.up("Control")
    assert first["scale"] * 1.1 < small < first["scale"] * 1.6
    np.testing.assert_allclose(page.evaluate(VIEW)["scale"], first["scale"])  # the same distance back
    page.wait_for_timeout(350)
    page.mouse.wheel(0, -120)  # a notch of a mouse
    assert 1.1 < page.evaluate(VIEW)["scale"] / first["scale"] < 1.4
    # the switch for pens and fingers: the left button is off the object
    page.click("#sign")
    page.wait_for_selector("#sign[aria-pressed=true]")
    user.press("q")
    page.wait_for_selector("#sign[aria-pressed=false]")


@pytest.mark.slow
def test_a_finished_segment_is_left_alone_and_the_list_is_up_to_date(page: Any, live: Live) -> None:
    user = User(page, live, "other.mp4")
    page.wait_for_selector(".video.chosen .dot.new")  # merely opened
    user.add_object("square")
    user.add_segment(0, 4)
    user.go(1)
    user.press("d")
    user.drag([(60, 60), (100, 60)])
    user.propagate()
    steps = len(user.document.history)
    user.press("f")
    user.until(lambda: "every frame is up to date" in user.status_text)
    assert len(user.document.history) == steps
    user.press("v")
    user.until(lambda: user.document.status == "done")
    user.settle()
    page.click(".video:has-text('film.mp4')")
    page.wait_for_selector(".video.chosen:has-text('film.mp4')")
    row = page.locator(".video:has-text('other.mp4')")
    assert "1 obj · 1 seg · done" in row.inner_text()
    page.wait_for_selector(".video:has-text('other.mp4'):has-text('worst 0.')")

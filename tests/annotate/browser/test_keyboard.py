"""Everything that a mouse does on a frame is done by the keyboard alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.browser.live_server import Live
from tests.annotate.browser.page_driver import User
from tests.annotate.browser.test_candidates import serve_discs

CROSS = "import('/stage.js').then(m => m.draft.cross)"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with serve_discs(tmp_path) as server:
        yield server


def steer(user: User, x: float, y: float) -> None:
    """Move the crosshair to a pixel of the video by its keys."""
    user.press("Control+Shift+ArrowRight")
    for axis, target, keys in ((0, x, ("ArrowLeft", "ArrowRight")), (1, y, ("ArrowUp", "ArrowDown"))):
        for _ in range(200):
            distance = target - user.page.evaluate(CROSS)[axis]
            if abs(distance) < 2:
                break
            scale = user.page.evaluate("import('/view.js').then(m => m.view.scale)")
            far = abs(distance) * scale >= 12
            user.press(f"Control+{'' if far else 'Shift+'}{keys[distance > 0]}")


def inputs(user: User) -> list[str]:
    return [item.kind for item in user.document.frame_info(1, user.frame).inputs]


@pytest.mark.slow
def test_points_box_strokes_and_polygon_by_keys(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("disc")
    user.press("i", "Alt+ArrowRight", "o", "Enter", "Alt+ArrowLeft")
    user.until(lambda: user.document.segments)
    user.settle()
    steer(user, 60, 50)
    user.press("Control+Enter")
    user.until(lambda: inputs(user) == ["point"])
    steer(user, 70, 50)
    user.press("Control+Shift+Enter")
    user.until(lambda: inputs(user) == ["point", "point"])
    info = user.document.frame_info(1, 0)
    flat = [value for point in info.points for value in point]
    assert flat == pytest.approx([60, 50, 1, 70, 50, 0], abs=2)
    assert flat[2::3] == [1, 0]
    user.press("Control+Enter")  # takes the point
    steer(user, 90, 60)
    user.press("Control+Enter")
    user.until(lambda: user.document.frame_info(1, 0).points[1][0] > 87)
    user.settle()
    user.press("Control+Delete")
    user.until(lambda: inputs(user) == ["point"])
    user.settle()
    user.press("b")
    steer(user, 30, 20)
    user.press("Control+Enter")
    steer(user, 50, 40)
    user.press("Escape")  # not this box
    assert inputs(user) == ["point"]
    user.press("Control+Enter")
    steer(user, 100, 80)
    user.press("Control+Enter")
    user.until(lambda: inputs(user) == ["point", "box"])
    assert user.document.frame_info(1, 0).box == pytest.approx((50, 40, 100, 80), abs=2)
    user.settle()
    user.press("ArrowRight", "d")  # paints
    user.until(lambda: user.frame == 1)
    steer(user, 20, 100)
    user.press("Control+Enter")
    steer(user, 60, 100)
    user.press("Control+Enter")
    user.until(lambda: inputs(user) == ["stroke"])
    mask = user.document.mask(1, 1)
    assert mask is not None
    assert mask[100, 22:58].all()
    user.settle()
    user.press("e")
    steer(user, 40, 100)
    user.press("Control+Enter", "Control+Enter")  # a dot
    user.until(lambda: not user.document.mask(1, 1)[100, 40])  # type: ignore[index]
    user.settle()
    user.press("w")
    for x, y in ((100, 20), (140, 20), (140, 60)):
        steer(user, x, y)
        user.press("Control+Enter")
    user.press("Enter")
    user.until(lambda: inputs(user) == ["stroke", "stroke", "polygon"])
    assert user.document.mask(1, 1)[25, 135]  # type: ignore[index]
    user.settle()
    user.press("ArrowRight", "ArrowRight", "Shift+O")
    user.until(lambda: user.document.segments[1].end == 4)
    page.mouse.move(*user.place(20, 20))
    user.until(lambda: page.evaluate(CROSS) is None)
    user.press("?")
    page.wait_for_selector("dialog[open] button.key:text-is('Ctrl+Enter')")


@pytest.mark.slow
def test_the_timeline_is_zoomed_by_keys(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.press("Alt+ArrowRight")
    visible = "import('/store.js').then(m => m.state.range.to - m.state.range.from)"
    everything = page.evaluate(visible)
    user.press("Alt+ArrowUp")
    assert page.evaluate(visible) == pytest.approx(everything * 0.8)
    user.press("Alt+ArrowDown")
    assert page.evaluate(visible) == pytest.approx(everything)

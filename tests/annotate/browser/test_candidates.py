"""Several masks fit the same points: Tab goes through them, and the pointer shows the mask of the next click."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.annotate.protocols import Candidate, Segmenter
from avseg.utils.lazy_sequence import LazySequence
from tests.annotate.browser.live_server import Live, serving
from tests.annotate.browser.page_driver import User
from tests.media.make_video import make_video

HEIGHT, WIDTH = 120, 160
PREVIEW = """import('/preview.js').then(m => { const p = m.previewed(); return p && [p.left, p.top, p.area]; })"""


class ThreeDiscs:
    """Discs of three sizes around each point on the object."""

    def encode(self, image: np.ndarray) -> tuple[int, int]:
        return image.shape[0], image.shape[1]

    def predict(self, encoded: tuple[int, int], points: Any = (), box: Any = None, mask: Any = None) -> list[Candidate]:
        y, x = np.mgrid[: encoded[0], : encoded[1]]
        candidates = []
        for radius, score in ((8, 0.9), (16, 0.7), (30, 0.4)):
            found = np.zeros(encoded, bool) if mask is None else np.asarray(mask > 0.5).copy()
            for px, py, positive in points:
                found[(x - px) ** 2 + (y - py) ** 2 < radius**2] = positive
            candidates.append(Candidate(found, score))
        return candidates


class LateDiscs(ThreeDiscs):
    """The same, each drawn slowly when it is read."""

    def __init__(self) -> None:
        self.drawn = 0

    def predict(
        self, encoded: tuple[int, int], points: Any = (), box: Any = None, mask: Any = None
    ) -> Sequence[Candidate]:
        return LazySequence(map(self._draw, super().predict(encoded, points, box, mask)))

    def _draw(self, candidate: Candidate) -> Candidate:
        time.sleep(0.1)
        self.drawn += 1
        return candidate


def serve_discs(folder: Path, segmenter: Segmenter | None = None) -> AbstractContextManager[Live]:
    """Serve a film of 10 frames with such a segmenter."""
    make_video(folder / "film.mp4", frames=10, size=(HEIGHT, WIDTH))

    def prepare(app: Any) -> None:
        app.state.workspace.segmenter = segmenter or ThreeDiscs()

    return serving(folder, prepare)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with serve_discs(tmp_path) as server:
        yield server


def begin(page: Any, live: Live, end: int) -> User:
    """Open the film with an object that sounds up to a frame."""
    document = live.document("film.mp4")
    document.do({"op": "add_object", "label": "disc"})
    document.do({"op": "add_segment", "object": 1, "start": 0, "end": end})
    return User(page, live, "film.mp4")


def area(user: User) -> int:
    mask = user.document.mask(1, user.frame)
    return 0 if mask is None else int(mask.sum())


def test_tab_goes_through_the_masks_and_the_pointer_previews(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("disc")
    user.press("i", "Alt+ArrowRight", "o", "Enter", "Alt+ArrowLeft")
    user.until(lambda: user.document.segments)
    user.settle()
    # without anything drawn Tab moves the focus
    user.press("Tab")
    assert page.evaluate("document.activeElement !== document.body")
    page.mouse.move(*user.place(50, 50))
    user.until(lambda: page.evaluate(PREVIEW) is not None)
    left, top, pixels = page.evaluate(PREVIEW)
    assert user.document.mask(1, 0) is None
    user.click(50, 50)
    small = user.document.mask(1, 0)
    assert small is not None
    rows, columns = np.nonzero(small)
    assert (left, top, pixels) == (columns.min(), rows.min(), small.sum())
    user.press("Tab")
    user.until(lambda: "mask 2 of 3, score 0.70" in user.status_text)
    assert area(user) > 3 * small.sum()
    page.wait_for_selector("#hud:has-text('mask 2 of 3, score 0.70')")
    user.press("Tab")
    user.until(lambda: "mask 3 of 3, score 0.40" in user.status_text)
    user.press("z")
    user.until(lambda: "mask 2 of 3" in page.inner_text("#hud"))
    assert page.locator("#segment .input").all_inner_texts() == ["point ✕", "mask 2 of 3 ✕"]
    live.restart()
    user.click(110, 80)
    assert user.document.mask(1, 0)[50, 60]  # type: ignore[index]  # the chosen mask stays
    page.locator("#segment .input:has-text('mask 2')").click()
    user.until(lambda: [item.kind for item in user.document.frame_info(1, 0).inputs] == ["point", "point"])
    user.press("Shift+P")  # no previews any more
    page.mouse.move(*user.place(30, 90))
    page.wait_for_timeout(300)
    assert page.evaluate(PREVIEW) is None


def test_tab_right_after_a_click_takes_masks_that_are_not_drawn_yet(page: Any, tmp_path: Path) -> None:
    segmenter = LateDiscs()
    with serve_discs(tmp_path, segmenter) as live:
        user = begin(page, live, 10)
        user.press("Shift+P")  # no previews
        user.click(110, 80)
        assert segmenter.drawn == 1
        small = area(user)
        user.press("ArrowRight")
        page.mouse.click(*user.place(50, 50))
        user.press("Tab", "Tab")
        user.until(lambda: "mask 3 of 3, score 0.40" in user.status_text)
        user.settle()
        large = area(user)
        assert large > 10 * small
        assert segmenter.drawn == 4
        user.press("z")
        user.until(lambda: area(user) not in (small, large))
        user.press("z")
        user.until(lambda: area(user) == small)
        user.press("Tab")
        user.until(lambda: "mask 2 of 3, score 0.70" in user.status_text)


@pytest.mark.slow
def test_the_mask_of_a_click_where_a_preview_was_is_not_drawn_again(page: Any, tmp_path: Path) -> None:
    segmenter = LateDiscs()
    with serve_discs(tmp_path, segmenter) as live:
        user = begin(page, live, 10)
        x, y = user.place(50, 50)
        page.mouse.move(x + 0.3, y + 0.3)  # no whole number of pixels in the picture
        user.until(lambda: page.evaluate(PREVIEW) is not None)
        assert segmenter.drawn == 1
        version = user.document.version
        page.mouse.down()
        page.mouse.up()
        user.until(lambda: user.document.version > version)
        user.settle()
        assert area(user) > 100
        assert segmenter.drawn == 1


@pytest.mark.slow
def test_the_preview_of_a_pointer_that_rests_follows_the_frame_the_view_and_the_tool(page: Any, tmp_path: Path) -> None:
    with serve_discs(tmp_path) as live:
        user = begin(page, live, 9)

        def left() -> int | None:
            shown = page.evaluate(PREVIEW)
            return None if shown is None else int(shown[0])

        page.mouse.move(*user.place(80, 60))
        user.until(lambda: left() == 73)  # the smallest disc
        user.press("ArrowRight")
        user.until(lambda: left() == 73)
        page.evaluate("import('/view.js').then(m => m.pan(-20 * m.view.scale, 0))")
        user.until(lambda: left() == 93)
        user.press("w")
        user.until(lambda: left() is None)
        user.press("p")
        user.until(lambda: left() == 93)
        user.press("Alt+ArrowRight")  # silent there
        user.until(lambda: user.frame == 9 and left() is None)
        user.press("ArrowLeft")
        user.until(lambda: left() == 93)
        page.mouse.move(5, 5)
        user.until(lambda: left() is None)


@pytest.mark.slow
def test_refinement_is_switched_off_and_stays_off(page: Any, tmp_path: Path) -> None:
    with serve_discs(tmp_path) as live:
        user = begin(page, live, 10)
        page.click("#settings")
        page.uncheck("dialog [name=refine]")
        user.settle()
        user.press("Escape")
        page.reload()
        page.wait_for_selector("body[data-ready]")
        page.click("#settings")
        assert not page.is_checked("dialog [name=refine]")
        user.press("Escape")
        page.wait_for_selector("dialog", state="hidden")
        user.click(50, 50)
        user.press("f")
        user.until(lambda: not user.document.frames_to_propagate(1), 60)
        assert {user.document.frame_info(1, frame).source for frame in range(1, 10)} == {"propagated"}
        assert all("segmenter" not in user.document.frame_info(1, frame).terms for frame in range(1, 10))
        # the event of the end, which would replace the next message
        user.until(lambda: "propagated: " in user.status_text)
        user.press("Shift+R")
        user.until(lambda: "are refined where" in user.status_text)
        page.click("#settings")
        assert page.is_checked("dialog [name=refine]")

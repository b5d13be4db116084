"""Two tabs on one video: each sees the changes of the other and does not overwrite unseen ones."""

from pathlib import Path
from typing import Any

import pytest

from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import User
from tests.media.make_video import make_video


@pytest.mark.slow
def test_tabs_see_the_changes_of_each_other_and_the_server_keeps_both(browser: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "film.mp4", frames=40, size=(120, 160))
    with serving(tmp_path) as live:
        contexts = [browser.new_context(viewport={"width": 1280, "height": 720}) for _ in range(2)]
        first, second = (User(context.new_page(), live, "film.mp4") for context in contexts)
        first.add_object("square")
        first.add_segment(0, 30)
        second.page.wait_for_selector(".object:has-text('square')")  # without a reload
        second.until(lambda: "another tab" in second.status_text)
        second.press("1", "d")
        second.go(3)
        second.page.wait_for_selector("#segment:has-text('frames 0–29')")  # the segment arrived too
        second.drag([(60, 60), (100, 60)])
        first.go(3)
        first.page.wait_for_selector("#history .item:has-text('draw')")
        # a change that the other tab does not receive: its stream is cut
        second.page.context.set_offline(True)
        first.press("d")
        first.drag([(60, 90), (100, 90)])
        both = first.document.rle(1, 3)
        second.page.context.set_offline(False)
        second.page.evaluate("document.title")  # alive
        second.drag([(20, 20), (30, 20)])
        second.until(lambda: second.document.version >= first.document.version)
        assert first.document.rle(1, 3) in (both, second.document.rle(1, 3))
        history = [step.op for step in first.document.history]
        assert history.count("draw") >= 2
        for context in contexts:
            context.close()


@pytest.mark.slow
def test_an_outdated_request_is_refused_and_the_page_is_updated(page: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "film.mp4", frames=40, size=(120, 160))
    with serving(tmp_path) as live:
        user = User(page, live, "film.mp4")
        user.add_object("square")
        user.add_segment(0, 30)
        page.route("**/events", lambda route: None)  # receives no events
        page.reload()
        page.wait_for_selector(".object:has-text('square')")
        user.document.do({"op": "edit_segment", "segment": 1, "end": 20})  # another client
        user.press("1")
        user.go(29)
        page.wait_for_selector("#segment:has-text('frames 0–29')")
        user.press("]")  # based on an old version
        page.wait_for_selector("#segment:has-text('frames 0–19')")  # the current one
        assert user.document.segments[1].end == 20
        user.press("Alt+ArrowLeft")
        user.go(19)
        user.press("]")
        user.until(lambda: user.document.segments[1].end == 21)

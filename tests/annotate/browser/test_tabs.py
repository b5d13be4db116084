"""Two tabs on one video: each sees what the other does, and neither overwrites what it has not seen."""

from pathlib import Path
from typing import Any

import pytest

from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import Person
from tests.media.make_video import make_video


@pytest.mark.slow
def test_each_sees_the_other_and_the_server_keeps_both(browser: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "film.mp4", frames=40, size=(120, 160))
    with serving(tmp_path) as live:
        contexts = [browser.new_context(viewport={"width": 1280, "height": 720}) for _ in range(2)]
        one, two = (Person(context.new_page(), live, "film.mp4") for context in contexts)
        one.add_object("square")
        one.add_segment(0, 30)
        two.page.wait_for_selector(".object:has-text('square')")  # without a reload
        two.until(lambda: "another tab" in two.said)
        two.press("1", "d")
        two.go(3)
        two.page.wait_for_selector("#segment:has-text('frames 0–29')")  # it knows of the segment too
        two.drag([(60, 60), (100, 60)])
        one.go(3)
        one.page.wait_for_selector("#history .item:has-text('mask')")
        # a change that the other tab cannot know of yet: its stream is cut
        two.page.context.set_offline(True)
        one.press("d")
        one.drag([(60, 90), (100, 90)])
        both = one.document.rle(1, 3)
        two.page.context.set_offline(False)
        two.page.evaluate("document.title")  # alive
        two.drag([(20, 20), (30, 20)])
        two.until(lambda: two.document.version >= one.document.version)
        assert one.document.rle(1, 3) in (both, two.document.rle(1, 3))
        history = [step.op for step in one.document.history]
        assert history.count("set_mask") >= 2
        for context in contexts:
            context.close()


@pytest.mark.slow
def test_a_stale_request_is_refused_and_the_page_shows_the_present(page: Any, tmp_path: Path) -> None:
    make_video(tmp_path / "film.mp4", frames=40, size=(120, 160))
    with serving(tmp_path) as live:
        person = Person(page, live, "film.mp4")
        person.add_object("square")
        person.add_segment(0, 30)
        page.route("**/events", lambda route: route.abort())  # it hears of nothing
        page.reload()
        page.wait_for_selector(".object:has-text('square')")
        person.document.do({"op": "edit_segment", "segment": 1, "end": 20})  # somebody else
        person.press("1")
        person.go(29)
        page.wait_for_selector("#segment:has-text('frames 0–29')")
        person.press("]")  # builds on what is gone
        page.wait_for_selector("#segment:has-text('frames 0–19')")  # the present
        assert person.document.segments[1].end == 20
        person.press("Alt+ArrowLeft")
        person.go(19)
        person.press("]")
        person.until(lambda: person.document.segments[1].end == 21)

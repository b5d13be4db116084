"""Answers that arrive late or in another order: what was done meanwhile is about what the user sees."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from avseg.annotate.document.rle import encode
from tests.annotate.browser.live_server import Live, serving
from tests.annotate.browser.page_driver import User, wait_until_drawn
from tests.annotate.browser.test_candidates import ThreeDiscs
from tests.media.make_video import make_video


@pytest.fixture
def live(tmp_path: Any) -> Iterator[Live]:
    make_video(tmp_path / "film.mp4", frames=40, size=(120, 160))

    def prepare(app: Any) -> None:
        app.state.workspace.segmenter = ThreeDiscs()

    with serving(tmp_path, prepare) as server:
        yield server


@contextmanager
def held(user: User, pattern: str, carried_out: bool) -> Iterator[list[Any]]:
    """Hold back the requests to an address, or the answers to those that the server has carried out."""
    waiting: list[Any] = []
    released = False

    def hold(route: Any) -> None:
        if released:
            route.continue_()
        else:
            waiting.append((route, route.fetch() if carried_out else None))

    user.page.route(pattern, hold)
    yield waiting
    released = True
    for route, response in waiting:
        if response is None:
            route.continue_()
        else:
            route.fulfill(response=response)


def test_keys_and_clicks_are_about_what_was_added_before_the_server_has_answered(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    user.add_segment(0, 30)
    user.go(0)
    with held(user, "**/do", carried_out=False) as waiting:
        user.press("t")
        page.fill("[name=label]", "second")
        user.press("Enter")
        page.wait_for_selector(".object.chosen:has-text('second')")
        user.press("i", *["ArrowRight"] * 4, "o", "Enter", "[", "Alt+ArrowLeft")
        user.page.mouse.click(*user.place(50, 50))
        user.press("1")  # another object is selected by the time of the answer
        user.until(lambda: waiting)
    user.settle()
    document = user.document
    assert [(item.object_id, item.start, item.end) for item in document.segments.values()] == [(1, 0, 30), (2, 0, 4)]
    assert document.mask(1, 0) is None
    assert document.mask(2, 0) is not None
    page.wait_for_selector(".object.chosen:has-text('first')")


def test_a_mask_is_copied_as_it_will_be_when_what_is_on_its_way_is_drawn(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    user.add_segment(0, 30)
    user.go(0)
    page.mouse.click(*user.place(50, 50))
    user.settle()
    with held(user, "**/draw", carried_out=True) as waiting:
        page.mouse.click(*user.place(120, 90))
        user.until(lambda: waiting)
        user.press("Control+c", "ArrowRight", "Control+v", "ArrowRight")
        assert user.frame == 2
    user.settle()
    masks = [user.document.mask(1, frame) for frame in (0, 1, 2)]
    assert masks[0] is not None
    assert masks[0][90, 120]
    np.testing.assert_array_equal(masks[1], masks[0])
    assert masks[2] is None


def test_what_was_added_is_not_there_twice_while_others_change_the_video(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    with held(user, "**/do", carried_out=True):
        user.press("t")
        page.fill("[name=label]", "second")
        user.press("Enter")
        user.until(lambda: len(user.document.objects) == 2)
        with page.expect_response("**/snapshot"):
            user.document.do({"op": "add_segment", "object": 1, "start": 0, "end": 9})  # such as a propagation
        wait_until_drawn(page)
        assert page.locator(".object:has-text('second')").count() == 1
    user.settle()
    page.wait_for_selector("#segment:has-text('no segment in this frame')")
    page.wait_for_selector(".object.chosen:has-text('second')")
    assert page.locator(".object").count() == 2
    user.press("1")
    page.wait_for_selector("#segment:has-text('frames 0–8')")


@pytest.mark.slow
def test_what_is_done_on_an_addition_whose_answer_was_lost_is_kept(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    lost: list[Any] = []

    def lose(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())
            user.press("i", *["ArrowRight"] * 4, "o", "Enter")
            route.abort()

    page.route("**/do", lose)
    user.press("t")
    page.fill("[name=label]", "second")
    user.press("Enter")
    user.until(lambda: len(user.document.segments) == 1)
    user.settle()
    assert [item.label for item in user.document.objects.values()] == ["first", "second"]
    assert [(item.object_id, item.start, item.end) for item in user.document.segments.values()] == [(2, 0, 5)]
    page.wait_for_selector(".object.chosen:has-text('second')")
    assert page.locator(".object").count() == 2


@pytest.mark.slow
def test_what_was_refused_vanishes_with_all_that_was_done_on_it(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    user.add_segment(0, 30)
    user.press("i", "Alt+ArrowLeft", "Enter")  # overlaps
    user.until(lambda: "error" in page.get_attribute("#status", "class"))
    page.wait_for_selector("#segment:has-text('frames 0–29')")
    page.route("**/do", lambda route: route.fulfill(status=400, json={"error": "refused"}))
    user.press("t")
    page.fill("[name=label]", "second")
    user.press("Enter", "i", "o", "Enter")
    user.settle()
    page.unroute("**/do")
    assert len(user.document.objects) == 1
    assert len(user.document.segments) == 1
    wait_until_drawn(page)
    assert page.locator(".object").count() == 1
    page.wait_for_selector(".object.chosen:has-text('first')")


@pytest.mark.slow
def test_a_late_answer_does_not_replace_a_later_state(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    user.add_segment(0, 20)
    with held(user, "**/do", carried_out=True):
        user.press("]")
        user.until(lambda: user.document.segments[1].end == 21)
        user.document.do({"op": "edit_segment", "segment": 1, "end": 30})  # another annotator
        page.wait_for_selector("#segment:has-text('frames 0–29')")
    user.settle()
    wait_until_drawn(page)
    assert "frames 0–29" in page.inner_text("#segment")
    user.go(29)
    user.press("]")
    user.until(lambda: user.document.segments[1].end == 31)


@pytest.mark.slow
def test_masks_that_change_while_they_are_fetched_are_fetched_again(page: Any, live: Live) -> None:
    document = live.document("film.mp4")
    document.do({"op": "add_object", "label": "first"})
    document.do({"op": "add_segment", "object": 1, "start": 0, "end": 40})
    user = User(page, live, "film.mp4")
    with held(user, "**/masks?start=16*", carried_out=True) as waiting:
        user.press("j")
        page.fill("[name=to]", "28")
        user.press("Enter")
        user.until(lambda: waiting)
        mask = encode(np.eye(120, 160, dtype=bool))
        document.do({"op": "set_mask", "object": 1, "frame": 28, "source": "brush", "mask": mask})
        page.wait_for_selector("#history .item:has-text('mask')")
    user.until(lambda: page.evaluate("import('/masks.js').then(m => m.masksAt(28)?.size === 1)"), 5)


@pytest.mark.slow
def test_a_dialog_that_arrives_late_does_not_replace_another_one(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    with held(user, "**/api/board", carried_out=False) as waiting:
        user.press("y")
        user.until(lambda: waiting)
        user.press("t")
        page.fill("[name=label]", "dog")
    page.wait_for_timeout(300)
    assert page.input_value("[name=label]") == "dog"
    user.press("Escape")
    user.press("y")
    page.click("dialog button:has-text('Export all')")
    page.fill("dialog [name=out]", "exports/second")
    page.select_option("dialog [name=format]", "coco")
    page.wait_for_selector("dialog [name=pictures]")
    assert page.input_value("dialog [name=out]") == "exports/second"


@pytest.mark.slow
def test_a_request_that_a_stopping_server_cancels_is_carried_out_by_the_next_one(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("first")
    user.add_segment(0, 20)
    user.go(0)
    session, release = user.session, threading.Event()
    draw = session.draw

    def draw_late(*values: Any, **options: Any) -> Any:
        release.wait(3)  # longer than the shutdown waits
        return draw(*values, **options)

    session.draw = draw_late  # type: ignore[method-assign]
    page.mouse.click(*user.place(50, 50))
    user.until(lambda: page.evaluate("import('/store.js').then(m => m.state.saving)") == 1)
    page.wait_for_timeout(200)
    live.restart()
    user.settle()
    assert len(user.document.frame_info(1, 0).points) == 1

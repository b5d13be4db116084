"""Lists that change while a row is pressed, and inputs that come faster than the answers of the server."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotate.browser.live_server import Live, serving
from tests.annotate.browser.page_driver import User
from tests.annotate.browser.test_drawing import SlowDiscs
from tests.media.make_video import make_video

# show every list again, with other contents, and wait until that is done
SHOW_AGAIN = """async () => {
  const { changed, state } = await import("/store.js");
  for (const video of state.videos) video.spent = (video.spent ?? 0) + 60;
  for (const run of state.runs) run.share += 0.25;
  for (const row of state.queue) row.reason += ".";
  changed("videos", "film", "document", "frame", "queue", "run", "draft", "masks");
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""
FILL = """async () => {
  const { changed, state } = await import("/store.js");
  const segment = [...state.segments.values()][0];
  state.queue = [{ object: segment.object, segment: segment.id, frame: 3, reason: "small" }];
  const run = { segment: segment.id, object: segment.object, start: 0, end: 9, total: 9, share: 0, state: "waiting" };
  state.runs = [1, 2, 3].map((id) => ({ ...run, id, left: id }));
  state.run = state.runs[0];
  changed("queue", "run");
  for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
}"""
LISTS = ["videos", "history", "objects", "queue", "runs", "segment"]
ELEMENTS = "lists => lists.map((name) => [name, [...document.querySelectorAll(`#${name} button`)]])"
KEPT = "before => before.map(([name, rows]) => [name, rows.length > 0 && rows.every((row) => row.isConnected)])"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    make_video(tmp_path / "film.mp4", frames=20, size=(120, 160))
    shutil.copy(tmp_path / "film.mp4", tmp_path / "next.mp4")

    def prepare(app: Any) -> None:
        app.state.workspace.segmenter = SlowDiscs(lambda: 0.3)

    with serving(tmp_path, prepare) as server:
        yield server


@pytest.mark.slow
def test_rows_stay_in_the_page_while_a_list_changes(page: Any, live: Live) -> None:
    user = User(page, live, "film.mp4")
    user.add_object("square")
    user.add_segment(0, 20)
    user.go(0)
    for x, y in ((40, 40), (60, 60), (90, 80), (120, 40)):
        user.click(x, y)
    page.evaluate(FILL)
    before = page.evaluate_handle(ELEMENTS, LISTS)
    page.focus("#runs [data-key='3'] [data-key=end]")
    page.evaluate(SHOW_AGAIN)
    assert dict(page.evaluate(KEPT, before)) == dict.fromkeys(LISTS, True)
    assert page.evaluate("document.activeElement.dataset.key") == "end"
    assert "width: 25%" in page.get_attribute("#runs .meter i", "style")  # with the new contents
    assert page.get_attribute("#queue .item", "title") == "small."
    # an answer changes the list while the mouse is down
    page.locator("#segment .input").first.click()
    last = page.locator("#segment .input").last.bounding_box()
    page.mouse.move(last["x"] + 8, last["y"] + 8)
    page.mouse.down()
    user.until(lambda: len(user.document.frame_info(1, 0).inputs) == 3)
    user.settle()
    page.mouse.up()
    user.until(lambda: len(user.document.frame_info(1, 0).inputs) == 2)
    user.settle()
    # before the next animation frame, and before an answer
    page.evaluate("for (let i = 0; i < 2; i++) document.querySelector('#segment .input').click()")
    user.until(lambda: user.document.frame_info(1, 0).inputs == ())


@pytest.mark.slow
def test_inputs_that_are_faster_than_the_answers(page: Any, live: Live) -> None:
    user = User(page, live, "next.mp4")
    user.add_object("square")
    user.add_segment(0, 10)
    user.press(*"[[[[")
    user.settle()
    assert user.document.segments[1].end == 6
    user.until(lambda: page.locator("#history .item").count() == 6)
    # the fourth of six steps is clicked twice, the second time before the first answer
    page.evaluate("() => { const row = document.querySelectorAll('#history .item')[2]; row.click(); row.click(); }")
    user.settle()
    assert user.document.segments[1].end == 8
    user.until(lambda: page.locator("#history .undone").count() == 2)
    # another video is opened while inputs wait
    user.go(0)
    for x, y in ((40, 40), (60, 60), (100, 80)):
        page.mouse.click(*user.place(x, y))
        time.sleep(0.05)
    page.click(".video:has-text('film.mp4')")
    page.wait_for_selector(".video.chosen:has-text('film.mp4')")
    assert len(user.document.frame_info(1, 0).points) == 3

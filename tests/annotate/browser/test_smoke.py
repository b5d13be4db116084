"""Open the page, draw, undo and play, in a few seconds."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.annotate.document import rle
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import User
from tests.media.make_video import make_video


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_video(tmp_path / "film.mp4", frames=40, size=(120, 160))
    shutil.copy(tmp_path / "film.mp4", tmp_path / "other.mp4")
    return tmp_path


ROUND = """async (masks) => {
  const { decode, encode } = await import("/rle.js");
  return masks.map((rle) => { const mask = decode(rle); return [Array.from(mask), encode(mask, ...rle.size)]; });
}"""


@pytest.mark.slow
def test_run_lengths_are_pycocotools(page: Any, folder: Path) -> None:
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (7, 5), (40, 30), (64, 96)]
    masks = [rng.random(shape) < share for shape in shapes for share in (0, 0.02, 0.5, 1)]
    masks.append(np.kron(rng.random((4, 6)) < 0.5, np.ones((37, 41))).astype(bool))  # runs of several digits
    with serving(folder) as live:
        page.goto(live.address)
        page.wait_for_selector("body[data-ready]")
        answers = page.evaluate(ROUND, [rle.encode(mask) for mask in masks])
    for mask, (pixels, again) in zip(masks, answers, strict=True):
        np.testing.assert_array_equal(np.reshape(pixels, mask.shape).astype(bool), mask)
        assert again == rle.encode(mask)


def test_from_the_list_of_videos_to_a_mask_and_back(page: Any, folder: Path) -> None:
    with serving(folder) as live:
        user = User(page, live, "film.mp4")
        assert "token" not in page.url  # not in the browser history
        user.add_object("square")
        user.press("i", "Shift+ArrowRight", "o", "Enter")
        user.until(lambda: len(user.document.segments) == 1)
        user.settle()
        assert [(item.start, item.end) for item in user.document.segments.values()] == [(0, 11)]
        user.press("d")
        user.go(5)
        user.drag([(60, 60), (100, 60), (100, 90)])
        assert user.document.mask(1, 5)[60, 80]  # type: ignore[index]
        assert user.document.mask(1, 5)[110, 20] == 0  # type: ignore[index]
        assert page.evaluate("document.querySelector('#stage').width") > 300
        user.press("z")
        user.until(lambda: user.document.mask(1, 5) is None)
        user.press("Shift+Z")
        user.until(lambda: user.document.mask(1, 5) is not None)
        user.settle()
        user.press("ArrowRight", "]")  # the nearer edge is the end
        user.until(lambda: user.document.segments[1].end == 12)
        user.press(" ")
        user.until(lambda: user.frame not in (6, 0))  # it plays and stays inside the segment
        page.wait_for_timeout(700)
        user.press(" ")
        assert user.frame < 12
        page.wait_for_selector("#status")
        user.press("?")
        page.wait_for_selector("dialog[open] .keys")
        user.press("Escape")
        page.click(".video:has-text('other.mp4')")
        page.wait_for_selector(".video.chosen:has-text('other.mp4')")
        assert page.locator(".object").count() == 0


@pytest.mark.slow
def test_enter_submits_every_dialog(page: Any, folder: Path) -> None:
    with serving(folder) as live:
        user = User(page, live, "other.mp4")
        user.add_object("tone")
        user.press("g", "Enter")
        user.until(lambda: len(user.document.segments) == 1)
        user.settle()
        user.press("Control+s")
        page.wait_for_selector("dialog select")
        page.select_option("dialog select", "csv")
        user.press("Enter")
        user.until(lambda: "exported to" in user.status_text)
    assert (folder / "exports/csv/other/other.csv").is_file()

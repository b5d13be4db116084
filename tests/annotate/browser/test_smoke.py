"""The page opens, marks, undoes and plays, in a few seconds."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.annotate.document import rle
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import Person
from tests.media.make_video import make_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smoke")
    make_video(folder / "film.mp4", frames=40, size=(120, 160))
    shutil.copy(folder / "film.mp4", folder / "other.mp4")
    return folder


ROUND = """async (masks) => {
  const { decode, encode } = await import("/rle.js");
  return masks.map((rle) => { const mask = decode(rle); return [Array.from(mask), encode(mask, ...rle.size)]; });
}"""


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


def test_from_the_list_to_a_mask_and_back(page: Any, folder: Path) -> None:
    with serving(folder) as live:
        person = Person(page, live, "film.mp4")
        assert "token" not in page.url  # it does not stay in the history
        person.add_object("square")
        person.press("i", "Shift+ArrowRight", "o", "Enter")
        person.until(lambda: len(person.document.segments) == 1)
        person.settle()
        assert [(one.start, one.end) for one in person.document.segments.values()] == [(0, 11)]
        person.press("d")
        person.go(5)
        person.drag([(60, 60), (100, 60), (100, 90)])
        assert person.document.mask(1, 5)[60, 80]  # type: ignore[index]
        assert person.document.mask(1, 5)[110, 20] == 0  # type: ignore[index]
        assert page.evaluate("document.querySelector('#stage').width") > 300
        person.press("z")
        person.until(lambda: person.document.mask(1, 5) is None)
        person.press("Shift+Z")
        person.until(lambda: person.document.mask(1, 5) is not None)
        person.settle()
        person.press("ArrowRight", "]")  # the nearer edge is the end
        person.until(lambda: person.document.segments[1].end == 12)
        person.press(" ")
        person.until(lambda: person.frame not in (6, 0))  # it plays, and stays inside
        page.wait_for_timeout(700)
        person.press(" ")
        assert person.frame < 12
        page.wait_for_selector("#status")
        person.press("?")
        page.wait_for_selector("dialog[open] .keys")
        person.press("Escape")
        page.click(".video:has-text('other.mp4')")
        page.wait_for_selector(".video.chosen:has-text('other.mp4')")
        assert page.locator(".object").count() == 0


def test_enter_agrees_in_every_dialog(page: Any, folder: Path) -> None:
    with serving(folder) as live:
        person = Person(page, live, "other.mp4")
        person.add_object("tone")
        person.press("g", "Enter")
        person.until(lambda: len(person.document.segments) == 1)
        person.settle()
        person.press("Control+s")
        page.wait_for_selector("dialog select")
        page.select_option("dialog select", "csv")
        person.press("Enter")
        person.until(lambda: "exported to" in person.said)
    assert (folder / "exports/csv/other/other.csv").is_file()

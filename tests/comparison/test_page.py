"""The page in Chromium, opened as a file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.data.avsbench.layout import layout_for
from tests.annotate.browser.live_server import CHROMIUM, OPTIONS
from tests.comparison.masks import noisy, save_grey
from tests.data.fake import make_s4
from tests.runs_for_tests import avseg


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two methods on six clips, some of a category that could end a script."""
    root = tmp_path_factory.mktemp("page")
    make_s4(root / "s4", {"test": 6})
    index = root / "s4/s4_meta_data.csv"
    index.write_text(index.read_text().replace(",cat,", ",<i>cat,"))
    (root / "s4/s4_data").rename(root / "s4/old")
    for path in sorted((root / "s4/old").rglob("*")):
        if path.is_file():
            target = root / "s4/s4_data" / path.relative_to(root / "s4/old").as_posix().replace("/cat/", "/<i>cat/")
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    layout = layout_for("s4", root / "s4")
    for name, seed in (("first", 1), ("second method", 2)):
        for number, (entry, maps) in enumerate(zip(layout.entries("test"), noisy(layout, seed), strict=True)):
            for frame, soft in enumerate(maps):
                moved = np.roll(soft, number * seed, axis=1)
                save_grey(root / name / f"{entry.name}_{frame + 1}.png", moved)
    words = [f"{name}={root / name}" for name in ("first", "second method")]
    data = ["--data", "data=avsbench_s4", "--data", "data.image_size=32", "--root", str(root / "s4")]
    done = avseg(["compare", *words, *data, "--no-pictures", "--out", str(root / "out")])
    assert done.code == 0, done.err
    return root / "out/page.html"


# closed after this module: the loop of playwright keeps others from calling asyncio.run
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, written: Path) -> Iterator[Any]:
    """The page, from file://; an error in it, or a request for anything else, fails the test."""
    tab = chromium.new_page(viewport={"width": 1024, "height": 768})
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    other = re.compile("^(?!file:|data:)")
    tab.on("request", lambda request: problems.append(request.url) if other.match(request.url) else None)
    tab.goto(written.as_uri())
    tab.wait_for_selector("body[data-ready]")
    yield tab
    tab.close()
    assert problems == []


def shown(page: Any) -> str:
    return str(page.inner_text("main h2"))


def column(page: Any, number: int) -> list[str]:
    return [cell.inner_text() for cell in page.query_selector_all(f"tbody td:nth-child({number})")]


def test_clips_are_flipped_and_sorted_by_keys_and_clicks(page: Any) -> None:
    heads = [cell.inner_text().rstrip(" ▲▼") for cell in page.query_selector_all("thead th")]
    scores = [f"{name} {method}" for name in ("J", "F", "false positives") for method in ("first", "second method")]
    assert heads == ["clip", "category", *scores, "disagreement"]
    assert "(1 of 6)" in shown(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    assert "testclip2_2" in shown(page)
    assert "(3 of 6)" in shown(page)
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert "(1 of 6)" in shown(page)
    page.click("thead th:nth-child(3) button")  # best first
    values = list(map(float, column(page, 3)))
    assert values == sorted(values, reverse=True)
    page.keyboard.press("r")
    assert list(map(float, column(page, 3))) == sorted(values)
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("thead th:nth-child(4)", "aria-sort") == "descending"
    page.click("tbody tr:last-child")
    assert "(6 of 6)" in shown(page)


def test_the_selected_clip_is_below_the_head_of_the_list(page: Any) -> None:
    page.set_viewport_size({"width": 1024, "height": 170})
    for key in ("End", "Home"):
        page.keyboard.press(key)
        row = page.locator("tbody tr[aria-selected=true]").bounding_box()
        head = page.locator("thead th").first.bounding_box()
        assert head["y"] + head["height"] <= row["y"] + 1
        assert row["y"] + row["height"] <= 170 + 1


def test_the_same_frames_are_under_every_method(page: Any) -> None:
    strips = page.evaluate(
        "[...document.querySelectorAll('.strip')].map(s => [...s.querySelectorAll('img:first-child')].map(i => i.src))"
    )
    assert len(strips) == 4  # frames, two methods, truth
    assert all(strip == strips[0] and len(strip) == 5 for strip in strips)
    assert page.evaluate("[...document.images].every(image => image.naturalWidth === 32)")
    for mode in ("colour", "masks", "faint"):
        page.keyboard.press("m")
        assert page.get_attribute("body", "class") == mode


@pytest.mark.parametrize("width", [1024, 1920])
def test_nothing_is_cut_off(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.getElementById('clip').scrollWidth <= document.getElementById('clip').clientWidth")

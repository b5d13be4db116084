"""A folder of videos and two annotators, from nothing to one data set with splits, on the page."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from avseg.data.lu_avs import read_release
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import User
from tests.media.make_video import make_video

COUNT = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    make_video(folder / "clip0.mp4", frames=12, rate=5, size=(48, 64))
    for number in range(1, COUNT):
        shutil.copy(folder / "clip0.mp4", folder / f"clip{number}.mp4")
    return folder


def annotate(user: User, label: str, shift: int) -> None:
    user.add_object(label)
    user.press("Alt+ArrowLeft", "i", *["ArrowRight"] * 3, "o", "Enter", "Alt+ArrowLeft", "d")
    user.until(lambda: user.document.segments)
    user.settle()
    user.drag([(20 + shift, 20), (30 + shift, 24)])
    user.press("p", "f")
    user.until(lambda: not user.document.frames_to_propagate(1), 60)
    user.press("v")
    user.until(lambda: user.document.status == "done")
    user.settle()


def open_video(user: User, name: str) -> None:
    user.name = name
    user.page.click(f".video:has-text('{name}')")
    user.page.wait_for_selector(f".video.chosen:has-text('{name}')")
    user.settle()


def test_from_a_folder_to_one_data_set(page: Any, folder: Path) -> None:
    with serving(folder) as live:
        user = User(page, live, "clip0.mp4")
        user.press("y")  # the board
        page.wait_for_selector("dialog[open] table")
        assert page.locator("dialog tbody tr").count() == COUNT
        page.fill("dialog [name=annotator]", "Ann Ö")
        page.click("dialog button:has-text('Classes…')")
        page.click("dialog button:has-text('88 of LU-AVS')")
        user.until(lambda: len(page.input_value("dialog textarea").splitlines()) == 88)
        page.click("dialog button.main")
        user.until(lambda: "88 classes saved" in user.status_text)
        for number in range(COUNT):
            open_video(user, f"clip{number}.mp4")
            annotate(user, ["dog barking", "man speaking"][number % 2], number)
        user.press("y")
        page.wait_for_selector("dialog[open] table")
        assert f"{COUNT} of {COUNT} done" in page.inner_text("dialog")
        page.click("dialog button:has-text('Cost…')")
        page.wait_for_selector("dialog td:has-text('Ann Ö')")
        page.keyboard.press("Escape")
        user.press("y")
        page.click("dialog button:has-text('Export all…')")
        page.wait_for_selector("dialog:has-text('4 train, 1 val, 1 test')")
        assert "nothing is missing or stale" in page.inner_text("dialog")
        page.click("dialog button.main")
        user.until(lambda: "exported to exports/project/lu_avs: 4 train, 1 val, 1 test" in user.status_text, 60)
    release = read_release(folder / "exports/project/lu_avs")
    assert len(release.videos) == COUNT
    assert release.labels == ["man speaking", "dog barking"]  # in the order of LU-AVS
    with serving(folder, annotator="bob") as live:  # the second annotator, apart from the first
        user = User(page, live, "clip0.mp4")
        assert not user.document.objects
        annotate(user, "dog barking", 4)
        user.press("y")
        page.click("dialog button:has-text('Agreement…')")
        page.wait_for_selector("dialog:has-text('segments: tIoU')")
        assert "1 segments: tIoU 1.000" in page.inner_text("dialog")

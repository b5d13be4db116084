"""A folder of videos and two annotators, from nothing to one data set with splits, on the page."""

from pathlib import Path
from typing import Any

import pytest

from avseg.annotate.dataset.tables import cost_table, to_csv
from avseg.annotate.project import Project
from avseg.data.check.inspect import inspect_set
from avseg.data.check.published import CUSTOM
from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule, read_release
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import User
from tests.data.modules import avsbench_module
from tests.media.make_video import make_video

COUNT = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for number in range(COUNT):
        make_video(folder / f"clip{number}.mp4", frames=26, rate=5, size=(48, 64), first=40 * number)
    return folder


def annotate(user: User, label: str, shift: int) -> None:
    user.add_object(label)
    user.press("Alt+ArrowLeft", "i", "Alt+ArrowRight", *["ArrowLeft"] * shift, "o", "Enter", "Alt+ArrowLeft", "d")
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


@pytest.mark.slow
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
        page.click("dialog button:has-text('Quality…')")
        page.wait_for_selector("dialog:has-text('no propagated frame was accepted or repaired yet')")
        page.keyboard.press("Escape")
        user.press("y")
        page.click("dialog button:has-text('Export all…')")
        page.wait_for_selector("dialog:has-text('4 train, 1 val, 1 test')")
        assert "nothing is missing or stale" in page.inner_text("dialog")
        page.click("dialog button.main")
        user.until(lambda: "exported to exports/project/lu_avs: 4 train, 1 val, 1 test" in user.status_text, 60)
        user.press("y")
        page.click("dialog button:has-text('Export all…')")
        page.select_option("dialog [name=format]", "avsbench")
        page.click("dialog button.main")
        user.until(lambda: "exported to exports/project/avsbench: 4 train, 1 val, 1 test" in user.status_text, 60)
    check_data_sets(folder / "exports/project")
    with serving(folder, annotator="bob") as live:  # the second annotator, apart from the first, of half of the videos
        user = User(page, live, "clip0.mp4")
        assert not user.document.objects
        for number in range(3):
            open_video(user, f"clip{number}.mp4")
            annotate(user, ["dog barking", "man speaking"][number % 2], number + 2)
        user.press("y")
        page.click("dialog button:has-text('Agreement…')")
        page.wait_for_selector("dialog:has-text('3 segments: tIoU')")
        rows = page.locator("dialog tbody tr").all_inner_texts()
        print(page.inner_text("dialog p"), *rows, sep="\n")
        assert [row.split("\t")[0] for row in rows] == ["clip0.mp4", "clip1.mp4", "clip2.mp4"]
        tious = [float(row.split("\t")[5]) for row in rows]
        assert tious == pytest.approx([24 / 26, 23 / 25, 22 / 24], abs=0.01)
        page.keyboard.press("Escape")
    with Project(folder) as project:
        costs = cost_table(project)
    print(to_csv(costs))
    assert len(costs) == COUNT + 3
    # also the last seconds before another video was opened; those on the last video are sent when the page is left
    left = [
        row for row in costs if (row["annotation"], row["video"]) not in (("shared", "clip5.mp4"), ("bob", "clip2.mp4"))
    ]
    assert all(row["seconds"] > 0 for row in left)  # type: ignore[operator]
    assert all(row["inputs"] == row["objects"] == row["segments"] == 1 for row in costs)


def check_data_sets(root: Path) -> None:
    release = read_release(root / "lu_avs")
    assert release.labels == ["man speaking", "dog barking"]  # in the order of LU-AVS
    long_videos = LUAVSDataModule(LUAVSConfig(root=str(root / "lu_avs"), image_size=32, num_workers=0), "mask")
    assert [len(long_videos.videos(split)) for split in ("train", "val", "test")] == [4, 1, 1]
    clips = avsbench_module(root / "avsbench", "ms3", batch_size=1, controls=False)
    clips.setup("fit")
    assert next(iter(clips.train_dataloader())).masks.any()
    for name, setting in (("lu_avs", "lu_avs"), ("avsbench", "ms3")):
        assert [str(finding) for finding in inspect_set(root / name, setting, CUSTOM, jobs=1).findings] == []


@pytest.mark.slow
def test_a_list_of_classes_that_cannot_be_read_is_not_replaced(page: Any, folder: Path) -> None:
    (folder / "classes.yaml").write_text("- dog\n- dog\n")
    with serving(folder) as live:
        user = User(page, live, "clip1.mp4")
        user.press("y")
        page.click("dialog button:has-text('Classes…')")
        user.until(lambda: "listed twice" in user.status_text)
        assert page.locator("dialog textarea").count() == 0
    (folder / "classes.yaml").unlink()

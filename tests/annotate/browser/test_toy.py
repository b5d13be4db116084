"""A synthetic LU-AVS video is annotated from an empty project to the export, by mouse and keyboard.

The ground truth only determines where to look and click, as a person would see it.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule
from avseg.data.lu_avs.streaming import read_chunks
from avseg.metrics import LongVideoScore
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import User, overlap

GOOD = 0.9
Truth = dict[tuple[str, int, int], np.ndarray]


def truth_of(root: Path) -> tuple[str, Truth]:
    """Return the name of the video and its segments with their masks."""
    data = LUAVSDataModule(LUAVSConfig(root=str(root)))
    ((name, video),) = data.release.videos.items()
    labels = data.labels
    return name, {
        (labels[item.label], item.start, item.end): np.load(item.folder / "masks.npy").astype(bool)
        for item in video.segments
    }


@pytest.mark.slow
def test_from_an_empty_project_to_the_export(page: Any, toy_release: Path, tmp_path: Path) -> None:
    name, truth = truth_of(toy_release)
    assert len(truth) == 3
    shutil.copy(toy_release / "videos" / f"{name}.mp4", tmp_path)
    with serving(tmp_path, propagator="default") as live:
        user = User(page, live, f"{name}.mp4")
        objects = annotate(user, truth)
        corrupt_and_repair(user, truth, objects)
        review(user, truth, objects)
        user.press("Control+s")
        page.wait_for_selector("dialog[open] select")
        page.click("dialog button.main")
        user.until(lambda: "exported to" in user.status_text)
        assert any(spent.seconds > 0 and spent.clicks > 0 for spent in user.document.effort.values())
    score = score_of(tmp_path / "exports" / "lu_avs" / name, toy_release, name)
    print(score)
    assert score["m_vIoU"] >= 0.85


def annotate(user: User, truth: Truth) -> dict[str, int]:
    """Objects, segments, a mask at the start of each, and propagation."""
    objects: dict[str, int] = {}
    for label, start, end in sorted(truth):
        if label not in objects:
            user.add_object(label)
            objects[label] = max(user.document.objects)
        user.press(str(objects[label]))
        user.add_segment(start, end)
        user.go(start)
        user.mask(objects[label], truth[label, start, end][0])
        user.propagate()
    return objects


def corrupt_and_repair(user: User, truth: Truth, objects: dict[str, int]) -> None:
    """A wrong mask in the middle of a segment corrupts its neighbours; the segment becomes the first in the queue."""
    (label, start, end), masks = max(truth.items(), key=lambda item: len(item[1]))
    corrupted = next(
        item.id for item in user.document.segments.values() if (item.object_id, item.start) == (objects[label], start)
    )
    middle = (start + end) // 2
    user.press(str(objects[label]))
    user.go(middle)
    user.press("Delete", "d")
    width = user.size[1]
    columns = np.nonzero(masks[middle - start])[1]
    away = (width - 40, 30) if columns.mean() < width / 2 else (40, 30)  # on the background
    user.drag([away, (away[0], away[1] + 30)])
    user.press("p")
    user.propagate()
    user.until(lambda: live_queue(user)[:1] == [corrupted])
    user.go(0)
    user.press("n")
    user.until(lambda: start <= user.frame < end)
    assert "chosen" in str(user.page.locator("#queue .item").first.get_attribute("class"))
    user.go(middle)  # the white tick on the lane marks the painted frame
    user.press("Delete")
    user.until(lambda: user.document.mask(objects[label], middle) is None)
    user.propagate()
    assert user.document.mask(objects[label], middle) is not None


def review(user: User, truth: Truth, objects: dict[str, int]) -> None:
    """Correct the worst frame of each segment and propagate it again."""
    for (label, start, _), masks in truth.items():
        for _ in range(4):
            ious = [overlap(shown(user, objects[label], start + row), mask) for row, mask in enumerate(masks)]
            if min(ious) >= GOOD:
                break
            user.press(str(objects[label]))
            user.go(start + int(np.argmin(ious)))
            user.mask(objects[label], masks[int(np.argmin(ious))])
            segment = user.document.segment_at(objects[label], start)
            if segment is not None and user.document.frames_to_propagate(segment.id):
                user.propagate()


def shown(user: User, object: int, frame: int) -> np.ndarray:
    mask = user.document.mask(object, frame)
    return np.zeros(user.size, bool) if mask is None else mask


def live_queue(user: User) -> list[int]:
    """Segments in the order of the review queue on the page."""
    rows = user.page.locator("#queue .item .name").all_text_contents()
    result = []
    for row in rows:
        name, frame = row.rsplit(", frame ", 1)
        (object,) = (item.id for item in user.document.objects.values() if item.name == name)
        result.append(user.document.segment_at(object, int(frame)).id)  # type: ignore[union-attr]
    return result


def score_of(export: Path, toy: Path, name: str) -> dict[str, float]:
    """Score of the export, read by the data module, against the true masks."""
    ours, theirs = LUAVSDataModule(LUAVSConfig(root=str(export))), LUAVSDataModule(LUAVSConfig(root=str(toy)))
    metric = LongVideoScore(region="mask")
    indices = [theirs.labels.index(label) for label in ours.labels]
    chunks, truths = (
        read_chunks(data.release.videos[name], np.inf) for data in (ours, theirs)
    )  # every frame of the video
    for chunk, right in zip(chunks, truths, strict=True):
        assert chunk.index.tolist() == right.index.tolist()
        predicted = {indices[label]: masks for label, masks in chunk.masks.items()}
        metric.update_classes(name, chunk.index, predicted, right.masks)
    return {key: float(value) for key, value in metric.compute().items()}

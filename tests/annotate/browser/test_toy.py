"""A toy video of LU-AVS annotated from nothing to the export, by mouse and keyboard.

The truth says only where to look and click, as the eye would.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule
from avseg.data.lu_avs.streaming import stream
from avseg.metrics import LongVideoScore
from tests.annotate.browser.live_server import serving
from tests.annotate.browser.page_driver import Person, overlap

GOOD = 0.9
Truth = dict[tuple[str, int, int], np.ndarray]


def truth_of(root: Path) -> tuple[str, Truth]:
    """The video, and its segments with their masks."""
    data = LUAVSDataModule(LUAVSConfig(root=str(root)))
    ((name, video),) = data.release.videos.items()
    labels = data.labels
    return name, {
        (labels[one.label], one.start, one.end): np.load(one.folder / "masks.npy").astype(bool)
        for one in video.segments
    }


@pytest.mark.slow
def test_from_nothing_to_the_export(page: Any, toy_film: Path, tmp_path: Path) -> None:
    name, truth = truth_of(toy_film)
    assert len(truth) == 3
    shutil.copy(toy_film / "videos" / f"{name}.mp4", tmp_path)
    with serving(tmp_path) as live:
        person = Person(page, live, f"{name}.mp4")
        objects = annotate(person, truth)
        spoil_and_repair(person, truth, objects)
        review(person, truth, objects)
        person.press("Control+s")
        page.wait_for_selector("dialog[open] select")
        page.click("dialog button.main")
        person.until(lambda: "exported to" in person.said)
        assert any(spent.seconds > 0 and spent.clicks > 0 for spent in person.document.effort.values())
    score = score_of(tmp_path / "exports" / "lu_avs" / name, toy_film, name)
    print(score)
    assert score["m_vIoU"] >= 0.85


def annotate(person: Person, truth: Truth) -> dict[str, int]:
    """Objects, segments, a mask at the start of each, and propagation."""
    objects: dict[str, int] = {}
    for label, start, end in sorted(truth):
        if label not in objects:
            person.add_object(label)
            objects[label] = max(person.document.objects)
        person.press(str(objects[label]))
        person.add_segment(start, end)
        person.go(start)
        person.mask(objects[label], truth[label, start, end][0])
        person.propagate()
    return objects


def spoil_and_repair(person: Person, truth: Truth, objects: dict[str, int]) -> None:
    """A wrong box in the middle of a segment spoils what lies around it; the queue has it first."""
    (label, start, end), masks = max(truth.items(), key=lambda item: len(item[1]))
    spoilt = next(
        one.id for one in person.document.segments.values() if (one.object_id, one.start) == (objects[label], start)
    )
    middle = (start + end) // 2
    person.press(str(objects[label]))
    person.go(middle)
    person.press("Delete", "d")
    width = person.size[1]
    columns = np.nonzero(masks[middle - start])[1]
    away = (width - 40, 30) if columns.mean() < width / 2 else (40, 30)  # the wall behind
    person.drag([away, (away[0], away[1] + 30)])
    person.press("p")
    person.propagate()
    person.until(lambda: live_queue(person)[:1] == [spoilt])
    person.go(0)
    person.press("n")
    person.until(lambda: start <= person.frame < end)
    assert "chosen" in str(person.page.locator("#queue .item").first.get_attribute("class"))
    person.go(middle)  # the white mark on the lane shows where somebody painted
    person.press("Delete")
    person.until(lambda: person.document.mask(objects[label], middle) is None)
    person.propagate()
    assert person.document.mask(objects[label], middle) is not None


def review(person: Person, truth: Truth, objects: dict[str, int]) -> None:
    """Looks through each segment, mends the worst frame that the eye sees, and propagates what depends on it."""
    for (label, start, _), masks in truth.items():
        for _ in range(4):
            seen = [overlap(shown(person, objects[label], start + row), mask) for row, mask in enumerate(masks)]
            if min(seen) >= GOOD:
                break
            person.press(str(objects[label]))
            person.go(start + int(np.argmin(seen)))
            person.mask(objects[label], masks[int(np.argmin(seen))])
            segment = person.document.segment_at(objects[label], start)
            if segment is not None and person.document.frames_to_propagate(segment.id):
                person.propagate()


def shown(person: Person, object: int, frame: int) -> np.ndarray:
    mask = person.document.mask(object, frame)
    return np.zeros(person.size, bool) if mask is None else mask


def live_queue(person: Person) -> list[int]:
    """The segments as the list on the right has them."""
    rows = person.page.locator("#queue .item .name").all_inner_texts()
    found = []
    for row in rows:
        name, frame = row.rsplit(", frame ", 1)
        (object,) = (one.id for one in person.document.objects.values() if one.name == name)
        found.append(person.document.segment_at(object, int(frame)).id)  # type: ignore[union-attr]
    return found


def score_of(export: Path, toy: Path, name: str) -> dict[str, float]:
    """The export, read by the data module, against the toy's own masks."""
    ours, theirs = LUAVSDataModule(LUAVSConfig(root=str(export))), LUAVSDataModule(LUAVSConfig(root=str(toy)))
    metric = LongVideoScore(region="mask")
    places = [theirs.labels.index(label) for label in ours.labels]
    chunks, truths = (
        stream(data.release.videos[name], data.release, np.inf) for data in (ours, theirs)
    )  # every frame of the video
    for chunk, right in zip(chunks, truths, strict=True):
        assert chunk.index.tolist() == right.index.tolist()
        predicted = {places[label]: masks for label, masks in chunk.masks.items()}
        metric.update_classes(name, chunk.index, predicted, right.masks)
    return {key: float(value) for key, value in metric.compute().items()}

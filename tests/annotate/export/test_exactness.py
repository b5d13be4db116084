"""The frame on the page, in the journal and in every export is the same: images and masks contain its number."""

import csv
import io
import json
import random
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from avseg.annotate.document.document import Document
from avseg.annotate.export import export
from avseg.annotate.media.video import open_reader
from avseg.data.avsbench.layout import layout_for
from avseg.data.lu_avs import read_chunks, read_release
from avseg.data.palette import voc_palette
from avseg.media.frame_index import frame_index
from tests.annotate.export.numbered_videos import (
    KINDS,
    add_object,
    blank,
    drawn_mask,
    facts,
    number_of,
    open_numbered_video,
    set_mask,
)
from tests.media.make_video import read_number

SPANS = [(7, 61), (80, 150)]
HEARD = [frame for start, end in SPANS for frame in range(start, end) if frame % 256]


@pytest.fixture(scope="module", params=KINDS)
def annotated(request, tmp_path_factory):
    """A video with its document: the mask of a frame is its white pixels, annotated in random order."""
    folder = tmp_path_factory.mktemp("exact")
    reader = open_numbered_video(folder, request.param)
    document = blank(reader, folder / "journal")
    number = add_object(document, "dog barking", *SPANS)
    order = random.Random(6).sample(HEARD, len(HEARD))
    with document.transaction():
        for frame in order:
            screen = np.asarray(Image.open(io.BytesIO(reader.jpeg(frame, 95))))
            set_mask(document, number, frame, drawn_mask(screen))
    yield reader, document, folder
    reader.close()


def test_in_the_journal(annotated):
    reader, document, folder = annotated
    document.close()
    reopened = Document(facts(reader), folder / "journal")
    assert [number_of(reopened.mask(1, frame)) for frame in HEARD] == HEARD
    reopened.close()


def test_in_lu_avs(annotated, tmp_path):
    reader, document, _ = annotated
    release = read_release(export(document, reader, "lu_avs", tmp_path / "out"))
    (video,) = release.videos.values()
    seen = []
    for chunk in read_chunks(video, np.inf):
        for place, number in enumerate(chunk.index.tolist()):
            assert read_number(chunk.frames[place].permute(1, 2, 0).numpy()) == number
            if 0 in chunk.masks and chunk.masks[0][place].any():
                assert number_of(chunk.masks[0][place]) == number
                seen.append(number)
    assert seen == HEARD
    assert video.fps == pytest.approx(reader.fps, abs=0.005)


def test_in_avsbench(annotated, tmp_path):
    reader, document, _ = annotated
    out = export(document, reader, "avsbench", tmp_path / "out")
    layout = layout_for("ms3", out)
    official = [int(second * 25 + 15 * 25 / 16) for second in range(5)]
    for entry in layout.entries("train"):
        begin = int(entry.name.rpartition("_")[2])
        images = [read_number(np.asarray(Image.open(path))) for path in layout.frames(entry)]
        if reader.index.video.constant_rate:
            assert images == [min(frame + 25 * begin, 149) for frame in official]
        np.testing.assert_allclose(reader.times[images], begin + np.arange(5) + 15 / 16, atol=0.07)
        masks = [np.asarray(Image.open(path)) > 0 for path in layout.masks(entry)]
        assert [number_of(mask) for mask in masks] == [frame if frame in HEARD else 0 for frame in images]


def test_in_coco(annotated, tmp_path):
    from pycocotools.coco import COCO

    reader, document, _ = annotated
    out = export(document, reader, "coco", tmp_path / "out", pictures=True)
    coco = COCO(out / "instances.json")
    for number, image in coco.imgs.items():
        assert read_number(np.asarray(Image.open(out / image["file_name"]))) == image["frame"] == number - 1
    frames = {}
    for annotation in coco.anns.values():
        frames[coco.imgs[annotation["image_id"]]["frame"]] = number_of(coco.annToMask(annotation))
    assert frames == {frame: frame for frame in HEARD}
    (track,) = json.loads((out / "youtube_vis.json").read_text())["annotations"]
    assert [place for place, row in enumerate(track["segmentations"]) if row] == HEARD
    assert track["segments"] == [list(span) for span in SPANS]


def test_in_png(annotated, tmp_path):
    reader, document, _ = annotated
    out = export(document, reader, "png", tmp_path / "out")
    paths = sorted((out / "Annotations" / reader.path.stem).iterdir())
    assert [path.name for path in paths] == [f"{frame:05d}.png" for frame in range(reader.frames)]
    images = [Image.open(path) for path in paths]
    assert [number_of(np.asarray(image) == 1) for image in images] == [
        frame if frame in HEARD else 0 for frame in range(reader.frames)
    ]
    assert images[9].mode == "P"
    assert images[9].getpalette() == voc_palette(256).reshape(-1).tolist()


def test_in_csv(annotated, tmp_path):
    reader, document, _ = annotated
    out = export(document, reader, "csv", tmp_path / "out")
    rows = list(csv.DictReader((out / f"{reader.path.stem}.csv").open()))
    assert [(int(row["start_frame"]), int(row["end_frame"])) for row in rows] == SPANS
    edges = frame_index(reader.path).edges()
    for row in rows:
        assert float(row["start_s"]) == pytest.approx(edges[int(row["start_frame"])], abs=1e-6)
        assert float(row["end_s"]) == pytest.approx(edges[int(row["end_frame"])], abs=1e-6)


def test_in_eaf(annotated, tmp_path):
    reader, document, _ = annotated
    root = ET.parse(export(document, reader, "eaf", tmp_path / "out") / f"{reader.path.stem}.eaf").getroot()
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) / 1000 for slot in root.iter("TIME_SLOT")}
    marks = [
        (slots[mark.get("TIME_SLOT_REF1")], slots[mark.get("TIME_SLOT_REF2")])
        for mark in root.iter("ALIGNABLE_ANNOTATION")
    ]
    edges = reader.index.edges()
    nearest = [tuple(int(np.abs(edges - time).argmin()) for time in mark) for mark in marks]
    assert nearest == SPANS
    assert [int(reader.index.shown_at(np.array([start]))[0]) for start, _ in marks] == [start for start, _ in SPANS]
    with open_reader(reader.path) as reopened:
        assert [reopened.frame_span(*mark) for mark in marks] == SPANS

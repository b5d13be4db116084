"""Exports load in their target: the data modules and metrics of this project, pycocotools, ELAN's format."""

import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from avseg.annotate.export import export
from avseg.annotate.export.avsbench import clip_starts
from avseg.annotate.export.source import flatten_masks
from avseg.data.lu_avs import LUAVSConfig, LUAVSDataModule, read_chunks, read_release
from avseg.metrics import LongVideoScore
from tests.annotate.export.numbered_videos import SIZE, add_object, blank, open_numbered_video, rectangle, set_mask
from tests.data.modules import avsbench_module

DOG, MAN, PIANO = "dog barking", "man speaking", "playing piano"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return open_numbered_video(tmp_path_factory.mktemp("loads"))


@pytest.fixture(scope="module")
def document(reader):
    """Overlaps, silence, adjacent segments, and two dogs at once, one of them in exactly the frames of the other."""
    document = blank(reader)
    spans = {DOG: [(10, 30), (30, 50), (100, 130)], MAN: [(20, 60)], PIANO: [(40, 70), (120, 150)]}
    for label, own in spans.items():
        add_object(document, label, *own)
    add_object(document, DOG, (10, 30), (110, 140), name="second dog")
    with document.transaction():
        for object, left in ((1, 5), (2, 20), (3, 40), (4, 60)):
            for span in document.segments_of(object):
                for frame in range(span.start, span.end):
                    set_mask(document, object, frame, rectangle(frame % 20, left, 24, 30))
    return document


def truth(document, label, frame):
    masks = [document.mask(item.id, frame) for item in document.objects.values() if item.label == label]
    return np.logical_or.reduce([np.zeros(SIZE, bool), *(mask for mask in masks if mask is not None)])


def test_the_lu_avs_data_module(document, reader, tmp_path):
    out = export(document, reader, "lu_avs", tmp_path / "out", split="test")
    data = LUAVSDataModule(LUAVSConfig(root=str(out), image_size=64, num_workers=0, rate=float("inf")), "mask")
    data.setup("test")
    (video,) = data.videos("test")
    assert sorted(data.labels) == [DOG, MAN, PIANO]
    assert [(data.labels[segment.label], segment.start, segment.end) for segment in video.segments] == [
        (DOG, 10, 30),
        (MAN, 20, 60),
        (DOG, 30, 50),
        (PIANO, 40, 70),
        (DOG, 100, 130),
        (DOG, 110, 140),
        (PIANO, 120, 150),
    ]
    for chunk in read_chunks(video, np.inf):
        for place, frame in enumerate(chunk.index.tolist()):
            for number, label in enumerate(data.labels):
                got = chunk.masks[number][place].numpy() if number in chunk.masks else np.zeros(SIZE, bool)
                np.testing.assert_array_equal(got, truth(document, label, frame))


def test_it_scores_100_against_the_document(document, reader, tmp_path):
    release = read_release(export(document, reader, "lu_avs", tmp_path / "out"))
    (video,) = release.videos.values()
    for unit in ("video_class", "segment", "video"):
        metric = LongVideoScore(region="mask", unit=unit, auxiliary=True)
        for chunk in read_chunks(video, np.inf):
            frames = chunk.index.tolist()
            for number, label in enumerate(release.labels):
                own = torch.from_numpy(np.stack([truth(document, label, frame) for frame in frames]))
                spans = [(segment.start, segment.end) for segment in video.segments if segment.label == number]
                metric.update(video.id, number, frames, chunk.masks.get(number), own, segments=spans)
        scores = metric.compute()
        assert len(scores) > 5
        if unit == "segment":  # the dogs' segments overlap, and a prediction is matched with one of them
            assert all(scores[name] > 0.7 for name in ("m_tIoU", "m_tF"))
        else:
            assert {name: round(float(score), 6) for name, score in scores.items()} == dict.fromkeys(scores, 1.0)


def test_exports_below_one_root_are_one_release(document, reader, tmp_path):
    export(document, reader, "lu_avs", tmp_path / "all" / "first")
    (tmp_path / "reader").mkdir()
    with open_numbered_video(tmp_path / "reader", "varying.mkv") as other:
        second = blank(other)
        add_object(second, "zither", (0, 5))
        add_object(second, PIANO, (3, 9))
        export(second, other, "lu_avs", tmp_path / "all" / "second")
    release = read_release(tmp_path / "all")
    assert sorted(release.videos) == ["constant", "varying"]
    assert sorted(release.labels) == [DOG, MAN, PIANO, "zither"]
    heard = {release.labels[segment.label] for segment in release.videos["varying"].segments}
    assert heard == {PIANO, "zither"}


def test_official_label_numbers(document, reader, tmp_path):
    out = export(document, reader, "lu_avs", tmp_path / "out", label_ids={PIANO: 46, DOG: 5, MAN: 7})
    assert read_release(out).labels == [DOG, MAN, PIANO]


@pytest.mark.parametrize("setting", ["ms3", "avss"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_avsbench_data_module(document, reader, tmp_path, setting, split):
    from avseg.media.frames import official_frames

    out = export(document, reader, "avsbench", tmp_path / "out", setting=setting, split=split)
    data = avsbench_module(out, setting, image_size=64, batch_size=1, controls=False)
    data.setup("fit" if split == "train" else "test")
    chosen = official_frames(reader.index.video)
    loader = data.train_dataloader() if split == "train" else data.test_dataloader()
    clips = {clip.video_id[0]: clip for clip in loader}
    assert sorted(clips) == ["constant_0", "constant_1"]  # six seconds: the last clip ends with the last
    if split == "train" and setting == "avss":
        return  # cropped at random
    for begin, clip in ((0, clips["constant_0"]), (1, clips["constant_1"])):
        assert clip.annotated[0, :5].all()
        for place, frame in enumerate(chosen[begin : begin + 5]):
            marked = np.logical_or.reduce([truth(document, label, frame) for label in (DOG, MAN, PIANO)])
            got = clip.masks[0, place].numpy() > 0
            nearest = torch.nn.functional.interpolate(torch.from_numpy(marked)[None, None].float(), (64, 64))
            assert (got != nearest[0, 0].numpy().astype(bool)).mean() < 0.02
        silent = np.abs(np.diff(clip.sound[0, :5].numpy().reshape(5, -1))).max() == 0
        assert not silent


def test_smaller_objects_are_painted_on_top():
    masks = {1: rectangle(0, 0, 4, 4), 2: rectangle(0, 0, 64, 96), 3: rectangle(2, 2, 5, 5)}
    image = flatten_masks(masks, {1: 10, 2: 20, 3: 30}, SIZE)
    assert [image[1, 1], image[3, 3], image[5, 5], image[40, 40]] == [10, 10, 30, 20]
    assert not flatten_masks({}, {}, SIZE).any()


@given(seconds=st.integers(5, 100), length=st.sampled_from([5, 10]))
def test_clips_cover_every_second(seconds, length):
    if seconds < length:
        return
    begins = clip_starts(seconds, length)
    assert {begin + place for begin in begins for place in range(length)} == set(range(seconds))
    assert len(begins) == -(-seconds // length) == len(set(begins))


def test_coco_scores_100_against_itself(document, reader, tmp_path):
    out = export(document, reader, "coco", tmp_path / "out")
    coco = COCO(out / "instances.json")
    assert sorted(segment["name"] for segment in coco.loadCats(coco.getCatIds())) == [DOG, MAN, PIANO]
    found = [{**annotation, "score": 1.0} for annotation in coco.anns.values()]
    evaluation = COCOeval(coco, coco.loadRes(found), "segm")
    for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
        step()
    assert evaluation.stats[0] == pytest.approx(1)
    for annotation in coco.anns.values():
        mask = coco.annToMask(annotation)
        np.testing.assert_array_equal(mask, document.mask(annotation["object"], annotation["image_id"] - 1))
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = [columns[0], rows[0], len(columns), len(rows)]
        assert (annotation["bbox"], annotation["area"]) == (box, mask.sum())


def test_youtube_vis(document, reader, tmp_path):
    out = export(document, reader, "coco", tmp_path / "out")
    content = json.loads((out / "youtube_vis.json").read_text())
    (video,) = content["videos"]
    assert (video["length"], video["height"], video["width"], len(video["file_names"])) == (150, *SIZE, 150)
    assert [track["object"] for track in content["annotations"]] == [1, 2, 3, 4]
    for track in content["annotations"]:
        assert {len(track[name]) for name in ("segmentations", "bboxes", "areas")} == {150}
        there = [frame for frame, row in enumerate(track["segmentations"]) if row]
        assert there == [frame for start, end in track["segments"] for frame in range(start, end)]
        assert content["categories"][track["category_id"] - 1]["name"] == document.objects[track["object"]].label


# required by EAFv3.0.xsd: children in this order, and these attributes
CHILDREN = {
    "ANNOTATION_DOCUMENT": r"(LICENSE )*HEADER TIME_ORDER (TIER )*(LINGUISTIC_TYPE )*",
    "HEADER": r"(MEDIA_DESCRIPTOR )*(LINKED_FILE_DESCRIPTOR )*(PROPERTY )*",
    "TIME_ORDER": r"(TIME_SLOT )*",
    "TIER": r"(ANNOTATION )*",
    "ANNOTATION": r"ALIGNABLE_ANNOTATION ",
    "ALIGNABLE_ANNOTATION": r"ANNOTATION_VALUE ",
}
NEEDED = {
    "ANNOTATION_DOCUMENT": {"DATE", "AUTHOR", "VERSION"},
    "MEDIA_DESCRIPTOR": {"MEDIA_URL", "MIME_TYPE"},
    "TIME_SLOT": {"TIME_SLOT_ID"},
    "TIER": {"TIER_ID", "LINGUISTIC_TYPE_REF"},
    "ALIGNABLE_ANNOTATION": {"ANNOTATION_ID", "TIME_SLOT_REF1", "TIME_SLOT_REF2"},
    "LINGUISTIC_TYPE": {"LINGUISTIC_TYPE_ID"},
}


def test_elan(document, reader, tmp_path):
    root = ET.parse(export(document, reader, "eaf", tmp_path / "out") / "constant.eaf").getroot()
    for element in root.iter():
        children = "".join(f"{child.tag} " for child in element)
        assert re.fullmatch(CHILDREN.get(element.tag, ""), children), element.tag
        assert set(element.attrib) >= NEEDED.get(element.tag, set())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", root.get("DATE"))
    assert (root.get("FORMAT"), root.get("VERSION")) == ("3.0", "3.0")
    assert [tier.get("TIER_ID") for tier in root.iter("TIER")] == [
        f"{item.id} {item.name}" for item in document.objects.values()
    ]
    kinds = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in root.iter("TIER")} == kinds
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    used = []
    for tier in root.iter("TIER"):
        last = -1
        for mark in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = slots[mark.get("TIME_SLOT_REF1")], slots[mark.get("TIME_SLOT_REF2")]
            assert last <= start < end  # ELAN allows no overlap within a tier
            last = end
            used += [mark.get("TIME_SLOT_REF1"), mark.get("TIME_SLOT_REF2"), mark.get("ANNOTATION_ID")]
    assert len(set(used)) == len(used) == 3 * len(document.segments)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.floats(0.0021, 0.5), min_size=2, max_size=50))
def test_milliseconds_round_back_to_the_same_frames(steps):
    from types import SimpleNamespace

    from avseg.annotate.export.eaf import milliseconds

    edges = np.cumsum([0.0, *steps])
    source = SimpleNamespace(video=SimpleNamespace(index=SimpleNamespace(edges=lambda: edges)))
    for frame in range(len(edges)):
        time = milliseconds(source, frame) / 1000
        assert int(np.abs(edges - time).argmin()) == frame
        assert int(np.searchsorted(edges, time + 1e-6, side="right")) - 1 == frame

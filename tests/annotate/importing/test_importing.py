"""Imports of released data sets: quirks are accepted, foreign data is refused in one line."""

import shutil

import numpy as np
import pytest

from avseg.annotate.document.document import Document
from avseg.annotate.export import export
from avseg.annotate.importing import import_
from avseg.annotate.media.video import open_reader
from avseg.media.frame_index import frame_index
from avseg.utils.errors import UserError
from tests.annotate.export.numbered_videos import add_object, blank, facts, open_numbered_video, rectangle, set_mask
from tests.data.lu_avs.sample import ODD_ID, VARYING, make_sample, row_masks


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return make_sample(tmp_path_factory.mktemp("release"))


def from_release(release, name):
    reader = open_reader(release / "LAVS_Seg_Videos" / f"{name}.mp4", release / "cache")
    document = Document(facts(reader))
    return document, reader, import_(document, reader, "lu_avs", release)


def spans(document):
    return [
        (document.objects[segment.object_id].label, segment.start, segment.end)
        for segment in sorted(document.segments.values(), key=lambda segment: segment.start)
    ]


def test_a_release_that_others_made(release):
    document, _, done = from_release(release, ODD_ID)
    assert spans(document) == [("male singing", 3, 20), ("playing piano", 10, 30), ("male singing", 33, 40)]
    assert (done.objects, done.segments, done.masks) == (2, 3, 17 + 20 + 7)  # two songs of one singer
    for start, rows, object in ((3, 17, 1), (33, 7, 1), (10, 20, 2)):
        expected = row_masks(rows)
        if object == 2:
            expected[19] = expected[18]  # its array lacks a row
        for row in range(rows):
            np.testing.assert_array_equal(document.mask(object, start + row), expected[row])
    assert document.mask(1, 20) is None
    assert {document.frame_info(1, frame).source for frame in range(3, 20)} == {"import"}


def test_a_segment_that_ends_a_frame_late_is_cut(release):
    document, reader, _ = from_release(release, VARYING)
    assert spans(document) == [("dog barking", 0, 12), ("playing piano", 30, 45)]
    assert reader.frames == 45


def test_overlapping_segments_of_a_label_are_two_objects(tmp_path):
    reader = open_numbered_video(tmp_path, frames=30)
    document = blank(reader)
    add_object(document, "dog", (0, 10), (15, 20))
    add_object(document, "dog", (5, 12))
    out = export(document, reader, "lu_avs", tmp_path / "out")
    file = out / "seg_train.json"
    file.write_text(file.read_text().replace('"objects"', '"others"'))  # as in releases of others
    restored = blank(reader)
    import_(restored, reader, "lu_avs", out)
    assert sorted(
        (sorted((segment.start, segment.end) for segment in restored.segments_of(number)))
        for number in restored.objects
    ) == [[(0, 10), (15, 20)], [(5, 12)]]
    reader.close()


def test_it_is_one_step_for_a_session_and_can_be_undone(tmp_path):
    reader = open_numbered_video(tmp_path, frames=30)
    document = blank(reader)
    set_mask(document, add_object(document, "dog", (0, 10)), 3, rectangle(1, 2, 3, 4))
    out = export(document, reader, "lu_avs", tmp_path / "out")
    restored = blank(reader)
    with restored.transaction():
        import_(restored, reader, "lu_avs", out)
    assert restored.mask(1, 3).sum() == 12
    restored.undo()
    assert not restored.objects
    assert not restored.segments
    reader.close()


def test_what_is_there_stays(tmp_path):
    reader = open_numbered_video(tmp_path, frames=30)
    document = blank(reader)
    set_mask(document, add_object(document, "dog", (0, 10)), 3, rectangle(1, 2, 3, 4))
    out = export(document, reader, "lu_avs", tmp_path / "out")
    import_(document, reader, "lu_avs", out)
    assert spans(document) == [("dog", 0, 10)]  # the same again is not added twice
    assert document.mask(1, 3).sum() == 12
    reader.close()


def test_single_source_clips(tmp_path):
    """S4: the category is the label, and training clips have a mask of the first second only."""
    from PIL import Image

    from avseg.data.avsbench.layout import S4Layout
    from avseg.data.setting import ClipEntry

    reader = open_numbered_video(tmp_path, "constant.mp4", frames=125)
    layout = S4Layout(tmp_path / "s4")
    entry = ClipEntry("constant", "dog_barking", "train")
    layout.root.mkdir()
    layout.write_index([entry])
    (path,) = layout.masks(entry)
    path.parent.mkdir(parents=True)
    Image.fromarray(np.repeat(np.repeat(rectangle(8, 8, 8, 8, (32, 32)), 7, 0), 7, 1).astype(np.uint8) * 255).save(path)
    document = blank(reader)
    import_(document, reader, "avsbench", tmp_path / "s4")
    assert spans(document) == [("dog_barking", 0, 25)]
    np.testing.assert_array_equal(document.mask(1, 23), rectangle(16, 24, 16, 24))
    reader.close()


@pytest.mark.parametrize(
    ("format", "damage", "message"),
    [
        ("luavs", lambda out: None, "did you mean 'lu_avs'"),
        ("lu_avs", shutil.rmtree, "is not a folder"),
        ("lu_avs", lambda out: (out / "seg_train.json").write_text("{"), "not readable JSON"),
        ("lu_avs", lambda out: (out / "seg_train.json").write_text("{}"), "has no video 'constant'"),
        ("lu_avs", lambda out: next(out.rglob("masks.npy")).write_bytes(b"1"), "masks.npy"),
        ("lu_avs", lambda out: next(out.rglob("object_2.npy")).write_bytes(b"\x93NUMPY"), "object_2.npy"),
        ("lu_avs", lambda out: next(out.rglob("object_2.npy")).unlink(), "object_2.npy"),
        ("avsbench", shutil.rmtree, "contains no index of AVSBench"),
        ("avsbench", lambda out: None, "contains no index of AVSBench"),
    ],
)
def test_invalid_calls_are_refused(tmp_path, format, damage, message):
    reader = open_numbered_video(tmp_path, frames=30)
    document = blank(reader)
    for number in (1, 2):
        set_mask(document, add_object(document, "dog", (0, 10)), number, rectangle(1, 2, 3, 4))
    out = export(document, reader, "lu_avs", tmp_path / "out")
    damage(out)
    restored = blank(reader)
    with pytest.raises(UserError, match=message) as error:
        import_(restored, reader, format, out)
    assert "\n" not in str(error.value)
    reader.close()


def test_another_video_of_the_same_name(tmp_path):
    reader = open_numbered_video(tmp_path, frames=30)
    document = blank(reader)
    add_object(document, "dog", (0, 10))
    out = export(document, reader, "lu_avs", tmp_path / "out")
    reader.close()
    (tmp_path / "other").mkdir()
    with open_numbered_video(tmp_path / "other", frames=31) as other:
        assert frame_index(other.path).video.path != reader.path
        with pytest.raises(UserError, match="it is another video"):
            import_(blank(other), other, "lu_avs", out)


@pytest.mark.parametrize("setting", ["ms3", "avss"])
def test_avsbench_without_the_clip_or_with_a_broken_image(tmp_path, setting):
    reader = open_numbered_video(tmp_path, frames=130)
    document = blank(reader)
    add_object(document, "dog", (0, 10))
    out = export(document, reader, "avsbench", tmp_path / "out", setting=setting)
    image = next(path for path in sorted(out.rglob("*.png")) if "masks" in str(path) or "labels" in str(path))
    image.write_bytes(b"not an image")
    with pytest.raises(UserError, match="is not a readable image"):
        import_(blank(reader), reader, "avsbench", out)
    reader.close()
    (tmp_path / "other").mkdir()
    shutil.copy(reader.path, tmp_path / "other" / "elsewhere.mp4")
    with (
        open_reader(tmp_path / "other" / "elsewhere.mp4") as other,
        pytest.raises(UserError, match="has no clip"),
    ):
        import_(blank(other), other, "avsbench", out)

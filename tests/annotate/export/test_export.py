"""Exports: complete or absent, overwriting only on request, errors in one line, always with provenance."""

import errno
import json
import os

import pytest

from avseg.annotate.export import FORMATS, csv_table, export
from avseg.annotate.media.video import open_reader
from avseg.utils.errors import UserError
from tests.annotate.export.numbered_videos import add_object, blank, open_numbered_video, rectangle, set_mask


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    return open_numbered_video(tmp_path_factory.mktemp("export"), frames=130)


@pytest.fixture
def document(reader):
    document = blank(reader)
    first = add_object(document, "dog barking", (3, 20), (30, 40), name="left dog")
    second = add_object(document, "man speaking", (10, 35))
    for frame in (3, 4, 12, 33):
        set_mask(document, first, frame, rectangle(5, 10, 20, 20))
    document.do({"op": "set_prompts", "object": second, "frame": 12, "points": [(50, 20, 1)]})
    for frame in (12, 13):
        set_mask(document, second, frame, rectangle(10, 40, 20, 30))
    document.do({"op": "accept", "object": second, "frames": [13]})
    document.do({"op": "spend", "segment": 1, "seconds": 12.5, "clicks": 3})
    return document


@pytest.mark.parametrize("format", FORMATS)
def test_every_export_has_its_provenance(document, reader, tmp_path, format):
    out = export(document, reader, format, tmp_path / "deep" / "out")
    provenance = json.loads((out / "provenance.json").read_text())
    assert (provenance["format"], provenance["video"]["frames"], provenance["left_out"]) == (format, 130, [])
    assert [item["name"] for item in provenance["document"]["objects"]] == ["left dog", document.objects[2].name]
    assert provenance["document"]["segments"][0]["seconds"] == 12.5
    assert [(row["object"], row["frame"]) for row in provenance["masks"]] == [
        (1, 3),
        (1, 4),
        (1, 12),
        (2, 12),
        (2, 13),
        (1, 33),
    ]
    assert {row["source"] for row in provenance["masks"]} == {"brush"}
    assert [row["accepted"] for row in provenance["masks"]] == [False] * 4 + [True, False]
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]


def test_rejected_segments_are_left_out(document, reader, tmp_path):
    document.do({"op": "set_segment_status", "segment": 2, "status": "rejected"})
    out = export(document, reader, "csv", tmp_path / "out")
    assert json.loads((out / "provenance.json").read_text())["left_out"] == [2]
    assert len((out / "constant.csv").read_text().splitlines()) == 3
    for segment in (1, 3):
        document.do({"op": "set_segment_status", "segment": segment, "status": "rejected"})
    with pytest.raises(UserError, match=r"no audible segment but 3 rejected ones"):
        export(document, reader, "csv", tmp_path / "other")


def test_nothing_is_overwritten_unasked(document, reader, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    export(document, reader, "csv", out)  # an empty folder is accepted
    (out / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        export(document, reader, "eaf", out)
    assert sorted(path.name for path in out.iterdir()) == ["constant.csv", "notes.txt", "provenance.json"]
    export(document, reader, "eaf", out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["constant.eaf", "provenance.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(UserError, match="is a file"):
        export(document, reader, "csv", out / "constant.eaf")


def test_only_an_earlier_export_of_the_video_is_overwritten(document, reader, tmp_path, monkeypatch):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years")
    for out, message in ((mine, "is not an earlier export"), (reader.path.parent, "contains constant.mp4 itself")):
        before = sorted(out.rglob("*"))
        with pytest.raises(UserError, match=message):
            export(document, reader, "csv", out, overwrite=True)
        assert sorted(out.rglob("*")) == before
    (mine / "provenance.json").write_text(json.dumps({"video": {"file": "constant.mkv"}}))  # the same stem
    with pytest.raises(UserError, match=r"the export of constant\.mkv, not of constant\.mp4"):
        export(document, reader, "csv", mine, overwrite=True)

    out = export(document, reader, "csv", tmp_path / "out")
    monkeypatch.chdir(out)
    export(document, reader, "eaf", ".", overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["constant.eaf", "provenance.json"]
    (tmp_path / "link").symlink_to(out)
    export(document, reader, "csv", tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in out.iterdir()) == ["constant.csv", "provenance.json"]


@pytest.mark.parametrize("there", [False, True])
def test_what_fails_leaves_nothing(document, reader, tmp_path, monkeypatch, there):
    out = tmp_path / "out"
    if there:
        export(document, reader, "eaf", out)

    def disk_full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space")

    monkeypatch.setattr(csv_table.csv, "writer", disk_full)
    with pytest.raises(UserError, match=r"cannot be written.*No space"):
        export(document, reader, "csv", out, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if there else [])
    assert not there or (out / "constant.eaf").is_file()


@pytest.mark.parametrize(
    ("format", "options", "message"),
    [
        ("luavs", {}, "did you mean 'lu_avs'"),
        ("csv", {"split": "test"}, "unknown for csv; allowed: none"),
        ("lu_avs", {"spilt": "test"}, "did you mean 'split'"),
        ("lu_avs", {"split": "dev"}, "allowed: train, val, test"),
        ("avsbench", {"setting": "s4"}, "allowed: ms3, avss"),
        ("avsbench", {"split": "tset"}, "did you mean 'test'"),
    ],
)
def test_invalid_calls_are_refused(document, reader, tmp_path, format, options, message):
    with pytest.raises(UserError, match=message) as error:
        export(document, reader, format, tmp_path / "out", **options)
    assert "\n" not in str(error.value)
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_exported(reader, tmp_path):
    with pytest.raises(UserError, match="has no audible segment; mark one"):
        export(blank(reader), reader, "csv", tmp_path / "out")
    document = blank(reader)
    for label in ("dog/barking", "dog-barking"):
        add_object(document, label, (0, 5))
    with pytest.raises(UserError, match="same folders"):
        export(document, reader, "lu_avs", tmp_path / "out")
    with open_numbered_video(tmp_path, frames=30) as short:
        document = blank(short)
        add_object(document, "dog", (0, 5))
        with pytest.raises(UserError, match="2 seconds; a clip of AVSBench"):
            export(document, short, "avsbench", tmp_path / "out")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", [os.fsdecode(b"a\xffb.mp4"), "two\nlines <&>.mp4", "y" * 251 + ".mp4"])
def test_videos_of_any_name_are_exported(tmp_path, format, name):
    reader = open_numbered_video(tmp_path, frames=150)
    reader.close()
    reader.path.rename(tmp_path / name)
    reader = open_reader(tmp_path / name)
    document = blank(reader)
    add_object(document, "dog barking", (0, 5))
    for frame in range(5):
        set_mask(document, 1, frame, rectangle(5, 5, 20, 20))
    out = export(document, reader, format, tmp_path / "out")
    assert (out / "provenance.json").is_file()
    assert export(document, reader, format, tmp_path / "out", overwrite=True) == out
    for path in out.rglob("*"):
        str(path.relative_to(out)).encode()  # valid UTF-8
        if path.suffix in (".json", ".csv", ".eaf"):
            path.read_text(encoding="utf-8")

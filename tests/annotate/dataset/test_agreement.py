"""Two annotators: each has an annotation of their own; who did what, and where they differ."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from avseg.annotate.dataset.tables import agreement_table, cost_table, summary_line, to_csv
from avseg.annotate.document.rle import encode
from avseg.annotate.project import Project
from tests.annotate.document_helpers import refusal
from tests.media.make_video import make_video

SIZE = (48, 64)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "one.mp4", frames=40, rate=5, size=SIZE)


def mask(left: int) -> np.ndarray:
    result = np.zeros(SIZE, bool)
    result[10:30, left : left + 20] = True
    return result


def annotate(folder: Path, annotator: str | None, objects: list[tuple[str, list[tuple[int, int]], int]]) -> None:
    with Project(folder, annotator=annotator) as project:
        document = project.open("one.mp4")
        for number, (label, spans, left) in enumerate(objects, 1):
            document.do({"op": "add_object", "label": label})
            for start, end in spans:
                document.do({"op": "add_segment", "object": number, "start": start, "end": end})
                for frame in range(start, end):
                    op = {"op": "set_mask", "object": number, "frame": frame, "mask": encode(mask(left))}
                    document.do({**op, "source": "brush"})


def test_agreement_by_segment(video: Path, tmp_path: Path) -> None:
    shutil.copy(video, tmp_path)
    annotate(tmp_path, "ann", [("dog", [(0, 10), (20, 30)], 0), ("cat", [(5, 9)], 10)])
    # the second dog of bob is the first of ann; half of the masks overlap in a shifted square
    annotate(tmp_path, "bob", [("dog", [(35, 38)], 0), ("dog", [(2, 12), (20, 30)], 10), ("owl", [(0, 4)], 0)])
    with Project(tmp_path) as project:
        assert project.annotators() == ["ann", "bob"]
        rows = agreement_table(project, "ann", "bob")
        assert "no annotation here" in str(refusal(lambda: agreement_table(project, "ann", "eve")))
        assert "no segment in the same video" in str(refusal(lambda: agreement_table(project, "ann", "shared")))
    table = {(row.label, row.start): row for row in rows}
    assert set(table) == {("dog", 0), ("dog", 20), ("cat", 5), ("dog", 35), ("owl", 0)}
    assert table["dog", 0].tiou == pytest.approx(8 / 12)
    assert table["dog", 0].iou == pytest.approx(1 / 3)  # 10 of 30 columns
    assert (table["dog", 20].tiou, table["dog", 0].second) == (1.0, "dog 2")
    assert (table["cat", 5].tiou, table["cat", 5].iou, table["owl", 0].first) == (0.0, None, "")
    assert all(row.third_look for row in rows)
    assert summary_line(rows) == "5 segments: tIoU 0.333, IoU 0.333, 5 for a third look"


def test_who_did_what_and_what_it_cost(video: Path, tmp_path: Path) -> None:
    shutil.copy(video, tmp_path)
    with Project(tmp_path) as project:
        document = project.open("one.mp4")
        with document.requested("1", "Ann"):
            document.do({"op": "add_object", "label": "dog"})
            document.do({"op": "add_segment", "object": 1, "start": 0, "end": 10})
            document.do({"op": "spend", "segment": 1, "seconds": 12.5, "clicks": 3})
        with document.requested("2", "Bob"):
            document.do({"op": "set_mask", "object": 1, "frame": 2, "mask": encode(mask(0)), "source": "brush"})
            document.do({"op": "accept", "object": 1, "frames": [2]})
            point = {"id": "a", "kind": "point", "values": [3, 3]}
            document.do({"op": "draw", "object": 1, "frame": 3, "actions": [{"put": point}], "mask": encode(mask(0))})
        before = document.work
    annotate(tmp_path, "eve", [("dog", [(0, 5)], 0)])
    with Project(tmp_path) as project:
        assert project.open("one.mp4").work == before  # read from the journal
        rows = {(row["annotation"], row["annotator"]): row for row in cost_table(project)}
    assert set(rows) == {("shared", "Ann"), ("shared", "Bob"), ("eve", "eve")}
    ann, bob = rows["shared", "Ann"], rows["shared", "Bob"]
    assert (ann["objects"], ann["segments"], ann["seconds"], ann["clicks"]) == (1, 1, 12.5, 3)
    assert (bob["accepted"], bob["inputs"], bob["segments"]) == (1, 1, 0)
    assert to_csv(list(rows.values())).splitlines()[0].startswith("video,annotation,annotator,objects,segments,inputs")


def test_the_name_of_an_annotator_is_no_path(video: Path, tmp_path: Path) -> None:
    shutil.copy(video, tmp_path)
    for name in ("../x", "", "a/b", "a" * 50):
        assert "give a name" in str(refusal(lambda name=name: Project(tmp_path, annotator=name)))

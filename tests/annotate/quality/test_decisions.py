"""What annotators accepted and repaired tells how often the quality was right."""

import numpy as np
import pytest

from avseg.annotate.document.document import Document
from avseg.annotate.document.rle import encode
from avseg.annotate.quality.decisions import decisions_of, quality_line, quality_rows
from tests.annotate.document_helpers import document


def mask(width: int) -> dict[str, object]:
    result = np.zeros((6, 8), bool)
    result[:, :width] = True
    return encode(result)  # type: ignore[return-value]


@pytest.fixture
def doc() -> Document:
    """Ten propagated frames; the odd ones are marked to look at."""
    doc = document()
    doc.do({"op": "add_object", "label": "dog"})
    doc.do({"op": "add_segment", "object": 1, "start": 0, "end": 11})
    doc.do({"op": "set_mask", "object": 1, "frame": 0, "mask": mask(4), "source": "brush"})
    rows = [
        {"object": 1, "frame": frame, "mask": mask(4), "source": "propagated", "score": 0.2 if frame % 2 else 0.9}
        for frame in range(1, 11)
    ]
    doc.do({"op": "set_results", "segment": 1, "results": rows})
    return doc


def test_the_first_decision_about_each_mask_counts(doc: Document) -> None:
    assert decisions_of(doc) == []
    doc.do({"op": "accept", "object": 1, "frames": [2, 3]})
    doc.do({"op": "set_mask", "object": 1, "frame": 2, "mask": mask(5), "source": "brush"})  # after it was accepted
    doc.do({"op": "set_mask", "object": 1, "frame": 5, "mask": mask(1), "source": "brush"})  # IoU 0.25
    doc.do({"op": "set_mask", "object": 1, "frame": 6, "mask": mask(5), "source": "brush"})  # IoU 0.8
    doc.do({"op": "clear_mask", "object": 1, "frame": 7})
    doc.do({"op": "accept", "object": 1, "frames": [9]})
    doc.undo()
    rows = quality_rows(decisions_of(doc))
    assert rows == [
        {"frames": "to look at", "accepted": 1, "repaired": 2, "wrong": 2},
        {"frames": "looks right", "accepted": 1, "repaired": 1, "wrong": 0},
    ]
    assert quality_line(rows) == "of 2 wrong frames 2 were marked (100 %); of 2 accepted frames 1 were marked (50 %)"


def test_an_accepted_segment_accepts_the_rest_and_a_moved_one_is_no_decision(doc: Document) -> None:
    doc.do({"op": "add_object", "label": "dog"})
    doc.do({"op": "move_segment", "segment": 1, "object": 2})
    assert decisions_of(doc) == []
    doc.do({"op": "set_segment_status", "segment": 1, "status": "accepted"})
    assert [row["accepted"] for row in quality_rows(decisions_of(doc))] == [5, 5]
    assert quality_line(quality_rows([])) == "no propagated frame was accepted or repaired yet"

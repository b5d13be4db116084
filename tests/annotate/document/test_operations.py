import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.document.operations import (
    OPERATIONS,
    Result,
    SetResults,
    check_operation,
    operation_keys,
    operation_to_json,
)
from avseg.utils.errors import UserError
from tests.annotate.document_helpers import FACTS, document, operations, refusal, rle, state_of

WRONG = [
    ({}, "unknown operation None"),
    ("click", "must be a mapping"),
    ({"op": "ad_object", "label": "x"}, "did you mean 'add_object'"),
    ({"op": "add_object"}, "label is missing"),
    ({"op": "add_object", "lable": "x"}, "did you mean 'label'"),
    ({"op": "add_object", "label": ""}, "a text of one line"),
    ({"op": "add_object", "label": "a\nb"}, "a text of one line"),
    ({"op": "add_object", "label": "x" * 300}, "a text of one line"),
    ({"op": "add_segment", "object": 1, "start": -1, "end": 3}, "start is -1; allowed: 0 to 24"),
    ({"op": "add_segment", "object": 1, "start": 0, "end": 25}, "end is 25; allowed: 0 to 24"),
    ({"op": "add_segment", "object": True, "start": 0, "end": 5}, "object is True"),
    ({"op": "add_segment", "object": 1.5, "start": 0, "end": 5}, "object is 1.5"),
    ({"op": "add_segment", "object": 1 << 70, "start": 0, "end": 5}, "a number from 1"),
    ({"op": "split_segment", "segment": 1, "at": 24}, "0 to 23"),
    ({"op": "merge_segments", "segments": [1, 1]}, "two or more that differ"),
    ({"op": "set_prompts", "object": 1, "frame": 0, "points": [[9, 0, 1]]}, "in the frame, 8x6"),
    ({"op": "set_prompts", "object": 1, "frame": 0, "points": [[1, 0, 2]]}, "1 on the object, 0 off it"),
    ({"op": "set_prompts", "object": 1, "frame": 0, "points": [[math.nan, 0, 1]]}, "a finite number"),
    ({"op": "set_prompts", "object": 1, "frame": 0, "points": [["1", 0, 1]]}, "a number"),
    ({"op": "set_prompts", "object": 1, "frame": 0, "points": [], "box": [3, 0, 3, 2]}, r"\[x0, y0, x1, y1\]"),
    ({"op": "set_mask", "object": 1, "frame": 0, "mask": "x", "source": "brush"}, "must be run lengths"),
    ({"op": "set_mask", "object": 1, "frame": 0, "mask": rle(0), "source": "brsh"}, "did you mean 'brush'"),
    ({"op": "set_mask", "object": 1, "frame": 0, "mask": rle(0), "source": "brush", "score": 2}, "0 to 1"),
    ({"op": "set_results", "segment": 1, "results": []}, "one or more results"),
    ({"op": "set_results", "segment": 1, "results": [{"object": 1}]}, "result 1: frame is missing"),
    ({"op": "accept", "object": 1, "frames": []}, "one or more frames"),
    ({"op": "accept", "object": 1, "frames": [24]}, "0 to 23"),
    ({"op": "set_status", "status": "finished"}, "open, done, skipped"),
    ({"op": "spend", "segment": 1, "seconds": math.inf}, "a finite number"),
    ({"op": "spend", "segment": 1, "clicks": -1}, "0 to a million"),
    ({"op": "undo", "base_version": -1}, "a version from 0"),
]


@pytest.mark.parametrize(("op", "message"), WRONG)
def test_a_wrong_operation_is_refused_in_one_line(op, message):
    with pytest.raises(UserError, match=message) as caught:
        document().do(op)
    assert "\n" not in str(caught.value)


def test_numpys_numbers_become_plain_ones():
    op = {
        "op": "set_mask",
        "object": np.int64(1),
        "frame": np.int32(3),
        "mask": rle(1),
        "source": "points",
        "points": ((np.float32(1.5), 2, np.bool_(True)),),
        "score": np.float64(0.5),
        "terms": {"area": np.float32(0.25)},
    }
    checked = check_operation(op, FACTS)
    assert (checked.object_id, checked.frame, checked.points) == (1, 3, ((1.5, 2.0, 1),))
    plain = json.loads(json.dumps(operation_to_json(checked)))
    assert list(plain) == ["op", "object", "frame", "mask", "source", "points", "score", "terms"]
    assert check_operation(plain, FACTS) == checked


def test_an_operation_made_in_code_is_checked_like_its_json():
    result = Result(object_id=1, frame=99, mask=rle(1), source="propagated")
    made = SetResults(segment_id=1, results=(result,))
    message = "set_results: results: result 1: frame is 99; allowed: 0 to 23, the video's frames"
    assert refusal(lambda: check_operation(made, FACTS)) == message
    assert refusal(lambda: check_operation(operation_to_json(made), FACTS)) == message


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(OPERATIONS)), st.data())
@settings(max_examples=150, deadline=None, derandomize=True)
def test_fuzzed_operations_are_refused_in_one_line_and_change_nothing(name, data):
    doc = document()
    doc.do({"op": "add_object", "label": "dog"})
    doc.do({"op": "add_segment", "object": 1, "start": 2, "end": 12})
    doc.do({"op": "set_mask", "object": 1, "frame": 2, "mask": rle(1), "source": "points"})
    before, version = state_of(doc), doc.version
    keys = st.sampled_from([*operation_keys(OPERATIONS[name])[1], "nope"])
    op = {"op": name, **data.draw(st.dictionaries(keys, _plain, max_size=4))}
    if refusal(lambda: doc.do(op)):
        assert (state_of(doc), doc.version) == (before, version)


@given(operations, st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_one_value_spoiled_is_refused_or_as_good(op, data):
    """An operation of the right form with one value replaced by anything."""
    doc = document()
    doc.do({"op": "add_object", "label": "dog"})
    doc.do({"op": "add_segment", "object": 1, "start": 2, "end": 12})
    before, version = state_of(doc), doc.version
    spoiled = {**op, data.draw(st.sampled_from(sorted(op))): data.draw(_plain)}
    if refusal(lambda: doc.do(spoiled)):
        assert (state_of(doc), doc.version) == (before, version)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.document.history import Conflict
from avseg.utils.errors import UserError
from tests.annotate.document_helpers import (
    BEGUN,
    FACTS,
    document,
    fill,
    mask,
    operations,
    refusal,
    result,
    rle,
    state_of,
)
from tests.annotate.reference_document import Model


def same(doc, model):
    now = model.now
    assert {key: (each.label, each.name) for key, each in doc.objects.items()} == now["objects"]
    segments = {key: (each.object_id, each.start, each.end, each.status) for key, each in doc.segments.items()}
    assert segments == now["segments"]
    assert doc.status == now["status"]
    for name in range(1, 5):
        for frame in range(FACTS.frames):
            mark = now["marks"].get((name, frame)) if model.at(name, frame) is not None else None
            info, rle_ = doc.frame_info(name, frame), doc.rle(name, frame)
            assert (rle_ and rle_["counts"]) == (mark and mark["mask"])
            if mark is None:
                assert info.source is None
                continue
            assert (info.source, info.accepted) == (mark["source"], mark["accepted"])
            assert info.anchor == model.anchor(name, frame)
            assert info.stale == model.stale(name, frame), (name, frame)


@given(st.lists(operations, max_size=12))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_random_operations_are_those_of_the_plain_model(ops):
    doc, model = document(), Model()
    for op in [*BEGUN, *ops]:
        message = refusal(lambda op=op: doc.do(op))
        assert (message is None) == model.do(op), (op, message)
        assert doc.version == model.version
        same(doc, model)


@given(st.lists(operations, max_size=25))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_undo_of_everything_is_empty_and_redo_is_the_last(ops):
    doc = document()
    empty = state_of(doc)
    for op in [*BEGUN, *ops]:
        refusal(lambda op=op: doc.do(op))
    while refusal(doc.redo) is None:
        pass
    last, steps = state_of(doc), 0
    while refusal(doc.undo) is None:
        steps += 1
    undone = state_of(doc)
    del undone["snapshot"]["redo"], empty["snapshot"]["redo"]
    assert undone == empty
    for _ in range(steps):
        doc.redo()
    assert state_of(doc) == last


@given(st.lists(operations, max_size=20))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_masks_outside_segments_never_come_out(ops):
    doc = document()
    for op in [{"op": "add_object", "label": "dog"}, {"op": "add_segment", "object": 1, "start": 0, "end": 24}]:
        doc.do(op)
    fill(doc, 1, range(0, 24))
    for op in ops:
        refusal(lambda op=op: doc.do(op))
    for name in range(1, 5):
        for frame in range(FACTS.frames):
            sounds = any(each.object_id == name and frame in each for each in doc.segments.values())
            if not sounds:
                assert doc.mask(name, frame) is None
                assert doc.rle(name, frame) is None
                assert doc.frame_info(name, frame).source is None
    columns = doc.snapshot()["frames"]
    assert all(doc.segment_at(int(name), frame) for name, each in columns.items() for frame in each["frame"])


@pytest.fixture
def doc():
    """A dog that sounds in 4-19, marked in 4 and 12, propagated."""
    made = document()
    made.do({"op": "add_object", "label": "dog"})
    made.do({"op": "add_segment", "object": 1, "start": 4, "end": 20})
    for frame in (4, 12):
        made.do({"op": "set_mask", "object": 1, "frame": frame, "mask": rle(frame), "source": "points"})
    fill(made, 1, range(5, 20))
    return made


def stale(doc):
    return [frame for frame in range(24) if doc.frame_info(1, frame).stale]


def test_a_propagation_is_one_step_and_leaves_hand_made_frames(doc):
    assert [step.op for step in doc.history][-1] == "set_results"
    assert doc.masked_frames(1) == list(range(4, 20))
    assert np.array_equal(doc.mask(1, 12), mask(12))
    doc.undo()
    assert doc.masked_frames(1) == [4, 12]
    doc.redo()
    assert doc.masked_frames(1) == list(range(4, 20))
    assert doc.frames_to_propagate(1) == []


def test_another_mask_makes_only_the_pieces_beside_it_stale(doc):
    change = doc.do({"op": "set_mask", "object": 1, "frame": 8, "mask": rle(99), "source": "brush"})
    assert stale(doc) == [5, 6, 7, 9, 10, 11]
    assert change.frames == {1: (5, 12)}
    doc.do({"op": "clear_mask", "object": 1, "frame": 12})
    assert stale(doc) == [5, 6, 7, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19]
    assert doc.frames_to_propagate(1) == [*stale(doc)[:6], 12, *stale(doc)[6:]]
    doc.undo()
    doc.undo()
    assert stale(doc) == []


def test_accepting_makes_nothing_stale_and_clears_it(doc):
    doc.do({"op": "accept", "object": 1, "frames": [6, 15]})
    assert stale(doc) == []
    assert doc.anchors(1) == [4, 6, 12, 15]
    doc.do({"op": "set_mask", "object": 1, "frame": 8, "mask": rle(99), "source": "brush"})
    assert stale(doc) == [7, 9, 10, 11]
    doc.do({"op": "accept", "object": 1, "frames": [7, 9, 10, 11]})
    assert stale(doc) == []


def test_an_edge_without_an_anchor_behind_it_makes_nothing_stale(doc):
    change = doc.do({"op": "edit_segment", "segment": 1, "end": 16})
    assert stale(doc) == []
    assert change.frames[1][1] == 20
    assert doc.masked_frames(1) == list(range(4, 16))
    doc.do({"op": "edit_segment", "segment": 1, "end": 22})  # back, and further
    assert doc.masked_frames(1) == list(range(4, 20))
    assert doc.frames_to_propagate(1) == [20, 21]


def test_an_edge_that_clips_an_anchor_makes_stale_what_came_from_it(doc):
    doc.do({"op": "edit_segment", "segment": 1, "start": 6})
    assert doc.mask(1, 4) is None
    assert doc.mask(1, 5) is None
    assert stale(doc) == [6, 7, 8]  # nearer to 4 than to 12
    doc.do({"op": "edit_segment", "segment": 1, "start": 4})
    assert stale(doc) == []
    assert doc.mask(1, 4) is not None


def test_a_split_and_a_merge(doc):
    right = doc.do({"op": "split_segment", "segment": 1, "at": 10}).segment_id
    assert stale(doc) == [9]  # it came from 12
    doc.do({"op": "merge_segments", "segments": [1, right]})
    assert stale(doc) == []
    assert list(doc.segments) == [1]


def test_an_anchor_that_comes_while_a_propagation_runs_makes_its_later_results_stale(doc):
    doc.do({"op": "add_segment", "object": 1, "start": 20, "end": 24})
    doc.do({"op": "set_mask", "object": 1, "frame": 20, "mask": rle(1), "source": "points"})
    run = doc.version
    doc.do({"op": "set_results", "segment": 2, "run": run, "results": [result(1, 21)]})
    doc.do({"op": "set_mask", "object": 1, "frame": 23, "mask": rle(2), "source": "brush"})
    change = doc.do({"op": "set_results", "segment": 2, "run": run, "results": [result(1, 22), result(1, 23)]})
    assert change.skipped == 1  # the brush stays
    assert stale(doc) == [21, 22]


def test_results_join_their_step_past_what_they_do_not_touch(doc):
    doc.do({"op": "add_segment", "object": 1, "start": 20, "end": 24})
    doc.do({"op": "set_mask", "object": 1, "frame": 20, "mask": rle(1), "source": "points"})
    run = doc.version
    doc.do({"op": "set_results", "segment": 2, "run": run, "results": [result(1, 21)]})
    doc.do({"op": "set_mask", "object": 1, "frame": 8, "mask": rle(5), "source": "brush"})
    doc.do({"op": "set_results", "segment": 2, "run": run, "results": [result(1, 22)]})
    assert [step.op for step in doc.history][-2:] == ["set_results", "set_mask"]
    doc.undo()
    assert doc.masked_frames(2) == [20, 21, 22]
    doc.undo()
    assert doc.masked_frames(2) == [20]


def test_results_after_their_undo_are_refused(doc):
    run = doc.version
    doc.do({"op": "set_results", "segment": 1, "run": run, "results": [result(1, 7, 50)]})
    doc.undo()
    before = state_of(doc)
    assert "undone" in refusal(
        lambda: doc.do({"op": "set_results", "segment": 1, "run": run, "results": [result(1, 8, 50)]})
    )
    assert state_of(doc) == before


def test_removing_a_segment_takes_its_hidden_marks_with_it(doc):
    doc.do({"op": "edit_segment", "segment": 1, "end": 16})
    doc.do({"op": "remove_segment", "segment": 1})
    doc.do({"op": "add_segment", "object": 1, "start": 0, "end": 24})
    assert doc.masked_frames(1) == []


def test_silence_has_no_mask(doc):
    message = refusal(lambda: doc.do({"op": "set_mask", "object": 1, "frame": 2, "mask": rle(1), "source": "brush"}))
    assert "object 1 is silent in frame 2: it sounds in 4-19" in message


def test_time_and_clicks_are_not_undone(doc):
    doc.do({"op": "spend", "segment": 1, "seconds": 2.5, "clicks": 3})
    doc.do({"op": "spend", "segment": 1, "seconds": 1, "clicks": 1})
    while refusal(doc.undo) is None:
        pass
    assert (doc.effort[1].seconds, doc.effort[1].clicks) == (3.5, 4)


def test_two_tabs(doc):
    base = doc.version
    doc.do({"op": "set_mask", "object": 1, "frame": 8, "mask": rle(5), "source": "brush", "base_version": base})
    # harmless: another frame
    doc.do({"op": "set_mask", "object": 1, "frame": 9, "mask": rle(6), "source": "brush", "base_version": base})
    before = state_of(doc)
    for op in (
        {"op": "set_mask", "object": 1, "frame": 8, "mask": rle(7), "source": "brush", "base_version": base},
        {"op": "undo", "base_version": base},
    ):
        with pytest.raises(Conflict, match="another tab"):
            doc.do(op)
    with pytest.raises(UserError, match="load it again"):
        doc.do({"op": "undo", "base_version": 999})
    assert state_of(doc) == before
    assert doc.undo(base_version=doc.version).version == doc.version


def test_who_draws_over_a_propagation_is_right_and_who_accepts_must_have_seen_it(doc):
    base = doc.version
    doc.do({"op": "set_results", "segment": 1, "run": base, "results": [result(1, 8, 1), result(1, 9, 1)]})
    doc.do({"op": "set_mask", "object": 1, "frame": 8, "mask": rle(5), "source": "brush", "base_version": base})
    with pytest.raises(Conflict):
        doc.do({"op": "accept", "object": 1, "frames": [9], "base_version": base})
    with pytest.raises(Conflict):
        doc.do({"op": "clear_mask", "object": 1, "frame": 8, "base_version": base})


def test_undo_of_a_tab_that_knows_the_last_step_is_harmless(doc):
    base = doc.version
    doc.do({"op": "spend", "segment": 1, "seconds": 1, "clicks": 1})
    doc.undo(base_version=base)
    assert doc.masked_frames(1) == [4, 12]


def test_together_is_one_step_or_nothing(doc):
    before, message = state_of(doc), []
    doc.subscribe(message.append)

    def half():
        with doc.transaction():
            doc.do({"op": "add_object", "label": "cat"})
            doc.do({"op": "add_segment", "object": 9, "start": 0, "end": 2})

    assert "no object 9" in refusal(half)
    assert state_of(doc) == before  # nor can half of it be redone
    with doc.transaction("import"):
        doc.do({"op": "add_object", "label": "cat"})
        doc.do({"op": "add_segment", "object": 2, "start": 0, "end": 2})
    assert (message[-1].op, message[-1].frames) == ("import", {2: (0, 2)})
    assert doc.history[-1].op == "import"
    doc.undo()
    assert list(doc.objects) == [1]


def test_masks_are_read_only_copies_of_what_was_given(doc):
    shown = doc.mask(1, 4)
    assert np.array_equal(shown, mask(4))
    with pytest.raises(ValueError, match="read-only"):
        shown[0, 0] = True


def test_provenance_of_a_frame(doc):
    terms = {"area": 0.5}
    row = result(1, 6, 3, score=0.75, terms=terms, points=[[1, 2, 1]], from_frame=4, model="flow")
    doc.do({"op": "set_results", "segment": 1, "run": doc.version, "results": [row]})
    info = doc.frame_info(1, 6)
    assert (info.source, info.score, info.terms, info.from_frame, info.model) == ("propagated", 0.75, terms, 4, "flow")
    assert info.points == ((1.0, 2.0, 1),)
    assert [info.anchor, info.accepted] == [False, False]

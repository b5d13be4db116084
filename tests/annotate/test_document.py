import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.history import Conflict
from avseg.annotate.records import HAND
from avseg.errors import UserError
from tests.annotate.documents import BEGUN, FACTS, document, fill, mask, operations, refusal, result, rle, state_of


class Model:
    """The plainest form of the same: whole copies of everything for undo, and staleness by looking at every frame."""

    def __init__(self):
        self.now = {"objects": {}, "segments": {}, "marks": {}, "status": "open"}
        self.past, self.future, self.version = [], [], 0

    def do(self, op):
        """Gives False where it is refused."""
        if op["op"] in ("undo", "redo"):
            source, target = (self.past, self.future) if op["op"] == "undo" else (self.future, self.past)
            if not source:
                return False
            target.append(self.now)
            self.now = source.pop()
            self.version += 1
            return True
        before = copy.deepcopy(self.now)
        if getattr(self, op["op"])(**{key: value for key, value in op.items() if key != "op"}) is False:
            self.now = before
            return False
        if self.now != before:
            self.past.append(before)
            self.future.clear()
            self.version += 1
        return True

    def of(self, name):
        return {key: each for key, each in self.now["segments"].items() if each[0] == name}

    def at(self, name, frame):
        return next((key for key, (_, start, end, _) in self.of(name).items() if start <= frame < end), None)

    def add_object(self, label):
        same = sum(each[0] == label for each in self.now["objects"].values())
        number = max(self.now["objects"], default=0) + 1
        self.now["objects"][number] = (label, f"{label} {same + 1}" if same else label)

    def edit_object(self, object, label):
        if object not in self.now["objects"]:
            return False
        self.now["objects"][object] = (label, self.now["objects"][object][1])

    def remove_object(self, object):
        if self.now["objects"].pop(object, None) is None:
            return False
        self.now["segments"] = {key: each for key, each in self.now["segments"].items() if each[0] != object}
        self.now["marks"] = {key: each for key, each in self.now["marks"].items() if key[0] != object}

    def fits(self, name, start, end, but=()):
        others = [each for key, each in self.of(name).items() if key not in but]
        return start < end and not any(start < high and low < end for _, low, high, _ in others)

    def add_segment(self, object, start, end):
        if object not in self.now["objects"] or not self.fits(object, start, end):
            return False
        self.now["segments"][max(self.now["segments"], default=0) + 1] = (object, start, end, "open")

    def edit_segment(self, segment, start=None, end=None):
        if segment not in self.now["segments"]:
            return False
        name, low, high, status = self.now["segments"][segment]
        new = (low if start is None else start, high if end is None else end)
        if not self.fits(name, *new, but=[segment]):
            return False
        self.now["segments"][segment] = (name, *new, status)

    def split_segment(self, segment, at):
        if segment not in self.now["segments"]:
            return False
        name, start, end, status = self.now["segments"][segment]
        if not start < at < end:
            return False
        self.now["segments"][segment] = (name, start, at, status)
        self.now["segments"][max(self.now["segments"]) + 1] = (name, at, end, status)

    def merge_segments(self, segments):
        parts = [self.now["segments"].get(each) for each in segments]
        if None in parts or len({each[0] for each in parts}) > 1:
            return False
        start, end = min(each[1] for each in parts), max(each[2] for each in parts)
        if not self.fits(parts[0][0], start, end, but=segments):
            return False
        first = min(segments, key=lambda each: self.now["segments"][each][1])
        status = parts[0][3] if len({each[3] for each in parts}) == 1 else "open"
        for each in segments:
            del self.now["segments"][each]
        self.now["segments"][first] = (parts[0][0], start, end, status)

    def remove_segment(self, segment):
        if segment not in self.now["segments"]:
            return False
        name, start, end, _ = self.now["segments"].pop(segment)
        low = max([high for _, _, high, _ in self.of(name).values() if high <= start], default=0)
        high = min([low for _, low, _, _ in self.of(name).values() if low >= end], default=FACTS.frames)
        for key in [key for key in self.now["marks"] if key[0] == name and low <= key[1] < high]:
            del self.now["marks"][key]

    def set_segment_status(self, segment, status):
        if segment not in self.now["segments"]:
            return False
        self.now["segments"][segment] = (*self.now["segments"][segment][:3], status)

    def set_prompts(self, object, frame, points):
        if object not in self.now["objects"] or self.at(object, frame) is None:
            return False
        empty = {"mask": None, "source": "points", "accepted": False, "stamp": self.version + 1, "origin": None}
        mark = self.now["marks"].setdefault((object, frame), empty)
        mark["points"] = points
        if mark["mask"] is None and not points:
            del self.now["marks"][object, frame]

    def set_mask(self, object, frame, mask, source):
        if object not in self.now["objects"] or self.at(object, frame) is None:
            return False
        new = {"mask": mask["counts"], "source": source, "accepted": False, "points": []}
        self.now["marks"][object, frame] = {**new, "stamp": self.version + 1, "origin": None}

    def clear_mask(self, object, frame):
        if self.at(object, frame) is None or self.now["marks"].pop((object, frame), None) is None:
            return False

    def anchor(self, name, frame):
        mark = self.now["marks"].get((name, frame))
        return mark is not None and mark["mask"] is not None and (mark["accepted"] or mark["source"] in HAND)

    def beside(self, name, frame):
        """The nearest anchors of the same segment on both sides."""
        _, start, end, _ = self.now["segments"][self.at(name, frame)]
        left = [each for each in range(start, frame) if self.anchor(name, each)]
        right = [each for each in range(frame + 1, end) if self.anchor(name, each)]
        return left[-1:] + right[:1]

    def set_results(self, segment, results):
        if segment not in self.now["segments"] or any(each["object"] not in self.now["objects"] for each in results):
            return False
        for each in results:
            name, frame = each["object"], each["frame"]
            there = self.at(name, frame)
            if there is None or (name == self.now["segments"][segment][0] and there != segment):
                continue
            if self.anchor(name, frame):
                continue
            origin = min(self.beside(name, frame), key=lambda other: (abs(other - frame), other), default=None)
            stamp = self.now["marks"][name, origin]["stamp"] if origin is not None else None
            new = {"mask": each["mask"]["counts"], "source": "propagated", "accepted": False, "points": []}
            self.now["marks"][name, frame] = {**new, "stamp": self.version + 1, "origin": (origin, stamp)}

    def accept(self, object, frames, accepted=True):
        if object not in self.now["objects"]:
            return False
        for frame in frames:
            mark = self.now["marks"].get((object, frame))
            there = mark is not None and mark["mask"] is not None and self.at(object, frame) is not None
            if accepted and not there:
                return False
            if there:
                mark["accepted"] = accepted

    def unaccept(self, object, frames):
        return self.accept(object, frames, accepted=False)

    def set_status(self, status):
        self.now["status"] = status

    def stale(self, name, frame):
        mark = self.now["marks"][name, frame]
        if mark["mask"] is None or mark["accepted"] or mark["source"] in HAND:
            return False
        origin, stamp = mark["origin"]
        if origin is not None:
            source = self.now["marks"].get((name, origin))
            if source is None or source["stamp"] != stamp or self.at(name, origin) != self.at(name, frame):
                return True
        return any(self.now["marks"][name, each]["stamp"] > mark["stamp"] for each in self.beside(name, frame))


def same(doc, model):
    now = model.now
    assert {key: (each.label, each.name) for key, each in doc.objects.items()} == now["objects"]
    segments = {key: (each.object, each.start, each.end, each.status) for key, each in doc.segments.items()}
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
        told = refusal(lambda op=op: doc.do(op))
        assert (told is None) == model.do(op), (op, told)
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
            sounds = any(each.object == name and frame in each for each in doc.segments.values())
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
    assert [each["op"] for each in doc.history][-1] == "set_results"
    assert doc.masked(1) == list(range(4, 20))
    assert np.array_equal(doc.mask(1, 12), mask(12))
    doc.undo()
    assert doc.masked(1) == [4, 12]
    doc.redo()
    assert doc.masked(1) == list(range(4, 20))
    assert doc.wanting(1) == []


def test_another_mask_makes_only_the_pieces_beside_it_stale(doc):
    change = doc.do({"op": "set_mask", "object": 1, "frame": 8, "mask": rle(99), "source": "brush"})
    assert stale(doc) == [5, 6, 7, 9, 10, 11]
    assert change.frames == {1: (5, 12)}
    doc.do({"op": "clear_mask", "object": 1, "frame": 12})
    assert stale(doc) == [5, 6, 7, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19]
    assert doc.wanting(1) == [*stale(doc)[:6], 12, *stale(doc)[6:]]
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
    assert doc.masked(1) == list(range(4, 16))
    doc.do({"op": "edit_segment", "segment": 1, "end": 22})  # back, and further
    assert doc.masked(1) == list(range(4, 20))
    assert doc.wanting(1) == [20, 21]


def test_an_edge_that_clips_an_anchor_makes_stale_what_came_from_it(doc):
    doc.do({"op": "edit_segment", "segment": 1, "start": 6})
    assert doc.mask(1, 4) is None
    assert doc.mask(1, 5) is None
    assert stale(doc) == [6, 7, 8]  # nearer to 4 than to 12
    doc.do({"op": "edit_segment", "segment": 1, "start": 4})
    assert stale(doc) == []
    assert doc.mask(1, 4) is not None


def test_a_split_and_a_merge(doc):
    right = doc.do({"op": "split_segment", "segment": 1, "at": 10}).segment
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
    assert [each["op"] for each in doc.history][-2:] == ["set_results", "set_mask"]
    doc.undo()
    assert doc.masked(2) == [20, 21, 22]
    doc.undo()
    assert doc.masked(2) == [20]


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
    assert doc.masked(1) == []


def test_silence_has_no_mask(doc):
    told = refusal(lambda: doc.do({"op": "set_mask", "object": 1, "frame": 2, "mask": rle(1), "source": "brush"}))
    assert "object 1 is silent in frame 2: it sounds in 4-19" in told


def test_time_and_clicks_are_not_undone(doc):
    doc.do({"op": "spend", "segment": 1, "seconds": 2.5, "clicks": 3})
    doc.do({"op": "spend", "segment": 1, "seconds": 1, "clicks": 1})
    while refusal(doc.undo) is None:
        pass
    assert (doc.spent[1].seconds, doc.spent[1].clicks) == (3.5, 4)


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
    assert doc.masked(1) == [4, 12]


def test_together_is_one_step_or_nothing(doc):
    before, told = state_of(doc), []
    doc.listen(told.append)

    def half():
        with doc.together():
            doc.do({"op": "add_object", "label": "cat"})
            doc.do({"op": "add_segment", "object": 9, "start": 0, "end": 2})

    assert "no object 9" in refusal(half)
    assert state_of(doc) == before  # nor can half of it be redone
    with doc.together("import"):
        doc.do({"op": "add_object", "label": "cat"})
        doc.do({"op": "add_segment", "object": 2, "start": 0, "end": 2})
    assert (told[-1].op, told[-1].frames) == ("import", {2: (0, 2)})
    assert doc.history[-1]["op"] == "import"
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
    assert [info.anchor, info.accepted, info.hand_edited, info.refined] == [False] * 4

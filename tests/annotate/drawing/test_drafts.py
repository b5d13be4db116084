"""Inputs in the journal: each is a step, and a mask follows from the draft alone."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Input
from avseg.annotate.drawing.local_change import change_locally
from avseg.annotate.drawing.paint import paint
from avseg.annotate.protocols import Candidate
from avseg.annotate.session import Session
from avseg.utils.lazy_sequence import LazySequence
from tests.annotate.document_helpers import FACTS, document, refusal, state_of
from tests.annotate.fake_models import FakeVideo, Squares, Still


def begin(folder=None, segmenter=None) -> Session:
    doc = document(folder)
    if not doc.objects:
        doc.do({"op": "add_object", "label": "dog"})
        doc.do({"op": "add_segment", "object": 1, "start": 0, "end": 10})
    return Session(doc, FakeVideo(), segmenter or Squares(), Still())


def put(name: str, x: float, y: float, positive: int = 1) -> dict:
    return {"put": {"id": name, "kind": "point", "values": [x, y], "positive": positive}}


def stroke(name: str, x: float, y: float, positive: int = 1) -> dict:
    return {"put": {"id": name, "kind": "stroke", "values": [x, y], "positive": positive, "radius": 1}}


def box(name: str, *values: float) -> dict:
    return {"put": {"id": name, "kind": "box", "values": list(values)}}


_spots = st.tuples(st.integers(0, 7), st.integers(0, 5))
_positive = st.integers(0, 1)
_actions = st.one_of(
    st.sampled_from([0, 1, 2]).map(lambda index: {"put": {"id": "h", "kind": "choice", "values": [index, 3]}}),
    st.tuples(st.sampled_from("abc"), _spots, _positive).map(lambda value: put(value[0], *value[1], value[2])),
    st.tuples(st.sampled_from("def"), _spots, _positive).map(lambda value: stroke(value[0], *value[1], value[2])),
    st.just(box("g", 1, 1, 6, 4)),
    st.builds(lambda name: {"remove": name}, st.sampled_from("abcdefgh")),
)
_steps = st.lists(st.one_of(_actions, st.sampled_from(["undo", "redo", "restart"])), min_size=1, max_size=12)


@given(_steps, st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_requests_of_several_actions_are_the_same_as_one_by_one(tmp_path_factory, steps, data):
    """Whatever is sent together, whenever the process restarts: the masks after each undo are the same."""
    folder = tmp_path_factory.mktemp("draft")
    slow, fast = begin(None, ThreeSizes()), begin(folder, ThreeSizes())
    waiting: list[dict] = []

    def send() -> None:
        if waiting:
            fast.draw(1, 4, list(waiting))
            waiting.clear()

    for step in steps:
        if step == "restart":
            send()
            fast.close()
            fast.document.close()
            fast = begin(folder, ThreeSizes())
        elif step in ("undo", "redo"):
            send()
            assert refusal(getattr(slow, step)) == refusal(getattr(fast, step))
            if slow.document.segment_at(1, 4) is None:
                return
        else:
            slow.draw(1, 4, [step])
            waiting.append(step)
            if data.draw(st.booleans()):
                send()
    send()
    one, other = slow.document, fast.document
    assert one.frame_info(1, 4).inputs == other.frame_info(1, 4).inputs
    np.testing.assert_equal(one.mask(1, 4), other.mask(1, 4))
    assert len(one.history) == len(other.history)
    again = Document(FACTS, folder)
    assert state_of(again) == state_of(other)
    for session in (slow, fast):
        session.close()


def test_a_request_that_arrives_again_is_known_also_after_a_restart(tmp_path):
    session = begin(tmp_path)
    with session.document.requested("tab-1"):
        session.draw(1, 4, [put("a", 2, 2)])
    assert session.document.was_done("tab-1")
    session.document.close()
    again = document(tmp_path)
    assert again.was_done("tab-1")
    assert not again.was_done("tab-2")


def test_the_mask_from_before_the_inputs_comes_back_with_all_that_is_known_of_it():
    session = begin()
    painted = np.zeros((6, 8), bool)
    painted[0, :4] = True
    session.brush(1, 4, painted)
    before = session.document.frame_info(1, 4)
    session.draw(1, 4, [put("a", 5, 4), put("b", 5, 5)])
    info = session.document.frame_info(1, 4)
    assert (info.source, len(info.points), info.base is not None) == ("points", 2, True)
    assert session.document.mask(1, 4)[painted].all()
    session.draw(1, 4, [{"remove": "a"}, {"remove": "b"}])
    assert session.document.frame_info(1, 4) == before


def test_inputs_that_give_no_mask_stay_and_the_reason_is_told():
    session = begin()
    change = session.draw(1, 4, [put("a", 2, 2, 0)])
    assert "give a point on the object" in change.note
    assert session.document.mask(1, 4) is None
    session.draw(1, 4, [box("b", 1, 1, 5, 5)])
    assert [item.kind for item in session.document.frame_info(1, 4).inputs] == ["point", "box"]
    assert session.document.mask(1, 4).any()


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"put": {"id": "a", "kind": "dot", "values": [1, 2]}}, "a kind among point, box"),
        (put("a", 9, 1), "in the frame, 8x6"),
        (put("", 1, 1), "an id of 1 to"),
        (box("a", 3, 1, 2, 4), "boxes \\[x0"),
        ({"put": {"id": "a", "kind": "point", "values": [1, float("nan")]}}, "finite"),
        ({"put": {"id": "a", "kind": "stroke", "values": [1, 2], "radius": 0}}, "with a radius"),
        ({"put": {"id": "a", "kind": "polygon", "values": [1, 2, 3, 4]}}, "three or more corners"),
        ({"drop": "a"}, "actions like"),
        ({"put": None}, "inputs like"),
    ],
)
def test_a_wrong_action_is_refused_in_one_line(action, message):
    session = begin()
    version = session.document.version
    with pytest.raises(Exception, match=message):
        session.draw(1, 4, [action])
    assert session.document.version == version


def test_a_click_changes_a_mask_only_around_it():
    """The candidate has another border all around, a new part that was asked for, and another that was not."""
    y, x = np.mgrid[:200, :300]
    mask = (x - 100) ** 2 + (y - 100) ** 2 < 60**2
    wanted = (x - 175) ** 2 + (y - 100) ** 2 < 25**2
    other = (x - 100) ** 2 + (y - 20) ** 2 < 25**2
    candidate = ((x - 100) ** 2 + (y - 100) ** 2 < 62**2) | wanted | other
    result = change_locally(mask, candidate, [(180.0, 100.0, True)])
    assert result[wanted].mean() > 0.97
    assert not (result & other & ~mask & ~wanted).any()
    assert (result ^ (mask | wanted)).sum() < 0.02 * mask.sum()
    np.testing.assert_array_equal(change_locally(mask, candidate, [(100.0, 100.0, True)]), mask)  # agrees with it
    removed = change_locally(mask | wanted, mask & (x < 300), [(190.0, 100.0, False)])
    assert not removed[100, 190]
    assert (removed ^ mask).sum() < 0.02 * mask.sum()
    nothing = change_locally(mask, mask, [(250.0, 50.0, True)])  # the segmenter sees nothing there: still a mark
    assert nothing[50, 250]


@given(st.lists(st.tuples(st.floats(-5, 45), st.floats(-5, 35)), min_size=1, max_size=5), st.floats(0.5, 9))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_a_stroke_is_every_pixel_near_its_path(path, radius):
    values = tuple(value for spot in path for value in spot)
    result = paint(np.zeros((30, 40), bool), Input("a", "stroke", values, True, radius))
    spots = np.array(path)
    for row, column in ((0, 0), (10, 20), (29, 39), (15, 3)):
        nearest = min(
            np.hypot(*(np.array([column, row]) - (start + share * (end - start))))
            for start, end in zip(spots, [*spots[1:], spots[-1]], strict=True)
            for share in np.linspace(0, 1, 101)
        )
        if abs(nearest - radius) > 0.3:
            assert result[row, column] == (nearest < radius)


def test_a_polygon_is_its_inside():
    mask = paint(np.ones((20, 20), bool), Input("a", "polygon", (2, 2, 12, 2, 12, 12, 2, 12), False))
    assert not mask[3:12, 3:12].any()
    assert mask[14:, :].all()
    assert mask[:, 14:].all()


class ThreeSizes:
    """Three discs around the first point, and what a prior has; or the box and two smaller ones."""

    learned = True

    def encode(self, image):
        return image.shape[:2]

    def predict(self, encoded, points=(), box=None, mask=None):
        y, x = np.mgrid[: encoded[0], : encoded[1]]
        start = np.zeros(encoded, bool) if mask is None else np.asarray(mask > 0.5)
        candidates = []
        for size, score in ((0, 0.9), (1, 0.6), (2, 0.3)):
            found = start.copy()
            for px, py, positive in points:
                found[(abs(x - int(px)) <= size) & (abs(y - int(py)) <= size)] = positive
            if box is not None:
                left, top, right, bottom = map(int, box)
                found[top + size : bottom - size, left + size : right - size] = True
            candidates.append(Candidate(found, score))
        return candidates


def test_each_candidate_can_be_chosen_and_later_clicks_change_the_chosen_one(tmp_path):
    session = begin(tmp_path, ThreeSizes())
    assert "click on the object" in session.next_candidate(1, 4).note
    session.draw(1, 4, [put("a", 4, 3)])
    assert session.document.mask(1, 4).sum() == 1
    assert session.next_candidate(1, 4).note == "mask 2 of 3, score 0.60"
    assert (session.document.mask(1, 4).sum(), session.document.frame_info(1, 4).score) == (9, 0.6)
    assert session.next_candidate(1, 4).note == "mask 3 of 3, score 0.30"
    assert session.next_candidate(1, 4).note == "mask 1 of 3, score 0.90"
    session.undo()
    session.undo()
    assert session.document.mask(1, 4).sum() == 9
    session.draw(1, 4, [put("b", 4, 2, 0)])
    mask = session.document.mask(1, 4)
    assert (mask.sum(), mask[2, 4]) == (8, False)
    session.close()
    session.document.close()
    again = begin(tmp_path, ThreeSizes())  # the choice is in the journal
    np.testing.assert_array_equal(again.document.mask(1, 4), mask)
    assert [item.kind for item in again.document.frame_info(1, 4).inputs] == ["point", "choice", "point"]
    again.draw(1, 4, [{"remove": "a"}])  # the choice goes with its prompt
    assert [item.kind for item in again.document.frame_info(1, 4).inputs] == ["point"]
    again.close()


class LateSizes(ThreeSizes):
    """The same, one by one as they are read."""

    def __init__(self):
        self.drawn = 0

    def predict(self, encoded, points=(), box=None, mask=None):
        return LazySequence(map(self._count, super().predict(encoded, points, box, mask)))

    def _count(self, candidate):
        self.drawn += 1
        return candidate


def test_a_click_draws_one_candidate_and_the_others_are_drawn_when_asked_for():
    segmenter = LateSizes()
    session = begin(segmenter=segmenter)
    session.draw(1, 4, [put("a", 4, 3)])
    assert (session.document.mask(1, 4).sum(), segmenter.drawn) == (1, 1)
    assert session.next_candidate(1, 4).note == "mask 2 of 3, score 0.60"
    assert session.document.mask(1, 4).sum() == 9
    assert session.next_candidate(1, 4).note == "mask 3 of 3, score 0.30"
    session.draw(1, 4, [put("b", 6, 3)])
    assert segmenter.drawn == 4  # the second click starts from the third mask
    session.close()


class Corrector(ThreeSizes):
    """Draws three sizes, and changes a mask by one pixel of the last click."""

    corrects = True

    def predict(self, encoded, points=(), box=None, mask=None):
        if mask is None:
            return super().predict(encoded, points, box)
        return super().predict(encoded, points[-1:], None, mask)[:1]


def test_a_segmenter_that_corrects_offers_the_masks_of_all_clicks_at_once_too():
    session = begin(segmenter=Corrector())
    session.draw(1, 4, [put("a", 2, 3), put("b", 6, 3)])
    assert session.document.mask(1, 4).sum() == 2  # the second click changed the mask of the first
    assert session.next_candidate(1, 4).note == "mask 2 of 3, score 0.60"  # the likely one is the same as the changed
    assert session.document.mask(1, 4).sum() == 18
    session.draw(1, 4, [put("c", 1, 1)])
    assert session.document.mask(1, 4).sum() == 19
    assert session.next_candidate(1, 4).note == "there is one mask only for these inputs"  # all keep what was chosen
    session.close()


class Doubtful(Corrector):
    """The same, but two clicks at once make it surer than one: of a row or of all but a row."""

    def predict(self, encoded, points=(), box=None, mask=None):
        if mask is not None or len(points) < 2:
            return [Candidate(item.mask, 0.4) for item in super().predict(encoded, points, box, mask)[:1]]
        row = np.zeros(encoded, bool)
        row[int(points[0][1])] = True
        return [Candidate(row, 0.8)]


def test_the_second_click_may_show_that_the_first_one_meant_another_object():
    session = begin(segmenter=Doubtful())
    session.draw(1, 4, [put("a", 2, 3)])
    session.draw(1, 4, [put("b", 6, 1)])
    mask = session.document.mask(1, 4)
    assert mask[3].all()
    assert mask[1, 6]  # what the click itself added
    assert session.next_candidate(1, 4).note == "mask 2 of 2, score 0.40"  # the changed one
    assert not session.document.mask(1, 4)[3].all()
    session.undo()
    session.draw(1, 4, [put("c", 0, 0)])
    corrected = session.document.mask(1, 4)  # by the third click, though all at once would be surer
    assert corrected[0, 0]
    np.testing.assert_array_equal(corrected & mask, mask)
    session.draw(1, 5, [put("d", 2, 3), put("e", 4, 3, 0)])
    mask = session.document.mask(1, 5)
    assert (mask[3, 2], mask[3, 4], mask[3, 7]) == (True, False, False)  # a click off the object takes away from both
    session.close()


def test_a_box_has_candidates_and_one_mask_is_no_choice():
    session = begin(segmenter=ThreeSizes())
    session.draw(1, 4, [box("a", 0, 0, 8, 6)])
    assert "mask 2 of 3" in session.next_candidate(1, 4).note
    assert session.document.mask(1, 4).sum() == 24
    assert "mask 1 of 3" in session.next_candidate(1, 4, -1).note
    single = begin()
    single.draw(1, 4, [put("a", 2, 2)])
    version = single.document.version
    assert single.next_candidate(1, 4).note == "there is one mask only for these inputs"
    assert single.document.version == version


def test_a_preview_is_the_mask_of_the_click_and_changes_nothing():
    session = begin(segmenter=ThreeSizes())
    assert session.preview(1, 4, 4, 3) is None  # not encoded yet
    for _ in range(200):
        if 4 in session._encodings:
            break
        time.sleep(0.01)
    version = session.document.version
    shown = session.preview(1, 4, 4, 3).mask
    assert session.preview(1, 12, 4, 3) is None  # silent
    assert session.document.version == version
    session.draw(1, 4, [put("a", 4, 3)])
    np.testing.assert_array_equal(shown, session.document.mask(1, 4))
    session._renderer._seconds.extend([0.3] * 9)
    assert session.is_slow
    assert session.preview(1, 4, 2, 2) is None
    session.close()

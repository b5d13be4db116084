import random
import threading
from pathlib import Path

import numpy as np
import pytest

from avseg.annotate.document.rle import decode
from avseg.annotate.propagation import run as propagation
from avseg.annotate.propagation.jobs import JobQueue, Priority
from avseg.annotate.proposals.energy import Proposal
from avseg.annotate.session import Session
from avseg.utils.errors import UserError
from tests.annotate.document_helpers import document, killed, refusal, rle, state_of
from tests.annotate.fake_models import FakeVideo, Gate, Squares, Still


def begin(pace=lambda: None, folder=None, message=None):
    """A dog that sounds in 2-21, marked in 4 by a click."""
    doc = document(folder)
    session = Session(doc, FakeVideo(), Squares(), Still(pace), on_event=message)
    doc.do({"op": "add_object", "label": "dog"})
    doc.do({"op": "add_segment", "object": 1, "start": 2, "end": 22})
    session.click(1, 4, [[2, 2, 1]])
    return session


@pytest.fixture
def session():
    made = begin()
    yield made
    made.close()


def test_a_click_answers_with_the_mask(session):
    change = session.click(1, 4, [[2, 2, 1], [6, 4, 1]])
    assert list(change.masks) == [(1, 4)]
    assert session.document.mask(1, 4).sum() == 18
    info = session.document.frame_info(1, 4)
    assert (info.source, info.points, info.score, info.model) == (
        "points",
        ((2.0, 2.0, 1), (6.0, 4.0, 1)),
        0.8,
        "Squares",
    )
    assert session.document.history[-1].op == "draw"


def test_what_cannot_be_clicked_is_refused_in_one_line(session):
    before = state_of(session.document)
    for call, message in (
        (lambda: session.click(1, 1, [[2, 2, 1]]), "is silent in frame 1"),
        (lambda: session.click(2, 4, [[2, 2, 1]]), "no object 2"),
        (lambda: session.click(1, 4, [[2, 2, 0]]), "give a point on the object"),
        (lambda: session.click(1, 4, [[20, 2, 1]]), "in the frame, 8x6"),
        (lambda: session.box(1, 4, [0, 0, 0, 0]), r"[x0, y0, x1, y1]"),
        (lambda: session.refine(1, 5), "no mask in frame 5"),
        (lambda: session.propagate(7), "no segment 7"),
        (lambda: session.propagate(1, direction="up"), "allowed: both, forward, backward"),
        (lambda: session.propagate(1, frame=1), "allowed: 2 to 21"),
    ):
        assert message in refusal(call)
    assert state_of(session.document) == before


def test_the_prior_of_a_click_is_what_was_there_before_the_first(session):
    session.propagate(1, wait=True)
    carried = session.document.mask(1, 9)
    session.segmenter.priors.clear()
    session.click(1, 9, [[6, 4, 1]])
    session.click(1, 9, [[6, 4, 1], [1, 1, 0]])
    assert all(np.array_equal(prior, carried) for prior in session.segmenter.priors)
    session.document.undo()
    session.document.undo()
    session.document.do({"op": "clear_mask", "object": 1, "frame": 9})
    session.click(1, 9, [[6, 4, 1]])
    assert session.segmenter.priors[-1] is None


def test_a_box_and_a_brush(session):
    session.box(1, 5, [1, 1, 4, 3])
    assert session.document.mask(1, 5).sum() == 6
    painted = np.zeros((6, 8), np.bool_)
    painted[0, 0] = True
    session.brush(1, 6, painted)
    assert np.array_equal(session.document.mask(1, 6), painted)
    assert session.document.frame_info(1, 6).source == "brush"
    assert session.document.anchors(1) == [4, 5, 6]


def test_propagation_fills_the_segment_and_nothing_else(session):
    run = session.propagate(1, wait=True)
    assert (run.state, run.done, run.total) == ("finished", 19, 19)
    doc = session.document
    assert doc.masked_frames(1) == list(range(2, 22))
    assert doc.frames_to_propagate(1) == []
    assert session.propagator.shown.count(4) == 0
    assert {doc.frame_info(1, frame).from_frame for frame in range(5, 22)} == {4}
    doc.undo()
    assert doc.masked_frames(1) == [4]


def test_only_pieces_with_missing_or_stale_masks_are_done_again(session):
    session.propagate(1, wait=True)
    for frame in (10, 16):
        session.click(1, frame, [[5, 3, 1]])
    session.propagate(1, wait=True)
    session.click(1, 13, [[3, 3, 1]])
    session.propagator.shown.clear()
    session.propagate(1, wait=True)
    assert set(session.propagator.shown) == {11, 12, 14, 15}
    session.propagator.shown.clear()
    session.propagate(1, frame=20, wait=True)
    assert set(session.propagator.shown) == {17, 18, 19, 20, 21}
    session.propagator.shown.clear()
    run = session.propagate(1, wait=True)
    assert (run.state, run.total, session.propagator.shown) == ("finished", 0, [])  # all of it is up to date
    session.propagate(1, include_up_to_date=True, wait=True)
    assert set(session.propagator.shown) == set(range(2, 22)) - {4, 10, 13, 16}


def test_of_many_accepted_masks_only_those_around_the_piece_are_read(session, monkeypatch):
    session.propagate(1, wait=True)
    session.document.do({"op": "accept", "object": 1, "frames": [frame for frame in range(2, 22) if frame != 12]})
    read = []
    monkeypatch.setattr(propagation, "decode", lambda rle: read.append(rle) or decode(rle))
    session.propagator.shown.clear()
    session.propagate(1, frame=12, wait=True)
    assert set(session.propagator.shown) == {12}
    assert len({id(rle) for rle in read}) <= 2 + 4  # its two barriers, and four that tell what the object looks like


def test_a_cancelled_propagation_keeps_what_is_finished():
    gate = Gate(6)
    session = begin(gate)
    run = session.propagate(1)
    assert gate.reached.wait(60)
    session.cancel()
    gate.open()
    assert run.wait(60)
    doc = session.document
    assert run.state == "cancelled"
    assert 5 <= run.done < 19
    assert len(doc.masked_frames(1)) == 1 + run.done
    assert len(doc.history) == 4  # one step
    session.propagate(1, wait=True)
    assert doc.frames_to_propagate(1) == []
    doc.undo()
    assert len(doc.masked_frames(1)) == 1 + run.done
    doc.undo()
    assert doc.masked_frames(1) == [4]
    session.close()


def test_a_click_comes_before_the_rest_of_a_propagation():
    gate = Gate(6)
    session = begin(gate)
    run = session.propagate(1)
    assert gate.reached.wait(60)
    clicking = threading.Thread(target=lambda: session.click(1, 15, [[6, 4, 1]]))
    clicking.start()
    while not session._jobs._waiting:
        pass
    gate.open()
    clicking.join(60)
    assert run.wait(60)
    doc = session.document
    assert doc.frame_info(1, 15).source == "points"  # not written over
    assert [step.op for step in doc.history][-2:] in (["set_results", "draw"], ["draw", "set_results"])
    # the propagation did not know of it: what lies beside is stale
    assert doc.frames_to_propagate(1) == [*range(5, 15), *range(16, 22)]
    assert refusal(lambda: session.propagate(1, wait=True)) is None
    assert doc.frames_to_propagate(1) == []
    session.close()


def test_undo_while_it_runs_ends_it_and_takes_all_back():
    gate = Gate(12)
    session = begin(gate)
    run = session.propagate(1, "forward")
    assert gate.reached.wait(60)
    assert run.done >= 8
    session.document.undo()
    gate.open()
    assert run.wait(60)
    assert run.state == "cancelled"
    assert session.document.masked_frames(1) == [4]
    session.close()


@pytest.mark.parametrize("op", [{"op": "remove_segment", "segment": 1}, {"op": "remove_object", "object": 1}])
def test_removing_what_is_propagated_ends_it(op):
    gate = Gate(6)
    session = begin(gate)
    run = session.propagate(1)
    assert gate.reached.wait(60)
    session.document.do(op)
    gate.open()
    assert run.wait(60)
    assert (run.state, run.error) == ("cancelled", "")
    session.close()


def test_an_edge_that_moves_while_it_runs_cuts_the_results():
    gate = Gate(6)
    session = begin(gate)
    run = session.propagate(1)
    assert gate.reached.wait(60)
    session.document.do({"op": "edit_segment", "segment": 1, "end": 12})
    gate.open()
    assert run.wait(60)
    assert session.document.masked_frames(1) == list(range(2, 12))
    session.close()


def test_propagations_wait_in_line_and_events():
    gate, message = Gate(3), []
    session = begin(gate, message=lambda kind, **values: message.append((kind, values)))
    session.document.do({"op": "add_segment", "object": 1, "start": 22, "end": 24})
    session.document.do({"op": "add_object", "label": "cat"})
    session.document.do({"op": "add_segment", "object": 2, "start": 0, "end": 4})
    session.document.do({"op": "set_mask", "object": 2, "frame": 1, "mask": rle(1), "source": "hand"})
    run = session.propagate(1)
    assert gate.reached.wait(60)
    later = session.fill()
    assert [each.segment.id for each in later] == [1, 3, 2]  # those with a mask first; 1 is not finished yet
    assert session.propagate(2) is later[2]  # waits already
    assert [row["state"] for row in session.queue.report()["runs"]] == ["running", "waiting", "waiting", "waiting"]
    session.run_first(later[2].id)
    assert [row["segment"] for row in message[-1][1]["runs"]] == [1, 2, 1, 3]
    session.cancel(later[1].id)
    assert later[1].state == "cancelled"
    gate.open()
    assert run.wait(60)
    assert later[0].wait(60)
    assert later[2].wait(60)
    doc = session.document
    assert [doc.frames_to_propagate(segment) for segment in (1, 2)] == [[], []]
    assert {doc.frame_info(1, frame).from_frame for frame in (22, 23)} == {4}  # a mask of the other segment
    assert doc.masked_frames(3) == [1]
    assert session.fill(1) == []  # all of it is up to date
    doc.do({"op": "set_mask", "object": 1, "frame": 22, "mask": rle(3), "source": "hand"})
    assert doc.frames_to_propagate(2) == [23]  # now the segment has its own
    session.close()
    kinds = [kind for kind, _ in message]
    assert kinds[0] == "queued"
    assert {*kinds} == {"queued", "progress", "finished"}
    assert message[-1][1]["runs"] == []
    assert all(row["left"] >= 0 for row in message[kinds.index("finished") - 1][1]["runs"] if row["speed"])


def test_a_model_that_fails_is_told_and_the_session_lives(session):
    def broken():
        raise RuntimeError("out of memory\nsecond line")

    session.propagator.pace = broken
    assert refusal(lambda: session.propagate(1, wait=True)) == "out of memory"
    session.propagator.pace = lambda: None
    assert session.propagate(1, wait=True).state == "finished"


def test_refining_again_is_derived_and_with_moved_points_the_users_own(session):
    session.propagate(1, wait=True)
    session.refine(1, 8)
    info = session.document.frame_info(1, 8)
    assert (info.source, info.anchor, info.from_frame) == ("refined", False, 4)
    session.refine(1, 8, [[3, 3, 1]])
    info = session.document.frame_info(1, 8)
    assert (info.source, info.anchor, info.points) == ("points", True, ((3.0, 3.0, 1),))


def test_the_queue_leaves_out_what_was_reviewed(session):
    session.propagate(1, wait=True)
    assert [check.segment_id for check in session.review_queue()] == [1]
    session.document.do({"op": "accept", "object": 1, "frames": list(range(2, 22))})
    assert session.review_queue() == []


def test_pictures_are_looked_at_once_and_few_are_kept(session):
    session.segmenter.encoded.clear()
    session.encode_ahead(range(10, 20))
    session.click(1, 12, [[2, 2, 1]])
    session._jobs.run(Priority.AHEAD, lambda: None)
    assert session.segmenter.encoded.count(12) == 1
    assert len(session._encodings) <= 8


def test_proposals_become_segments_as_one_step(session):
    found = [Proposal(0, 2, None, 1.0), Proposal(1, 5, None, 1.0), Proposal(22, 24, None, 1.0)]
    assert session.add_proposals(found, 1) == [2, 3]
    session.document.undo()
    assert list(session.document.segments) == [1]
    assert "no label" in refusal(lambda: session.add_proposals(found))
    session.add_proposals([Proposal(0, 3, "cat", 1.0), Proposal(5, 9, "cat", 1.0), Proposal(22, 23, "dog", 1.0)])
    assert [each.label for each in session.document.objects.values()] == ["dog", "cat"]
    assert len(session.document.segments) == 4


def test_the_most_urgent_job_is_first():
    jobs, order, hold = JobQueue(), [], threading.Event()
    first = jobs.start(Priority.AHEAD, hold.wait)
    while not first.running():
        pass
    ended = [
        jobs.start(priority, lambda priority=priority: order.append(priority))
        for priority in (Priority.AHEAD, Priority.PROPAGATE, Priority.CLICK, Priority.REFINE)
    ]
    hold.set()
    for each in ended:
        each.result(60)
    assert order == sorted(Priority)
    jobs.close()
    with pytest.raises(UserError, match="closed"):
        jobs.start(Priority.CLICK, lambda: None)


def propagate_forever(folder: Path) -> None:
    session = begin(folder=folder)
    print(session.document.version, flush=True)
    session.document.subscribe(lambda change: print(change.version, flush=True))
    while True:
        session.propagate(1, include_up_to_date=True, wait=True)


def test_kill_9_in_the_middle_of_a_propagation_keeps_the_frames_that_were_told(tmp_path):
    chance = random.Random(1)
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        message = killed(propagate_forever, folder, chance.randint(1, 40))
        again = document(folder)
        assert again.version >= message
        assert 4 in again.masked_frames(1)
        assert all(again.mask(1, frame).sum() == 9 for frame in again.masked_frames(1))
        steps = [step.op for step in again.history]
        assert set(steps[3:]) <= {"set_results"}
        while refusal(again.undo) is None:
            pass
        assert again.objects == {}
        again.close()

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avseg.annotate.propagation.propagate import propagate
from avseg.annotate.propagation.spans import MAX_BETWEEN, MAX_DISTANCE, Gap, find_gaps, frames_between
from avseg.annotate.propagation.tracker import FrameResult
from avseg.annotate.protocols import Candidate, Image, Mask, Step
from avseg.utils.errors import UserError
from tests.annotate.synthetic_videos import toy_film

SIZE = (24, 60)


def mask_at(frame: int) -> Mask:
    """A square that moves by one pixel per frame."""
    mask = np.zeros(SIZE, np.bool_)
    mask[6:16, frame : frame + 10] = True
    return mask


class Numbered:
    """Pictures that say which frame they are; notes what was looked at."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def image(self, frame: int) -> Image:
        self.seen.append(frame)
        return np.full((*SIZE, 3), frame, np.uint8)


class Sliding:
    """Knows where the square is if it was message once, up to an error per frame of the way."""

    def __init__(self, drift: int = 0) -> None:
        self.drift = drift

    def reset(self, objects: Sequence[int]) -> None:
        self.objects, self.start = list(objects), None

    def step(self, picture: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        frame = int(picture[0, 0, 0])
        if masks:
            self.start = frame
            return Step({name: mask.astype(np.float32) for name, mask in masks.items()}, None)
        off = self.drift * (frame - self.start)
        return Step({name: np.roll(mask_at(frame), off, 1).astype(np.float32) for name in self.objects}, None)


class Agreeing:
    def encode(self, picture: Image) -> None:
        return None

    def predict(self, encoded: Any, points: Any = (), box: Any = None, mask: Any = None) -> list[Candidate]:
        return [Candidate(mask > 0.5, 0.9)]


def run(accepted: Sequence[int], segment: tuple[int, int] = (5, 25), **options: Any) -> Iterator[FrameResult]:
    film = options.pop("film", Numbered())
    propagator = options.pop("propagator", Sliding())
    masks = {frame: {1: mask_at(frame)} for frame in accepted}
    return propagate(film, segment, masks, [1], Agreeing(), propagator, **options)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(0, 30), st.integers(1, 20)),
    st.sets(st.integers(0, 50), min_size=1, max_size=8),
    st.sampled_from(["both", "forward", "backward"]),
)
def test_barriers_hold(segment: tuple[int, int], accepted: set[int], direction: str) -> None:
    start, end = segment[0], segment[0] + segment[1]
    inside = sorted(frame for frame in accepted if start <= frame < end)
    film = Numbered()
    if not inside:  # the nearest ones outside are where it starts
        ways = {"forward": [max([frame for frame in accepted if frame < start], default=None)]}
        ways["backward"] = [min([frame for frame in accepted if frame >= end], default=None)]
        ways["both"] = ways["forward"] + ways["backward"]
        results = list(run(sorted(accepted), (start, end), direction=direction, film=film))
        starts = set(ways[direction]) - {None}
        assert [result.frame for result in sorted(results, key=lambda result: result.frame)] == (
            list(range(start, end)) if starts else []
        )
        assert {result.from_frame for result in results} <= starts
        return
    results = list(run(sorted(accepted), (start, end), direction=direction, film=film))
    frames = [result.frame for result in results]
    assert len(set(frames)) == len(frames)
    reachable = {
        frame
        for frame in range(start, end)
        if frame not in accepted
        and (direction != "forward" or frame > inside[0])
        and (direction != "backward" or frame < inside[-1])
    }
    assert set(frames) == reachable
    assert set(film.seen) <= set(range(start, end)) | accepted
    for result in results:
        # it came from the accepted frame beside it, and none lies between
        assert result.from_frame in inside
        low, high = sorted((result.frame, result.from_frame))
        assert not any(low < frame < high for frame in inside)


@pytest.mark.slow
def test_a_gap_alone_has_the_same_result_as_in_the_segment() -> None:
    film = toy_film(0)
    accepted = {frame: {1: film.truth(1, frame), 2: film.truth(2, frame)} for frame in (2, 8, 14)}
    from avseg.annotate.backends import make_propagator, make_segmenter

    def go(segment: tuple[int, int]) -> dict[int, FrameResult]:
        found = propagate(film, segment, accepted, [1], make_segmenter(), make_propagator())
        return {result.frame: result for result in found}

    whole, gap = go((0, 18)), go((8, 15))
    assert sorted(gap) == list(range(9, 14))
    for frame, result in gap.items():
        assert (result.mask == whole[frame].mask).all()
        assert result.terms == whole[frame].terms
        assert result.score == whole[frame].score
        assert result.points == whole[frame].points


def test_two_ways_meet_and_the_nearer_wins() -> None:
    results = {result.frame: result for result in run([5, 24], propagator=Sliding(drift=1))}
    assert {frame: result.from_frame for frame, result in results.items()} == {
        frame: 5 if frame < 15 else 24 for frame in range(6, 24)
    }
    # forward is off by frame - 5 to the right, backward by 24 - frame to the left
    for frame, result in results.items():
        expected = max(10 - ((frame - 5) + (24 - frame)), 0)
        assert result.terms["agreement"] == pytest.approx(expected / (20 - expected))
    assert all("agreement" not in result.terms for result in run([5]))
    assert all(result.terms["agreement"] == 1 for result in run([5, 24]))


@pytest.mark.parametrize("stop", [1, 7, 18, 25, 36])
def test_cancelled_in_the_middle_keeps_what_is_finished(stop: int) -> None:
    done: list[float] = []
    results = list(run([5, 24], cancelled=lambda: len(done) >= stop, progress=done.append))
    complete = {result.frame: result for result in run([5, 24])}
    assert len(done) == stop
    # eighteen frames forward, then eighteen backward; each that was reached is given out once
    assert sorted(result.frame for result in results) == (list(range(6, 6 + stop)) if stop < 18 else list(range(6, 24)))
    for result in results:
        assert (result.mask == complete[result.frame].mask).all()


def test_cancelled_between_pieces_does_not_begin_the_next() -> None:
    film, done = Numbered(), []
    results = list(run([10, 20], film=film, cancelled=lambda: len(done) >= 5, progress=done.append))
    assert sorted(result.frame for result in results) == [5, 6, 7, 8, 9]
    assert max(film.seen[2:]) == 10  # the first two are what the object looks like


def test_progress_ends_at_one() -> None:
    done: list[float] = []
    list(run([10, 20], progress=done.append))
    assert done == sorted(done)
    assert done[-1] == 1
    assert len(done) == 5 + 2 * 9 + 4


def test_the_way_from_another_segment_is_followed() -> None:
    film, done = Numbered(), []
    results = list(run([8, 40], (20, 24), film=film, progress=done.append))
    assert [result.frame for result in results] == [23, 22, 21, 20]
    assert film.seen[2:] == [8, *range(9, 24), 40, *range(39, 19, -1)]  # each frame between, too
    assert done[0] > 0
    assert done[-1] == 1
    assert len(done) == 11 + 4 + 16 + 4


@given(st.integers(0, 600), st.integers(1, 400), st.integers(1, 50), st.booleans())
def test_frames_between(barrier: int, distance: int, length: int, later: bool) -> None:
    first = barrier + distance if later else barrier - distance
    gap = Gap(first, first + length, barrier, None) if later else Gap(first - length + 1, first + 1, None, barrier)
    frames = frames_between(barrier, gap)
    low, high = sorted((barrier, first))
    assert all(low < frame < high for frame in frames)
    assert len(frames) <= MAX_BETWEEN
    steps = np.abs(np.diff([barrier, *frames, first]))
    assert steps.max() <= (4 if distance <= MAX_DISTANCE else distance)


def test_objects_go_with_their_own_barriers() -> None:
    masks = {5: {1: mask_at(5), 2: mask_at(30)}, 10: {2: mask_at(20)}}
    results = list(propagate(Numbered(), (5, 14), masks, [1, 2], Agreeing(), Sliding()))
    assert {(result.frame, result.object_id) for result in results} == {
        *((frame, 1) for frame in range(6, 14)),
        *((frame, 2) for frame in range(6, 14) if frame != 10),
    }
    origin = {(result.frame, result.object_id): result.from_frame for result in results}
    assert origin[(13, 1)] == 5
    assert origin[(13, 2)] == 10


def test_without_refinement_the_segmenter_is_not_asked() -> None:
    class Unasked:
        def encode(self, picture: Image) -> None:
            raise AssertionError

    results = list(propagate(Numbered(), (0, 4), {0: {1: mask_at(0)}}, [1], Unasked(), Sliding(), refine=False))
    assert [result.source for result in results] == ["propagated"] * 3
    assert all("segmenter" not in result.terms and result.points for result in results)


def test_what_cannot_be_done_is_told() -> None:
    with pytest.raises(UserError, match=r"direction 'forwards' is unknown.*did you mean 'forward'"):
        list(run([5], direction="forwards"))
    with pytest.raises(UserError, match="segment: 7-7 contains no frame"):
        list(run([5], (7, 7)))
    with pytest.raises(UserError, match="segment 6-9: object 1 has no accepted mask"):
        list(run([], (6, 9)))


def test_gaps() -> None:
    accepted = {frame: {1: mask_at(0)} for frame in (3, 6, 7, 9)}
    assert find_gaps((2, 12), accepted, 1) == [(2, 3, None, 3), (4, 6, 3, 6), (8, 9, 7, 9), (10, 12, 9, None)]
    assert find_gaps((10, 12), accepted, 1) == [(10, 12, 9, None)]
    assert find_gaps((4, 6), accepted, 1) == [(4, 6, 3, 6)]
    assert find_gaps((2, 12), accepted, 2) == []


class Differing(Sliding):
    """Agrees with the other propagator except in frame 4."""

    def step(self, picture: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        step = super().step(picture, masks)
        if int(picture[0, 0, 0]) == 4:
            return Step({name: np.roll(values, 20, 1) for name, values in step.probabilities.items()}, None)
        return step


def test_frames_behind_a_bad_one_are_as_bad() -> None:
    accepted = {0: {1: mask_at(0)}}
    results = list(propagate(Numbered(), (0, 8), accepted, [1], Agreeing(), Sliding(), second=Differing()))
    scores = {result.frame: result.score for result in results}
    assert min(scores[frame] for frame in (1, 2, 3)) > 0.5 > scores[4]
    assert {scores[frame] for frame in (5, 6, 7)} == {scores[4]}
    assert results[-1].terms["path"] == scores[4]

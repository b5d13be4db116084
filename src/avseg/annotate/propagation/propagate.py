"""Carries masks from accepted frames through an audible segment (LU-AVS, supplementary, section 7), piece by piece.

Accepted frames are barriers: they are never changed and nothing passes them. What lies between two of them is a piece;
it is followed forward from the left one and backward from the right one, and each frame takes the better of the two,
the nearer barrier counting more. A piece alone gives the same as in the whole segment, so that a failed one can be done
again without the others.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from avseg.annotate.propagation.appearance import Likeness, histogram
from avseg.annotate.propagation.refine import iou
from avseg.annotate.propagation.spans import Accepted, Piece, pieces
from avseg.annotate.propagation.tracker import Follower, FrameResult, Pictures
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.annotate.quality.scores import score
from avseg.utils.errors import UserError, nearest

DIRECTIONS = ("both", "forward", "backward")
REFERENCES = 3  # accepted masks that tell what an object looks like


def propagate(
    film: Pictures,
    segment: tuple[int, int],
    accepted: Accepted,
    objects: Sequence[int],
    segmenter: Segmenter,
    propagator: Propagator,
    direction: str = "both",
    refine: bool = True,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[FrameResult]:
    """Fills a segment from its accepted frames; never leaves it.

    At most a few pictures are in memory at a time; of the forward way through a piece between two accepted frames the
    masks are kept, compressed, until the backward way meets them.

    Args:
        film: the video.
        segment: [start, end) in frames.
        accepted: masks by frame, then by object. Those outside of the segment are no barriers, but tell what the
            objects look like.
        objects: ids to propagate. Others with a mask in a barrier are followed too, as rivals.
        segmenter: refines.
        propagator: is reset for each way through a piece.
        direction: "both"; "forward": from accepted frames to later ones only; "backward".
        refine: whether the segmenter draws each frame anew from the prototypes' points.
        cancelled: asked before each frame; once it is true, what is finished is given out, and the end comes.
        progress: told the share that is done, 0 to 1.

    Returns:
        Each frame and object once, as they get done; the same, in the same order, every time.

    Raises:
        UserError: unknown direction, empty segment, or an object without an accepted mask in the segment.
    """
    _check(segment, accepted, objects, direction)
    plan = _plan(segment, accepted, objects, direction)
    follower = Follower(film, propagator, segmenter if refine else None, _likeness(film, segment, accepted, objects))
    total, done = sum((way.piece.end - way.piece.start) * len(way.barriers) for way in plan), 0

    def frame_done() -> bool:
        nonlocal done
        done += 1
        progress(done / total)
        return cancelled()

    for way in plan:
        if cancelled():
            return
        yield from _piece(follower, accepted, way, frame_done)


class _Way(NamedTuple):
    """A piece, whose objects to follow through it, and the accepted frames to start from: one or two."""

    piece: Piece
    objects: list[int]
    barriers: list[int]


def _plan(segment: tuple[int, int], accepted: Accepted, objects: Sequence[int], direction: str) -> list[_Way]:
    """Objects with the same piece go together, as rivals of each other."""
    groups: dict[Piece, list[int]] = {}
    for name in sorted(set(objects)):
        for piece in pieces(segment, accepted, name):
            groups.setdefault(piece, []).append(name)
    ways = []
    for piece, names in sorted(groups.items(), key=lambda item: item[0].start):
        left = piece.left if direction != "backward" else None
        right = piece.right if direction != "forward" else None
        barriers = [barrier for barrier in (left, right) if barrier is not None]
        if barriers:
            ways.append(_Way(piece, names, barriers))
    return ways


def _piece(follower: Follower, accepted: Accepted, way: _Way, frame_done: Callable[[], bool]) -> Iterator[FrameResult]:
    """Follows a piece from one barrier, or from both and joins."""
    *first, last = way.barriers
    kept: dict[tuple[int, int], FrameResult] = {}
    stop = False
    for barrier in first:
        for results in _follow(follower, accepted, way, barrier):
            kept |= {(result.frame, result.object): _packed(result) for result in results}
            if stop := frame_done():
                break
    if not stop:
        for results in _follow(follower, accepted, way, last):
            for result in results:
                other = kept.pop((result.frame, result.object), None)
                yield result if other is None else _joined(_unpacked(other, result.mask.shape), result, way.piece)
            if frame_done():
                break
    # cancelled: what only one way has reached is finished all the same
    for result in kept.values():
        yield _unpacked(result, accepted[result.from_frame][result.object].shape)


def _follow(follower: Follower, accepted: Accepted, way: _Way, barrier: int) -> Iterator[list[FrameResult]]:
    frames = range(way.piece.start, way.piece.end)
    return follower.follow(
        barrier, accepted[barrier], frames if barrier < way.piece.start else frames[::-1], way.objects
    )


def _joined(forward: FrameResult, backward: FrameResult, piece: Piece) -> FrameResult:
    """The better of two ways to a frame, each weighed by how near its barrier is; both ways' agreement is a term."""
    share = (forward.frame - forward.from_frame) / (backward.from_frame - forward.from_frame)
    better = forward if (1 - share) * forward.score >= share * backward.score else backward
    terms = better.terms | {"agreement": iou(forward.mask, backward.mask)}
    return replace(better, terms=terms, score=score(terms))


def _packed(result: FrameResult) -> FrameResult:
    """With the mask as compressed bits: a few kB, where the mask of a large video takes a megabyte."""
    bits = zlib.compress(np.packbits(result.mask).tobytes(), 1)
    return replace(result, mask=np.frombuffer(bits, np.uint8))


def _unpacked(result: FrameResult, shape: tuple[int, ...]) -> FrameResult:
    bits = np.frombuffer(zlib.decompress(result.mask.tobytes()), np.uint8)
    return replace(result, mask=np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(np.bool_))


def _likeness(film: Pictures, segment: tuple[int, int], accepted: Accepted, objects: Sequence[int]) -> Likeness:
    """Histograms of each object's accepted masks that are nearest to the segment, by all of the video."""
    references: dict[int, list[np.ndarray]] = {}
    for name in objects:
        frames = [frame for frame, masks in accepted.items() if name in masks and masks[name].any()]
        frames.sort(key=lambda frame: (max(segment[0] - frame, frame - segment[1] + 1, 0), frame))
        references[name] = [histogram(film.picture(frame), accepted[frame][name]) for frame in frames[:REFERENCES]]
    return Likeness(references)


def _check(segment: tuple[int, int], accepted: Accepted, objects: Sequence[int], direction: str) -> None:
    start, end = segment
    if direction not in DIRECTIONS:
        raise UserError(
            f"direction: '{direction}' is unknown{nearest(direction, DIRECTIONS)}; choose {', '.join(DIRECTIONS)}"
        )
    if not 0 <= start < end:
        raise UserError(f"segment: {start}-{end} holds no frame; give the first frame and the one after the last")
    for name in objects:
        if not any(start <= frame < end and name in masks for frame, masks in accepted.items()):
            raise UserError(
                f"segment {start}-{end}: object {name} has no accepted mask in it; mark one frame and accept it first"
            )

"""Propagate masks from accepted frames through an audible segment (LU-AVS, supplementary, section 7), gap by gap.

Accepted frames are barriers: they never change, and no propagation passes them. A gap between two of them is tracked
forward from the left one and backward from the right one, and each frame keeps the better result, weighted by how near
its barrier is. A gap alone gives the same result as inside the whole segment, so a failed one can be repeated alone.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from avseg.annotate.propagation.appearance import Appearance, Histogram, histogram
from avseg.annotate.propagation.spans import AcceptedMasks, Gap, find_gaps, frames_between
from avseg.annotate.propagation.tracker import FrameResult, Frames, Tracker
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.annotate.quality.calibration import frame_score
from avseg.annotate.quality.scores import iou
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError

DIRECTIONS = ("both", "forward", "backward")
MAX_REFERENCES = 3  # accepted masks per object that show its appearance


def propagate(
    frames: Frames,
    segment: tuple[int, int],  # frames [start, end)
    accepted: AcceptedMasks,  # outside of the segment references of the appearance; a start if the segment has none
    objects: Sequence[int],  # ids to propagate; others with a mask in a barrier are tracked too, as rivals
    segmenter: Segmenter,
    propagator: Propagator,
    direction: str = "both",  # "forward": from accepted frames to later ones only; "backward"
    refine: bool = True,  # redraw each frame by the segmenter, from the points of the prototypes
    cancelled: Callable[[], bool] = lambda: False,  # called before each frame; finished frames are yielded
    progress: Callable[[float], None] = lambda _: None,  # called with the fraction that is done, 0 to 1
    second: Propagator | None = None,  # tracks the same for comparison: where the two differ, one is wrong
) -> Iterator[FrameResult]:
    """Fill a segment from its accepted frames; yield each frame and object once, when done, in a deterministic order.

    Only a few images are in memory at a time. The masks of the forward pass through a gap between two accepted frames
    are kept compressed until the backward pass reaches them.

    Raises:
        UserError: unknown direction, empty segment, or an object without any accepted mask.
    """
    _check(segment, accepted, objects, direction)
    tasks = _plan(segment, accepted, objects, direction)
    appearance = _reference_appearance(frames, segment, accepted, objects)
    # a segmenter may have a faster one for this
    refiner = getattr(segmenter, "refiner", segmenter)
    tracker = Tracker(frames, propagator, refiner if refine else None, appearance, second)
    total = 0  # frames, twice where both directions are tracked
    for task in tasks:
        for barrier in task.barriers:
            total += task.gap.end - task.gap.start + len(frames_between(barrier, task.gap))
    done = 0

    def finish_frame() -> bool:
        nonlocal done
        done += 1
        progress(done / total)
        return cancelled()

    for task in tasks:
        if cancelled():
            return
        yield from _fill(tracker, accepted, task, finish_frame)


class _GapTask(NamedTuple):
    """A gap, the ids of the objects to track through it, and the one or two accepted frames to start from."""

    gap: Gap
    objects: list[int]
    barriers: list[int]


def _plan(segment: tuple[int, int], accepted: AcceptedMasks, objects: Sequence[int], direction: str) -> list[_GapTask]:
    """Group objects with the same gap: they are tracked together, as rivals of each other."""
    objects_by_gap: dict[Gap, list[int]] = {}
    for object_id in sorted(set(objects)):
        for gap in find_gaps(segment, accepted, object_id):
            objects_by_gap.setdefault(gap, []).append(object_id)
    tasks = []
    for gap, object_ids in sorted(objects_by_gap.items(), key=lambda item: item[0].start):
        barriers = []
        if gap.left is not None and direction != "backward":
            barriers.append(gap.left)
        if gap.right is not None and direction != "forward":
            barriers.append(gap.right)
        if barriers:
            tasks.append(_GapTask(gap, object_ids, barriers))
    return tasks


def _fill(
    tracker: Tracker, accepted: AcceptedMasks, task: _GapTask, finish_frame: Callable[[], bool]
) -> Iterator[FrameResult]:
    """Track through a gap from one barrier, or from both and join the results."""
    *first_barrier, last_barrier = task.barriers
    forward: dict[tuple[int, int], FrameResult] = {}  # by frame and object id, masks compressed
    stop = False
    for barrier in first_barrier:
        for results in _track(tracker, accepted, task, barrier):
            for result in results:
                forward[result.frame, result.object_id] = _compressed(result)
            if stop := finish_frame():
                break  # cancelled: no backward pass
    if not stop:
        for results in _track(tracker, accepted, task, last_barrier):
            for result in results:
                earlier = forward.pop((result.frame, result.object_id), None)
                if earlier is None:
                    yield result
                else:
                    yield _join(_decompressed(earlier, result.mask.shape), result)
            if finish_frame():
                break
    # after a cancellation: frames that only the forward pass has reached are finished too
    for result in forward.values():
        yield _decompressed(result, accepted[result.from_frame][result.object_id].shape)


def _track(tracker: Tracker, accepted: AcceptedMasks, task: _GapTask, barrier: int) -> Iterator[list[FrameResult]]:
    frames = range(task.gap.start, task.gap.end)
    ordered = frames if barrier < task.gap.start else frames[::-1]
    return tracker.track(barrier, accepted[barrier], ordered, task.objects, frames_between(barrier, task.gap))


def _join(forward: FrameResult, backward: FrameResult) -> FrameResult:
    """Choose the better of two results, weighted by the nearness of their barriers; their agreement becomes a term."""
    position = (forward.frame - forward.from_frame) / (backward.from_frame - forward.from_frame)
    # `position` is 0 at the left barrier and 1 at the right one
    better = forward if (1 - position) * forward.score >= position * backward.score else backward
    terms = better.terms | {"agreement": iou(forward.mask, backward.mask)}
    return replace(better, terms=terms, score=frame_score(terms))


def _compressed(result: FrameResult) -> FrameResult:
    """Replace the mask by compressed bits: a few kB instead of a megabyte for a large video."""
    bits = zlib.compress(np.packbits(result.mask).tobytes(), 1)  # level 1: the fastest
    return replace(result, mask=np.frombuffer(bits, np.uint8))


def _decompressed(result: FrameResult, shape: tuple[int, ...]) -> FrameResult:
    bits = np.frombuffer(zlib.decompress(result.mask.tobytes()), np.uint8)
    return replace(result, mask=np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(np.bool_))


def _reference_appearance(
    frames: Frames, segment: tuple[int, int], accepted: AcceptedMasks, objects: Sequence[int]
) -> Appearance:
    """Compute histograms of each object's accepted masks that are nearest to the segment, in the whole video."""
    references: dict[int, list[Histogram]] = {}
    for object_id in objects:
        usable = [frame for frame, masks in accepted.items() if object_id in masks and masks[object_id].any()]
        usable.sort(key=lambda frame: (max(segment[0] - frame, frame - segment[1] + 1, 0), frame))
        histograms = []
        for frame in usable[:MAX_REFERENCES]:
            histograms.append(histogram(frames.image(frame), accepted[frame][object_id]))
        references[object_id] = histograms
    return Appearance(references)


def _check(segment: tuple[int, int], accepted: AcceptedMasks, objects: Sequence[int], direction: str) -> None:
    start, end = segment
    check_choice("direction", direction, DIRECTIONS)
    if not 0 <= start < end:
        raise UserError(f"segment: {start}-{end} contains no frame; give the first frame and the one after the last")
    for object_id in objects:
        if not any(object_id in masks for masks in accepted.values()):
            raise UserError(
                f"segment {start}-{end}: object {object_id} has no accepted mask, here or in another segment; "
                "mark one frame and accept it first"
            )

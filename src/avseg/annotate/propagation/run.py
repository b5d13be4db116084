"""One run of the propagator through a segment: in the background, cancellable at every frame, finished frames kept."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from avseg.annotate.backends import make_propagator
from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Change, Segment, Span
from avseg.annotate.document.operations import Result, SetResults
from avseg.annotate.document.rle import RLE, Mask, decode, encode
from avseg.annotate.propagation.propagate import propagate
from avseg.annotate.propagation.tracker import FrameResult, Frames
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.utils.errors import UserError

_BATCH = 8  # frames per line of the journal at most
_MAX_DELAY = 0.5  # seconds that a finished frame waits for its batch at most
_MAX_REFERENCES = 4  # anchors outside the spans that show the appearance of the object

_LOG = logging.getLogger(__name__)
WAITING, RUNNING, FINISHED, CANCELLED, FAILED = "waiting", "running", "finished", "cancelled", "failed"


@dataclass(frozen=True)
class Request:
    """A segment to propagate, with the options."""

    segment_id: int
    direction: str = "both"  # or "forward", "backward"
    refine: bool = True  # redraw each frame by the segmenter
    frame: int | None = None  # only between the anchors around this frame
    include_up_to_date: bool = False


class PropagationRun:
    """Fills spans of a segment, which include the anchors at both ends; the results are one step of undo."""

    def __init__(self, document: Document, request: Request, model: str) -> None:
        self.document = document
        self.request = request
        self.segment = document.segments[request.segment_id]
        self.model = model
        self.id = 0  # in the queue
        self.state = WAITING
        self.done = 0  # frames in the document
        self.fraction = 0.0  # of the work that is done
        self.error = ""  # reason of a failure
        self._started: float | None = None
        self._cancelled = threading.Event()
        self._unwanted = threading.Event()
        self._ended = threading.Event()
        self._plan()
        if not self.spans:  # every frame is up to date
            self.state = FINISHED
            self._ended.set()

    @property
    def speed(self) -> float | None:
        """Frames per second so far; None before the first one."""
        if self._started is None or not self.fraction:
            return None
        return self.total * self.fraction / max(time.monotonic() - self._started, 1e-3)

    def _plan(self) -> None:
        """Determine what to fill from the document as it is now."""
        self.start_version = self.document.version
        self.segment = self.document.segments[self.request.segment_id]
        self.spans = spans_to_propagate(
            self.document, self.segment.id, self.request.frame, self.request.include_up_to_date
        )
        anchors = set(self.document.anchors(self.segment.id))
        self.total = 0  # frames to fill
        for start, end in self.spans:
            self.total += len(set(range(start, end)) - anchors)
        self._anchor_masks = AnchorMasks(self.document, self.segment, self.spans)

    def cancel(self) -> None:
        """End the run at the next frame; finished frames stay."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; return False on timeout."""
        return self._ended.wait(timeout)

    def run(
        self,
        frames: Frames,
        segmenter: Segmenter,
        propagator: Propagator,
        *,
        yield_to_urgent: Callable[[], None],  # called before each frame; runs more urgent jobs
        on_progress: Callable[["PropagationRun"], None],  # called after each frame and at the end
    ) -> None:
        """Propagate, in the calling thread."""

        def cancelled() -> bool:
            yield_to_urgent()
            return self._cancelled.is_set()

        def report(index: int, fraction: float) -> None:
            self.fraction = (index + fraction) / len(self.spans)
            on_progress(self)

        self.state = RUNNING
        self._started = time.monotonic()
        # the quality of the default propagator is calibrated with a second opinion
        second = make_propagator("flow") if getattr(propagator, "name", "") == "light" else None
        unsubscribe = self.document.subscribe(self._cancel_if_unwanted)
        try:
            self._cancel_if_unwanted()
            if not self._cancelled.is_set() and self.document.version != self.start_version:
                self._plan()  # it has waited, and the annotator has gone on
            direction, refine = self.request.direction, self.request.refine
            for index, span in enumerate(self.spans):
                if cancelled():
                    break
                report_span = partial(report, index)
                masks, objects = self._anchor_masks, [self.segment.object_id]
                self._save_all(
                    propagate(
                        frames,
                        span,
                        masks,
                        objects,
                        segmenter,
                        propagator,
                        direction,
                        refine,
                        cancelled,
                        report_span,
                        second,
                    )
                )
            self.state = CANCELLED if self._cancelled.is_set() else FINISHED
        except Exception as error:
            self.state = FAILED
            self.error = (str(error).splitlines() or [type(error).__name__])[0]
            if not isinstance(error, UserError):
                _LOG.exception("the propagation of segment %d failed", self.segment.id)
        finally:
            unsubscribe()
            on_progress(self)

    def end(self) -> None:
        """Release those who wait for the end; the queue calls it."""
        self._ended.set()

    def abandon(self) -> None:
        """Mark a run that was removed from the queue before it began."""
        self.state = CANCELLED
        self._ended.set()

    def _save_all(self, results: Iterator[FrameResult]) -> None:
        """Journal results in batches; finished frames are saved even if a later one fails."""
        batch: list[Result] = []
        last_save = time.monotonic()
        try:
            for result in results:
                batch.append(self._to_operation(result))
                if len(batch) >= _BATCH or time.monotonic() - last_save > _MAX_DELAY:
                    full_batch, batch = batch, []  # a batch that fails is not saved again below
                    self._save(full_batch)
                    last_save = time.monotonic()
        finally:
            if batch:
                self._save(batch)

    def _save(self, batch: list[Result]) -> None:
        if self._unwanted.is_set():
            return
        op = SetResults(segment_id=self.segment.id, results=tuple(batch), run=self.start_version)
        try:
            self.document.do(op)
        except UserError:
            self._cancel_if_unwanted()
            if not self._unwanted.is_set():
                raise  # a real failure, such as a full disk
        else:
            self.done += len(batch)

    def _cancel_if_unwanted(self, change: Change | None = None) -> None:
        """Cancel if the results were undone, or the segment or its object removed."""
        # results after an undo would bring back what the user has just removed
        removed = self.segment.id not in self.document.segments or self.segment.object_id not in self.document.objects
        if removed or self.document.was_undone(self.start_version):
            self._unwanted.set()
            self.cancel()

    def _to_operation(self, result: FrameResult) -> Result:
        height, width = result.mask.shape
        points = []
        for x, y, positive in result.points:  # models may answer slightly outside of the frame
            points.append((min(max(float(x), 0.0), width), min(max(float(y), 0.0), height), int(positive)))
        return Result(
            object_id=result.object_id,
            frame=result.frame,
            mask=encode(result.mask),
            source=result.source,
            from_frame=result.from_frame,
            points=tuple(points),
            score=min(max(float(result.score), 0.0), 1.0),
            terms={name: float(term) for name, term in result.terms.items() if math.isfinite(term)},
            model=self.model,
        )


class AnchorMasks(Mapping[int, Mapping[int, Mask]]):
    """Masks that a propagation starts from, as of its start, by frame, then by object id; decoded only on request.

    Contains the anchors of the object in the frames to fill, with anchors of other objects in the same frames as
    rivals; and the nearest few anchors of the object elsewhere, as references of its appearance.
    """

    def __init__(self, document: Document, segment: Segment, spans: Sequence[Span]) -> None:
        self._masks: dict[int, dict[int, RLE]] = {}
        inside: set[int] = set()
        outside: list[int] = []
        for object_segment in document.segments_of(segment.object_id):
            for frame in document.anchors(object_segment.id):
                if any(start <= frame < end for start, end in spans):
                    inside.add(frame)
                else:
                    outside.append(frame)
        for object_id in document.objects:
            for object_segment in document.segments_of(object_id):
                for frame in sorted(inside.intersection(document.anchors(object_segment.id))):
                    self._add(document, object_id, frame)
        low, high = (
            (spans[0][0], spans[-1][1]) if spans else (segment.start, segment.end)
        )  # the nearest anchors outside look most alike
        outside.sort(key=lambda frame: (max(low - frame, frame - high + 1, 0), frame))
        for frame in outside[:_MAX_REFERENCES]:
            self._add(document, segment.object_id, frame)

    def __getitem__(self, frame: int) -> Mapping[int, Mask]:
        return _DecodedOnAccess(self._masks[frame])

    def __iter__(self) -> Iterator[int]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def _add(self, document: Document, object_id: int, frame: int) -> None:
        mask = document.rle(object_id, frame)
        if mask is not None:
            self._masks.setdefault(frame, {})[object_id] = mask


class _DecodedOnAccess(Mapping[int, Mask]):
    def __init__(self, masks: Mapping[int, RLE]) -> None:
        self._masks = masks

    def __getitem__(self, object_id: int) -> Mask:
        return decode(self._masks[object_id])

    def __iter__(self) -> Iterator[int]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def __contains__(self, object_id: object) -> bool:
        return object_id in self._masks  # without decoding


def spans_to_propagate(
    document: Document, segment_id: int, frame: int | None = None, include_up_to_date: bool = False
) -> list[Span]:
    """Return the parts of a segment to propagate, as [start, end) with the anchors at their ends.

    These are the spans with missing or stale masks, only the span around a frame if it is given, or the whole segment
    to include what is up to date.
    """
    segment = document.segments[segment_id]
    if frame is not None:
        return [_with_anchors(document.span_around(segment_id, frame), segment)]
    missing = document.frames_to_propagate(segment_id)
    if include_up_to_date:
        return [(segment.start, segment.end)]
    spans: list[Span] = []
    for missing_frame in missing:
        if spans and missing_frame < spans[-1][1]:
            continue
        start, end = _with_anchors(document.span_around(segment_id, missing_frame), segment)
        if spans and start < spans[-1][1]:  # adjacent spans share the anchor between them: one span
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def _with_anchors(span: Span, segment: Segment) -> Span:
    return max(span[0] - 1, segment.start), min(span[1] + 1, segment.end)

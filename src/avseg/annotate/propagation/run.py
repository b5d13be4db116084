"""One run of the propagator through a segment: in the background, cancellable at every frame, finished frames kept."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Change, Segment
from avseg.annotate.document.rle import RLE, Mask, decode, encode
from avseg.annotate.propagation.propagate import propagate
from avseg.annotate.propagation.tracker import FrameResult, Pictures
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.utils.errors import UserError

_BATCH = 8  # frames that one line of the journal takes at most
_PATIENCE = 0.5  # seconds that a finished frame waits for others at most
_LOOKS = 4  # anchors elsewhere that tell what an object looks like

_LOG = logging.getLogger(__name__)
WAITING, RUNNING, FINISHED, CANCELLED, FAILED = "waiting", "running", "finished", "cancelled", "failed"


class Propagation:
    """A run; its results are one step for undo.

    Args:
        document: takes the results.
        segment: what is filled.
        spans: the frames to do, anchors on both sides included; see `spans_of`.
        model: name of the backend, for the provenance.

    Attributes:
        run: the version that it started from.
        state: "waiting", "running", "finished", "cancelled" or "failed".
        done: frames that are in the document.
        total: frames that there are to do.
        share: of the work that is done, 0 to 1.
        error: why it failed.
    """

    def __init__(self, document: Document, segment: Segment, spans: Sequence[tuple[int, int]], model: str) -> None:
        self.document, self.segment, self.spans, self.model = document, segment, spans, model
        self.run = document.version
        self.state = WAITING
        self.done = 0
        self.share = 0.0
        self.error = ""
        anchors = set(document.anchors(segment.id))
        self.total = sum(frame not in anchors for start, end in spans for frame in range(start, end))
        self._anchors = Anchors(document, segment, spans)
        self._cancelled = threading.Event()
        self._unwanted = threading.Event()
        self._ended = threading.Event()

    def cancel(self) -> None:
        """Ends it at the next frame; what is finished stays."""
        self._cancelled.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits for the end; False if it has not come in time."""
        return self._ended.wait(timeout)

    def work(
        self,
        film: Pictures,
        segmenter: Segmenter,
        propagator: Propagator,
        *,
        objects: Sequence[int],
        direction: str,
        refine: bool,
        give_way: Callable[[], None],
        told: Callable[["Propagation"], None],
    ) -> None:
        """Does it, in the thread that calls this.

        Args:
            film: the video.
            segmenter: refines.
            propagator: carries masks.
            objects: ids.
            direction: "both", "forward" or "backward".
            refine: whether each frame is refined.
            give_way: called before each frame; does what is more urgent.
            told: called after each frame and at the end.
        """

        def cancelled() -> bool:
            give_way()
            return self._cancelled.is_set()

        def progress(at: int) -> Callable[[float], None]:
            return lambda share: self._progress((at + share) / len(self.spans), told)

        self.state = RUNNING
        unlisten = self.document.listen(self._watch)
        try:
            for place, span in enumerate(self.spans):
                if cancelled():
                    break
                self._keep(
                    propagate(
                        film, span, self._anchors, objects, segmenter, propagator, direction, refine, cancelled,
                        progress(place),
                    )
                )  # fmt: skip
            self.state = CANCELLED if self._cancelled.is_set() else FINISHED
        except Exception as error:
            self.state, self.error = FAILED, _line(error)
            if not isinstance(error, UserError):
                _LOG.exception("the propagation of segment %d failed", self.segment.id)
        finally:
            unlisten()
            self._ended.set()
            told(self)

    def abandon(self) -> None:
        """It was taken out of the queue before it began."""
        self.state = CANCELLED
        self._ended.set()

    def _progress(self, share: float, told: Callable[["Propagation"], None]) -> None:
        self.share = share
        told(self)

    def _keep(self, results: Iterator[FrameResult]) -> None:
        """Journals results in batches; whatever happens, what is finished gets there."""
        batch: list[dict[str, Any]] = []
        last = time.monotonic()
        try:
            for result in results:
                batch.append(self._plain(result))
                if len(batch) >= _BATCH or time.monotonic() - last > _PATIENCE:
                    ready, batch = batch, []
                    self._save(ready)
                    last = time.monotonic()
        finally:
            if batch:
                self._save(batch)

    def _save(self, batch: list[dict[str, Any]]) -> None:
        """Hands a batch over, unless nobody wants it any more."""
        if self._unwanted.is_set():
            return
        op = {"op": "set_results", "segment": self.segment.id, "run": self.run, "results": batch}
        try:
            self.document.do(op)
        except UserError:
            self._watch()
            if not self._unwanted.is_set():
                raise
        else:
            self.done += len(batch)

    def _watch(self, change: Change | None = None) -> None:
        """Ends it once its results were undone, or its segment or an object removed."""
        gone = self.segment.id not in self.document.segments or self.segment.object not in self.document.objects
        if gone or self.document.was_undone(self.run):
            self._unwanted.set()
            self.cancel()

    def _plain(self, result: FrameResult) -> dict[str, Any]:
        height, width = result.mask.shape
        points = [
            [min(max(float(x), 0.0), width), min(max(float(y), 0.0), height), int(positive)]
            for x, y, positive in result.points
        ]
        return {
            "object": result.object,
            "frame": result.frame,
            "mask": encode(result.mask),
            "source": result.source,
            "points": points,
            "terms": {name: float(value) for name, value in result.terms.items() if math.isfinite(value)},
            "score": min(max(float(result.score), 0.0), 1.0),
            "from_frame": result.from_frame,
            "model": self.model,
        }


class Anchors(Mapping[int, Mapping[int, Mask]]):
    """The masks that a propagation starts from, as they were when it began; decoded only when they are asked for.

    Those of the segment's object in the frames to do, with other objects' anchors in the same frames as rivals; and the
    nearest few of the object elsewhere, which tell what it looks like.
    """

    def __init__(self, document: Document, segment: Segment, spans: Sequence[tuple[int, int]]) -> None:
        own = [frame for each in document.segments_of(segment.object) for frame in document.anchors(each.id)]
        inside = {frame for frame in own if any(start <= frame < end for start, end in spans)}
        self._frames: dict[int, dict[int, RLE]] = {}
        for name in document.objects:
            for other in document.segments_of(name):
                for frame in sorted(inside.intersection(document.anchors(other.id))):
                    self._add(document, name, frame)
        low, high = spans[0][0], spans[-1][1]
        beyond = [frame for frame in own if frame not in inside]
        beyond.sort(key=lambda frame: (max(low - frame, frame - high + 1, 0), frame))
        for frame in beyond[:_LOOKS]:
            self._add(document, segment.object, frame)

    def __getitem__(self, frame: int) -> Mapping[int, Mask]:
        return _Lazy(self._frames[frame])

    def __iter__(self) -> Iterator[int]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def _add(self, document: Document, name: int, frame: int) -> None:
        found = document.rle(name, frame)
        if found is not None:
            self._frames.setdefault(frame, {})[name] = found


class _Lazy(Mapping[int, Mask]):
    def __init__(self, masks: Mapping[int, RLE]) -> None:
        self._masks = masks

    def __getitem__(self, name: int) -> Mask:
        return decode(self._masks[name])

    def __iter__(self) -> Iterator[int]:
        return iter(self._masks)

    def __len__(self) -> int:
        return len(self._masks)

    def __contains__(self, name: object) -> bool:
        return name in self._masks


def spans_of(document: Document, segment: int, frame: int | None = None, whole: bool = False) -> list[tuple[int, int]]:
    """The parts of a segment to propagate, as half-open ranges with the anchors at their ends.

    Args:
        document: of the video.
        segment: its id.
        frame: only the piece around this frame.
        whole: everything, also what is up to date.

    Returns:
        By default the pieces with a mask that is missing or stale; the whole segment if there is none.
    """
    found = document.segments[segment]
    if frame is not None:
        return [_with_anchors(document.piece(segment, frame), found)]
    wanting = document.wanting(segment)
    if whole or not wanting:
        return [(found.start, found.end)]
    spans: list[tuple[int, int]] = []
    for each in wanting:
        if not spans or each >= spans[-1][1]:
            start, end = _with_anchors(document.piece(segment, each), found)
            if spans and start < spans[-1][1]:  # the anchor between two pieces belongs to both
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
    return spans


def _with_anchors(piece: tuple[int, int], segment: Segment) -> tuple[int, int]:
    return max(piece[0] - 1, segment.start), min(piece[1] + 1, segment.end)


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

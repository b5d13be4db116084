"""Programmatic API for one video: prompts, brush, propagation, review, export; the web page calls the same methods.

The models run in one thread, the most urgent job first, so that a click never waits for more than one frame of a
propagation.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Segment
from avseg.annotate.drawing.drawing_session import DrawingSession, model_name
from avseg.annotate.export import export
from avseg.annotate.export.source import REJECTED
from avseg.annotate.importing import Imported, import_
from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import VideoReader
from avseg.annotate.propagation.jobs import Priority
from avseg.annotate.propagation.propagate import DIRECTIONS
from avseg.annotate.propagation.run import FAILED, FINISHED, RUNNING, WAITING, PropagationRun, Request
from avseg.annotate.propagation.run_queue import RunQueue
from avseg.annotate.proposals.energy import Proposal, propose
from avseg.annotate.proposals.segments import add_proposals
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.annotate.quality.review_queue import ReviewItem, rank_worst_first
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError


class Session(DrawingSession):
    """Runs the models on a document; safe to use from any thread.

    `on_event` is called with "queued", "progress", "finished", "cancelled" or "failed" and details, in any thread.
    `model` is the name of the backends for the provenance; by default the names of their classes.
    """

    def __init__(
        self,
        document: Document,
        video: VideoReader,
        segmenter: Segmenter,
        propagator: Propagator,
        on_event: Callable[..., None] | None = None,
        model: str | None = None,
    ) -> None:
        super().__init__(document, video, segmenter, model)
        self.propagator = propagator
        self.propagation: PropagationRun | None = None  # the run that was started last
        self._on_event = on_event
        self._propagator_name = model or f"{model_name(propagator)}+{model_name(segmenter)}"
        self.queue = RunQueue(self._jobs, self._run_propagation)

    def propagate(
        self,
        segment_id: int,
        direction: str = "both",  # or "forward", "backward" from those frames
        refine: bool = True,  # redraw each frame by the segmenter, from the points of the prototypes
        frame: int | None = None,  # only between the accepted frames around this one
        include_up_to_date: bool = False,  # by default only spans with missing or stale masks
        wait: bool = False,
    ) -> PropagationRun:
        """Propagate the masks of accepted and hand-made frames through a segment, in the background, in line.

        A segment without such a frame starts from the nearest ones in the object's other segments.

        Raises:
            UserError: no such segment, or no mask to start from.
        """
        segment = self._check_startable(segment_id, direction, frame)
        run = self._enqueue(Request(segment.id, direction, refine, frame, include_up_to_date))
        if wait:
            run.wait()
            if run.state == FAILED:
                raise UserError(run.error)
        return run

    def fill(
        self,
        object_id: int | None = None,  # all objects by default
        first: int | None = None,  # the segment to begin with
        refine: bool = True,
        include_up_to_date: bool = False,
    ) -> list[PropagationRun]:
        """Propagate in all segments of an object that have missing or stale masks; return the runs that were added.

        Raises:
            UserError: no such object, or no object with a mask to start from.
        """
        if object_id is not None and object_id not in self.document.objects:
            raise UserError(f"propagate: no object {object_id}")
        objects = list(self.document.objects) if object_id is None else [object_id]
        runs = []
        startable = False
        for segment in self._segments_to_fill(objects, first):
            if segment.status == REJECTED or not self._has_start(segment.object_id):
                continue
            startable = True
            run = self._enqueue(Request(segment.id, refine=refine, include_up_to_date=include_up_to_date))
            if run.state != FINISHED:
                runs.append(run)
        if not startable:
            raise UserError("propagate: no mask to start from; click on the object in one frame, or accept a mask")
        return runs

    def cancel(self, run_id: int | None = None) -> None:
        """End a propagation at the next frame, or all of them; finished frames stay."""
        self.queue.cancel(run_id)
        self._report("queued")

    def run_first(self, run_id: int) -> None:
        """Let a waiting propagation be the next one."""
        self.queue.move_first(run_id)
        self._report("queued")

    def review_queue(self) -> list[ReviewItem]:
        """Rank the open segments with masks that nobody has accepted, the worst first."""
        scores: dict[int, dict[int, float]] = {}
        accepted: dict[int, list[int]] = {}
        for segment_id, segment in self.document.segments.items():
            if segment.status == "open":
                accepted[segment_id] = self.document.anchors(segment_id)
                scores[segment_id] = self.document.scores(segment_id)
        return rank_worst_first(scores, accepted)

    def propose(self, method: str | Path = "energy", **options: Any) -> list[Proposal]:
        """Propose audible segments from the sound; see `proposals.energy.propose`."""
        return propose(Sound(self.video.path, audio_track=self.video.audio_track), self.video, method, **options)

    def add_proposals(self, proposals: Iterable[Proposal], object_id: int | None = None) -> list[int]:
        """Add proposals as segments, in one step; see `proposals.segments.add_proposals`."""
        return add_proposals(self.document, proposals, object_id)

    def export(self, format: str, out: Path | str, **options: Any) -> Path:
        """Write the annotation in another format; see `export.export`."""
        return export(self.document, self.video, format, out, **options)

    def import_(self, format: str, source: Path | str) -> Imported:
        """Add the annotation that a data set has of this video, in one step; see `importing.import_`."""
        with self.document.transaction("import"):
            return import_(self.document, self.video, format, source)

    @property
    def is_busy(self) -> bool:
        """True if a propagation is running or waiting."""
        return bool(self.queue.runs)

    def close(self) -> None:
        """Cancel running jobs, keeping finished frames. The document stays open."""
        self.queue.cancel()
        self._jobs.close()

    def _enqueue(self, request: Request) -> PropagationRun:
        run = PropagationRun(self.document, request, self._propagator_name)
        if run.state == WAITING:
            run = self.queue.add(run)
            self.propagation = run
            self._report("queued", run)
        return run

    def _segments_to_fill(self, objects: Sequence[int], first: int | None) -> list[Segment]:
        """List segments: the first one, then those with a mask of a person, then the others, by object and time."""
        segments: list[Segment] = []
        for object_id in objects:
            segments += self.document.segments_of(object_id)
        marked = {segment.id for segment in segments if self.document.anchors(segment.id)}
        return sorted(segments, key=lambda segment: (segment.id != first, segment.id not in marked))

    def _has_start(self, object_id: int) -> bool:
        return any(self.document.anchors(segment.id) for segment in self.document.segments_of(object_id))

    def _check_startable(self, segment_id: int, direction: str, frame: int | None) -> Segment:
        segment = self.document.segments.get(segment_id)
        if segment is None:
            raise UserError(f"propagate: no segment {segment_id}")
        check_choice("direction", direction, DIRECTIONS, where="propagate")
        if frame is not None and frame not in segment:
            raise UserError(f"propagate: frame is {frame}; allowed: {segment.start} to {segment.end - 1}")
        if not self._has_start(segment.object_id):
            raise UserError(
                f"propagate: segment {segment_id} ({segment.start}-{segment.end}) has no mask to start from; "
                "click on the object in one of its frames, or accept a mask"
            )
        return segment

    def _run_propagation(self, run: PropagationRun) -> None:
        run.run(
            self.video, self.segmenter, self.propagator,
            yield_to_urgent=lambda: self._jobs.yield_to_urgent(Priority.PROPAGATE),
            on_progress=lambda run: self._report("progress" if run.state == RUNNING else run.state, run),
        )  # fmt: skip

    def _report(self, kind: str, run: PropagationRun | None = None) -> None:
        """Send the state of a run, if it is about one, and of the queue."""
        if self._on_event is None:
            return
        details: dict[str, Any] = {}
        if run is not None:
            details = {
                "segment": run.segment.id,
                "object": run.segment.object_id,
                "run": run.start_version,
                "error": run.error,
                "done": run.done,
                "total": run.total,
                "share": run.fraction,
            }
        self._on_event(kind, **details, **self.queue.report())

"""Programmatic API for one video: prompts, brush, propagation, review, export; the web page calls the same methods.

The models run in one thread, the most urgent job first, so that a click never waits for more than one frame of a
propagation.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from avseg.annotate.document.document import Document
from avseg.annotate.document.inputs import Action, apply_action, prompts_to_inputs
from avseg.annotate.document.models import Change, Input, Points, Segment
from avseg.annotate.document.operations import Draw, Redraw, SetMask, SetPrompts
from avseg.annotate.document.rle import Mask, encode
from avseg.annotate.drawing.renderer import Renderer, Rendering
from avseg.annotate.export import export
from avseg.annotate.export.source import REJECTED
from avseg.annotate.importing import Imported, import_
from avseg.annotate.media.sound import Sound
from avseg.annotate.media.video import VideoReader
from avseg.annotate.propagation.jobs import JobQueue, Priority
from avseg.annotate.propagation.propagate import DIRECTIONS
from avseg.annotate.propagation.refine import refine
from avseg.annotate.propagation.run import FAILED, FINISHED, RUNNING, WAITING, PropagationRun, Request
from avseg.annotate.propagation.run_queue import RunQueue
from avseg.annotate.proposals.energy import Proposal, propose
from avseg.annotate.proposals.segments import add_proposals
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.annotate.quality.review_queue import ReviewItem, rank_worst_first
from avseg.utils.choices import check_choice
from avseg.utils.errors import UserError
from avseg.utils.lru import LRUCache

_CACHED_ENCODINGS = 8  # frames whose encoding by the segmenter is kept

RawPoints = Sequence[Sequence[float]]  # (x, y, 1 on the object or 0 off it)


class Session:
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
        self.document = document
        self.video = video
        self.segmenter = segmenter
        self.propagator = propagator
        self.propagation: PropagationRun | None = None  # the run that was started last
        self._on_event = on_event
        self._segmenter_name = model or _model_name(segmenter)
        self._propagator_name = model or f"{_model_name(propagator)}+{_model_name(segmenter)}"
        self._jobs = JobQueue()
        self.queue = RunQueue(self._jobs, self._run_propagation)
        self._encodings: LRUCache[int, Any] = LRUCache(_CACHED_ENCODINGS)
        self._renderer = Renderer(segmenter, self._encode, (video.height, video.width))

    def draw(
        self, object_id: int, frame: int, actions: Sequence[Mapping[str, object]], base_version: int | None = None
    ) -> Change:
        """Change the inputs of an object in a frame and draw its mask from all of them; see `document.inputs`.

        Each action is a step of undo. No input is lost: one that gives no mask stays, and `Change.note` says why.

        Raises:
            UserError: the object is silent there, or an input is outside the frame.
        """
        values = {"op": "draw", "object": object_id, "frame": frame, "actions": list(actions)}
        checked = self.document.check(values)
        assert isinstance(checked, Draw)
        return self._draw(checked, base_version)

    def undo(self, base_version: int | None = None) -> Change:
        """Take back the last step, and draw the mask that it returns to if that has not been drawn yet."""
        change = self.document.undo(base_version)
        self.draw_pending()
        return replace(change, version=self.document.version)

    def redo(self, base_version: int | None = None) -> Change:
        """Repeat the step that was undone last; see `undo`."""
        change = self.document.redo(base_version)
        self.draw_pending()
        return replace(change, version=self.document.version)

    def draw_pending(self) -> None:
        """Draw the masks of inputs that have none yet: of a quick sequence only the last one is drawn at once."""
        for object_id, frame in self.document.pending():
            inputs = self.document.draft(object_id, frame).inputs
            rendering = self._render(object_id, frame, inputs)
            self.document.do(
                Redraw(
                    object_id=object_id,
                    frame=frame,
                    mask=None if rendering.mask is None else encode(rendering.mask),
                    score=_clip_score(rendering.score),
                    model=self._segmenter_name,
                )
            )

    def click(self, object_id: int, frame: int, points: RawPoints, base_version: int | None = None) -> Change:
        """Make the mask of an object in a frame from all points of that frame; `Change.masks` holds it.

        Raises:
            UserError: the object is silent there, a point is outside the frame, or the segmenter finds nothing.
        """
        return self._prompt(object_id, frame, points, None, base_version)

    def box(
        self, object_id: int, frame: int, box: Sequence[float], points: RawPoints = (), base_version: int | None = None
    ) -> Change:
        """Make the mask from a box (x0, y0, x1, y1) and optional points."""
        return self._prompt(object_id, frame, points, box, base_version)

    def brush(
        self, object_id: int, frame: int, mask: Mask | Mapping[str, object], base_version: int | None = None
    ) -> Change:
        """Store a painted mask, (H, W) bool or run lengths."""
        rle = encode(mask) if isinstance(mask, np.ndarray) else mask
        op = {"op": "set_mask", "object": object_id, "frame": frame, "mask": rle, "source": "brush"}
        return self.document.do(op, base_version)

    def refine(
        self, object_id: int, frame: int, points: RawPoints | None = None, base_version: int | None = None
    ) -> Change:
        """Redraw a mask from its points; with moved points it becomes the user's own."""
        info = self.document.frame_info(object_id, frame)
        mask = self.document.mask(object_id, frame)
        if mask is None:
            raise UserError(f"object {object_id} has no mask in frame {frame}; click on it first")
        prompts = info.points
        if points is not None:
            prompts = tuple((float(x), float(y), int(positive)) for x, y, positive in points)
        refined = self._jobs.run(
            Priority.REFINE,
            lambda: refine(self.segmenter, self.video.image(frame), _to_prompts(prompts), mask, self._encode(frame)),
        )
        derived = points is None and not info.anchor  # not the work of a person
        op = SetMask(
            object_id=object_id,
            frame=frame,
            mask=encode(refined.mask),
            source="refined" if derived else "points",
            from_frame=info.from_frame if derived else None,
            points=prompts,
            score=_clip_score(refined.score),
            model=self._segmenter_name,
        )
        return self.document.do(op, base_version)

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

    def encode_ahead(self, frames: Iterable[int]) -> None:
        """Let the segmenter encode frames that are likely to be clicked next, when it has nothing else to do."""
        for frame in tuple(frames)[:_CACHED_ENCODINGS]:
            self._jobs.start(Priority.AHEAD, lambda frame=frame: self._encode(frame))  # type: ignore[misc]

    def close(self) -> None:
        """Cancel running jobs, keeping finished frames. The document stays open."""
        self.queue.cancel()
        self._jobs.close()

    def _prompt(
        self, object_id: int, frame: int, points: RawPoints, box: Sequence[float] | None, base_version: int | None
    ) -> Change:
        values = {"op": "set_prompts", "object": object_id, "frame": frame, "points": points, "box": box}
        try:
            prompts = self.document.check(values)
        except UserError as error:
            raise UserError(str(error).removeprefix("set_prompts: ")) from None
        assert isinstance(prompts, SetPrompts)
        inputs = prompts_to_inputs(prompts.points, prompts.box)
        rendering = self._render(object_id, frame, inputs)
        if rendering.note:
            raise UserError(f"object {object_id}, frame {frame}: {rendering.note}")
        action = Action(replacement=inputs)
        return self._draw(Draw(object_id=object_id, frame=frame, actions=(action,)), base_version)

    def _draw(self, op: Draw, base_version: int | None) -> Change:
        inputs = self.document.draft(op.object_id, op.frame).inputs
        for action in op.actions:
            inputs = apply_action(inputs, action)
        rendering = self._render(op.object_id, op.frame, inputs) if inputs else Rendering(None)
        drawn = replace(
            op,
            mask=None if rendering.mask is None else encode(rendering.mask),
            score=_clip_score(rendering.score),
            model=self._segmenter_name,
        )
        return replace(self.document.do(drawn, base_version), note=rendering.note)

    def _render(self, object_id: int, frame: int, inputs: tuple[Input, ...]) -> Rendering:
        base = self.document.draft(object_id, frame).base
        mask = None if base is None else self.document.decode(base)
        return self._jobs.run(Priority.CLICK, lambda: self._renderer.render(frame, mask, inputs))

    def _encode(self, frame: int) -> Any:
        return self._encodings.get_or_compute(frame, lambda: self.segmenter.encode(self.video.image(frame)))

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
        ended = run is not None and run.state not in (WAITING, RUNNING)
        rows = [row for row in self.queue.rows() if run is None or not ended or row["id"] != run.id]
        self._on_event(kind, **details, runs=rows)


def _model_name(model: object) -> str:
    inner = getattr(model, "segmenter", model)  # of a wrapper
    return str(getattr(inner, "name", None) or type(inner).__name__)


def _clip_score(score: float | None) -> float | None:
    return None if score is None else min(max(float(score), 0.0), 1.0)


def _to_prompts(points: Points) -> tuple[tuple[float, float, bool], ...]:
    return tuple((x, y, bool(positive)) for x, y, positive in points)

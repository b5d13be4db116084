"""Draw the masks of a document from the inputs of a person: points, boxes, strokes and the choice among candidates."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from avseg.annotate.document.document import Document
from avseg.annotate.document.inputs import Action, apply_action, next_choice, prompts_to_inputs
from avseg.annotate.document.models import Change, Input, Points
from avseg.annotate.document.operations import Draw, Redraw, SetMask, SetPrompts
from avseg.annotate.document.rle import Mask, encode
from avseg.annotate.drawing.renderer import Renderer, Rendering
from avseg.annotate.media.video import VideoReader
from avseg.annotate.propagation.jobs import JobQueue, Priority
from avseg.annotate.propagation.refine import refine
from avseg.annotate.protocols import Segmenter
from avseg.utils.errors import UserError
from avseg.utils.lru import LRUCache

RawPoints = Sequence[Sequence[float]]  # (x, y, 1 on the object or 0 off it)
FAST = 0.1  # seconds; a segmenter that is slower shows no preview under the pointer
_CACHED_ENCODINGS = 8  # frames whose encoding by the segmenter is kept
_NO_PROMPT = "click on the object or draw a box first: there are no other masks to choose from"
_ONE_MASK = "there is one mask only for these inputs"


class DrawingSession:
    """Draws with a segmenter in a document; safe to use from any thread."""

    def __init__(self, document: Document, video: VideoReader, segmenter: Segmenter, model: str | None = None) -> None:
        self.document = document
        self.video = video
        self.segmenter = segmenter
        self._segmenter_name = model or model_name(segmenter)
        self._jobs = JobQueue()
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

    def next_candidate(self, object_id: int, frame: int, step: int = 1, base_version: int | None = None) -> Change:
        """Take the next of the masks that fit the last points or box; `Change.note` says which one, with its score.

        It is a step of undo like any input, and what is drawn afterwards changes the chosen mask.
        """
        draft = self.document.draft(object_id, frame)
        candidates = self._candidates(frame, draft.base, draft.inputs)
        choice = next_choice(draft.inputs, len(candidates), step)
        if choice is None or len(candidates) < 2:
            note = _NO_PROMPT if choice is None else _ONE_MASK
            return Change(self.document.version, "draw", note=note)
        change = self.draw(object_id, frame, [{"put": choice}], base_version)
        index, count = map(int, choice.values)
        score = candidates[index].score
        shown = "" if score is None else f", score {score:.2f}"
        return replace(change, note=f"mask {index + 1} of {count}{shown}")

    def preview(self, object_id: int, frame: int, x: float, y: float, positive: bool = True) -> Rendering | None:
        """Draw the mask that one more point would give, and change nothing.

        None if it would keep the user waiting: the segmenter is slow, works on something else, or has not encoded the
        frame yet, which it then does.
        """
        draft = self.document.draft(object_id, frame)
        if self.is_slow or self.is_busy or self.document.segment_at(object_id, frame) is None:
            return None
        if frame not in self._encodings:
            self.encode_ahead([frame])
            return None
        inputs = apply_action(draft.inputs, Action(put=Input("preview", "point", (x, y), positive)))
        mask = None if draft.base is None else self.document.decode(draft.base)
        return self._jobs.run(Priority.AHEAD, lambda: self._renderer.render(frame, mask, inputs))

    @property
    def is_slow(self) -> bool:
        """True if the segmenter is too slow for previews, as measured by the median of its last masks."""
        return self._renderer.median_seconds > FAST

    @property
    def is_busy(self) -> bool:
        """True if a job that takes long is running."""
        return False

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

    def cut_out(
        self, object_id: int, frame: int, keep: Collection[int] = (), base_version: int | None = None
    ) -> list[Change]:
        """Remove the pixels of a mask from those of all other objects in the frame, except for those to `keep`.

        Raises:
            UserError: the object has no mask there.
        """
        mask = self.document.mask(object_id, frame)
        if mask is None:
            raise UserError(f"object {object_id} has no mask in frame {frame}; draw it first")
        changes: list[Change] = []
        with self.document.transaction("remove_underlying"):
            for other_id in self.document.objects:
                other = self.document.mask(other_id, frame)
                if other_id == object_id or other_id in keep or other is None or not (other & mask).any():
                    continue
                changes.append(self.brush(other_id, frame, other & ~mask, None if changes else base_version))
        return changes

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

    def encode_ahead(self, frames: Iterable[int]) -> None:
        """Let the segmenter encode frames that are likely to be clicked next, when it has nothing else to do."""
        for frame in tuple(frames)[:_CACHED_ENCODINGS]:
            self._jobs.start(Priority.AHEAD, lambda frame=frame: self._encode(frame))  # type: ignore[misc]

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

    def _candidates(self, frame: int, base: bytes | None, inputs: tuple[Input, ...]) -> tuple[Rendering, ...]:
        mask = None if base is None else self.document.decode(base)
        return self._jobs.run(Priority.CLICK, lambda: tuple(self._renderer.candidates(frame, mask, inputs)))

    def _render(self, object_id: int, frame: int, inputs: tuple[Input, ...]) -> Rendering:
        base = self.document.draft(object_id, frame).base
        mask = None if base is None else self.document.decode(base)
        return self._jobs.run(Priority.CLICK, lambda: self._renderer.render(frame, mask, inputs))

    def _encode(self, frame: int) -> Any:
        return self._encodings.get_or_compute(frame, lambda: self.segmenter.encode(self.video.image(frame)))


def model_name(model: object) -> str:
    """Return the name of a model for the provenance."""
    inner = getattr(model, "segmenter", model)  # of a wrapper
    return str(getattr(inner, "name", None) or type(inner).__name__)


def _clip_score(score: float | None) -> float | None:
    return None if score is None else min(max(float(score), 0.0), 1.0)


def _to_prompts(points: Points) -> tuple[tuple[float, float, bool], ...]:
    return tuple((x, y, bool(positive)) for x, y, positive in points)

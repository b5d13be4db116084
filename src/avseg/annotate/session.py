"""Work on one video as a program does it: clicks, boxes, brushes, propagation, review, export; the page does no other.

Models run in one thread, the most urgent job first, so that a click never waits for more than a frame of a propagation.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avseg.annotate.document.document import Document
from avseg.annotate.document.models import Change, Segment
from avseg.annotate.document.rle import RLE, Mask, encode
from avseg.annotate.propagation import run as propagation
from avseg.annotate.propagation.jobs import Jobs, Priority
from avseg.annotate.propagation.refine import refine
from avseg.annotate.propagation.run import Propagation, spans_of
from avseg.annotate.protocols import Propagator, Segmenter
from avseg.annotate.quality.review_queue import Check, worst_first
from avseg.utils.errors import UserError

if TYPE_CHECKING:
    from avseg.annotate.importing import Imported
    from avseg.annotate.media.video import Film
    from avseg.annotate.proposals.energy import Proposal

_ENCODED = 8  # pictures that the segmenter has looked at and that are kept
_PRIORS = 64  # masks that clicks began with

Points = Sequence[Sequence[float]]


class Session:
    """The models at work on a document; safe to use from any thread.

    Args:
        document: of the video.
        film: its pictures.
        segmenter: draws masks from prompts.
        propagator: carries them on.
        on_event: told ("progress" | "finished" | "cancelled" | "failed") with what there is to tell, in any thread.
        model: name of the backends, for the provenance; default: those of their classes.

    Attributes:
        propagation: the last one that was started.
    """

    def __init__(
        self,
        document: Document,
        film: "Film",
        segmenter: Segmenter,
        propagator: Propagator,
        on_event: Callable[..., None] | None = None,
        model: str | None = None,
    ) -> None:
        self.document, self.film, self.segmenter, self.propagator = document, film, segmenter, propagator
        self.propagation: Propagation | None = None
        self._on_event = on_event
        self._models = (model or _name(segmenter), model or f"{_name(propagator)}+{_name(segmenter)}")
        self._starting = threading.Lock()
        self._jobs = Jobs()
        self._encoded: OrderedDict[int, Any] = OrderedDict()
        self._priors: OrderedDict[tuple[int, int], Mask | None] = OrderedDict()

    def click(self, object: int, frame: int, points: Points, base_version: int | None = None) -> Change:
        """Makes the mask of an object in a frame from all points of that frame; `Change.masks` holds it.

        Args:
            object: id.
            frame: number.
            points: (x, y, 1 on the object or 0 off it), those from before included.
            base_version: see `Document.do`.

        Raises:
            UserError: the object is silent there, a point lies outside, or nothing is found.
        """
        return self._prompt(object, frame, points, None, base_version)

    def box(
        self, object: int, frame: int, box: Sequence[float], points: Points = (), base_version: int | None = None
    ) -> Change:
        """Makes the mask from a box (x0, y0, x1, y1), and points if there are any."""
        return self._prompt(object, frame, points, box, base_version)

    def brush(self, object: int, frame: int, mask: Mask | RLE, base_version: int | None = None) -> Change:
        """Takes a painted mask, (H, W) bool or run lengths."""
        rle = encode(mask) if isinstance(mask, np.ndarray) else mask
        op = {"op": "set_mask", "object": object, "frame": frame, "mask": rle, "source": "brush"}
        return self.document.do({**op, "base_version": base_version})

    def refine(self, object: int, frame: int, points: Points | None = None, base_version: int | None = None) -> Change:
        """Draws a mask anew from its points; points that were moved make it the user's own.

        Raises:
            UserError: there is no mask.
        """
        info, mask = self.document.frame_info(object, frame), self.document.mask(object, frame)
        if mask is None:
            raise UserError(f"object {object} has no mask in frame {frame}; click on it first")
        used = info.points if points is None else _plain(points)

        def job() -> Any:
            given = tuple((x, y, bool(positive)) for x, y, positive in used)
            return refine(self.segmenter, self.film.picture(frame), given, mask, self._encode(frame))

        better = self._jobs.do(Priority.REFINE, job)
        derived = points is None and not info.anchor
        op = {"op": "set_mask", "object": object, "frame": frame, "mask": encode(better.mask), "points": used}
        op |= {"source": "refined" if derived else "points", "score": _share(better.score), "model": self._models[0]}
        if derived and info.from_frame is not None:
            op |= {"from_frame": info.from_frame}
        return self.document.do({**op, "base_version": base_version})

    def propagate(
        self,
        segment: int,
        direction: str = "both",
        refine: bool = True,
        frame: int | None = None,
        whole: bool = False,
        wait: bool = False,
    ) -> Propagation:
        """Carries the masks of accepted and hand-made frames through a segment, in the background.

        Args:
            segment: id.
            direction: "both", "forward" or "backward" from those frames.
            refine: whether the segmenter draws each frame anew from the prototypes' points.
            frame: do only the piece between the accepted frames around this one.
            whole: do also what is up to date; by default only pieces with missing or stale masks.
            wait: come back at the end.

        Raises:
            UserError: no such segment, no mask to start from, or another propagation is running.
        """
        with self._starting:
            found = self._startable(segment, direction, frame)
            run = Propagation(self.document, found, spans_of(self.document, segment, frame, whole), self._models[1])
            self.propagation = run
        future = self._jobs.start(Priority.PROPAGATE, lambda: self._work(run, direction, refine))
        future.add_done_callback(lambda done: run.abandon() if done.cancelled() else None)
        if wait:
            run.wait()
            if run.state == propagation.FAILED:
                raise UserError(run.error)
        return run

    def cancel(self) -> None:
        """Ends the propagation at the next frame; what is finished stays."""
        if self.propagation is not None:
            self.propagation.cancel()

    def queue(self) -> list[Check]:
        """Check this first: segments with masks that nobody has accepted, the worst first; see `queue.worst_first`."""
        scores: dict[int, dict[int, float]] = {}
        accepted: dict[int, list[int]] = {}
        for name, segment in self.document.segments.items():
            if segment.status != "open":
                continue
            accepted[name] = self.document.anchors(name)
            scores[name] = self.document.scores(name)
        return worst_first(scores, accepted)

    def propose(self, method: str | Path = "energy", **options: Any) -> "list[Proposal]":
        """Audible segments found in the sound; see `proposals.propose`."""
        from avseg.annotate.media.sound import Sound
        from avseg.annotate.proposals.energy import propose

        return propose(Sound(self.film.path), self.film, method, **options)

    def take(self, proposals: "Iterable[Proposal]", object: int | None = None) -> list[int]:
        """Makes proposals segments, as one step; what overlaps a segment of the object is left out.

        Args:
            proposals: of `propose`.
            object: whose they are; None = of an object with the proposal's label, which is added where it is missing.

        Returns:
            The ids of the new segments.

        Raises:
            UserError: a proposal has no label, and no object is given.
        """
        made = []
        with self.document.together("propose"):
            for proposal in proposals:
                name = self._labelled(proposal.label) if object is None else object
                busy = self.document.segments_of(name)
                if not any(each.start < proposal.end and proposal.start < each.end for each in busy):
                    op = {"op": "add_segment", "object": name, "start": proposal.start, "end": proposal.end}
                    made.append(self.document.do(op).segment)
        return [segment for segment in made if segment is not None]

    def export(self, format: str, out: Path | str, **options: Any) -> Path:
        """Writes the annotation in another format; see `export.export`."""
        from avseg.annotate.export import export

        return export(self.document, self.film, format, out, **options)

    def import_(self, format: str, source: Path | str) -> "Imported":
        """Adds what a data set says of this video, as one step, all or nothing; see `importing.import_`."""
        from avseg.annotate.importing import import_

        with self.document.together("import"):
            return import_(self.document, self.film, format, source)

    def look(self, frames: Iterable[int]) -> None:
        """Lets the segmenter look at frames that are likely to be clicked in, when nothing else is to do."""
        for frame in tuple(frames)[:_ENCODED]:
            self._jobs.start(Priority.AHEAD, lambda frame=frame: self._encode(frame))  # type: ignore[misc]

    def close(self) -> None:
        """Ends what runs; finished frames are kept. The document stays open."""
        self.cancel()
        self._jobs.close()

    def _prompt(
        self, object: int, frame: int, points: Points, box: Sequence[float] | None, base_version: int | None
    ) -> Change:
        prompts = {"object": object, "frame": frame, "points": points, "box": box}
        try:
            checked = self.document.check({"op": "set_prompts", **prompts, "base_version": base_version})
        except UserError as error:
            raise UserError(str(error).removeprefix("set_prompts: ")) from None
        points, box = checked["points"], checked.get("box")
        if box is None and not any(positive for *_, positive in points):
            raise UserError(f"object {object}, frame {frame}: give a point on the object or a box around it")

        def job() -> Any:
            prior = self._prior(object, frame)
            given = tuple((x, y, bool(positive)) for x, y, positive in points)
            return self.segmenter.predict(self._encode(frame), given, None if box is None else tuple(box), prior)

        found = [candidate for candidate in self._jobs.do(Priority.CLICK, job) if candidate.mask.any()]
        if not found:
            raise UserError(f"object {object}, frame {frame}: nothing found there; move the points or paint it (brush)")
        op = {"op": "set_mask", **prompts, "points": points, "mask": encode(found[0].mask)}
        op |= {"source": "points" if box is None else "box", "score": _share(found[0].score), "model": self._models[0]}
        return self.document.do({**op, "base_version": base_version})

    def _prior(self, object: int, frame: int) -> Mask | None:
        """The mask that was there before the first click in a frame: propagated or painted."""
        key, source = (object, frame), self.document.frame_info(object, frame).source
        if source not in ("points", "box"):
            self._priors[key] = self.document.mask(object, frame)
        while len(self._priors) > _PRIORS:
            self._priors.popitem(last=False)
        return self._priors.get(key)

    def _encode(self, frame: int) -> Any:
        if frame not in self._encoded:
            self._encoded[frame] = self.segmenter.encode(self.film.picture(frame))
            while len(self._encoded) > _ENCODED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(frame)
        return self._encoded[frame]

    def _startable(self, segment: int, direction: str, frame: int | None) -> Segment:
        found = self.document.segments.get(segment)
        if found is None:
            raise UserError(f"propagate: no segment {segment}")
        if direction not in ("both", "forward", "backward"):
            raise UserError(f"propagate: direction is {direction!r:.40}; allowed: both, forward, backward")
        if frame is not None and frame not in found:
            raise UserError(f"propagate: frame is {frame}; allowed: {found.start} to {found.end - 1}")
        if not self.document.anchors(segment):
            raise UserError(
                f"propagate: segment {segment} ({found.start}-{found.end}) has no mask to start from; "
                "click on the object in one of its frames, or accept a mask"
            )
        if self.propagation is not None and self.propagation.state in (propagation.WAITING, propagation.RUNNING):
            raise UserError(f"propagate: segment {self.propagation.segment.id} is being propagated; cancel that first")
        return found

    def _work(self, run: Propagation, direction: str, refine: bool) -> None:
        run.work(
            self.film,
            self.segmenter,
            self.propagator,
            objects=[run.segment.object],
            direction=direction,
            refine=refine,
            give_way=lambda: self._jobs.give_way(Priority.PROPAGATE),
            told=self._told,
        )

    def _told(self, run: Propagation) -> None:
        if self._on_event is not None:
            kind = "progress" if run.state == propagation.RUNNING else run.state
            values = {"segment": run.segment.id, "object": run.segment.object, "run": run.run, "error": run.error}
            self._on_event(kind, **values, done=run.done, total=run.total, share=run.share)

    def _labelled(self, label: str | None) -> int:
        if label is None:
            raise UserError("take: these proposals have no label; say whose they are: object")
        known = [name for name, each in self.document.objects.items() if each.label == label]
        added = known[0] if known else self.document.do({"op": "add_object", "label": label}).object
        assert added is not None
        return added


def _name(model: object) -> str:
    inner = getattr(model, "segmenter", model)  # a wrapper's
    return str(getattr(inner, "name", None) or type(inner).__name__)


def _share(score: float) -> float:
    return min(max(float(score), 0.0), 1.0)


def _plain(points: Points) -> tuple[tuple[float, float, int], ...]:
    return tuple((float(x), float(y), int(positive)) for x, y, positive in points)

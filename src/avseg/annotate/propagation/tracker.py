"""Track objects from an accepted frame, frame by frame: propagate, prompt with prototypes, refine, score."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from avseg.annotate.propagation.appearance import Appearance
from avseg.annotate.propagation.prompt_points import prototype_points
from avseg.annotate.propagation.refine import Refined, refine
from avseg.annotate.protocols import Image, Mask, Point, Probability, Propagator, Segmenter, Step
from avseg.annotate.quality.calibration import PATH, frame_score
from avseg.annotate.quality.scores import affinity_terms, iou, mask_terms


class Frames(Protocol):
    """Frames of a video by number."""

    def image(self, frame: int, /) -> Image:
        """Return a frame, (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class FrameResult:
    """Result for one object in one frame."""

    frame: int
    object_id: int
    mask: Mask  # (H, W)
    source: str  # "refined" by the segmenter; "propagated" without refinement, or if no candidate fits
    points: tuple[Point, ...]  # prompts of the segmenter
    terms: dict[str, float]  # terms of the quality by name, see `quality.scores.WEIGHTS`
    score: float  # combined, 0 to 1
    from_frame: int  # the accepted frame that the mask was propagated from


@dataclass(frozen=True)
class Tracker:
    """Tracks objects away from an accepted frame."""

    frames: Frames
    propagator: Propagator  # carries masks; reset for each pass
    segmenter: Segmenter | None  # refines each frame; None for no refinement
    appearance: Appearance
    second: Propagator | None = None  # tracks the same objects for comparison only; reset for each pass

    def track(
        self,
        start: int,
        masks: Mapping[int, Mask],
        frames: Sequence[int],
        objects: Sequence[int],
        between: Sequence[int] = (),  # frames from the accepted one to the first, in which the objects only move
    ) -> Iterator[list[FrameResult]]:
        """Track from an accepted frame through others; objects other than those requested are rivals.

        Yields the results of each frame, nothing for those between.
        """
        self.propagator.reset(sorted(masks))
        self.propagator.step(self.frames.image(start), masks)
        if self.second is not None:
            self.second.reset(sorted(masks))
            self.second.step(self.frames.image(start), masks)
        previous = dict(masks)  # by object id, (H, W)
        worst = dict.fromkeys(masks, 1.0)  # score since the accepted frame
        for frame in between:
            image = self.frames.image(frame)
            step = self.propagator.step(image)
            if self.second is not None:
                self.second.step(image)
            previous |= {object_id: step.probabilities[object_id] > 0.5 for object_id in objects}
            yield []
        for frame in frames:
            image = self.frames.image(frame)  # (H, W, 3)
            step = self.propagator.step(image)
            encoded = None if self.segmenter is None else self.segmenter.encode(image)
            second = None if self.second is None else self.second.step(image)
            results = []
            for object_id in objects:
                mask = previous[object_id]
                result = self._track_object(object_id, frame, start, image, encoded, step, mask)
                if second is not None:
                    result = _compared(result, second.probabilities[object_id], worst[object_id])
                previous[object_id] = result.mask
                if result.mask.any():
                    worst[object_id] = min(worst[object_id], result.score)
                results.append(result)
            yield results

    def _track_object(
        self, object_id: int, frame: int, start: int, image: Image, encoded: object, step: Step, previous: Mask
    ) -> FrameResult:
        probability = step.probabilities[object_id]  # (H, W)
        affinity = None if step.affinity is None else step.affinity.get(object_id)
        points = prototype_points(affinity, probability, rival_mask(step.probabilities, object_id))
        if self.segmenter is None:
            refined = Refined(probability > 0.5, "propagated", 0.0, 0.0)
        else:
            refined = refine(self.segmenter, image, points, probability, encoded)
        terms = {
            **mask_terms(refined.mask, probability, previous),
            **affinity_terms(affinity, refined.mask),
            **self.appearance.terms(object_id, image, refined.mask),
        }
        if self.segmenter is not None:
            terms |= {"segmenter": refined.score, "refined_iou": refined.iou}
        score = frame_score(terms)
        return FrameResult(frame, object_id, refined.mask, refined.source, points, terms, score, start)


def _compared(result: FrameResult, second: Probability, path: float) -> FrameResult:
    """Add the agreement with another propagator, and the lowest score since the accepted frame, as terms."""
    terms = result.terms | {"second": iou(result.mask, second > 0.5), PATH: path}
    return replace(result, terms=terms, score=frame_score(terms))


def rival_mask(probabilities: Mapping[int, Probability], object_id: int) -> Mask | None:
    """Return the union of all other objects, (H, W); None without others."""
    rivals = [probability > 0.5 for rival_id, probability in probabilities.items() if rival_id != object_id]
    return np.logical_or.reduce(rivals) if rivals else None

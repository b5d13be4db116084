"""One way from an accepted frame: propagate, turn prototypes into points, refine, measure; frame by frame."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from avseg.annotate.propagation.appearance import Likeness
from avseg.annotate.propagation.prompt_points import prototype_points
from avseg.annotate.propagation.refine import Refined, refine
from avseg.annotate.protocols import Mask, Picture, Point, Probability, Propagator, Segmenter, Step
from avseg.annotate.quality.scores import affinity_terms, mask_terms, score


class Pictures(Protocol):
    """Whatever gives a video's frames by their number."""

    def picture(self, frame: int, /) -> Picture:
        """The frame, (H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class FrameResult:
    """One object in one frame.

    Attributes:
        frame: number in the video.
        object: id.
        mask: (H, W).
        source: "refined" by the segmenter, or "propagated" where that was not asked for or found nothing that fits.
        points: what the segmenter was given.
        terms: of the quality, by name (see `quality.WEIGHTS`).
        score: of the terms, 0 to 1.
        from_frame: the accepted frame that the mask was carried from.
    """

    frame: int
    object: int
    mask: Mask
    source: str
    points: tuple[Point, ...]
    terms: dict[str, float]
    score: float
    from_frame: int


@dataclass(frozen=True)
class Follower:
    """Follows objects away from an accepted frame.

    Attributes:
        film: the video.
        propagator: carries masks; is reset for each way.
        segmenter: refines each frame; None for no refinement.
        likeness: what the objects look like.
    """

    film: Pictures
    propagator: Propagator
    segmenter: Segmenter | None
    likeness: Likeness

    def follow(
        self, barrier: int, masks: Mapping[int, Mask], frames: Sequence[int], objects: Sequence[int]
    ) -> Iterator[list[FrameResult]]:
        """Goes from an accepted frame through others.

        Args:
            barrier: the accepted frame.
            masks: its masks; objects other than those asked for are followed as rivals.
            frames: the way, one after the other, in either direction.
            objects: whose results are wanted.

        Returns:
            For each frame the results of `objects`.
        """
        self.propagator.reset(sorted(masks))
        self.propagator.step(self.film.picture(barrier), masks)
        previous = {name: masks[name] for name in objects}
        for frame in frames:
            picture = self.film.picture(frame)
            results = self._measure(picture, frame, barrier, self.propagator.step(picture), previous)
            previous = {result.object: result.mask for result in results}
            yield results

    def _measure(
        self, picture: Picture, frame: int, barrier: int, step: Step, previous: Mapping[int, Mask]
    ) -> list[FrameResult]:
        encoded = None if self.segmenter is None else self.segmenter.encode(picture)
        results = []
        for name, before in previous.items():
            probability = step.probabilities[name]
            affinity = None if step.affinity is None else step.affinity.get(name)
            points = prototype_points(affinity, probability, rivals(step.probabilities, name))
            refined = Refined(probability > 0.5, "propagated", 0.0, 0.0)
            if self.segmenter is not None:
                refined = refine(self.segmenter, picture, points, probability, encoded)
            terms = {
                **mask_terms(refined.mask, probability, before),
                **affinity_terms(affinity, refined.mask),
                **self.likeness.terms(name, picture, refined.mask),
            }
            if self.segmenter is not None:
                terms |= {"segmenter": refined.score, "refined_iou": refined.iou}
            results.append(FrameResult(frame, name, refined.mask, refined.source, points, terms, score(terms), barrier))
        return results


def rivals(probabilities: Mapping[int, Probability], object_id: int) -> Mask | None:
    """Where any other object is; None where there is no other."""
    others = [probability > 0.5 for name, probability in probabilities.items() if name != object_id]
    return np.logical_or.reduce(others) if others else None

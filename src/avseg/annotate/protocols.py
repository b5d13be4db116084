"""The two models of the annotation tool: a segmenter draws a mask from prompts, a propagator carries masks on.

Any pair will do: SAM and XMem as in the paper (LU-AVS, supplementary, section 7), or what runs on two CPU cores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Picture = Image
Mask = npt.NDArray[np.bool_]  # (H, W)
Probability = npt.NDArray[np.float32]  # (H, W), 0 to 1
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


class Point(NamedTuple):
    """A click, in pixels: on the object, or beside it."""

    x: float
    y: float
    positive: bool = True


class Candidate(NamedTuple):
    """A mask that fits the prompts, and how good the segmenter thinks it is, 0 to 1."""

    mask: Mask
    score: float


class Segmenter(Protocol):
    """Draws the mask of one object in one frame."""

    def encode(self, picture: Picture) -> Any:
        """Looks at a picture, (H, W, 3) uint8; what it gives may be kept for any number of prompts."""

    def predict(
        self,
        encoded: Any,
        points: Sequence[tuple[float, float, bool]] = (),
        box: Box | None = None,
        mask: Mask | Probability | None = None,
    ) -> list[Candidate]:
        """Answers prompts.

        Args:
            encoded: of `encode`.
            points: (x, y, positive).
            box: around the object.
            mask: what is known already, bool or 0 to 1.

        Returns:
            One candidate or more, the best first.

        Raises:
            UserError: no positive point, no box and no mask.
        """


@dataclass(frozen=True)
class Affinity:
    """What the cells of a frame found in the propagator's memory, for one object.

    Attributes:
        evidence: (h, w), 0 to 1: affinity-weighted mean of the object's mask at the prototypes that a cell read.
        strongest: (h, w), 0 to 1: how near the nearest prototype is.
        entropy: (h, w), 0 to 1: of the affinity over the prototypes, 1 where all are equally near.
        rival: (h, w) int: which object the nearest prototype belongs to, 0 for background.
        centres: (h, w, 2): x and y of the cells' centres, in pixels of the video.
    """

    evidence: npt.NDArray[np.float32]
    strongest: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]
    rival: npt.NDArray[np.int64]
    centres: npt.NDArray[np.float32]


class Step(NamedTuple):
    """One frame's answer: each object's probability, (H, W), and its affinity (None where nothing was read)."""

    probabilities: dict[int, Probability]
    affinity: dict[int, Affinity] | None


class Propagator(Protocol):
    """Follows objects from frame to frame, in either direction of time."""

    def reset(self, objects: Sequence[int]) -> None:
        """Forgets everything; `objects` are the ids (1 or more) that the next masks may speak of."""

    def step(self, picture: Picture, masks: Mapping[int, Mask] | None = None) -> Step:
        """Takes the next frame.

        Args:
            picture: (H, W, 3) uint8; all of one size.
            masks: what is known of some objects in this frame; it enters the memory. New objects may appear any time.

        Returns:
            probabilities of all objects known so far; of those in `masks` the given masks.

        Raises:
            UserError: an id that `reset` was not told, or a mask of another size.
        """

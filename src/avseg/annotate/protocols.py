"""Interfaces of the models of the annotation tool: a segmenter draws masks from prompts, a propagator tracks them.

Any pair works: SAM and XMem as in the paper (LU-AVS, supplementary, section 7), or models that run on two CPU cores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]  # (H, W, 3) RGB
Mask = npt.NDArray[np.bool_]  # (H, W)
Map = npt.NDArray[np.float32]  # of any shape
Probability = Map  # (H, W), 0 to 1
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


class Point(NamedTuple):
    """A click in pixels, on the object or off it."""

    x: float
    y: float
    positive: bool = True


class Candidate(NamedTuple):
    """A mask that fits the prompts, and the segmenter's estimate of its quality, 0 to 1."""

    mask: Mask
    score: float


class Segmenter(Protocol):
    """Draws the mask of one object in one frame."""

    def encode(self, image: Image) -> Any:
        """Encode an image, (H, W, 3) uint8; the result can be reused for any number of prompts."""

    def predict(
        self,
        encoded: Any,
        points: Sequence[tuple[float, float, bool]] = (),  # x, y, True on the object
        box: Box | None = None,
        mask: Mask | Probability | None = None,  # (H, W), prior
    ) -> Sequence[Candidate]:
        """Predict masks from prompts; one or more candidates, the best first.

        A `LazySequence` computes the further ones when they are read.

        Raises:
            UserError: no positive point, no box and no mask.
        """


@dataclass(frozen=True)
class Affinity:
    """Affinity of the cells of a frame to the memory of the propagator, for one object."""

    # (h, w), 0 to 1: affinity-weighted mean of the object's mask at the prototypes that a cell reads
    evidence: npt.NDArray[np.float32]
    strongest: npt.NDArray[np.float32]  # (h, w), 0 to 1: nearness of the nearest prototype
    entropy: npt.NDArray[np.float32]  # (h, w), 0 to 1: of the affinity over the prototypes, 1 if all are equally near
    rival: npt.NDArray[np.int64]  # (h, w) int: id of the object that the nearest prototype belongs to, 0 for background
    centres: npt.NDArray[np.float32]  # (h, w, 2): x and y of the cell centres, in pixels of the video
    # IoU, 0 to 1, of the accepted mask with the one that is read back from this frame; None if it is not known
    returned: float | None = None


class Step(NamedTuple):
    """Result for one frame, by object id: probabilities, (H, W), and affinities (None if the memory was not read)."""

    probabilities: dict[int, Probability]
    affinity: dict[int, Affinity] | None


class Propagator(Protocol):
    """Tracks objects from frame to frame, in either direction of time."""

    def reset(self, objects: Sequence[int]) -> None:
        """Forget everything; `objects` are the ids (1 or more) that the next masks may contain."""

    def step(self, image: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        """Process the next frame, (H, W, 3) uint8; all have one size.

        `masks` are known masks of some objects in this frame, added to the memory; new objects may appear at any time.
        The result has the probabilities of all objects known so far; for those in `masks` the given masks.

        Raises:
            UserError: an id that was not passed to `reset`, or a mask of another size.
        """

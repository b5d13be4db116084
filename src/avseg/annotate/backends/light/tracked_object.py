"""State of one tracked object: its window, its memory and the frame it was accepted in."""

import numpy as np

from avseg.annotate.backends.light.background import background_cells
from avseg.annotate.backends.light.features import CellFeatures
from avseg.annotate.backends.light.memory import MemoryFrame, Readout, read_memory
from avseg.annotate.backends.light.window import CELLS, Window, window_around
from avseg.annotate.protocols import Image, Map, Mask

NEWEST = 2  # frames in the memory besides the accepted ones
MAX_ACCEPTED = 2
GROWTH = 1.5  # of the window once the object fills it
FULL = 0.85  # longer side of an object that fills its window, as a share of the side


class TrackedObject:
    """An object that is followed through the video."""

    def __init__(self, features: CellFeatures, image: Image, mask: Mask) -> None:
        self._features = features
        self._window = window_around(mask)
        self._velocity = (0.0, 0.0)  # pixels per frame
        self._known: list[tuple[Image, Mask]] = []  # accepted frames
        self._newest: list[MemoryFrame] = []
        self._probable = np.zeros((CELLS, CELLS), np.float32)
        self.accept(image, mask)

    def accept(self, image: Image, mask: Mask) -> None:
        """Add a frame whose mask is known to the memory."""
        self._known = [*self._known[: MAX_ACCEPTED - 1], (image, mask)]
        self._remember_known()
        if mask.any():
            centre = _centre(mask)
            self._window, self._probable = self._window.moved_to(*centre), self._accepted[-1].shares.clip(0)

    def track(self, image: Image) -> tuple[Map, Readout, Window, float]:
        """Find the object in the next frame.

        Returns its probability (H, W), what the memory said per cell, the window, and the IoU of the first accepted
        mask with the one that is read back from this frame.
        """
        x, y = self._window.left + self._window.side / 2, self._window.top + self._window.side / 2
        window = self._window.moved_to(x + self._velocity[0], y + self._velocity[1])
        features = self._features(window.picture(image))
        readout = read_memory(features, [*self._accepted, *self._newest], self._probable, self._background)
        inside = window.inside(image.shape[:2])
        evidence = np.where(inside, readout.evidence, 0).astype(np.float32)
        frame = MemoryFrame(features, np.where(inside, evidence, -1).astype(np.float32))
        self._newest = [*self._newest, frame][-NEWEST:]
        probability = window.full_size(image, evidence)
        self._window, self._probable = window, evidence
        self._follow(probability > 0.5)
        return probability, readout, window, self._read_back(frame)

    def _follow(self, mask: Mask) -> None:
        """Aim the next window at the object; a larger one if the object fills it."""
        self._velocity = (0.0, 0.0)
        if not mask.any():
            return
        x, y = _centre(mask)
        side = self._window.side
        self._velocity = (x - self._window.left - side / 2, y - self._window.top - side / 2)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        if longer > FULL * side and side < 2 * max(mask.shape):
            self._window = Window(0, 0, round(np.ceil(GROWTH * self._window.cell))).moved_to(x, y)
            self._velocity, self._newest = (0.0, 0.0), []
            self._probable = self._window.shares(mask)
            # cells of another size cannot be compared
            self._remember_known()

    def _remember_known(self) -> None:
        self._accepted = [self._memory_frame(*frame) for frame in self._known]
        self._background = background_cells(self._accepted)

    def _memory_frame(self, image: Image, mask: Mask) -> MemoryFrame:
        window = self._window.moved_to(*_centre(mask)) if mask.any() else self._window
        shares = np.where(window.inside(mask.shape), window.shares(mask), -1)
        return MemoryFrame(self._features(window.picture(image)), shares.astype(np.float32))

    def _read_back(self, frame: MemoryFrame) -> float:
        first = self._accepted[0]
        truth = first.shares.clip(0)
        returned = read_memory(first.features, [frame], truth).evidence
        union = float(np.maximum(truth, returned).sum())
        return float(np.minimum(truth, returned).sum()) / union if union > 0 else 0.0


def _centre(mask: Mask) -> tuple[float, float]:
    """Return the centre of the bounding box of a mask, x and y."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (float(columns[0] + columns[-1] + 1) / 2, float(rows[0] + rows[-1] + 1) / 2)

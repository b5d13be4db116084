"""A propagator without weights: optical flow carries the masks, colours and a memory of cells correct them.

Flow: DIS (Kroeger et al., ECCV 2016). The memory is that of XMem in small: cells of accepted frames, read by affinity.
Nothing is random, and the memory does not grow with the length of the video.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.crop import View, look
from avseg.annotate.backends.flow.colour_histogram import quantise
from avseg.annotate.backends.flow.log_odds import compete, log_odds
from avseg.annotate.backends.flow.memory import Read, describe
from avseg.annotate.backends.flow.tracked_object import Track, cell_shares
from avseg.annotate.backends.guided_filter import snap
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Affinity, Mask, Picture, Probability, Step
from avseg.utils.errors import UserError

Map = npt.NDArray[np.float32]
CELLS = 40  # along the longer side


class FlowAffinity:
    """See the module.

    Args:
        side: pixels of the longer side that it works at; pictures of less than half of it are enlarged.
    """

    def __init__(self, side: int = 320) -> None:
        if side < 16:
            raise UserError(f"side: {side} pixels are too few; give 16 or more")
        self.side = side
        self._flow = cv.DISOpticalFlow_create(cv.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.reset(())

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._objects = tuple(objects)
        self._tracks: dict[int, Track] = {}
        self._last: npt.NDArray[np.uint8] | None = None
        self._size: tuple[int, int] | None = None

    def step(self, picture: Picture, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        masks = masks or {}
        self._check(picture, masks)
        view = look(picture, self.side, least=self.side // 2)
        described, places = describe(view.picture, _grid(view.shape)), quantise(view.picture)
        reads = self._carry(view, described, places)
        affinity = {name: _affinity(view, found, near) for name, (found, near) in reads.items()}
        for name, mask in masks.items():
            self._tracks.setdefault(name, Track(view.shrink(mask))).probability = view.shrink(mask)
        label = self._label(described.shape[:2])
        for name in masks:
            self._tracks[name].remember(described, places, label)
        self._last = cv.cvtColor(view.picture, cv.COLOR_RGB2GRAY)
        return Step(self._answer(picture, view, masks), affinity or None)

    def _carry(self, view: View, described: Map, places: npt.NDArray[np.int32]) -> dict[int, tuple[Read, Mask]]:
        """Moves all tracks to this frame; what each read from its memory, and in which cells."""
        if self._last is None or not self._tracks:
            return {}
        gray = cv.cvtColor(view.picture, cv.COLOR_RGB2GRAY)
        moved = _warp([track.probability for track in self._tracks.values()], self._flow.calc(gray, self._last, None))
        priors = dict(zip(self._tracks, moved, strict=True))
        reads, odds = {}, []
        for name, track in self._tracks.items():
            others = np.zeros(view.shape, np.float32)
            for other, prior in priors.items():
                others = others if other == name else np.maximum(others, prior)
            reads[name] = track.recall(priors[name], described)
            odds.append(log_odds(track, priors[name], others, places, reads[name]))
        for track, probability in zip(self._tracks.values(), compete(odds), strict=True):
            track.probability = probability
        return reads

    def _label(self, grid: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Which object, or 0 for the ground, most of each cell is."""
        shares = [cell_shares(track.probability, grid) for track in self._tracks.values()]
        ids = np.array([0, *self._tracks])
        return np.asarray(ids[np.argmax([np.full(grid, 0.5, np.float32), *shares], axis=0)])

    def _answer(self, picture: Picture, view: View, masks: Mapping[int, Mask]) -> dict[int, Probability]:
        answer: dict[int, Probability] = {}
        for name, track in self._tracks.items():
            if name in masks:
                answer[name] = masks[name].astype(np.float32)
            elif view.shape == picture.shape[:2]:
                answer[name] = track.probability.copy()
            elif view.shape[0] > picture.shape[0]:
                answer[name] = cv.resize(track.probability, picture.shape[1::-1], interpolation=cv.INTER_AREA)
            else:
                answer[name] = snap(view.picture, track.probability, picture)
        return answer

    def _check(self, picture: Picture, masks: Mapping[int, Mask]) -> None:
        size = (picture.shape[0], picture.shape[1])
        if self._size not in (None, size):
            raise UserError(f"picture: {size} (height, width) in a video of {self._size}; reset for another video")
        self._size = size
        for name, mask in masks.items():
            if name not in self._objects:
                raise UserError(f"objects: {name} was not told to reset; known are {list(self._objects)}")
            if mask.shape != size:
                raise UserError(f"mask: {mask.shape} does not fit a picture of {size} (height, width)")


def _grid(shape: tuple[int, int]) -> tuple[int, int]:
    cell = max(max(shape) / CELLS, 2)
    return max(round(shape[0] / cell), 1), max(round(shape[1] / cell), 1)


def _warp(maps: list[Map], flow: Map) -> list[Map]:
    """Maps of the last frame, moved to this one; the flow (h, w, 2) leads from this one to the last."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return [cv.remap(one, x, y, cv.INTER_LINEAR, borderMode=cv.BORDER_REPLICATE) for one in maps]


def _affinity(view: View, found: Read, near: Mask) -> Affinity:
    """What was read, on the whole grid: cells that did not read are like nothing."""

    def whole(values: npt.NDArray[Any], ground: float) -> npt.NDArray[Any]:
        filled = np.full(near.shape, ground, values.dtype)
        filled[near] = values
        return filled

    height, width = near.shape
    x = (np.arange(width, dtype=np.float32) + 0.5) * view.width / width
    y = (np.arange(height, dtype=np.float32) + 0.5) * view.height / height
    centres = np.stack(np.meshgrid(x, y), -1)
    return Affinity(
        whole(found.evidence, 0), whole(found.strongest, 0), whole(found.entropy, 1), whole(found.rival, 0), centres
    )

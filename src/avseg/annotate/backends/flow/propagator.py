"""Propagate masks without learned weights: optical flow warps them, colours and a memory of cells correct them.

Flow: DIS (Kroeger et al., ECCV 2016). The memory is a small version of XMem's: cells of accepted frames, read by
affinity. The result is deterministic, and the memory does not grow with the length of the video.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.crop import Crop, crop_image
from avseg.annotate.backends.flow.colour_histogram import colour_bins
from avseg.annotate.backends.flow.log_odds import compete, pixel_log_odds
from avseg.annotate.backends.flow.memory import Readout, describe_cells
from avseg.annotate.backends.flow.tracked_object import TrackedObject, cell_shares
from avseg.annotate.backends.guided_filter import guided_upsample
from avseg.annotate.backends.opencv import cv
from avseg.annotate.backends.step_inputs import check_step
from avseg.annotate.protocols import Affinity, Image, Map, Mask, Probability, Step
from avseg.utils.errors import UserError

CELLS = 40  # along the longer side


class FlowAffinity:
    """Propagator at a working size of `side` pixels (longer side); frames of less than half of it are enlarged."""

    name = "flow"

    def __init__(self, side: int = 320) -> None:
        if side < 16:
            raise UserError(f"side: {side} pixels are too few; give 16 or more")
        self.side = side
        self._flow = cv.DISOpticalFlow_create(cv.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.reset(())

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._object_ids = tuple(objects)
        self._tracked: dict[int, TrackedObject] = {}
        self._last_gray: npt.NDArray[np.uint8] | None = None
        self._size: tuple[int, int] | None = None

    def step(self, image: Image, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        masks = masks or {}
        self._size = check_step(image, masks, self._object_ids, self._size)
        crop = crop_image(image, self.side, min_side=self.side // 2)
        descriptors, bins = describe_cells(crop.image, _grid(crop.shape)), colour_bins(crop.image)
        readouts = self._propagate(crop, descriptors, bins)
        affinity = {}
        for object_id, (readout, nearby) in readouts.items():
            affinity[object_id] = _full_grid_affinity(crop, readout, nearby)
        for object_id, mask in masks.items():
            small = crop.shrink(mask)
            self._tracked.setdefault(object_id, TrackedObject(small)).probability = small
        # all masks are set before any memory is written: a cell's label depends on all objects
        label = self._cell_labels(descriptors.shape[:2])
        for object_id in masks:
            self._tracked[object_id].memorise(descriptors, bins, label)
        self._last_gray = cv.cvtColor(crop.image, cv.COLOR_RGB2GRAY)
        return Step(self._full_size(image, crop, masks), affinity or None)

    def _propagate(self, crop: Crop, descriptors: Map, bins: npt.NDArray[np.int32]) -> dict[int, tuple[Readout, Mask]]:
        """Move all objects to this frame; return what each read from its memory, and in which cells."""
        if self._last_gray is None or not self._tracked:
            return {}
        gray = cv.cvtColor(crop.image, cv.COLOR_RGB2GRAY)
        flow = self._flow.calc(gray, self._last_gray, None)
        priors = {object_id: _warp(obj.probability, flow) for object_id, obj in self._tracked.items()}
        readouts, odds = {}, []
        for object_id, obj in self._tracked.items():
            rivals = np.zeros(crop.shape, np.float32)
            for rival_id, prior in priors.items():
                if rival_id != object_id:
                    rivals = np.maximum(rivals, prior)
            readouts[object_id] = obj.recall(priors[object_id], descriptors)
            odds.append(pixel_log_odds(obj, priors[object_id], rivals, bins, readouts[object_id]))
        for obj, probability in zip(self._tracked.values(), compete(odds), strict=True):
            obj.probability = probability
        return readouts

    def _cell_labels(self, grid: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Compute the id of the object that covers most of each cell, 0 for the background; (rows, columns)."""
        shares = [np.full(grid, 0.5, np.float32)]
        for obj in self._tracked.values():
            shares.append(cell_shares(obj.probability, grid))
        object_ids = np.array([0, *self._tracked])
        return np.asarray(object_ids[np.argmax(shares, axis=0)])

    def _full_size(self, image: Image, crop: Crop, masks: Mapping[int, Mask]) -> dict[int, Probability]:
        probabilities: dict[int, Probability] = {}
        for object_id, obj in self._tracked.items():
            if object_id in masks:
                full = masks[object_id].astype(np.float32)
            elif crop.shape == image.shape[:2]:
                full = obj.probability.copy()
            elif crop.shape[0] > image.shape[0]:
                full = cv.resize(obj.probability, image.shape[1::-1], interpolation=cv.INTER_AREA)
            else:
                full = guided_upsample(crop.image, obj.probability, image)
            probabilities[object_id] = full
        return probabilities


def _grid(shape: tuple[int, int]) -> tuple[int, int]:
    cell = max(max(shape) / CELLS, 2)
    return max(round(shape[0] / cell), 1), max(round(shape[1] / cell), 1)


def _warp(probability: Map, flow: Map) -> Map:
    """Warp a map (h, w) of the last frame to this one; the flow (h, w, 2) points from this frame to the last."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return np.asarray(cv.remap(probability, x, y, cv.INTER_LINEAR, borderMode=cv.BORDER_REPLICATE), np.float32)


def _full_grid_affinity(crop: Crop, readout: Readout, nearby: Mask) -> Affinity:
    """Spread a readout of the cells in `nearby` over the grid (rows, columns); the others match nothing."""
    evidence, strongest, entropy, rival = (np.zeros(nearby.shape, values.dtype) for values in readout)
    entropy[:] = 1
    evidence[nearby] = readout.evidence
    strongest[nearby] = readout.strongest
    entropy[nearby] = readout.entropy
    rival[nearby] = readout.rival
    rows, columns = nearby.shape
    x = (np.arange(columns, dtype=np.float32) + 0.5) * crop.width / columns
    y = (np.arange(rows, dtype=np.float32) + 0.5) * crop.height / rows
    return Affinity(evidence, strongest, entropy, rival, centres=np.stack(np.meshgrid(x, y), -1))

"""A propagator without weights: optical flow carries the masks, colours and a memory of cells correct them.

Flow: DIS (Kroeger et al., ECCV 2016). The memory is that of XMem in small: cells of accepted frames, read by affinity.
Nothing is random, and the memory does not grow with the length of the video.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.cells import Known, Place, Read, describe, features, read
from avseg.annotate.backends.colours import Histogram, count, quantise
from avseg.annotate.backends.edges import snap
from avseg.annotate.backends.opencv import cv
from avseg.annotate.backends.view import View, look
from avseg.annotate.protocols import Affinity, Mask, Picture, Probability, Step
from avseg.errors import UserError

Map = npt.NDArray[np.float32]
CELLS = 40  # along the longer side
KEPT = 4  # accepted frames in the memory of an object: the first and the newest
SURE = 4.0  # log-odds far from the border of the carried mask
LOST = 0.03  # share of an object's area below which it is searched for
FOUND = 2.0  # log of how much more usual a colour must be on an object that comes back than in the picture
ANCHOR = 0.5  # share of the accepted masks' colours in the object's; the rest is this frame's


@dataclass
class Track:
    """An object that is followed.

    Attributes:
        probability: (h, w) in the last frame.
        memory: cells of accepted frames.
        colours: of the accepted masks.
        ground: of what is around them.
        area: of the last accepted mask, pixels.
    """

    probability: Map
    memory: list[Known] = field(default_factory=list)
    colours: Histogram | None = None
    ground: Histogram | None = None
    area: float = 0.0


class FlowAffinity:
    """See the module.

    Args:
        side: pixels of the longer side that it works at.
    """

    def __init__(self, side: int = 320) -> None:
        self.side = side
        self._flow = cv.DISOpticalFlow_create(cv.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.reset(())

    def reset(self, objects: Sequence[int]) -> None:
        """See `Propagator.reset`."""
        self._objects = tuple(objects)
        self._tracks: dict[int, Track] = {}
        self._last: npt.NDArray[np.uint8] | None = None

    def step(self, picture: Picture, masks: Mapping[int, Mask] | None = None) -> Step:
        """See `Propagator.step`."""
        masks = masks or {}
        self._check(picture, masks)
        view = look(picture, self.side, least=self.side // 2)
        described = describe(view.picture, _grid(view.shape))
        places = quantise(view.picture)
        reads = self._carry(view, described, places)
        affinity = {name: _affinity(view, found, near) for name, (found, near) in reads.items()}
        for name, mask in masks.items():
            self._tracks.setdefault(name, Track(view.shrink(mask))).probability = view.shrink(mask)
        for name in masks:
            self._remember(name, described, places)
        self._last = cv.cvtColor(view.picture, cv.COLOR_RGB2GRAY)
        return Step(self._answer(picture, view, masks), affinity or None)

    def _carry(self, view: View, described: Map, places: npt.NDArray[np.int32]) -> dict[int, tuple[Read, Mask]]:
        """Moves all tracks to this frame; what each read from its memory, and in which cells."""
        if self._last is None or not self._tracks:
            return {}
        gray = cv.cvtColor(view.picture, cv.COLOR_RGB2GRAY)
        moved = _warp([track.probability for track in self._tracks.values()], self._flow.calc(gray, self._last, None))
        priors = dict(zip(self._tracks, moved, strict=True))
        reads, odds = {}, {}
        for name, track in self._tracks.items():
            others = np.max([prior for other, prior in priors.items() if other != name] or [np.zeros(view.shape)], 0)
            reads[name] = _recall(track, priors[name], described)
            odds[name] = _odds(track, priors[name], others, places, reads[name])
        for name, probability in zip(odds, _compete(list(odds.values())), strict=True):
            self._tracks[name].probability = probability
        return reads

    def _remember(self, name: int, described: Map, places: npt.NDArray[np.int32]) -> None:
        """Puts what is accepted of an object into its memory."""
        track = self._tracks[name]
        grid = described.shape[:2]
        shares = {other: _cells(one.probability, grid) for other, one in self._tracks.items()}
        near, place = _near(shares[name])
        if place is None:
            return
        ids = np.array([0, *shares])
        label = ids[np.argmax([np.full(grid, 0.5), *shares.values()], axis=0)]
        known = Known(features(described, place, near), shares[name][near], label[near])
        track.memory = [*track.memory[:1], *track.memory[1:][-(KEPT - 2) :], known]
        track.area = float(track.probability.sum())
        inside = track.probability > 0.5
        around = ~inside & (_distance(~inside) < 0.8 * np.sqrt(track.area) + 4)
        for field_name, where in (("colours", inside), ("ground", around)):
            found, known_colours = count(places, where.astype(np.float32)), getattr(track, field_name)
            setattr(track, field_name, found if known_colours is None else (found + known_colours) / 2)

    def _answer(self, picture: Picture, view: View, masks: Mapping[int, Mask]) -> dict[int, Probability]:
        answer = {}
        for name, track in self._tracks.items():
            if name in masks:
                answer[name] = masks[name].astype(np.float32)
            elif view.picture.shape == picture.shape:
                answer[name] = track.probability.copy()
            elif view.shape[0] > picture.shape[0]:
                answer[name] = cv.resize(track.probability, picture.shape[1::-1], interpolation=cv.INTER_AREA)
            else:
                answer[name] = snap(view.picture, track.probability, picture)
        return answer

    def _check(self, picture: Picture, masks: Mapping[int, Mask]) -> None:
        for name, mask in masks.items():
            if name not in self._objects:
                raise UserError(f"objects: {name} was not told to reset; known are {list(self._objects)}")
            if mask.shape != picture.shape[:2]:
                raise UserError(f"mask: {mask.shape} does not fit a picture of {picture.shape[:2]} (height, width)")


def _grid(shape: tuple[int, int]) -> tuple[int, int]:
    cell = max(max(shape) / CELLS, 2)
    return max(round(shape[0] / cell), 1), max(round(shape[1] / cell), 1)


def _cells(probability: Map, grid: tuple[int, ...]) -> Map:
    return np.asarray(cv.resize(probability, (grid[1], grid[0]), interpolation=cv.INTER_AREA), np.float32)


def _warp(maps: list[Map], flow: Map) -> list[Map]:
    """Maps of the last frame, moved to this one; the flow (h, w, 2) leads from this one to the last."""
    height, width = flow.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    return [cv.remap(one, x, y, cv.INTER_LINEAR, borderMode=cv.BORDER_REPLICATE) for one in maps]


def _near(share: Map, reach: float = 1.0) -> tuple[Mask, Place | None]:
    """The cells in and around an object, from its share of each, and where it is; None where there is nothing."""
    total = float(share.sum())
    if total < 0.25:
        return np.ones(share.shape, np.bool_), None
    y, x = np.mgrid[: share.shape[0], : share.shape[1]]
    place = Place(float((x * share).sum() / total), float((y * share).sum() / total), float(np.sqrt(total)))
    rows, columns = np.flatnonzero(share.max(1) > 0.3), np.flatnonzero(share.max(0) > 0.3)
    if not len(rows):
        return np.ones(share.shape, np.bool_), place
    spare = reach * place.length + 2
    inside = (y >= rows[0] - spare) & (y <= rows[-1] + spare) & (x >= columns[0] - spare) & (x <= columns[-1] + spare)
    return inside, place


def _recall(track: Track, prior: Map, described: Map) -> tuple[Read, Mask]:
    """What the cells around the carried mask find in the object's memory."""
    near, place = _near(_cells(prior, described.shape[:2]))
    if place is None:
        place = Place(described.shape[1] / 2, described.shape[0] / 2, float(max(described.shape)))
    query = features(described, place, near)
    if not track.memory:
        nothing = np.zeros(len(query), np.float32)
        return Read(nothing, nothing, nothing + 1, nothing.astype(np.int64)), near
    return read(query, track.memory), near


def _odds(track: Track, prior: Map, others: Map, places: npt.NDArray[np.int32], recalled: tuple[Read, Mask]) -> Map:
    """Log-odds of an object per pixel: where it was carried to, its colours, and its memory."""
    inside = prior > 0.5
    area = float(np.count_nonzero(inside))
    if track.colours is None or track.ground is None:
        return np.full(places.shape, -SURE, np.float32)
    if area < max(LOST * track.area, 1):
        return _search(track, others, places)
    # one that was covered grows back by as much as its whole size allows
    reach = max(np.sqrt(area), 0.6 * np.sqrt(track.area))
    # an object comes out from behind another one on any side of that one
    beyond = _distance(~(inside | _touching(others > 0.5, inside)))
    carried = np.where(inside, _distance(inside), -beyond) / max(0.03 * reach, 0.7)
    near = beyond < 0.8 * reach + 4
    here = count(places, prior * (_distance(inside) > 1))
    # what has the object's colours beside the mask is more of it, if the accepted frame had nothing of the kind there
    odd = 1 / (1 + track.colours / track.ground)
    ground = count(places, (near & (beyond > 1) & ~inside) * odd[places] + others)
    ground = ANCHOR * track.ground + (1 - ANCHOR) * ground
    colours = ANCHOR * track.colours + (1 - ANCHOR) * here
    colour = np.clip(np.log(colours / ground), -3, 3)[places]
    found, cells = recalled
    evidence = np.zeros(cells.shape, np.float32)
    evidence[cells] = found.evidence
    evidence = cv.resize(evidence, prior.shape[::-1], interpolation=cv.INTER_LINEAR)
    odds = np.clip(carried, -SURE, SURE) + colour + 2 * (2 * evidence - 1)
    return np.where(near, odds, -SURE).astype(np.float32)


def _search(track: Track, others: Map, places: npt.NDArray[np.int32]) -> Map:
    """Log-odds of an object that is out of sight: only what has its colours, more than anything else here, counts."""
    nothing = np.full(places.shape, -SURE, np.float32)
    if track.colours is None:
        return nothing
    colour = np.log(track.colours / count(places, np.ones(places.shape, np.float32)))[places]
    alike = ((colour > FOUND) & (others < 0.5)).astype(np.uint8)
    pieces, label, stats, _ = cv.connectedComponentsWithStats(alike, connectivity=4)
    if pieces < 2:
        return nothing
    largest = 1 + int(stats[1:, cv.CC_STAT_AREA].argmax())
    enough = stats[largest, cv.CC_STAT_AREA] > 2 * LOST * track.area
    return np.where(label == largest, 1.0, -SURE).astype(np.float32) if enough else nothing


def _distance(inside: Mask) -> Map:
    """Of each pixel in a mask to the nearest one that is not, in pixels; 0 outside."""
    return np.asarray(cv.distanceTransform(inside.astype(np.uint8), cv.DIST_L2, 3), np.float32)


def _touching(others: Mask, inside: Mask) -> Mask:
    """The pieces of `others` that touch `inside`."""
    _, label = cv.connectedComponents(others.astype(np.uint8), connectivity=4)
    touched = np.unique(label[cv.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0])
    return np.asarray(np.isin(label, touched[touched > 0]))


def _compete(odds: list[Map]) -> list[Map]:
    """Probabilities of objects and ground that sum to one (softmax over the objects' odds and zero)."""
    exponent = np.exp(np.clip([cv.GaussianBlur(one, (0, 0), 0.7) for one in odds], -20, 20))
    total = exponent.sum(0) + 1
    return [np.asarray(one / total, np.float32) for one in exponent]


def _affinity(view: View, found: Read, near: Mask) -> Affinity:
    """What was read, on the whole grid: cells that did not read are like nothing."""

    def whole(values: npt.NDArray[np.generic], ground: float) -> npt.NDArray[np.generic]:
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

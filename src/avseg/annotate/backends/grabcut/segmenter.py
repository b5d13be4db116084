"""A segmenter without weights: GrabCut (SIGGRAPH 2004) near the prompts, at a small size, with edges at full size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.crop import View, look
from avseg.annotate.backends.grabcut.region_growing import enclosed, grow
from avseg.annotate.backends.grabcut.superpixels import Superpixels, cut
from avseg.annotate.backends.guided_filter import snap
from avseg.annotate.backends.opencv import cv
from avseg.annotate.propagation.refine import padded_box
from avseg.annotate.protocols import Box, Candidate, Mask, Picture, Probability
from avseg.utils.errors import UserError

Clicks = Sequence[tuple[float, float, bool]]
Trimap = npt.NDArray[np.uint8]  # of cv2.GC_BGD, GC_FGD, GC_PR_BGD, GC_PR_FGD
CLOSE = (0.35, 0.08)  # of the picture's longer side: closer looks at a click, for small objects
UNSURE = 0.45  # score of a region below which the object may be too small to be seen
CONTEXT = 0.2  # of a region's longer side, what is seen around it
MOST_ADDED, MOST_TAKEN = 3.0, 0.6  # what one click may change of a mask, shares of it
PARTIAL = 0.05  # pieces of less than this share of the largest one are noise


@dataclass(frozen=True)
class Encoded:
    """A picture, and its pieces at a small size."""

    picture: Picture
    view: View
    pieces: Superpixels


class GrabCut:
    """Separates an object's colours from those around it.

    A click alone first grows a region (see `regions`); a box or a prior mask says where to look. Colours are then
    learned inside and outside, and the best border between them is found.

    Args:
        side: pixels of the longer side that it works at.
    """

    def __init__(self, side: int = 160) -> None:
        if side < 16:
            raise UserError(f"side: {side} pixels are too few; give 16 or more")
        self.side, self._narrow = side, round(0.8 * side)

    def encode(self, picture: Picture) -> Encoded:
        """Cuts the picture, (H, W, 3) uint8, into pieces."""
        return self._look(picture, None, self.side)

    def predict(
        self, encoded: Encoded, points: Clicks = (), box: Box | None = None, mask: Mask | Probability | None = None
    ) -> list[Candidate]:
        """See `Segmenter.predict`."""
        if mask is not None and (mask > 0.5).any():
            return [self._from_mask(encoded, points, mask)]
        if box is not None:
            return [self._from_box(encoded, points, box)]
        if not any(positive for *_, positive in points):
            raise UserError("prompt: there is no point on the object, no box and no mask; click on the object first")
        return self._from_points(encoded, points)

    def _look(self, picture: Picture, box: Box | None, side: int) -> Encoded:
        view = look(picture, side, box)
        return Encoded(picture, view, cut(view.picture, view.goes_on(picture)))

    def _from_points(self, encoded: Encoded, points: Clicks) -> list[Candidate]:
        """Grows regions in the whole picture and close to the points; the best one gets its border by GrabCut."""
        longer = max(encoded.picture.shape[:2])
        found = [(region, score, encoded.view) for region, score in _regions(encoded, points)]
        for share in CLOSE:
            near = _around(points, share * longer)
            spread = max(near[2] - near[0], near[3] - near[1])
            # the closest look is for what is too small for the others
            if spread > 0.6 * longer or (share == CLOSE[-1] and max(score for _, score, _ in found) > UNSURE):
                continue
            closer = self._look(encoded.picture, near, self._narrow)
            found += [(region, score, closer.view) for region, score in _regions(closer, points)]
        found.sort(key=lambda entry: -entry[1])
        best, *others = found[:3]
        return [self._finish(encoded.picture, *best, points)] + [
            Candidate(_enlarge(encoded.picture, view, region), score / 2) for region, score, view in others
        ]

    def _finish(self, picture: Picture, region: Mask, score: float, view: View, points: Clicks) -> Candidate:
        """A region of a view becomes a mask of the picture."""
        whole = np.asarray(view.paste(view.stretch(region), picture.shape[:2]), np.bool_)
        box = padded_box(whole)
        if box is None:
            return Candidate(whole, 0.0)
        close = look(picture, self._narrow, box, CONTEXT)
        # pieces of even colour are coarse: only the innermost is sure
        trimap = _band(close.shrink(whole), 0.15, 0.35)
        mask = self._cut(picture, close, trimap, points)
        # colours that are everywhere around can leave nothing of a region
        return Candidate(mask if 2 * np.count_nonzero(mask) > np.count_nonzero(whole) else whole, score)

    def _from_box(self, encoded: Encoded, points: Clicks, box: Box) -> Candidate:
        """What is in the box is the object, but for the colours that go on outside of it."""
        view = look(encoded.picture, self.side, box, CONTEXT)
        inside = np.zeros(view.shape, np.bool_)
        (top, left), (bottom, right) = view.place(box[0], box[1]), view.place(box[2] - 1, box[3] - 1)
        inside[top : bottom + 1, left : right + 1] = True
        likely = enclosed(cut(view.picture), inside)
        trimap = np.where(likely, cv.GC_PR_FGD, cv.GC_PR_BGD).astype(np.uint8)
        trimap[~inside] = cv.GC_BGD
        # a box says least about where the object is
        mask = self._cut(encoded.picture, view, trimap, points, iterations=2)
        return Candidate(mask, contrast(view, mask))

    def _from_mask(self, encoded: Encoded, points: Clicks, mask: Mask | Probability) -> Candidate:
        """Finds the border again; a click beside the mask adds the region around it, one inside may take it away."""
        prior = _changed(encoded, np.asarray(mask > 0.5), points)
        box = padded_box(prior)
        if box is None:
            return Candidate(prior, 0.0)
        view = look(encoded.picture, self._narrow, box, CONTEXT)
        trimap = _band(view.shrink(prior), 0.06, 0.06)
        found = self._cut(encoded.picture, view, trimap, points)
        return Candidate(found, contrast(view, found))

    def _cut(self, picture: Picture, view: View, trimap: Trimap, points: Clicks, iterations: int = 1) -> Mask:
        """GrabCut from a trimap of the view; points hold. The mask of the whole picture, its edges snapped."""
        radius = max(self.side // 60, 1)
        for x, y, positive in points:
            if view.inside(x, y):
                row, column = view.place(x, y)
                cv.circle(trimap, (column, row), radius, cv.GC_FGD if positive else cv.GC_BGD, -1)
        inside = (trimap == cv.GC_FGD) | (trimap == cv.GC_PR_FGD)
        if inside.any() and not inside.all():
            cv.setRNGSeed(0)  # the colour models begin with a random clustering
            models = np.zeros((1, 65)), np.zeros((1, 65))
            cv.grabCut(view.picture, trimap, None, *models, iterations, cv.GC_INIT_WITH_MASK)
            inside = (trimap == cv.GC_FGD) | (trimap == cv.GC_PR_FGD)
        seeds = [view.place(x, y) for x, y, positive in points if positive and view.inside(x, y)]
        return _enlarge(picture, view, keep_pieces(inside, seeds))


def contrast(view: View, mask: Mask) -> float:
    """How strong a mask's border is, 0 to 1: by the mean difference of colour across it."""
    inside = view.shrink(mask) > 0.5
    lab = cv.cvtColor(cv.GaussianBlur(view.picture, (0, 0), 0.7), cv.COLOR_RGB2LAB).astype(np.float32)
    steps = []
    for axis in (0, 1):
        before, after = (np.take(inside, range(start, inside.shape[axis] - 1 + start), axis) for start in (0, 1))
        colours = [np.take(lab, range(start, lab.shape[axis] - 1 + start), axis) for start in (0, 1)]
        steps.append(np.sqrt(((colours[1] - colours[0]) ** 2).sum(-1))[before != after])
    across = np.concatenate(steps)
    return float(1 - np.exp(-across.mean() / 10)) if len(across) else 0.0


def keep_pieces(mask: Mask, seeds: Sequence[tuple[int, int]]) -> Mask:
    """The pieces of a mask that hold a seed (row, column); without one, all but specks. Small holes are filled."""
    count, label, stats, _ = cv.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count <= 1:
        return mask
    wanted = {int(label[seed]) for seed in seeds} - {0}
    sizes = stats[1:, cv.CC_STAT_AREA]
    if not wanted:
        wanted = {int(place) + 1 for place in np.flatnonzero(sizes >= PARTIAL * sizes.max())}
    kept = np.isin(label, list(wanted))
    count, label, stats, _ = cv.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    small = np.flatnonzero(stats[:, cv.CC_STAT_AREA] < 0.01 * kept.sum())
    return kept | (np.isin(label, small) & ~kept)


def _regions(encoded: Encoded, points: Clicks) -> list[tuple[Mask, float]]:
    inside, outside = (
        [encoded.view.place(x, y) for x, y, sign in points if bool(sign) is wanted and encoded.view.inside(x, y)]
        for wanted in (True, False)
    )
    return grow(encoded.pieces, inside, outside)


def _changed(encoded: Encoded, prior: Mask, points: Clicks) -> Mask:
    """The prior with the regions around clicks that contradict it."""
    height, width = prior.shape
    for x, y, positive in points:
        row, column = min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)
        if bool(positive) is bool(prior[row, column]):
            continue
        against = [(*other[:2], False) for other in points if bool(other[2]) is not bool(positive)]
        wholes = [
            _enlarge(encoded.picture, encoded.view, region) for region, _ in _regions(encoded, [(x, y, True), *against])
        ]
        if positive:
            prior = prior | _fitting(wholes, MOST_ADDED * np.count_nonzero(prior))
        else:
            prior = prior & ~_fitting([whole & prior for whole in wholes], MOST_TAKEN * np.count_nonzero(prior))
    return prior


def _fitting(regions: list[Mask], most: float) -> Mask:
    """The first region of fewer than `most` pixels; else the smallest."""
    fitting = [region for region in regions if np.count_nonzero(region) < most]
    return (fitting or [min(regions, key=np.count_nonzero)])[0]


def _band(likely: Probability, outward: float, inward: float) -> Trimap:
    """A trimap from a map of the view: sure outside of a band around the border.

    Args:
        likely: (h, w), 0 to 1.
        outward: how far the band reaches beyond the border, in roots of the object's area.
        inward: how far it reaches into the object.
    """
    inside = (likely > 0.5).astype(np.uint8)
    length = np.sqrt(inside.sum())
    trimap: Trimap = np.where(inside, cv.GC_PR_FGD, cv.GC_PR_BGD).astype(np.uint8)
    trimap[cv.distanceTransform(1 - inside, cv.DIST_L2, 3) > max(outward * length, 1.5)] = cv.GC_BGD
    # padded: where the object leaves the picture there is no border to look for
    padded = cv.copyMakeBorder(inside, 1, 1, 1, 1, cv.BORDER_REPLICATE)
    trimap[cv.distanceTransform(padded, cv.DIST_L2, 3)[1:-1, 1:-1] > max(inward * length, 1.5)] = cv.GC_FGD
    return trimap


def _enlarge(picture: Picture, view: View, inside: Mask) -> Mask:
    """A mask of a view as one of the picture, its edges snapped; only what is around it is worked on."""
    if view.shape == (view.height, view.width):
        return np.asarray(view.paste(inside, picture.shape[:2]), np.bool_)
    box = padded_box(inside, 0.0)
    size = (picture.shape[0], picture.shape[1])
    if box is None:
        return np.zeros(size, np.bool_)
    left, top, right, bottom = (int(side) for side in box)
    part, region = view.part(max(left - 3, 0), max(top - 3, 0), right + 3, bottom + 3, inside)
    found = snap(part.picture, region.astype(np.float32), part.crop(picture)) > 0.5
    return np.asarray(part.paste(found, size), np.bool_)


def _around(points: Clicks, side: float) -> Box:
    """The box of the positive points and as much around them that it is `side` or more."""
    x, y = ([point[axis] for point in points if point[2]] for axis in (0, 1))
    spare = max(side - max(max(x) - min(x), max(y) - min(y)), side / 2) / 2
    return min(x) - spare, min(y) - spare, max(x) + spare, max(y) + spare

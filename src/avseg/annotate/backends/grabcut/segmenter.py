"""Segment objects without weights: GrabCut (Rother et al., SIGGRAPH 2004) at a small size, then edges at full size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.border_contrast import border_contrast
from avseg.annotate.backends.crop import Crop, crop_image, padded_box
from avseg.annotate.backends.grabcut.region_growing import box_foreground, grow_regions
from avseg.annotate.backends.grabcut.superpixels import Superpixels, split_superpixels
from avseg.annotate.backends.guided_filter import guided_upsample
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Box, Candidate, Image, Mask, Probability
from avseg.utils.errors import UserError

Clicks = Sequence[tuple[float, float, bool]]
Trimap = npt.NDArray[np.uint8]  # (h, w) of cv2.GC_BGD, GC_FGD, GC_PR_BGD, GC_PR_FGD
CLOSE_UPS = (0.35, 0.08)  # sides of further crops around a click, for small objects; shares of the image's longer side
UNCERTAIN = 0.45  # region score below which the object may be too small for the current crop
CONTEXT = 0.2  # context around a region, as a share of its longer side
MAX_ADDED, MAX_REMOVED = 3.0, 0.6  # how much one click may change a mask, as shares of the mask
SPECK = 0.05  # components below this share of the largest one are noise


@dataclass(frozen=True)
class Encoded:
    """An image with a crop of it at working size and the crop's superpixels."""

    image: Image
    crop: Crop
    superpixels: Superpixels


class _Region(NamedTuple):
    mask: Mask  # (h, w) of the crop
    score: float
    crop: Crop


class GrabCut:
    """Separate an object's colours from those around it, at a working size of `side` pixels (longer side).

    A single click first grows a region (see `region_growing`); a box or a prior mask gives the location. Colour models
    inside and outside are then fitted, and the best border between them is found.
    """

    def __init__(self, side: int = 160) -> None:
        if side < 16:
            raise UserError(f"side: {side} pixels are too few; give 16 or more")
        self.side = side
        self._close_up_side = round(0.8 * side)

    def encode(self, image: Image) -> Encoded:
        """Split the image, (H, W, 3) uint8, into superpixels."""
        return _encode(image, None, self.side)

    def predict(
        self, encoded: Encoded, points: Clicks = (), box: Box | None = None, mask: Mask | Probability | None = None
    ) -> list[Candidate]:
        """See `Segmenter.predict`."""
        if mask is not None and (mask > 0.5).any():
            return [self._from_mask(encoded, points, mask)]
        if box is not None:
            return [self._from_box(encoded, points, box)]
        if not any(positive for *_, positive in points):
            raise UserError("prompt: no point on the object, no box and no mask; click on the object first")
        return self._from_points(encoded, points)

    def _from_points(self, encoded: Encoded, points: Clicks) -> list[Candidate]:
        """Grow regions in the full image and in close-ups; the best one gets its border by GrabCut."""
        longer = max(encoded.image.shape[:2])
        regions = _grow(encoded, points)
        for share in CLOSE_UPS:
            box = _box_around(points, share * longer)
            box_side = max(box[2] - box[0], box[3] - box[1])
            if box_side > 0.6 * longer:
                continue
            # the closest one is only for objects that are too small for the others
            if share == CLOSE_UPS[-1] and max(region.score for region in regions) > UNCERTAIN:
                continue
            regions += _grow(_encode(encoded.image, box, self._close_up_side), points)
        regions.sort(key=lambda region: -region.score)
        best = regions[0]
        mask = self.refine_region(encoded.image, best.mask, best.crop, points)
        candidates = [Candidate(mask, best.score)]
        for region in regions[1:3]:
            candidates.append(Candidate(to_full_size(encoded.image, region.crop, region.mask), region.score / 2))
        return candidates

    def refine_region(self, image: Image, region: Mask, source: Crop, points: Clicks) -> Mask:
        """Find the border of a rough region, a mask (h, w) of a crop of the image; return the full-size mask (H, W)."""
        coarse = np.asarray(source.paste(source.enlarge(region), image.shape[:2]), np.bool_)
        box = padded_box(coarse)
        if box is None:
            return coarse
        crop = crop_image(image, self._close_up_side, box, CONTEXT)
        # superpixels are coarse: only the innermost pixels are certain
        trimap = _border_band(crop.shrink(coarse), 0.15, 0.35)
        mask = self._cut(image, crop, trimap, points)
        # colours that also surround the object can leave nothing of a region
        return mask if 2 * np.count_nonzero(mask) > np.count_nonzero(coarse) else coarse

    def refine_border(self, image: Image, mask: Mask, points: Clicks) -> Mask:
        """Find the border of a mask (H, W) again, in a narrow band."""
        box = padded_box(mask)
        if box is None:
            return mask
        crop = crop_image(image, self._close_up_side, box, CONTEXT)
        return self._cut(image, crop, _border_band(crop.shrink(mask), 0.06, 0.06), points)

    def _from_box(self, encoded: Encoded, points: Clicks, box: Box) -> Candidate:
        """Take as object what is in the box, except colours that continue outside of it."""
        crop = crop_image(encoded.image, self.side, box, CONTEXT)
        inside = np.zeros(crop.shape, np.bool_)
        top, left = crop.to_crop(box[0], box[1])
        bottom, right = crop.to_crop(box[2] - 1, box[3] - 1)
        inside[top : bottom + 1, left : right + 1] = True
        likely = box_foreground(split_superpixels(crop.image), inside)
        trimap = np.where(likely, cv.GC_PR_FGD, cv.GC_PR_BGD).astype(np.uint8)
        trimap[~inside] = cv.GC_BGD
        # two iterations: a box is the weakest hint about where the object is
        mask = self._cut(encoded.image, crop, trimap, points, iterations=2)
        return Candidate(mask, border_contrast(crop, mask))

    def _from_mask(self, encoded: Encoded, points: Clicks, mask: Mask | Probability) -> Candidate:
        """Find the border of a prior again; a click off the mask adds its region, one on it may remove its region."""
        prior = _apply_clicks(encoded, np.asarray(mask > 0.5), points)
        box = padded_box(prior)
        if box is None:
            return Candidate(prior, 0.0)
        refined = self.refine_border(encoded.image, prior, points)
        crop = crop_image(encoded.image, self._close_up_side, box, CONTEXT)
        return Candidate(refined, border_contrast(crop, refined))

    def _cut(self, image: Image, crop: Crop, trimap: Trimap, points: Clicks, iterations: int = 1) -> Mask:
        """Run GrabCut from a trimap (h, w) of the crop; points are fixed. Return the full-size mask (H, W)."""
        radius = max(self.side // 60, 1)
        seeds = []
        for x, y, positive in points:
            if crop.contains(x, y):
                row, column = crop.to_crop(x, y)
                cv.circle(trimap, (column, row), radius, cv.GC_FGD if positive else cv.GC_BGD, -1)
                if positive:
                    seeds.append((row, column))
        inside = (trimap == cv.GC_FGD) | (trimap == cv.GC_PR_FGD)
        if inside.any() and not inside.all():
            cv.setRNGSeed(0)  # the colour models start from a random clustering
            background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
            cv.grabCut(crop.image, trimap, None, background, foreground, iterations, cv.GC_INIT_WITH_MASK)
            inside = (trimap == cv.GC_FGD) | (trimap == cv.GC_PR_FGD)
        return to_full_size(image, crop, keep_components(inside, seeds))


def keep_components(mask: Mask, seeds: Sequence[tuple[int, int]]) -> Mask:
    """Keep the components that contain a seed (row, column), or all but specks without seeds; fill small holes."""
    count, label, stats, _ = cv.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count <= 1:
        return mask
    keep = {int(label[seed]) for seed in seeds} - {0}
    if not keep:
        sizes = stats[1:, cv.CC_STAT_AREA]
        keep.update((np.flatnonzero(sizes >= SPECK * sizes.max()) + 1).tolist())
    kept = np.isin(label, list(keep))
    _, label, stats, _ = cv.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    small = np.flatnonzero(stats[:, cv.CC_STAT_AREA] < 0.01 * kept.sum())
    return kept | (np.isin(label, small) & ~kept)


def _encode(image: Image, box: Box | None, side: int) -> Encoded:
    crop = crop_image(image, side, box)
    return Encoded(image, crop, split_superpixels(crop.image, crop.continues(image)))


def _grow(encoded: Encoded, points: Clicks) -> list[_Region]:
    crop = encoded.crop
    pixels: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    for x, y, positive in points:
        if crop.contains(x, y):
            pixels[bool(positive)].append(crop.to_crop(x, y))
    regions = grow_regions(encoded.superpixels, pixels[True], pixels[False])
    return [_Region(mask, score, crop) for mask, score in regions]


def _apply_clicks(encoded: Encoded, prior: Mask, points: Clicks) -> Mask:
    """Add or remove the regions around clicks that contradict a prior (H, W)."""
    height, width = prior.shape
    for x, y, positive in points:
        row, column = min(max(int(y), 0), height - 1), min(max(int(x), 0), width - 1)
        if bool(positive) is bool(prior[row, column]):
            continue
        # grow from this click against all clicks of the opposite sign
        clicks = [(x, y, True)]
        for rival_x, rival_y, rival_positive in points:
            if bool(rival_positive) is not bool(positive):
                clicks.append((rival_x, rival_y, False))
        regions = [to_full_size(encoded.image, region.crop, region.mask) for region in _grow(encoded, clicks)]
        if positive:
            prior = prior | _first_below(regions, MAX_ADDED * np.count_nonzero(prior))
        else:
            overlaps = [region & prior for region in regions]
            prior = prior & ~_first_below(overlaps, MAX_REMOVED * np.count_nonzero(prior))
    return prior


def _first_below(regions: list[Mask], max_pixels: float) -> Mask:
    """Return the first region of fewer than `max_pixels` pixels, or the smallest one."""
    for region in regions:
        if np.count_nonzero(region) < max_pixels:
            return region
    return min(regions, key=np.count_nonzero)


def _border_band(likely: Probability, outward: float, inward: float) -> Trimap:
    """Build a trimap, uncertain around the border of a map (h, w); widths in square roots of the object's area."""
    inside = (likely > 0.5).astype(np.uint8)
    length = np.sqrt(inside.sum())
    trimap: Trimap = np.where(inside, cv.GC_PR_FGD, cv.GC_PR_BGD).astype(np.uint8)
    trimap[cv.distanceTransform(1 - inside, cv.DIST_L2, 3) > max(outward * length, 1.5)] = cv.GC_BGD
    # padded, so that an object cut by the image border is certain up to that border
    padded = cv.copyMakeBorder(inside, 1, 1, 1, 1, cv.BORDER_REPLICATE)
    trimap[cv.distanceTransform(padded, cv.DIST_L2, 3)[1:-1, 1:-1] > max(inward * length, 1.5)] = cv.GC_FGD
    return trimap


def to_full_size(image: Image, crop: Crop, mask: Mask) -> Mask:
    """Upsample a mask (h, w) of a crop along image edges to (H, W); only its surroundings are computed."""
    size = (image.shape[0], image.shape[1])
    if crop.shape == (crop.height, crop.width):
        return np.asarray(crop.paste(mask, size), np.bool_)
    box = padded_box(mask, 0.0)
    if box is None:
        return np.zeros(size, np.bool_)
    left, top, right, bottom = map(int, box)
    subcrop, region = crop.subcrop(max(left - 3, 0), max(top - 3, 0), right + 3, bottom + 3, mask)
    probability = guided_upsample(subcrop.image, region.astype(np.float32), subcrop.cut_full_size(image))
    return np.asarray(subcrop.paste(probability > 0.5, size), np.bool_)


def _box_around(points: Clicks, side: float) -> Box:
    """Compute a box of at least `side` pixels around the positive points."""
    positive = np.array([point[:2] for point in points if point[2]], np.float64)  # (n, 2)
    (left, top), (right, bottom) = positive.min(0).tolist(), positive.max(0).tolist()
    margin = max(side - max(right - left, bottom - top), side / 2) / 2
    return left - margin, top - margin, right + margin, bottom + margin

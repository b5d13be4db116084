"""Change a mask around one click: colour models of the click's neighbourhood alone decide which pixels change."""

import numpy as np

from avseg.annotate.backends.crop import Crop, crop_image, padded_box
from avseg.annotate.backends.guided_filter import guided_upsample
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Image, Mask

SIDE = 160  # pixels of the longer side of the neighbourhood
CONTEXT = 0.6  # around what may change, as a share of its longer side
REACH = 3.0  # of a change, in distances of the click to the border of the mask


def cut_locally(image: Image, mask: Mask, likely: Mask, click: tuple[int, int], positive: bool, radius: int) -> Mask:
    """Add pixels around a click (row, column) to a mask (H, W), or remove them.

    `likely` (H, W) is what probably changes with the click; the disc of `radius` around the click always does. A person
    clicks into the middle of what is wrong, so the change reaches no farther than a few times the distance of the click
    to the border of the mask: near the border a click corrects the border, far from it a whole part.
    """
    other = mask if not positive else ~mask
    distance = float(cv.distanceTransform(other.astype(np.uint8), cv.DIST_L2, 5)[click])
    area = likely & _disc(mask, click, max(round(REACH * distance), 2 * radius))
    area = (area | _disc(mask, click, 2 * radius)) & other
    crop = crop_image(image, SIDE, padded_box(area, 0.0), CONTEXT)
    change = np.asarray(crop.paste(_changes(crop, image, mask, area, click, positive, radius), mask.shape), np.bool_)
    change = (change & area) | _disc(mask, click, radius)
    return mask | change if positive else mask & ~change


def _changes(
    crop: Crop, image: Image, mask: Mask, area: Mask, click: tuple[int, int], positive: bool, radius: int
) -> Mask:
    """Return the pixels of the neighbourhood (height, width) that change, connected with the click."""
    open_to_change = crop.shrink(area) > 0.5
    trimap = np.where(crop.shrink(mask) > 0.5, cv.GC_FGD, cv.GC_BGD).astype(np.uint8)
    trimap[open_to_change] = cv.GC_PR_FGD if positive else cv.GC_PR_BGD
    row, column = crop.to_crop(click[1], click[0])
    seed = max(1, round(radius * crop.shape[0] / crop.height / 2))
    cv.circle(trimap, (column, row), seed, cv.GC_FGD if positive else cv.GC_BGD, -1)
    inside = (trimap == cv.GC_FGD) | (trimap == cv.GC_PR_FGD)
    if inside.any() and not inside.all():
        cv.setRNGSeed(0)  # the colour models start from a random clustering
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv.grabCut(np.ascontiguousarray(crop.image), trimap, None, *models, 1, cv.GC_INIT_WITH_MASK)
        inside = (trimap == cv.GC_FGD) | (trimap == cv.GC_PR_FGD)
    changed = np.asarray((inside == positive) & open_to_change)
    _, component = cv.connectedComponents(changed.astype(np.uint8), connectivity=8)
    changed = np.asarray(changed & (component == component[row, column]) & (component[row, column] > 0))
    if crop.shape == (crop.height, crop.width):
        return changed
    probability = guided_upsample(crop.image, changed.astype(np.float32), crop.cut_full_size(image))
    return np.asarray(probability > 0.5)


def _disc(mask: Mask, centre: tuple[int, int], radius: int) -> Mask:
    disc = np.zeros(mask.shape, np.uint8)
    cv.circle(disc, (centre[1], centre[0]), radius, 1, -1)
    return disc.astype(np.bool_)

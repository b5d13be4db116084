"""Log-odds of each pixel to belong to an object, from its warped mask, its colours and its memory."""

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.flow.colour_histogram import colour_histogram
from avseg.annotate.backends.flow.memory import Readout
from avseg.annotate.backends.flow.tracked_object import SURROUNDINGS, Appearance, TrackedObject, distance_inside
from avseg.annotate.backends.opencv import cv
from avseg.annotate.protocols import Map, Mask

Bins = npt.NDArray[np.int32]
CERTAIN = 4.0  # log-odds far from the border of the warped mask
ACCEPTED_WEIGHT = 0.5  # weight of the accepted frames' colours; the rest comes from the current frame
LOST_SHARE = 0.03  # share of an object's area below which it counts as lost and is searched for
MIN_COLOUR_RATIO = 2.0  # log ratio by which a colour must be more frequent on a lost object than in the frame


def pixel_log_odds(obj: TrackedObject, prior: Map, rivals: Map, bins: Bins, recalled: tuple[Readout, Mask]) -> Map:
    """Compute the log-odds of an object per pixel, (h, w).

    `prior` (h, w) is its last probability, warped to this frame, `rivals` the maximum of those of all other objects.
    """
    appearance, inside = obj.appearance, prior > 0.5
    if appearance is None:
        return np.full(bins.shape, -CERTAIN, np.float32)
    area = float(np.count_nonzero(inside))
    if area < max(LOST_SHARE * appearance.area, 1):
        return _search(appearance, rivals, bins)
    # an object that was partly occluded may grow back to its full size
    reach = max(np.sqrt(area), 0.6 * np.sqrt(appearance.area))
    # it may reappear on any side of the occluder, so distances are measured from both
    outside_distance = distance_inside(~(inside | _touching(rivals > 0.5, inside)))
    signed_distance = np.where(inside, distance_inside(inside), -outside_distance) / max(0.03 * reach, 0.7)
    nearby = outside_distance < SURROUNDINGS * reach + 4
    ring = nearby & (outside_distance > 1) & ~inside
    colour = _colour_log_odds(appearance, prior, rivals, ring, bins)
    memory = 2 * (2 * _evidence_map(recalled, prior.shape) - 1)
    odds = np.clip(signed_distance, -CERTAIN, CERTAIN) + colour + memory
    return np.where(nearby, odds, -CERTAIN).astype(np.float32)


def compete(odds: list[Map]) -> list[Map]:
    """Turn log-odds (h, w) of all objects into probabilities: a softmax over the objects and the background (0)."""
    smooth = [cv.GaussianBlur(object_odds, (0, 0), 0.7) for object_odds in odds]
    exponents = np.exp(np.clip(smooth, -20, 20))  # (objects, h, w)
    total = exponents.sum(0) + 1
    return list((exponents / total).astype(np.float32))


def _colour_log_odds(appearance: Appearance, prior: Map, rivals: Map, ring: Mask, bins: Bins) -> Map:
    """Compute the log-odds by colour, (h, w), from accepted frames and from the current one."""
    current = colour_histogram(bins, prior * (distance_inside(prior > 0.5) > 1))
    # object colours in the surrounding ring belong to the object, unless the accepted frames had them there too
    background_share = 1 / (1 + appearance.colours / appearance.background)
    weight = np.asarray(ring * background_share[bins] + rivals, np.float32)
    background = ACCEPTED_WEIGHT * appearance.background + (1 - ACCEPTED_WEIGHT) * colour_histogram(bins, weight)
    colours = ACCEPTED_WEIGHT * appearance.colours + (1 - ACCEPTED_WEIGHT) * current
    return np.asarray(np.clip(np.log(colours / background), -3, 3)[bins], np.float32)


def _evidence_map(recalled: tuple[Readout, Mask], shape: tuple[int, ...]) -> Map:
    """Upsample the evidence of the memory to pixels; 0 in cells that did not read."""
    readout, cells = recalled
    evidence = np.zeros(cells.shape, np.float32)
    evidence[cells] = readout.evidence
    return np.asarray(cv.resize(evidence, shape[::-1], interpolation=cv.INTER_LINEAR), np.float32)


def _search(appearance: Appearance, rivals: Map, bins: Bins) -> Map:
    """Compute the log-odds (h, w) of a lost object: the largest component of its colours, if they are rare here."""
    frame_colours = colour_histogram(bins, np.ones(bins.shape, np.float32))
    ratio = np.log(appearance.colours / frame_colours)[bins]
    similar = ((ratio > MIN_COLOUR_RATIO) & (rivals < 0.5)).astype(np.uint8)
    components, label, stats, _ = cv.connectedComponentsWithStats(similar, connectivity=4)
    absent = np.full(bins.shape, -CERTAIN, np.float32)
    if components < 2:
        return absent
    largest = 1 + int(stats[1:, cv.CC_STAT_AREA].argmax())
    if stats[largest, cv.CC_STAT_AREA] <= 2 * LOST_SHARE * appearance.area:
        return absent
    return np.where(label == largest, 1.0, -CERTAIN).astype(np.float32)


def _touching(rivals: Mask, inside: Mask) -> Mask:
    """Select the components of `rivals` that touch `inside`."""
    _, label = cv.connectedComponents(rivals.astype(np.uint8), connectivity=4)
    touched = np.unique(label[cv.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0])
    return np.asarray(np.isin(label, touched[touched > 0]))

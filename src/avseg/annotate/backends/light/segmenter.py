"""A segmenter for a CPU: small networks choose superpixels by their likeness to the prompts; GrabCut finds borders."""

from collections.abc import Sequence

import numpy as np

from avseg.annotate.backends.grabcut.local_cut import cut_locally
from avseg.annotate.backends.grabcut.segmenter import GrabCut, keep_components, to_full_size
from avseg.annotate.backends.light.prompt_features import Click, Prompts
from avseg.annotate.backends.light.region_nets import Region, RegionNets, connected_change
from avseg.annotate.backends.light.scene import Numbers, Scene, build_scene
from avseg.annotate.drawing.local_change import margin_of, pixel
from avseg.annotate.protocols import Box, Candidate, Image, Mask, Probability
from avseg.utils.errors import UserError

Clicks = Sequence[tuple[float, float, bool]]
LEVELS = (0.5, 0.25, 0.75)  # of probability, one candidate each: the likely object, a larger and a smaller one


class LightSegmenter:
    """Compares superpixels with the prompts by colour, paths and features of EfficientNet-Lite0.

    The first prompts give a mask; each further click changes the mask of those before it (see `corrects`).
    """

    corrects = True  # `predict` with a mask changes it around the clicks that contradict it
    name = "light"

    def __init__(self) -> None:
        self.refiner = GrabCut()  # redraws propagated masks, and needs no scene
        self._nets = RegionNets.load()

    def encode(self, image: Image) -> Scene:
        """Describe an image (H, W, 3) uint8."""
        return build_scene(image)

    def predict(
        self, encoded: Scene, points: Clicks = (), box: Box | None = None, mask: Mask | Probability | None = None
    ) -> list[Candidate]:
        """See `Segmenter.predict`."""
        if mask is not None and (mask > 0.5).any():
            return [self._correct(encoded, points, box, np.asarray(mask > 0.5))]
        if box is None and not any(positive for *_, positive in points):
            raise UserError("prompt: no point on the object, no box and no mask; click on the object first")
        probability = self._nets.estimate(encoded, _prompts(encoded, points, box))
        return [self._at_level(encoded, points, box, probability, level) for level in LEVELS]

    def _at_level(self, scene: Scene, points: Clicks, box: Box | None, probability: Numbers, level: float) -> Candidate:
        seeds = [scene.crop.to_crop(x, y) for x, y, positive in points if positive]
        region = keep_components((probability > level)[scene.superpixels.label], seeds)
        if level == LEVELS[0]:
            mask = self.refiner.refine_region(scene.image, region, scene.crop, points)
        else:  # further candidates need no exact border
            mask = to_full_size(scene.image, scene.crop, region)
        if box is not None:
            mask &= inside_box(box, mask.shape)
        return Candidate(mask, _expected_iou(scene, probability, mask))

    def _correct(self, scene: Scene, points: Clicks, box: Box | None, mask: Mask) -> Candidate:
        """Change a mask (H, W) around each click that contradicts it; without any click find its border again."""
        probability = self._nets.estimate(scene, _prompts(scene, points, box))
        if not points:
            mask = self.refiner.refine_border(scene.image, mask, points)
        radius = margin_of(mask)
        for x, y, positive in points:
            row, column = pixel(mask, x, y)
            if bool(mask[row, column]) is bool(positive):
                continue
            region: Region = scene.superpixels.covered_share(scene.crop.shrink(mask) > 0.5) > 0.5
            click = Click(scene.superpixel_at(x, y), bool(positive))
            small = connected_change(scene, region, probability > 0.5, click)[scene.superpixels.label]
            likely = np.asarray(scene.crop.paste(scene.crop.enlarge(small), mask.shape), np.bool_)
            mask = cut_locally(scene.image, mask, likely, (row, column), bool(positive), radius)
        return Candidate(mask, _expected_iou(scene, probability, mask))


def _prompts(scene: Scene, points: Clicks, box: Box | None) -> Prompts:
    ids: dict[bool, set[int]] = {True: set(), False: set()}
    for x, y, positive in points:
        ids[bool(positive)].add(scene.superpixel_at(x, y))
    longer = max(scene.image.shape[:2])
    shares = None if box is None else (box[0] / longer, box[1] / longer, box[2] / longer, box[3] / longer)
    return Prompts(sorted(ids[True]), sorted(ids[False]), shares)


def inside_box(box: Box, size: tuple[int, ...]) -> Mask:
    """Return the pixels of an image of this size (H, W) inside a box."""
    left, top, right, bottom = (max(round(value), 0) for value in box)
    inside = np.zeros(size, np.bool_)
    inside[top : bottom + 1, left : right + 1] = True
    return inside


def _expected_iou(scene: Scene, probability: Numbers, mask: Mask) -> float:
    """Estimate the IoU of a mask (H, W) with the object from the probabilities of the superpixels."""
    covered = scene.superpixels.covered_share(scene.crop.shrink(mask) > 0.5)
    size = scene.superpixels.size
    union = (size * np.maximum(covered, probability)).sum()
    return float((size * np.minimum(covered, probability)).sum() / union) if union > 0 else 0.0

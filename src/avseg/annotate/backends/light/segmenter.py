"""A segmenter for a CPU: small networks choose superpixels by their likeness to the prompts; GrabCut finds borders."""

from collections.abc import Sequence
from typing import NamedTuple
from weakref import ref

import numpy as np
import numpy.typing as npt

from avseg.annotate.backends.crop import Crop
from avseg.annotate.backends.grabcut.local_cut import cut_locally
from avseg.annotate.backends.grabcut.segmenter import GrabCut, keep_components, to_full_size
from avseg.annotate.backends.grabcut.superpixels import covered_share
from avseg.annotate.backends.light.prompt_features import Click, Prompts
from avseg.annotate.backends.light.region_nets import Region, RegionNets, connected_change
from avseg.annotate.backends.light.scene import Numbers, Scene, build_scene
from avseg.annotate.drawing.local_change import margin_of, pixel
from avseg.annotate.protocols import Box, Candidate, Image, Mask, Probability
from avseg.utils.errors import UserError
from avseg.utils.lazy_sequence import LazySequence

Clicks = Sequence[tuple[float, float, bool]]
LEVELS = (0.5, 0.25, 0.75)  # of probability, one candidate each: the likely object, a larger and a smaller one


class _Estimate(NamedTuple):
    """The probability of each superpixel, and what masks are drawn from it with: of a scene no more than that.

    Candidates that are not drawn yet hold it, long after the scene is forgotten.
    """

    image: Image
    crop: Crop
    label: npt.NDArray[np.int32]  # (h, w) superpixel
    size: npt.NDArray[np.int64]  # (n,) pixels
    probability: Numbers  # (n,)

    def expected_iou(self, mask: Mask) -> float:
        """Estimate the IoU of a mask (H, W) with the object."""
        covered = covered_share(self.label, self.size, self.crop.shrink(mask) > 0.5)
        union = (self.size * np.maximum(covered, self.probability)).sum()
        return float((self.size * np.minimum(covered, self.probability)).sum() / union) if union > 0 else 0.0


class LightSegmenter:
    """Compares superpixels with the prompts by colour, paths and features of EfficientNet-Lite0.

    The first prompts give a mask; each further click changes the mask of those before it (see `corrects`).
    """

    corrects = True  # `predict` with a mask changes it around the clicks that contradict it
    name = "light"

    def __init__(self) -> None:
        self.refiner = GrabCut()  # redraws propagated masks, and needs no scene
        self._nets = RegionNets.load()
        self._last: tuple[ref[Scene], Prompts, _Estimate] | None = None

    def encode(self, image: Image) -> Scene:
        """Describe an image (H, W, 3) uint8."""
        scene = build_scene(image)
        scene.prepare()
        return scene

    def predict(
        self, encoded: Scene, points: Clicks = (), box: Box | None = None, mask: Mask | Probability | None = None
    ) -> Sequence[Candidate]:
        """See `Segmenter.predict`."""
        if mask is not None and (mask > 0.5).any():
            return [self._correct(encoded, points, box, np.asarray(mask > 0.5))]
        if box is None and not any(positive for *_, positive in points):
            raise UserError("prompt: no point on the object, no box and no mask; click on the object first")
        estimate = self._estimate(encoded, points, box)
        # a person looks at the first one; the others are for those who ask for another
        return LazySequence(self._at_level(estimate, tuple(points), box, level) for level in LEVELS)

    def _estimate(self, scene: Scene, points: Clicks, box: Box | None) -> _Estimate:
        """Estimate once for a second click, which is a correction and, with the first, a new prompt."""
        prompts = _prompts(scene, points, box)
        last = self._last  # another thread may replace it
        if last is not None and last[0]() is scene and last[1] == prompts:
            return last[2]
        probability = self._nets.estimate(scene, prompts)
        estimate = _Estimate(scene.image, scene.crop, scene.superpixels.label, scene.superpixels.size, probability)
        self._last = ref(scene), prompts, estimate
        return estimate

    def _at_level(self, estimate: _Estimate, points: Clicks, box: Box | None, level: float) -> Candidate:
        image, crop = estimate.image, estimate.crop
        seeds = [crop.to_crop(x, y) for x, y, positive in points if positive]
        region = keep_components((estimate.probability > level)[estimate.label], seeds)
        if level == LEVELS[0]:
            mask = self.refiner.refine_region(image, region, crop, points)
        else:  # further candidates need no exact border
            mask = to_full_size(image, crop, region)
        if box is not None:
            mask &= inside_box(box, mask.shape)
        return Candidate(mask, estimate.expected_iou(mask))

    def _correct(self, scene: Scene, points: Clicks, box: Box | None, mask: Mask) -> Candidate:
        """Change a mask (H, W) around each click that contradicts it; without any click find its border again."""
        estimate = self._estimate(scene, points, box)
        if not points:
            mask = self.refiner.refine_border(scene.image, mask, points)
        radius = margin_of(mask)
        for x, y, positive in points:
            row, column = pixel(mask, x, y)
            if bool(mask[row, column]) is bool(positive):
                continue
            region: Region = scene.superpixels.covered_share(scene.crop.shrink(mask) > 0.5) > 0.5
            click = Click(scene.superpixel_at(x, y), bool(positive))
            small = connected_change(scene, region, estimate.probability > 0.5, click)[scene.superpixels.label]
            change = np.asarray(scene.crop.paste(scene.crop.enlarge(small), mask.shape), np.bool_)
            mask = cut_locally(scene.image, mask, change, (row, column), bool(positive), radius)
        return Candidate(mask, estimate.expected_iou(mask))


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

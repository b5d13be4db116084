"""Draw masks from drafts: the result depends on the draft alone, not on how fast or in how many requests it came."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from avseg.annotate.document.inputs import box_of, points_of
from avseg.annotate.document.models import Input
from avseg.annotate.drawing.local_change import change_locally, obey
from avseg.annotate.drawing.paint import paint
from avseg.annotate.protocols import Box, Mask, Segmenter
from avseg.utils.lru import LRUCache

NO_PROMPT = "give a point on the object or a box around it"
NOTHING_THERE = "nothing found there; move the points or paint it (brush)"
_CACHED = 24  # masks after a group of prompts


class Rendering(NamedTuple):
    """A mask (H, W), None if the inputs are not enough for one; its score; why there is none."""

    mask: Mask | None
    score: float | None = None
    note: str = ""


class Renderer:
    """Applies inputs in their order: prompts between two strokes go to the segmenter together.

    Painting fixes what it leaves: the prompts after it start from the painted mask, as the first prompts start
    from the mask before the first input. Such a mask changes only around the clicks, or inside a box.
    """

    def __init__(self, segmenter: Segmenter, encode: Callable[[int], Any], size: tuple[int, int]) -> None:
        self._segmenter, self._encode, self._size = segmenter, encode, size
        self._cache: LRUCache[tuple[object, ...], Rendering] = LRUCache(_CACHED)

    def render(self, frame: int, base: Mask | None, inputs: Sequence[Input]) -> Rendering:
        """Draw the mask of a draft; calls the segmenter in the calling thread."""
        rendering = Rendering(base)
        prompts: list[Input] = []
        for item in inputs:
            if not item.paints:
                prompts.append(item)
                continue
            rendering = self._prompt(frame, rendering, prompts)
            prompts = []
            canvas = np.zeros(self._size, np.bool_) if rendering.mask is None else rendering.mask
            rendering = Rendering(paint(canvas, item), rendering.score)
        return self._prompt(frame, rendering, prompts)

    def _prompt(self, frame: int, start: Rendering, prompts: Sequence[Input]) -> Rendering:
        if not prompts:
            return start
        points, box = points_of(prompts), box_of(prompts)
        digest = None if start.mask is None else hashlib.blake2b(np.packbits(start.mask).tobytes()).digest()
        return self._cache.get_or_compute(
            (frame, digest, points, box), lambda: self._predict(frame, start.mask, points, box)
        )

    def _predict(
        self, frame: int, start: Mask | None, points: Sequence[tuple[float, float, int]], box: Box | None
    ) -> Rendering:
        clicks = [(x, y, bool(positive)) for x, y, positive in points]
        if start is None or (box is None and not start.any()):
            return self._from_nothing(frame, clicks, box)
        mask, score = start, None
        if box is not None:
            inside = self._from_nothing(frame, [click for click in clicks if _contains(box, *click[:2])], box)
            mask, score = _replace_inside(start, inside.mask, box), inside.score
        if clicks:
            candidates = self._segmenter.predict(self._encode(frame), clicks, None, mask)
            candidate, score = candidates[0] if candidates else (mask, None)
            mask = change_locally(mask, np.asarray(candidate, np.bool_), clicks)
        return Rendering(mask, score)

    def _from_nothing(self, frame: int, clicks: list[tuple[float, float, bool]], box: Box | None) -> Rendering:
        if box is None and not any(positive for *_, positive in clicks):
            return Rendering(None, None, NO_PROMPT)
        candidates = self._segmenter.predict(self._encode(frame), clicks, box, None)
        usable = [candidate for candidate in candidates if candidate.mask.any()]
        if not usable:
            return Rendering(None, None, NOTHING_THERE)
        return Rendering(obey(usable[0].mask, clicks), usable[0].score)


def _contains(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _replace_inside(mask: Mask, new: Mask | None, box: Box) -> Mask:
    """Return a mask (H, W) with the part inside a box replaced."""
    left, top, right, bottom = map(round, box)
    result = mask.copy()
    result[top:bottom, left:right] = False if new is None else new[top:bottom, left:right]
    return result

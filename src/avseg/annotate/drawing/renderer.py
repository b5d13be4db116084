"""Draw masks from drafts: the result depends on the draft alone, not on how fast or in how many requests it came."""

import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from avseg.annotate.document.inputs import box_of, points_of
from avseg.annotate.document.models import Input
from avseg.annotate.drawing.local_change import change_locally, obey
from avseg.annotate.drawing.paint import paint
from avseg.annotate.protocols import Box, Mask, Segmenter
from avseg.utils.lazy_sequence import LazySequence
from avseg.utils.lru import LRUCache

NO_PROMPT = "give a point on the object or a box around it"
NOTHING_THERE = "nothing found there; move the points or paint it (brush)"
MAX_CANDIDATES = 5
_CACHED = 24  # best masks of a group of prompts
_CACHED_CANDIDATES = 6  # groups whose other masks are kept, or what they are drawn from
_MIN_TIMES, _TIMES = 3, 15  # calls of the segmenter whose time is measured

Clicks = tuple[tuple[float, float, bool], ...]
Key = tuple[object, ...]


class Rendering(NamedTuple):
    """A mask (H, W), None if the inputs are not enough for one; its score; why there is none."""

    mask: Mask | None
    score: float | None = None
    note: str = ""


class Renderer:
    """Applies inputs in their order: prompts between two strokes go to the segmenter together.

    Painting fixes what it leaves, and so does the choice of a candidate: the prompts after it start from that mask, as
    the first prompts start from the mask before the first input. Such a mask changes only around the clicks, or inside
    a box. So does every mask with a segmenter that corrects: it gets the clicks after the first prompt one by one.
    """

    def __init__(self, segmenter: Segmenter, encode: Callable[[int], Any], size: tuple[int, int]) -> None:
        self._segmenter, self._encoded, self._size = segmenter, encode, size
        self._corrects = bool(getattr(segmenter, "corrects", False))
        self._best: LRUCache[Key, Rendering] = LRUCache(_CACHED)
        self._candidates: LRUCache[Key, Sequence[Rendering]] = LRUCache(_CACHED_CANDIDATES)
        self._seconds: deque[float] = deque(maxlen=_TIMES)

    @property
    def median_seconds(self) -> float:
        """The median time of the last calls of the segmenter, 0 before there are a few."""
        recent = list(self._seconds)  # a copy: the thread of the models adds to it
        return median(recent) if len(recent) >= _MIN_TIMES else 0.0

    def render(self, frame: int, base: Mask | None, inputs: Sequence[Input]) -> Rendering:
        """Draw the mask of a draft; calls the segmenter in the calling thread."""
        start, prompts, choice = self._last_prompts(frame, base, inputs)
        return self._choose(frame, start, prompts, choice)

    def candidates(self, frame: int, base: Mask | None, inputs: Sequence[Input]) -> Sequence[Rendering]:
        """Draw the masks that fit the last prompts of a draft, the best one first, without the choice among them.

        The further ones may be drawn only when they are read, which is for the calling thread to do.
        """
        start, prompts, _ = self._last_prompts(frame, base, inputs)
        return self._candidates_of(frame, start, prompts)

    def _last_prompts(
        self, frame: int, base: Mask | None, inputs: Sequence[Input]
    ) -> tuple[Rendering, list[Input], int]:
        """Draw all but the last group of prompts; return the mask that it starts from, the group, and the choice."""
        start = Rendering(base)
        prompts: list[Input] = []
        choice: int | None = None
        for item in inputs:
            if item.kind == "choice":
                choice = int(item.values[0])
                continue
            if choice is not None or item.paints:
                start = self._choose(frame, start, prompts, choice or 0)
                prompts, choice = [], None
            if item.paints:
                canvas = np.zeros(self._size, np.bool_) if start.mask is None else start.mask
                start = Rendering(paint(canvas, item), start.score)
            else:
                prompts.append(item)
        return start, prompts, choice or 0

    def _choose(self, frame: int, start: Rendering, prompts: Sequence[Input], choice: int) -> Rendering:
        if choice == 0 and prompts:
            return self._best_of(frame, start.mask, _clicks(prompts), box_of(prompts))
        renderings = self._candidates_of(frame, start, prompts)
        return renderings[min(choice, len(renderings) - 1)]

    def _candidates_of(self, frame: int, start: Rendering, prompts: Sequence[Input]) -> Sequence[Rendering]:
        if not prompts:
            return (start,)
        return self._draw_once(frame, start.mask, _clicks(prompts), box_of(prompts))

    def _best_of(self, frame: int, start: Mask | None, clicks: Clicks, box: Box | None) -> Rendering:
        key = _key(frame, start, clicks, box)
        return self._best.get_or_compute(key, lambda: self._draw_once(frame, start, clicks, box)[0])

    def _draw_once(self, frame: int, start: Mask | None, clicks: Clicks, box: Box | None) -> Sequence[Rendering]:
        key = _key(frame, start, clicks, box)
        return self._candidates.get_or_compute(key, lambda: self._draw_timed(frame, start, clicks, box))

    def _draw_timed(self, frame: int, start: Mask | None, clicks: Clicks, box: Box | None) -> Sequence[Rendering]:
        before = self._before_last_click(frame, start, clicks, box)
        self._encoded(frame)  # not counted: it is done ahead
        begin = time.perf_counter()
        if before is None:
            renderings: Iterator[Rendering] = iter(self._predict(frame, start, clicks, box))
        else:
            renderings = self._change(frame, before, clicks, box)
            if start is None:
                renderings = _combine(next(renderings), self._from_nothing(frame, clicks, box), clicks, box)
        distinct = LazySequence(islice(_distinct(renderings), MAX_CANDIDATES))
        _ = distinct[0]  # what is shown at once is drawn now
        self._seconds.append(time.perf_counter() - begin)
        return distinct

    def _before_last_click(self, frame: int, start: Mask | None, clicks: Clicks, box: Box | None) -> Mask | None:
        """Return the mask of all clicks but the last for a segmenter that corrects it; None if it starts with that."""
        if not self._corrects or not clicks:
            return None
        if len(clicks) == 1 and box is None:
            return start if start is not None and start.any() else None
        mask = self._best_of(frame, start, clicks[:-1], box).mask
        return mask if mask is not None and mask.any() else None

    def _predict(self, frame: int, start: Mask | None, clicks: Clicks, box: Box | None) -> Iterable[Rendering]:
        if start is None or (box is None and not start.any()):
            return self._from_nothing(frame, clicks, box)
        renderings: Iterable[Rendering] = [Rendering(start)]
        if box is not None:
            clicks_inside = tuple(click for click in clicks if _contains(box, *click[:2]))
            inside = self._from_nothing(frame, clicks_inside, box)
            renderings = (Rendering(_replace_inside(start, item.mask, box), item.score) for item in inside)
        if clicks:
            mask = next(iter(renderings)).mask
            assert mask is not None
            renderings = self._change(frame, mask, clicks, None)
        return renderings

    def _change(self, frame: int, mask: Mask, clicks: Clicks, box: Box | None) -> Iterator[Rendering]:
        """Change a mask (H, W) around the clicks that contradict it."""
        is_empty = True
        for candidate in self._segmenter.predict(self._encoded(frame), clicks, box, mask):
            is_empty = False
            changed = np.asarray(candidate.mask, np.bool_)
            changed = obey(changed, clicks) if self._corrects else change_locally(mask, changed, clicks)
            yield Rendering(changed, candidate.score)
        if is_empty:
            yield Rendering(change_locally(mask, mask, clicks))

    def _from_nothing(self, frame: int, clicks: Clicks, box: Box | None) -> Iterator[Rendering]:
        if box is None and not any(positive for *_, positive in clicks):
            yield Rendering(None, None, NO_PROMPT)
            return
        is_empty = True
        for candidate in self._segmenter.predict(self._encoded(frame), clicks, box, None):
            if candidate.mask.any():
                is_empty = False
                yield Rendering(obey(candidate.mask, clicks), candidate.score)
        if is_empty:
            yield Rendering(None, None, NOTHING_THERE)


def _key(frame: int, start: Mask | None, clicks: Clicks, box: Box | None) -> Key:
    digest = None if start is None else hashlib.blake2b(np.packbits(start).tobytes()).digest()
    return frame, digest, clicks, box


def _clicks(prompts: Sequence[Input]) -> Clicks:
    return tuple((x, y, bool(positive)) for x, y, positive in points_of(prompts))


def _combine(changed: Rendering, at_once: Iterator[Rendering], clicks: Clicks, box: Box | None) -> Iterator[Rendering]:
    """Put a mask that the last click changed beside those that all clicks give at once.

    One click says little: a second one may show that the object is more, or another one, than the first suggested. If
    both at once give a better mask it comes first, together with what the second click changed: a click on the object
    adds to the mask, one off it takes away. Later clicks are corrections.
    """
    if len(clicks) == 2 and box is None:
        likely = next(at_once)
        if likely.mask is not None and changed.mask is not None and (likely.score or 0) > (changed.score or 0):
            mask = likely.mask | changed.mask if clicks[1][2] else likely.mask & changed.mask
            yield Rendering(mask, likely.score)
        else:
            at_once = chain([likely], at_once)
    yield changed
    yield from (item for item in at_once if item.mask is not None)


def _distinct(renderings: Iterable[Rendering]) -> Iterator[Rendering]:
    """Leave out masks that repeat an earlier one."""
    distinct: list[Rendering] = []
    for item in renderings:
        if not any(_same_mask(item, earlier) for earlier in distinct):
            distinct.append(item)
            yield item


def _same_mask(one: Rendering, two: Rendering) -> bool:
    return one.mask is not None and two.mask is not None and np.array_equal(one.mask, two.mask)


def _contains(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _replace_inside(mask: Mask, new: Mask | None, box: Box) -> Mask:
    """Return a mask (H, W) with the part inside a box replaced."""
    left, top, right, bottom = map(round, box)
    result = mask.copy()
    result[top:bottom, left:right] = False if new is None else new[top:bottom, left:right]
    return result
